//! Proves: once an account has a factor, each change of it is refused without a proof, and with a
//! receipt that is spent, unknown, for another service, another account, another uid or from before
//! a change; a session that the factor opened proves switching off and replacing, unless a setting
//! forbids it, and nothing else; one that a recovery code opened, or the password alone, proves
//! nothing; a code that was sent, or that came out of a rescue, leads to a new factor and to a
//! session, and to nothing else. A refused change leaves the account as it was.
//! Does not prove: what polkit is asked.

use std::sync::Arc;

use oathd_api::names::RESCUE_SERVICE;
use oathd_api::wire::account::{AccountRecord, ChangeOptions, ChannelOptions, FactorOptions};
use oathd_api::wire::administration::RescueOptions;
use oathd_api::wire::verifier::VerifyOptions;
use oathd_client::{Client, Error, ErrorName, unseal_text};
use oathd_daemon::clock::ManualClock;
use oathd_daemon::config::{AccountSettings, Config};
use oathd_tests::world::User;

use crate::desk::cause;
use crate::holder::{
    Authenticator, CAROL, DAVE, SERVICE, config, counting, describe, enrol, lines, near, nothing,
    prove, session, verify,
};
use crate::near::Near;
use crate::postman::Postman;
use crate::till::START;

const PHONE: &str = "+491701234567";

/// Every change, by name.
const CHANGES: [&str; 11] = [
    "add a factor",
    "replace a factor",
    "switch off",
    "remove a factor",
    "suspend a factor",
    "change a factor",
    "new recovery codes",
    "add a channel",
    "remove a channel",
    "begin a session",
    "new API key",
];

/// Those that a code proves which came from elsewhere.
const TO_A_FACTOR: [&str; 3] = ["add a factor", "replace a factor", "begin a session"];

/// Those that a session proves.
const BY_SESSION: [&str; 2] = ["replace a factor", "switch off"];

async fn change(client: &Client, what: &str, proof: ChangeOptions) -> Result<(), Error> {
    let accounts = client.accounts();
    let factor = describe(client, CAROL).await.factors[0].id;
    match what {
        "add a factor" => {
            let options = counting(proof);
            accounts.begin_enrollment(CAROL, &options).await.map(drop)
        }
        "replace a factor" => {
            let options = counting(proof);
            let begun = accounts.begin_replacement(CAROL, factor, &options).await;
            begun.map(drop)
        }
        "switch off" => accounts.disable(CAROL, &proof).await,
        "remove a factor" => accounts.remove_factor(CAROL, factor, &proof).await,
        "suspend a factor" => accounts.suspend_factor(CAROL, factor, &proof).await,
        "change a factor" => {
            let options = FactorOptions {
                proof: proof.proof,
                session: proof.session,
                label: Some("mine".to_owned()),
                ..FactorOptions::default()
            };
            accounts.change_factor(CAROL, factor, &options).await
        }
        "new recovery codes" => {
            let codes = accounts.new_recovery_codes(CAROL, &proof).await;
            codes.map(drop)
        }
        "add a channel" => {
            let options = ChannelOptions {
                proof: proof.proof,
                session: proof.session,
                not_after: None,
            };
            let added = accounts.add_channel(CAROL, "file", "/tmp/codes", &options);
            added.await.map(drop)
        }
        "remove a channel" => accounts.remove_channel(CAROL, 1, &proof).await,
        "begin a session" => accounts.begin_session(CAROL, &proof).await.map(drop),
        "new API key" => accounts.new_api_key(CAROL, &proof).await.map(drop),
        other => panic!("{other}"),
    }
}

/// Carol, enrolled.
async fn enrolled(near: &Near) -> (Client, Authenticator, AccountRecord) {
    let client = near.client(SERVICE).await;
    let (authenticator, _) = enrol(&client, CAROL, nothing()).await;
    let told = describe(&client, CAROL).await;
    (client, authenticator, told)
}

fn receipt(id: &str) -> ChangeOptions {
    ChangeOptions {
        proof: Some(id.to_owned()),
        session: None,
    }
}

#[tokio::test]
async fn a_receipt_of_the_factor_for_the_change_by_who_got_it() {
    let near = near().await;
    let (client, mut authenticator, _) = enrolled(&near).await;
    let (mut daves, _) = enrol(&client, DAVE, nothing()).await;
    let root = near.client(User::Root).await;
    let spent = prove(&client, CAROL, &authenticator.next()).await;
    let spent = spent.proof.unwrap();
    change(&client, "change a factor", receipt(&spent))
        .await
        .unwrap();
    let before = describe(&client, CAROL).await;
    for what in CHANGES {
        let to_another = prove(&root, CAROL, &authenticator.next()).await;
        let of_another = prove(&client, DAVE, &daves.next()).await;
        let elsewhere = verify(&client, CAROL, &authenticator.next(), "login").await;
        let elsewhere = elsewhere.unwrap().receipt;
        for proof in [
            nothing(),
            receipt(""),
            receipt("00000000000000000000000000000000"),
            receipt(&spent),
            receipt(&elsewhere),
            to_another,
            of_another,
        ] {
            let refused = change(&client, what, proof).await;
            assert_eq!(cause(refused), ErrorName::ProofRequired, "{what}");
        }
    }
    let after = describe(&client, CAROL).await;
    let used = after.factors[0].last_used;
    let mut before = before;
    before.factors[0].last_used = used;
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_change_voids_the_receipts_before_it() {
    let near = near().await;
    let (client, mut authenticator, _) = enrolled(&near).await;
    let early = prove(&client, CAROL, &authenticator.next()).await;
    let proof = prove(&client, CAROL, &authenticator.next()).await;
    enrol(&client, CAROL, proof).await;
    let refused = change(&client, "switch off", early).await;
    assert_eq!(cause(refused), ErrorName::ProofRequired);
}

#[tokio::test]
async fn a_session_of_the_factor_only_to_get_away_from_it() {
    let near = near().await;
    let (client, mut authenticator, _) = enrolled(&near).await;
    let proof = prove(&client, CAROL, &authenticator.next()).await;
    let token = client.accounts().begin_session(CAROL, &proof).await;
    let token = token.unwrap();
    for what in CHANGES.iter().filter(|what| !BY_SESSION.contains(what)) {
        let refused = change(&client, what, session(&token)).await;
        assert_eq!(cause(refused), ErrorName::ProofRequired, "{what}");
    }
    for what in BY_SESSION {
        let unknown = change(&client, what, session(&[7; 32])).await;
        assert_eq!(cause(unknown), ErrorName::ProofRequired, "{what}");
    }
    let short = change(&client, "switch off", session(&[7; 31])).await;
    assert_eq!(cause(short), ErrorName::InvalidFd);
    for what in BY_SESSION {
        change(&client, what, session(&token)).await.unwrap();
    }
    assert!(!describe(&client, CAROL).await.enrolled);
}

#[tokio::test]
async fn no_other_session() {
    let near = near().await;
    let client = near.client(SERVICE).await;
    let before = client.accounts().begin_session(CAROL, &nothing()).await;
    let (authenticator, confirmed) = enrol(&client, CAROL, nothing()).await;
    let codes = lines(confirmed.recovery_codes.as_ref());
    let proof = prove(&client, CAROL, &codes[0]).await;
    let of_a_code = client.accounts().begin_session(CAROL, &proof).await;
    for token in [before.unwrap(), of_a_code.unwrap()] {
        for what in BY_SESSION {
            let refused = change(&client, what, session(&token)).await;
            assert_eq!(cause(refused), ErrorName::ProofRequired, "{what}");
        }
    }
    drop(authenticator);
}

#[tokio::test]
async fn no_session_where_the_settings_say_so() {
    let accounts = AccountSettings {
        sessions_prove: false,
        ..config().accounts
    };
    let config = Config {
        accounts,
        ..Config::default()
    };
    let near = Near::configured(Vec::new(), |readers| Arc::new(readers), config).await;
    let (client, mut authenticator, _) = enrolled(&near).await;
    let proof = prove(&client, CAROL, &authenticator.next()).await;
    let token = client.accounts().begin_session(CAROL, &proof).await;
    let token = token.unwrap();
    for what in BY_SESSION {
        let refused = change(&client, what, session(&token)).await;
        assert_eq!(cause(refused), ErrorName::ProofRequired, "{what}");
    }
}

#[tokio::test]
async fn a_recovery_code_proves_as_much_as_the_factor() {
    let near = near().await;
    let client = near.client(SERVICE).await;
    let (_, confirmed) = enrol(&client, CAROL, nothing()).await;
    let codes = lines(confirmed.recovery_codes.as_ref());
    for (what, code) in ["change a factor", "new API key", "switch off"]
        .iter()
        .zip(&codes)
    {
        let proof = prove(&client, CAROL, code).await;
        change(&client, what, proof).await.unwrap();
    }
}

/// Tries a change with a code that came from elsewhere.
async fn with_a_code(client: &Client, what: &str, code: &str) {
    let proof = prove(client, CAROL, code).await;
    let changed = change(client, what, proof).await;
    match TO_A_FACTOR.contains(&what) {
        true => changed.unwrap(),
        false => assert_eq!(cause(changed), ErrorName::ProofRequired, "{what}"),
    }
}

#[tokio::test]
async fn a_sent_code_only_leads_to_a_new_factor() {
    let clock = Arc::new(ManualClock::new(START));
    let near = Near::at(&clock, config()).await;
    let postman = Postman::begin(&near.world).await;
    let (client, mut authenticator, _) = enrolled(&near).await;
    let proof = prove(&client, CAROL, &authenticator.next()).await;
    let (accounts, options) = (
        client.accounts(),
        ChannelOptions {
            proof: proof.proof,
            ..ChannelOptions::default()
        },
    );
    let added = accounts.add_channel(CAROL, "sms", PHONE, &options).await;
    let (channel, code) = (added.unwrap().0, postman.code(PHONE));
    let confirmed = accounts.confirm_channel(CAROL, channel, &code);
    confirmed.await.unwrap();
    for (number, what) in (1..).zip(CHANGES) {
        clock.set(START + number * 14_400);
        let (verifier, options) = (client.verifier(), VerifyOptions::default());
        let sent = verifier.send_code(CAROL, channel, &options).await;
        sent.unwrap();
        with_a_code(&client, what, &postman.code(PHONE)).await;
    }
}

#[tokio::test]
async fn a_code_of_a_rescue_only_leads_to_a_new_factor() {
    let mut config = config();
    // The one user that every machine has.
    config.accounts.approvers_group = "root".to_owned();
    config.accounts.rescue.cancel_window = 0;
    let near = Near::configured(Vec::new(), |readers| Arc::new(readers), config).await;
    let (client, ..) = enrolled(&near).await;
    let root = near.client(User::Root).await;
    let (mut roots, _) = enrol(&root, "root", nothing()).await;
    for what in CHANGES {
        let receipt = verify(&root, "root", &roots.next(), RESCUE_SERVICE).await;
        let options = RescueOptions {
            proof: Some(receipt.unwrap().receipt),
        };
        let rescue = root.administration();
        let issued = rescue.rescue(CAROL, "lost", &options).await.unwrap();
        let code = unseal_text(issued.bypass.unwrap()).unwrap();
        with_a_code(&client, what, &code).await;
    }
}

#[tokio::test]
async fn nobody_elses_account() {
    let near = near().await;
    let (_, _, before) = enrolled(&near).await;
    let bob = near.client(User::Bob).await;
    for account in [CAROL, DAVE, "nobody@nowhere"] {
        let refused = [
            bob.accounts().describe(account).await.map(drop),
            bob.accounts().disable(account, &nothing()).await,
            bob.accounts().cancel_rescue(account).await,
            bob.accounts().sessions(account).await.map(drop),
            bob.accounts()
                .begin_enrollment(account, &counting(nothing()))
                .await
                .map(drop),
        ];
        for refused in refused {
            assert_eq!(cause(refused), ErrorName::NotAuthorized, "{account}");
        }
    }
    let client = near.client(SERVICE).await;
    assert_eq!(describe(&client, CAROL).await, before);
}
