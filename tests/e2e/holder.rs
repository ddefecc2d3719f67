//! Holders of accounts, as tests play them: the realm `shop` belongs to Alice, and the
//! authenticators of its users are in the test's hands.

use std::collections::BTreeMap;
use std::sync::Arc;

use oathd_api::names::CHANGE_SERVICE;
use oathd_api::wire::account::{AccountRecord, ChangeOptions, EnrollOptions};
use oathd_api::wire::enrollment::{ConfirmOptions, ConfirmedRecord};
use oathd_api::wire::verifier::{ReceiptRecord, VerifyOptions};
use oathd_client::{Client, Error};
use oathd_daemon::config::{AccountSettings, Config, Realm};
use oathd_daemon::secret_fd;
use oathd_oath::{NewCredential, code, otpauth};
use oathd_tests::world::User;

use crate::near::Near;

/// Whose realm it is.
pub(crate) const SERVICE: User = User::Alice;

/// An account of the realm.
pub(crate) const CAROL: &str = "carol@shop";

/// Another one.
pub(crate) const DAVE: &str = "dave@shop";

/// Settings with the realm.
pub(crate) fn config() -> Config {
    let realm = Realm::of(SERVICE.uid());
    Config {
        accounts: AccountSettings {
            realms: BTreeMap::from([("shop".parse().unwrap(), realm)]),
            ..AccountSettings::default()
        },
        ..Config::default()
    }
}

/// oathd with the realm, and without tokens.
pub(crate) async fn near() -> Near {
    Near::configured(Vec::new(), |readers| Arc::new(readers), config()).await
}

/// An authenticator; its counter begins at nought.
pub(crate) struct Authenticator {
    credential: NewCredential,
    next: u64,
}

impl Authenticator {
    /// Takes a seed over, as a camera would.
    pub(crate) fn scan(address: &str) -> Authenticator {
        Authenticator {
            credential: otpauth::parse(address).unwrap(),
            next: 0,
        }
    }

    /// The code of a counter or time step.
    pub(crate) fn code_of(&self, counter: u64) -> String {
        let NewCredential {
            secret,
            algorithm,
            digits,
            ..
        } = &self.credential;
        code::hotp(secret, *algorithm, *digits, counter)
    }

    /// The next code of one that counts.
    pub(crate) fn next(&mut self) -> String {
        self.next += 1;
        self.code_of(self.next - 1)
    }

    /// A code that is wrong at every counter that is looked at.
    pub(crate) fn wrong(&self) -> String {
        let near: Vec<String> = (0..200).map(|counter| self.code_of(counter)).collect();
        let mut wrong = (0..).map(|number| format!("{number:06}"));
        wrong.find(|code| !near.contains(code)).unwrap()
    }
}

/// What asks for an authenticator that counts, with a proof.
pub(crate) fn counting(proof: ChangeOptions) -> EnrollOptions {
    EnrollOptions {
        kind: Some("hotp".to_owned()),
        proof: proof.proof,
        session: proof.session,
        ..EnrollOptions::default()
    }
}

/// No proof.
pub(crate) fn nothing() -> ChangeOptions {
    ChangeOptions::default()
}

/// Enrols an authenticator that counts.
pub(crate) async fn enrol(
    client: &Client,
    account: &str,
    proof: ChangeOptions,
) -> (Authenticator, ConfirmedRecord) {
    let (accounts, options) = (client.accounts(), counting(proof));
    let begun = accounts.begin_enrollment(account, &options).await;
    let enrollment = begun.unwrap();
    let mut authenticator = Authenticator::scan(&enrollment.reveal().await.unwrap());
    let (code, options) = (authenticator.next(), ConfirmOptions::default());
    let confirmed = enrollment.confirm(&code, &options).await.unwrap();
    (authenticator, confirmed)
}

/// Verifies a response for a service.
pub(crate) async fn verify(
    client: &Client,
    account: &str,
    response: &str,
    service: &str,
) -> Result<ReceiptRecord, Error> {
    let options = VerifyOptions {
        service: Some(service.to_owned()),
        ..VerifyOptions::default()
    };
    client.verifier().verify(account, response, &options).await
}

/// The proof of a change by a response.
pub(crate) async fn prove(client: &Client, account: &str, response: &str) -> ChangeOptions {
    let receipt = verify(client, account, response, CHANGE_SERVICE).await;
    ChangeOptions {
        proof: Some(receipt.unwrap().receipt),
        session: None,
    }
}

/// The token of a session as it is shown for a proof.
pub(crate) fn session(token: &[u8]) -> ChangeOptions {
    ChangeOptions {
        proof: None,
        session: Some(memory(token)),
    }
}

/// A memory file.
pub(crate) fn memory(content: &[u8]) -> zbus::OwnedFd {
    secret_fd::create(content).unwrap().into()
}

/// The lines in a memory file.
pub(crate) fn lines(fd: Option<&zbus::OwnedFd>) -> Vec<String> {
    let content = secret_fd::read(fd.expect("a memory file")).unwrap();
    let text = std::str::from_utf8(&content).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// What is told of an account.
pub(crate) async fn describe(client: &Client, account: &str) -> AccountRecord {
    client.accounts().describe(account).await.unwrap()
}
