//! One credential's answers over given steps: those of its seed, in order, in one transaction; a
//! counter is never moved.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use oathd_card::Touch as Finger;
use oathd_oath::{Algorithm, CredentialId, Digits, Kind, NewCredential, code};
use proptest::prelude::*;

use super::bench::*;
use crate::{AccessKey, Form, Steps, StepsRequest, TokenError, TouchPolicy};

const SELECT: u8 = 0xa4;
const CALCULATE: u8 = 0xa2;
const VALIDATE: u8 = 0xa3;

fn asking(id: &CredentialId, form: Form, steps: Steps) -> StepsRequest {
    StepsRequest {
        id: id.clone(),
        steps,
        form,
        touch: TouchPolicy::Refuse,
    }
}

/// What the credential's seed makes of a step.
fn made(credential: &NewCredential, form: Form, step: u64) -> Vec<u8> {
    let NewCredential {
        secret,
        algorithm,
        digits,
        ..
    } = credential;
    match form {
        Form::Hmac => code::mac(secret, *algorithm, step).to_vec(),
        Form::Code => code::hotp(secret, *algorithm, *digits, step).into_bytes(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn they_are_those_of_the_seed_in_order(
        steps in prop::collection::vec(any::<u64>(), 1..=Steps::MOST),
        algorithm in prop::sample::select(vec![Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]),
        digits in prop::sample::select(vec![Digits::Six, Digits::Seven, Digits::Eight]),
        form in prop::sample::select(vec![Form::Code, Form::Hmac]),
        locked in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new().await;
            let credential = NewCredential { algorithm, digits, ..totp("a") };
            let expected: Vec<_> = steps.iter().map(|s| made(&credential, form, *s)).collect();
            let count = steps.len();
            let id = bench.add(credential).await;
            let key = locked.then(|| Arc::new(AccessKey::derive(b"password", b"salt")));
            if let Some(key) = &key {
                bench.token.set_key(None, Arc::clone(key)).await.unwrap();
            }
            bench.token.list(key.clone()).await.unwrap();
            bench.settle().await;
            let request = asking(&id, form, Steps::new(steps).unwrap());
            let answers = bench.token.steps(key.clone(), request).await.unwrap();
            let answers: Vec<_> = answers.iter().map(|answer| answer.to_vec()).collect();
            assert_eq!(answers, expected);
            let opened: &[u8] = match locked {
                true => &[SELECT, VALIDATE],
                false => &[SELECT],
            };
            let sent = [opened, &vec![CALCULATE; count]].concat();
            assert_eq!(bench.sent()[..sent.len()], sent);
        });
    }
}

#[test]
fn a_request_has_between_one_step_and_the_most() {
    for count in 0..=2 * Steps::MOST {
        let allowed = (1..=16).contains(&count);
        assert_eq!(Steps::new(vec![7; count]).is_some(), allowed, "{count}");
    }
}

#[tokio::test]
async fn a_touch_is_refused_unsent_or_waited_for() {
    let bench = Bench::new().await;
    bench.card.set_touch(Finger::Manual);
    let id = bench.add_touched(totp("a")).await;
    bench.sent();
    let refused = asking(&id, Form::Hmac, Steps::one(3));
    let outcome = bench.token.steps(None, refused).await;
    assert!(
        matches!(outcome, Err(TokenError::TouchRequired)),
        "{outcome:?}"
    );
    assert!(bench.sent().is_empty());
    let (card, announced) = (bench.card.clone(), Arc::new(AtomicU32::new(0)));
    let count = Arc::clone(&announced);
    let request = StepsRequest {
        touch: TouchPolicy::Allow(Box::new(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            assert!(card.touch(), "the card waits");
        })),
        ..asking(&id, Form::Hmac, Steps::one(u64::MAX))
    };
    let answers = bench.token.steps(None, request).await.unwrap();
    assert_eq!(*answers[0], made(&totp("a"), Form::Hmac, u64::MAX));
    assert_eq!(announced.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_counter_answers_no_step_and_stays() {
    for cold in [false, true] {
        let bench = Bench::new().await;
        let counter = credential("h", Kind::Hotp);
        let id = bench.add(counter).await;
        if cold {
            bench.chill();
        }
        for form in [Form::Code, Form::Hmac] {
            let outcome = bench.token.steps(None, asking(&id, form, Steps::one(1)));
            let outcome = outcome.await;
            assert!(
                matches!(outcome, Err(TokenError::NoSuchCredential)),
                "{outcome:?}"
            );
        }
        let first = bench.token.code(None, refusing(&id)).await.unwrap();
        assert_eq!(*first.text, expected(&credential("h", Kind::Hotp)));
    }
}

#[tokio::test]
async fn a_wrong_key_gets_no_answer() {
    let bench = Bench::new().await;
    let id = bench.add(totp("a")).await;
    let key = Arc::new(AccessKey::derive(b"password", b"salt"));
    bench.token.set_key(None, key).await.unwrap();
    let wrong = Arc::new(AccessKey::derive(b"passport", b"salt"));
    bench.settle().await;
    for (key, error) in [
        (None, TokenError::PasswordRequired),
        (Some(wrong), TokenError::WrongPassword),
    ] {
        let outcome = bench
            .token
            .steps(key, asking(&id, Form::Code, Steps::one(1)));
        assert_eq!(outcome.await.unwrap_err().to_string(), error.to_string());
    }
    assert!(!bench.sent().contains(&CALCULATE));
}

#[tokio::test]
async fn they_survive_a_reset_anywhere() {
    for trip in [Trip::Before, Trip::After] {
        for ins in [0, CALCULATE] {
            let bench = Bench::new().await;
            let id = bench.add(totp("a")).await;
            bench.world.trip(READER, trip(ins));
            let request = asking(&id, Form::Code, Steps::new(vec![1, 2, 3]).unwrap());
            let answers = bench.token.steps(None, request).await.unwrap();
            let made = [1, 2, 3].map(|step| made(&totp("a"), Form::Code, step));
            assert!(answers.iter().map(|a| a.to_vec()).eq(made));
        }
    }
}
