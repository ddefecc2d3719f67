//! Proves: a token pulled at any command of an enrollment – while it is written, while it is asked
//! for the confirmation – leaves the account as it was and no slot that is not told or cleared, and
//! the enrollment goes on when it is back; the verifier slot of a factor that is switched off,
//! replaced or removed is cleared; a seed belongs to one account.
//! Does not prove: anything about tokens that lose power within a command.

use std::sync::Arc;

use oathd_api::wire::account::EnrollOptions;
use oathd_api::wire::administration::ImportAccountsOptions;
use oathd_api::wire::enrollment::{ConfirmOptions, WriteOptions};
use oathd_card::{CardOptions, Fault, Profile};
use oathd_client::{Client, Enrollment, ErrorName, Token};
use oathd_oath::Period;
use oathd_tests::world::{User, eventually};

use crate::desk::{Desk, SEED, SERIAL, cause, model, named, refused, several};
use crate::holder::{
    Authenticator, CAROL, SERVICE, config, counting, describe, enrol, lines, near, nothing, prove,
};
use crate::raw::is_busy;

/// More commands than any call here sends to a token.
const MOST: u32 = 20;

fn role(role: &str) -> WriteOptions {
    WriteOptions {
        role: Some(role.to_owned()),
        ..WriteOptions::default()
    }
}

fn on_token(proof: Option<String>) -> EnrollOptions {
    EnrollOptions {
        custody: Some("token".to_owned()),
        proof,
        ..EnrollOptions::default()
    }
}

/// A desk with one paired token, and what it remembers.
async fn paired() -> (Desk, Client, Token, String) {
    let desk = Desk::configured(several(1), |readers| Arc::new(readers), config()).await;
    let client = desk.client().await;
    let token = desk.find(&client, 0).await;
    token.pair().await.unwrap();
    let before = desk.memory(0);
    (desk, client, token, before)
}

async fn begin(client: &Client, options: &EnrollOptions) -> Enrollment {
    let accounts = client.accounts();
    accounts.begin_enrollment(CAROL, options).await.unwrap()
}

/// The time step of now.
fn step() -> u64 {
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    Period::DEFAULT.step(now.as_secs())
}

#[tokio::test]
async fn wherever_the_token_is_pulled() {
    type Pull = fn(u32) -> Fault;
    let pulls: [Pull; 2] = [Fault::UnplugAfter, |number| Fault::LoseAnswer(number + 1)];
    for pull in pulls {
        let (desk, client, mut token, before) = paired().await;
        for number in 0.. {
            assert!(number < MOST, "the call does not end");
            let enrollment = begin(&client, &on_token(None)).await;
            // The end of work that was answered would be counted, too.
            let at_rest = async || (!is_busy(&desk.near.world, &token).await).then_some(());
            eventually("rest", at_rest).await.unwrap();
            desk.card(0).inject(pull(number));
            let written = enrollment.write(&[token.clone()], &role("verifier")).await;
            if written.is_ok() {
                break;
            }
            assert_eq!(cause(written), ErrorName::TokenRemoved);
            token = desk.reinsert(&client, 0).await;
            enrollment.cancel().await.unwrap();
            assert_eq!(desk.memory(0), before, "pulled at {number}");
        }
        assert!(!describe(&client, CAROL).await.enrolled);
    }
}

#[tokio::test]
async fn whenever_it_is_asked() {
    let (desk, client, token, _) = paired().await;
    let enrollment = begin(&client, &on_token(None)).await;
    let tokens = [token];
    enrollment.write(&tokens, &role("verifier")).await.unwrap();
    let address = enrollment.reveal().await.unwrap();
    let authenticator = Authenticator::scan(&address);
    for number in 0.. {
        assert!(number < MOST, "the call does not end");
        desk.card(0).inject(Fault::UnplugAfter(number));
        let code = authenticator.code_of(step());
        let confirmed = enrollment.confirm(&code, &ConfirmOptions::default()).await;
        if confirmed.is_ok() {
            break;
        }
        // It is gone before the call, where work that was answered ended on the token.
        let gone = [ErrorName::TokenRemoved, ErrorName::NoToken];
        assert!(gone.contains(&cause(confirmed)), "pulled at {number}");
        assert!(!describe(&client, CAROL).await.enrolled);
        desk.reinsert(&client, 0).await;
        assert_eq!(enrollment.describe().await.unwrap().tries_left, 5);
    }
    assert!(describe(&client, CAROL).await.enrolled);
}

#[tokio::test]
async fn a_factor_that_goes_takes_its_verifier_slot_along() {
    let (desk, client, token, before) = paired().await;
    let tokens = [token];
    let add = async |enrollment: Enrollment| {
        enrollment.write(&tokens, &role("verifier")).await.unwrap();
        let authenticator = Authenticator::scan(&enrollment.reveal().await.unwrap());
        let code = authenticator.code_of(step());
        let options = ConfirmOptions::default();
        enrollment.confirm(&code, &options).await.unwrap()
    };
    let cleared = async |before: &str| {
        let cleared = async || (desk.memory(0) == before).then_some(());
        eventually("a cleared slot", cleared).await.unwrap();
    };
    let confirmed = add(begin(&client, &on_token(None)).await).await;
    let codes = lines(confirmed.recovery_codes.as_ref());
    let accounts = client.accounts();

    // Replaced by one that is sealed.
    assert_ne!(desk.memory(0), before);
    let proof = prove(&client, CAROL, &codes[0]).await;
    let options = counting(proof);
    let begun = accounts.begin_replacement(CAROL, confirmed.factors[0], &options);
    let enrollment = begun.await.unwrap();
    let mut counter = Authenticator::scan(&enrollment.reveal().await.unwrap());
    let (code, options) = (counter.next(), ConfirmOptions::default());
    enrollment.confirm(&code, &options).await.unwrap();
    cleared(&before).await;

    // Removed beside that one.
    let proof = prove(&client, CAROL, &counter.next()).await;
    let confirmed = add(begin(&client, &on_token(proof.proof)).await).await;
    assert_ne!(desk.memory(0), before);
    let proof = prove(&client, CAROL, &counter.next()).await;
    let removed = accounts.remove_factor(CAROL, confirmed.factors[0], &proof);
    removed.await.unwrap();
    cleared(&before).await;

    // Switched off with it.
    let proof = prove(&client, CAROL, &counter.next()).await;
    add(begin(&client, &on_token(proof.proof)).await).await;
    assert_ne!(desk.memory(0), before);
    let proof = prove(&client, CAROL, &counter.next()).await;
    accounts.disable(CAROL, &proof).await.unwrap();
    cleared(&before).await;
}

#[tokio::test]
async fn a_seed_belongs_to_one_account() {
    let near = near().await;
    let client = near.client(SERVICE).await;
    let enrollment = begin(&client, &counting(nothing())).await;
    let address = enrollment.reveal().await.unwrap();
    let mut authenticator = Authenticator::scan(&address);
    let seed = oathd_oath::otpauth::parse(&address).unwrap().secret;
    let seed = data_encoding::HEXLOWER.encode(seed.expose());
    let options = ImportAccountsOptions {
        format: Some("pam_oath".to_owned()),
        realm: Some("shop".to_owned()),
        ..ImportAccountsOptions::default()
    };
    let rows = format!("HOTP dave - {seed}\n");
    let root = near.client(User::Root).await;
    let rows = root
        .administration()
        .import(rows.as_bytes(), &options)
        .await;
    assert_eq!(rows.unwrap()[0].state, "imported");
    let (code, options) = (authenticator.next(), ConfirmOptions::default());
    let taken = enrollment.confirm(&code, &options).await;
    assert_eq!(cause(taken), ErrorName::SeedInUse);
    assert!(!describe(&client, CAROL).await.enrolled);
    enrol(&client, CAROL, nothing()).await;
}

#[tokio::test]
async fn what_one_token_cannot_take_is_written_to_none() {
    let small = CardOptions {
        serial: SERIAL + 1,
        ..model(Profile::YubiKey43)
    };
    let tokens = vec![model(Profile::default()), small];
    let desk = Desk::configured(tokens, |readers| Arc::new(readers), config()).await;
    let client = desk.client().await;
    let tokens = [desk.find(&client, 0).await, desk.find(&client, 1).await];
    for number in 0..32 {
        let credential = named(&format!("account {number}"));
        tokens[1].add(SEED, &credential).await.unwrap();
    }
    let before = [desk.memory(0), desk.memory(1)];
    let enrollment = begin(&client, &EnrollOptions::default()).await;
    let (name, details) = refused(enrollment.write(&tokens, &WriteOptions::default()).await);
    assert_eq!((name, details.capacity), (ErrorName::TokenFull, Some(32)));
    assert_eq!(details.tokens, Some(vec![(SERIAL + 1).to_string()]));
    assert_eq!([desk.memory(0), desk.memory(1)], before);
    assert_eq!(enrollment.describe().await.unwrap().written, []);
    let none = enrollment.write(&[], &WriteOptions::default()).await;
    assert_eq!(cause(none), ErrorName::NoToken);
}

#[tokio::test]
async fn a_slot_that_wants_a_touch_is_proved_by_its_code() {
    let desk = Desk::configured(several(1), |readers| Arc::new(readers), config()).await;
    let client = desk.client().await;
    let token = desk.find(&client, 0).await;
    let enrollment = begin(&client, &EnrollOptions::default()).await;
    let options = WriteOptions {
        touch: Some(true),
        ..WriteOptions::default()
    };
    let written = enrollment
        .write(std::slice::from_ref(&token), &options)
        .await;
    written.unwrap();
    let (code, ()) = tokio::join!(token.code("shop:carol", true), desk.touch(0));
    let code = code.unwrap().code;
    // Nothing is asked of the token any more.
    let commands = desk.card(0).status().commands;
    let confirmed = enrollment.confirm(&code, &ConfirmOptions::default()).await;
    assert_eq!(confirmed.unwrap().factors.len(), 1);
    assert_eq!(desk.card(0).status().commands, commands);
}
