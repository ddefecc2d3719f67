//! Proves: of what passes between an account and oathd – its seed, every code that was typed, right,
//! wrong, mistyped or used, recovery codes and those that replace them, codes that were sent and
//! where to, session tokens and API keys – nothing is in a log of oathd at its most talkative, and
//! nothing but addresses in its state folder.
//! Does not prove: anything about memory.

use std::fs;

use oathd_client::{
    CHANGE_SERVICE, ChangeOptions, ChannelOptions, Client, ConfirmOptions, EnrollOptions,
    ReceiptRecord, VerifyOptions, unseal, unseal_text,
};
use oathd_oath::{Algorithm, Digits, Secret, code, otpauth};
use oathd_tests::world::{User, World, eventually};

use crate::canaries::Canaries;
use crate::postman::Postman;

const ACCOUNT: &str = "ada@shop";
const ADDRESS: &str = "ada.canary@example.org";

/// The service of the realm, and what must not be found.
struct Run {
    client: Client,
    canaries: Canaries,
    seed: Secret,
    /// Steps ahead of the clock of the next code.
    ahead: i64,
}

impl Run {
    /// The next code that would be accepted.
    fn code(&mut self) -> String {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let step = (now.unwrap().as_secs() / 30).saturating_add_signed(self.ahead);
        self.ahead += 1;
        let code = code::hotp(&self.seed, Algorithm::Sha1, Digits::Eight, step);
        self.canaries.add("code", code.as_str());
        code
    }

    async fn verify(&mut self, response: &str, service: &str) -> Option<ReceiptRecord> {
        self.canaries.add("response", response);
        let options = VerifyOptions {
            service: Some(service.to_owned()),
            session: Some(true),
            ..VerifyOptions::default()
        };
        let verifier = self.client.verifier();
        let receipt = verifier.verify(ACCOUNT, response, &options).await.ok()?;
        self.canaries.add("receipt", receipt.receipt.as_str());
        Some(receipt)
    }

    async fn proof(&mut self, response: &str) -> Option<String> {
        let receipt = self.verify(response, CHANGE_SERVICE).await.unwrap();
        if let Some(session) = receipt.session {
            self.canaries
                .add("session", unseal(session).unwrap().to_vec());
        }
        if let Some(code) = receipt.replacement {
            let code = unseal_text(code).unwrap();
            self.canaries.add("replacement", code.as_bytes());
        }
        Some(receipt.receipt)
    }
}

#[tokio::test]
async fn nothing_of_a_full_life_is_found() {
    let world = World::new().unwrap();
    fs::write(world.path("oathd.conf"), "").unwrap();
    fs::create_dir(world.path("realms.d")).unwrap();
    let shop = format!("realm = 'shop'\nuid = {}\n", User::Alice.uid());
    fs::write(world.path("realms.d/shop.conf"), shop).unwrap();
    let postman = Postman::begin(&world).await;
    let oathd = world.built("oathd").unwrap();
    let oathd = oathd.arguments(&["--bus", "system", "--state", "/run/state"]);
    let oathd = oathd.arguments(&["--config", "/run/oathd.conf", "--log", "trace"]);
    let mut oathd = oathd.user(User::Oathd).start("oathd").unwrap();
    let client = Client::with(world.connect(User::Alice).await.unwrap());
    let (accounts, verifier) = (client.accounts(), client.verifier());
    let options = VerifyOptions::default();
    let answers = async || verifier.status(ACCOUNT, &options).await.ok();
    eventually("oathd", answers).await.unwrap();
    let options = EnrollOptions {
        digits: Some(8),
        ..EnrollOptions::default()
    };
    let begun = accounts.begin_enrollment(ACCOUNT, &options).await.unwrap();
    let uri = begun.reveal().await.unwrap();
    let seed = otpauth::parse(&uri).unwrap().secret;
    let mut canaries = Canaries::default();
    canaries.add("seed", seed.expose());
    let mut run = Run {
        client,
        canaries,
        seed,
        ahead: -1,
    };
    let options = ConfirmOptions::default();
    let confirmed = begun.confirm(&run.code(), &options).await.unwrap();
    let recovery = unseal_text(confirmed.recovery_codes.unwrap()).unwrap();
    let recovery: Vec<String> = recovery.lines().map(str::to_owned).collect();
    for code in &recovery {
        run.canaries.add("recovery code", code.as_str());
        run.canaries.add("recovery code", code.replace('-', ""));
    }

    let code = run.code();
    let proof = run.proof(&code).await;
    assert!(run.verify(&code, "used").await.is_none());
    for wrong in [
        "97531864",
        "9753 1865",
        "97531866 97531867",
        "none of all this",
        &recovery[0][1..],
    ] {
        assert!(run.verify(wrong, "wrong").await.is_none());
    }
    let options = ChannelOptions {
        proof,
        ..ChannelOptions::default()
    };
    let added = accounts
        .add_channel(ACCOUNT, "email", ADDRESS, &options)
        .await;
    let (channel, _) = added.unwrap();
    let code = postman.code(ADDRESS);
    run.canaries.add("sent code", code.as_str());
    accounts
        .confirm_channel(ACCOUNT, channel, &code)
        .await
        .unwrap();
    assert!(
        accounts
            .confirm_channel(ACCOUNT, channel, &code)
            .await
            .is_err()
    );

    let proof = run.proof(&recovery[2]).await;
    let options = ChangeOptions {
        proof,
        ..ChangeOptions::default()
    };
    let key = accounts.new_api_key(ACCOUNT, &options).await.unwrap();
    run.canaries.add("key", key.to_vec());
    verifier.check_api_key(ACCOUNT, &key).await.unwrap();
    assert!(verifier.check_session(ACCOUNT, &key).await.is_err());

    let logs = world.path("log");
    oathd.end().unwrap();
    assert!(fs::metadata(logs.join("oathd")).unwrap().len() > 0);
    run.canaries.assert_not_in(&world.path("state"));
    run.canaries.add("address", ADDRESS);
    run.canaries.add("address", "ada.canary");
    run.canaries.assert_not_in(&logs);
}
