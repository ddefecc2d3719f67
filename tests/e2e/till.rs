//! A realm called `shop` whose service is Alice's, with accounts, at a time that the test turns.

use std::sync::Arc;

use oathd_card::{CardOptions, SharedCard};
use oathd_client::{
    Client, ConfirmOptions, EnrollOptions, Enrollment, Error, ErrorDetails, ErrorName,
    ReceiptRecord, VerifyOptions, unseal_text,
};
use oathd_daemon::clock::ManualClock;
use oathd_daemon::config::{Config, Realm};
use oathd_oath::{Algorithm, Digits, Secret, code, otpauth};
use oathd_tests::world::User;

use crate::near::Near;

/// The beginning of a step.
pub(crate) const START: u64 = 1_800_000_000;

/// The realm, and the oathd that answers for it.
pub(crate) struct Shop {
    pub(crate) near: Near,
    pub(crate) clock: Arc<ManualClock>,
    /// The service's program.
    pub(crate) service: Client,
}

/// What the owner of an account has.
pub(crate) struct Owner {
    pub(crate) account: String,
    pub(crate) seed: Secret,
    pub(crate) recovery: Vec<String>,
}

/// What a call came to, as a client can tell: the name of the error, and its details.
pub(crate) type Told = (ErrorName, ErrorDetails);

impl Shop {
    /// Without tokens.
    pub(crate) async fn open() -> Shop {
        Shop::with(Vec::new()).await
    }

    /// With these tokens.
    pub(crate) async fn with(cards: Vec<CardOptions>) -> Shop {
        let cards = cards.into_iter().map(SharedCard::new);
        let cards = cards.collect::<Result<Vec<_>, _>>().unwrap();
        let clock = Arc::new(ManualClock::new(START));
        let time: Arc<ManualClock> = Arc::clone(&clock);
        let near = Near::made(cards, |readers| Arc::new(readers), settings(), time).await;
        let service = near.client(User::Alice).await;
        Shop {
            near,
            clock,
            service,
        }
    }

    /// What time it is.
    pub(crate) fn now(&self) -> u64 {
        oathd_daemon::clock::Clock::now(&*self.clock)
    }

    /// Lets time go by.
    pub(crate) fn wait(&self, seconds: u64) {
        self.clock.set(self.now() + seconds);
    }

    /// An account with a sealed factor. Its first code is used, and a step has gone by since.
    pub(crate) async fn enrol(&self, name: &str) -> Owner {
        let account = format!("{name}@shop");
        let (accounts, options) = (self.service.accounts(), EnrollOptions::default());
        let begun = accounts.begin_enrollment(&account, &options).await.unwrap();
        self.finish(account, begun).await
    }

    /// Ends an enrolment with its first code.
    pub(crate) async fn finish(&self, account: String, enrolment: Enrollment) -> Owner {
        let uri = enrolment.reveal().await.unwrap();
        let seed = otpauth::parse(&uri).unwrap().secret;
        let code = self.code(&seed, 0);
        let options = ConfirmOptions::default();
        let confirmed = enrolment.confirm(&code, &options).await.unwrap();
        let recovery = confirmed.recovery_codes.map(|fd| unseal_text(fd).unwrap());
        let recovery = recovery.unwrap_or_default();
        let recovery = recovery.lines().map(str::to_owned).collect();
        self.wait(30);
        Owner {
            account,
            seed,
            recovery,
        }
    }

    /// The code of the step that is `ahead` of the present one.
    pub(crate) fn code(&self, seed: &Secret, ahead: i64) -> String {
        let step = (self.now() / 30).saturating_add_signed(ahead);
        code::hotp(seed, Algorithm::Sha1, Digits::Six, step)
    }

    /// A code that is none of those that would be accepted.
    pub(crate) fn wrong_code(&self, seed: &Secret) -> String {
        let right: Vec<_> = (-1..=1).map(|ahead| self.code(seed, ahead)).collect();
        let candidates = (0..4).map(|n| format!("{n:06}"));
        candidates
            .into_iter()
            .find(|code| !right.contains(code))
            .unwrap()
    }

    /// The service asks whether a response is right.
    pub(crate) async fn verify(
        &self,
        account: &str,
        response: &str,
    ) -> Result<ReceiptRecord, Told> {
        verify(&self.service, account, response, &VerifyOptions::default()).await
    }

    /// The same, when it must be refused.
    #[track_caller]
    pub(crate) fn refused(&self, answer: Result<ReceiptRecord, Told>) -> ErrorName {
        answer.unwrap_err().0
    }
}

/// The settings with the realm.
pub(crate) fn settings() -> Config {
    let mut config = Config::default();
    let realm = ("shop".parse().unwrap(), Realm::of(User::Alice.uid()));
    config.accounts.realms.insert(realm.0, realm.1);
    config
}

/// Asks whether a response is right.
pub(crate) async fn verify(
    client: &Client,
    account: &str,
    response: &str,
    options: &VerifyOptions,
) -> Result<ReceiptRecord, Told> {
    let answer = client.verifier().verify(account, response, options).await;
    answer.map_err(|error| match error {
        Error::Oathd { name, details } => (name, *details),
        other => panic!("no error of oathd: {other:?}"),
    })
}
