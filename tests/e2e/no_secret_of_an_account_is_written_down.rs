//! Proves: of an account's seed, codes, recovery codes, sent and bypass codes, session, API key and
//! receipts, and of the printed keys, none is in a log of oathd at its most
//! talkative, in its state folder, in the command line of oathctl or in what it complains; addresses
//! of channels are in no log.
//! Does not prove: anything about memory, or that a log of the delivery service says nothing.

use std::fs;

use oathd_api::names::CHANGE_SERVICE;
use oathd_api::wire::account::ChangeOptions;
use oathd_api::wire::administration::RescueOptions;
use oathd_client::{
    ChannelOptions, Client, ConfirmOptions, EnrollOptions, Verifier, VerifyOptions, unseal_text,
};
use oathd_oath::{NewCredential, code, otpauth};
use oathd_tests::world::{Process, User, World};

use crate::canaries::Canaries;
use crate::postman::Postman;

const ACCOUNT: &str = "ada@shop";
const SERVICE: User = User::Alice;
const ADDRESSES: [(&str, &str); 2] = [
    ("email", "canary.ada@example.org"),
    ("sms", "+491701234567"),
];

fn world() -> World {
    let mut world = World::new().unwrap();
    let realms = world.path("realms.d");
    fs::create_dir(&realms).unwrap();
    let realm = format!("realm = \"shop\"\nuid = {}\n", SERVICE.uid());
    fs::write(realms.join("shop.conf"), realm).unwrap();
    let settings = "[rescue]\ncancel_window_seconds = 0\n";
    fs::write(world.path("oathd.conf"), settings).unwrap();
    let yes = "polkit.addRule(function() { return polkit.Result.YES; });";
    world.start_polkitd(yes).unwrap();
    world
}

/// oathd at its most talkative.
fn start(world: &World) -> Process {
    let arguments = ["--bus", "system", "--state", "/run/state", "--log", "trace"];
    let oathd = world.built("oathd").unwrap().arguments(&arguments);
    let oathd = oathd.arguments(&["--config", "/run/oathd.conf"]);
    let mut oathd = oathd.user(User::Oathd).start("oathd").unwrap();
    oathd.until_logged("ready").unwrap();
    oathd
}

/// An authenticator that counts, with codes too long to be anything else.
struct Authenticator(NewCredential, u64);

impl Authenticator {
    fn next(&mut self, canaries: &mut Canaries) -> String {
        let Authenticator(credential, counter) = self;
        let (algorithm, digits) = (credential.algorithm, credential.digits);
        let code = code::hotp(&credential.secret, algorithm, digits, *counter);
        *counter += 1;
        assert_eq!(code.len(), 8);
        canaries.add("code", code.as_str());
        code
    }
}

fn add_code(canaries: &mut Canaries, what: &str, code: &str) {
    canaries.add(what, code);
    canaries.add(what, code.replace(['-', ' '], ""));
}

/// Verifies a response; gives the receipt.
async fn verify(
    verifier: &Verifier,
    canaries: &mut Canaries,
    response: &str,
    service: &str,
) -> String {
    let options = VerifyOptions {
        service: Some(service.to_owned()),
        ..VerifyOptions::default()
    };
    let record = verifier.verify(ACCOUNT, response, &options).await.unwrap();
    if let Some(replacement) = record.replacement {
        add_code(
            canaries,
            "replacement",
            unseal_text(replacement).unwrap().trim(),
        );
    }
    canaries.add("receipt", record.receipt.as_str());
    record.receipt
}

#[tokio::test]
async fn not_one_of_them_is_found() {
    let world = world();
    let mut oathd = start(&world);
    let postman = Postman::begin(&world).await;
    let mut canaries = Canaries::default();
    let service = Client::with(world.connect(SERVICE).await.unwrap()).without_interaction();
    let root = Client::with(world.connect(User::Root).await.unwrap()).without_interaction();
    let (accounts, verifier) = (service.accounts(), service.verifier());

    let options = EnrollOptions {
        kind: Some("hotp".to_owned()),
        digits: Some(8),
        ..EnrollOptions::default()
    };
    let begun = accounts.begin_enrollment(ACCOUNT, &options).await.unwrap();
    let uri = begun.reveal().await.unwrap();
    let mut authenticator = Authenticator(otpauth::parse(&uri).unwrap(), 0);
    canaries.add("seed", authenticator.0.secret.expose());
    let code = authenticator.next(&mut canaries);
    let confirmed = begun
        .confirm(&code, &ConfirmOptions::default())
        .await
        .unwrap();
    let codes = unseal_text(confirmed.recovery_codes.unwrap()).unwrap();
    let codes: Vec<_> = codes.lines().map(str::to_owned).collect();
    for code in &codes {
        add_code(&mut canaries, "recovery code", code);
    }

    let options = proof(&verifier, &mut authenticator, &mut canaries).await;
    let key = accounts.new_api_key(ACCOUNT, &options).await.unwrap();
    canaries.add("API key", key.to_vec());
    verifier.check_api_key(ACCOUNT, &key).await.unwrap();
    let options = proof(&verifier, &mut authenticator, &mut canaries).await;
    let session = accounts.begin_session(ACCOUNT, &options).await.unwrap();
    canaries.add("session", session.to_vec());
    verifier.check_session(ACCOUNT, &session).await.unwrap();

    verify(&verifier, &mut canaries, &codes[0], "shop").await;
    for (kind, address) in ADDRESSES {
        let options = ChannelOptions {
            proof: proof(&verifier, &mut authenticator, &mut canaries)
                .await
                .proof,
            ..ChannelOptions::default()
        };
        let added = accounts.add_channel(ACCOUNT, kind, address, &options).await;
        let (channel, _) = added.unwrap();
        let code = postman.code(address);
        canaries.add("code of a channel", code.as_str());
        accounts
            .confirm_channel(ACCOUNT, channel, &code)
            .await
            .unwrap();
    }
    for wrong in ["73105826", "0000-1111-2222-3333-44"] {
        canaries.add("wrong answer", wrong);
        let refused = verifier
            .verify(ACCOUNT, wrong, &VerifyOptions::default())
            .await;
        let told = format!("{:?}", refused.unwrap_err());
        assert!(canaries.found_in(told.as_bytes()).is_empty(), "{told}");
    }

    let administration = root.administration();
    let rescue = RescueOptions::default();
    let rescued = administration
        .rescue(ACCOUNT, "lost everything", &rescue)
        .await;
    let bypass = unseal_text(rescued.unwrap().bypass.unwrap()).unwrap();
    add_code(&mut canaries, "bypass code", bypass.trim());
    verify(&verifier, &mut canaries, bypass.trim(), "shop").await;
    let escrow = administration.escrow().await.unwrap();
    let lines = escrow.lines().filter(|line| !line.starts_with('#'));
    let lines: Vec<_> = lines.filter_map(|line| line.split_once(' ')).collect();
    assert_eq!(lines.len(), 8, "lines of the two keys");
    for (_, symbols) in lines {
        add_code(&mut canaries, "escrow", symbols);
    }

    // What oathctl complains of is not repeated, and nothing is taken from a command line.
    let oathctl = |line: &str, input: &str| {
        let arguments: Vec<_> = line.split_whitespace().collect();
        let program = world.built("oathctl").unwrap().arguments(&arguments);
        let output = program.input(input).run().unwrap();
        let (stdout, stderr) = output.texts();
        for text in [stdout, stderr] {
            let found = canaries.found_in(text.as_bytes());
            assert!(found.is_empty(), "{line}: {found:?}");
        }
        output.status.code().unwrap()
    };
    let again = bypass.trim().to_owned() + "\n";
    assert_eq!(oathctl(&format!("verify {ACCOUNT}"), &again), 1);
    assert_eq!(
        oathctl(
            &format!("verify {ACCOUNT} --json"),
            &format!("{}\n", codes[0])
        ),
        1
    );
    assert_eq!(oathctl(&format!("verify {ACCOUNT} shown"), ""), 64);

    canaries.assert_not_in(&world.path("state"));
    oathd.end().unwrap();
    canaries.assert_not_in(&world.path("state"));
    for (_, address) in ADDRESSES {
        canaries.add("address", address);
    }
    canaries.assert_not_in(&world.path("log"));
    // It was written, and knows of the account.
    let log = oathd.log();
    assert!(
        log.contains("CodeReplayed") && log.contains(ACCOUNT),
        "{log}"
    );
}

/// The proof of one change.
async fn proof(
    verifier: &Verifier,
    authenticator: &mut Authenticator,
    canaries: &mut Canaries,
) -> ChangeOptions {
    let code = authenticator.next(canaries);
    ChangeOptions {
        proof: Some(verify(verifier, canaries, &code, CHANGE_SERVICE).await),
        session: None,
    }
}
