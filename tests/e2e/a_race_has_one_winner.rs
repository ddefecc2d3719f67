//! Proves: of 64 calls that sixteen programs make at the same time with one code, one recovery code,
//! one sent code, or one proof for a new API key, exactly one succeeds, round after round; each round
//! has a code of its own, and what a winner was given is good.
//! Does not prove: what happens when oathd is killed.
//!
//! `OATHD_RACE_ROUNDS` says how many rounds of each kind; 100 otherwise.

use futures_util::future::join_all;
use oathd_api::wire::account::ChangeOptions;
use oathd_client::{
    CHANGE_SERVICE, ChannelOptions, Client, ErrorName, ReceiptRecord, VerifyOptions, unseal_text,
};
use oathd_tests::world::User;

use crate::desk::cause;
use crate::postman::Postman;
use crate::till::{Owner, Shop, verify};

const PROGRAMS: usize = 16;
const CALLS: usize = 64;

/// Longer than anything is counted.
const DAY: u64 = 86_400;

struct Race {
    shop: Shop,
    programs: Vec<Client>,
    owner: Owner,
    rounds: usize,
}

impl Race {
    #[expect(clippy::print_stdout, reason = "how much ran is told")]
    async fn line_up() -> Race {
        let rounds = std::env::var("OATHD_RACE_ROUNDS").map_or(100, |text| text.parse().unwrap());
        let shop = Shop::open().await;
        let owner = shop.enrol("ada").await;
        let mut programs = Vec::new();
        while programs.len() < PROGRAMS {
            programs.push(shop.near.client(User::Alice).await);
        }
        println!("{rounds} rounds of {CALLS} calls by {PROGRAMS} programs");
        Race {
            shop,
            programs,
            owner,
            rounds,
        }
    }

    /// All at once: what the one that succeeded was given, and what the others were told.
    async fn run<T: std::fmt::Debug>(
        &self,
        ask: impl AsyncFn(&Client) -> Result<T, ErrorName>,
    ) -> (T, Vec<ErrorName>) {
        let programs = self.programs.iter().cycle().take(CALLS);
        let asked = programs.map(|program| ask(program));
        let (mut won, mut lost) = (Vec::new(), Vec::new());
        for answer in join_all(asked).await {
            match answer {
                Ok(given) => won.push(given),
                Err(name) => lost.push(name),
            }
        }
        assert_eq!(won.len(), 1, "{won:?}, {lost:?}");
        (won.remove(0), lost)
    }

    async fn verify(&self, response: &str) -> (ReceiptRecord, Vec<ErrorName>) {
        let ask = async |program: &Client| {
            let options = VerifyOptions::default();
            let answer = verify(program, &self.owner.account, response, &options).await;
            answer.map_err(|(name, _)| name)
        };
        self.run(ask).await
    }

    /// A receipt for one change of the account. A step goes by.
    async fn proof(&self) -> String {
        self.shop.wait(30);
        let options = VerifyOptions {
            service: Some(CHANGE_SERVICE.to_owned()),
            ..VerifyOptions::default()
        };
        let code = self.shop.code(&self.owner.seed, 0);
        let service = &self.shop.service;
        let answer = verify(service, &self.owner.account, &code, &options).await;
        answer.unwrap().receipt
    }
}

#[tokio::test]
async fn of_a_code() {
    let race = Race::line_up().await;
    for _ in 0..race.rounds {
        race.shop.wait(30);
        let code = race.shop.code(&race.owner.seed, 0);
        let (receipt, lost) = race.verify(&code).await;
        assert_eq!(receipt.way, "code");
        assert_eq!(lost, [ErrorName::CodeUsed; CALLS - 1]);
    }
}

#[tokio::test]
async fn of_a_recovery_code() {
    let race = Race::line_up().await;
    let mut code = race.owner.recovery[0].clone();
    for _ in 0..race.rounds {
        let (receipt, lost) = race.verify(&code).await;
        assert_eq!(receipt.way, "recovery");
        assert_eq!(lost, [ErrorName::CodeUsed; CALLS - 1]);
        code = unseal_text(receipt.replacement.unwrap())
            .unwrap()
            .trim()
            .to_owned();
    }
}

#[tokio::test]
async fn of_a_sent_code() {
    let race = Race::line_up().await;
    let postman = Postman::begin(&race.shop.near.world).await;
    let (accounts, account) = (race.shop.service.accounts(), &race.owner.account);
    let options = ChannelOptions {
        proof: Some(race.proof().await),
        ..ChannelOptions::default()
    };
    let address = "ada@example.org";
    let added = accounts.add_channel(account, "email", address, &options);
    let (channel, _) = added.await.unwrap();
    let code = postman.code(address);
    accounts
        .confirm_channel(account, channel, &code)
        .await
        .unwrap();
    let verifier = race.shop.service.verifier();
    for _ in 0..race.rounds {
        race.shop.wait(DAY);
        let options = VerifyOptions::default();
        let sent = verifier.send_code(account, channel, &options).await;
        sent.unwrap();
        let (receipt, lost) = race.verify(&postman.code(address)).await;
        assert_eq!(receipt.way, "out_of_band");
        let refusals = [ErrorName::WrongCode, ErrorName::Throttled];
        assert!(lost.iter().all(|name| refusals.contains(name)), "{lost:?}");
    }
}

#[tokio::test]
async fn of_a_proof_for_another_api_key() {
    let race = Race::line_up().await;
    let (verifier, account) = (race.shop.service.verifier(), &race.owner.account);
    let mut before: Option<Vec<u8>> = None;
    for _ in 0..race.rounds {
        let proof = race.proof().await;
        let ask = async |program: &Client| {
            let options = ChangeOptions {
                proof: Some(proof.clone()),
                session: None,
            };
            let key = program.accounts().new_api_key(account, &options).await;
            match key {
                Ok(key) => Ok(key.to_vec()),
                refused => Err(cause(refused)),
            }
        };
        let (key, lost) = race.run(ask).await;
        assert_eq!(lost, [ErrorName::ProofRequired; CALLS - 1]);
        verifier.check_api_key(account, &key).await.unwrap();
        if let Some(before) = before.replace(key) {
            assert!(verifier.check_api_key(account, &before).await.is_err());
        }
    }
}
