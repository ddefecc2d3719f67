//! Another program resets the card in the middle: harmless work is repeated, a counter is never moved
//! twice, a write is never repeated blindly.

use std::sync::Arc;

use oathd_oath::Kind;

use super::bench::*;
use crate::{AccessKey, AddOptions, ProtocolError, TokenError};

const ADD: u8 = 0x01;
const DELETE: u8 = 0x02;
const SET_CODE: u8 = 0x03;
const RENAME: u8 = 0x05;
const CALCULATE: u8 = 0xa2;
const VALIDATE: u8 = 0xa3;
const SELECT: u8 = 0;

#[tokio::test]
async fn a_time_based_code_survives_a_reset_anywhere() {
    for trip in [Trip::Before, Trip::After] {
        for ins in [SELECT, VALIDATE, CALCULATE] {
            let bench = Bench::new().await;
            let id = bench.add(totp("a")).await;
            let key = Arc::new(AccessKey::derive(b"password", b"salt"));
            bench.token.set_key(None, Arc::clone(&key)).await.unwrap();
            bench.settle().await;
            bench.world.trip(READER, trip(ins));
            let code = bench.token.code(Some(key), refusing(&id)).await.unwrap();
            assert_eq!(*code.text, expected(&totp("a")));
        }
    }
}

#[tokio::test]
async fn a_counter_moves_once_at_most() {
    for trip in [Trip::Before(CALCULATE), Trip::After(CALCULATE)] {
        let bench = Bench::new().await;
        let id = bench.add(credential("h", Kind::Hotp)).await;
        bench.world.trip(READER, trip);
        bench.sent();
        let outcome = bench.token.code(None, refusing(&id)).await;
        assert!(
            matches!(outcome, Err(TokenError::Interrupted)),
            "{outcome:?}"
        );
        let computed = bench.sent().iter().filter(|ins| **ins == CALCULATE).count();
        assert_eq!(computed, 1, "asked once");
        let next = bench.token.code(None, refusing(&id)).await.unwrap();
        let mut then = credential("h", Kind::Hotp);
        then.counter = u32::from(matches!(trip, Trip::After(_)));
        assert_eq!(*next.text, expected(&then));
    }
}

#[tokio::test]
async fn a_write_that_arrived_is_not_written_again() {
    let bench = Bench::new().await;
    bench.world.trip(READER, Trip::After(ADD));
    bench.sent();
    let id = bench.add(totp("a")).await;
    let written = bench.sent().iter().filter(|ins| **ins == ADD).count();
    assert_eq!(written, 1);
    bench.token.code(None, refusing(&id)).await.unwrap();
}

#[tokio::test]
async fn a_write_that_did_not_arrive_is_written() {
    let bench = Bench::new().await;
    bench.world.trip(READER, Trip::Before(ADD));
    let id = bench.add(totp("a")).await;
    bench.token.code(None, refusing(&id)).await.unwrap();
}

#[tokio::test]
async fn an_overwrite_ends_with_the_new_credential() {
    for trip in [Trip::Before(ADD), Trip::After(ADD)] {
        let bench = Bench::new().await;
        bench.add(totp("a")).await;
        let mut new = totp("a");
        new.algorithm = oathd_oath::Algorithm::Sha256;
        let code = expected(&new);
        bench.world.trip(READER, trip);
        let options = AddOptions {
            overwrite: true,
            touch: false,
        };
        let id = bench.token.add(None, Arc::new(new), options).await.unwrap();
        assert_eq!(
            *bench.token.code(None, refusing(&id)).await.unwrap().text,
            code
        );
    }
}

#[tokio::test]
async fn renaming_and_removing_survive_a_reset() {
    for trip in [Trip::Before, Trip::After] {
        let bench = Bench::new().await;
        let id = bench.add(totp("a")).await;
        bench.world.trip(READER, trip(RENAME));
        let renamed = bench.token.rename(None, id.clone(), None, "b".to_owned());
        let new = renamed.await.unwrap();
        bench.token.code(None, refusing(&new)).await.unwrap();
        bench.world.trip(READER, trip(DELETE));
        bench.token.remove(None, new).await.unwrap();
        assert_eq!(bench.token.usage(None).await.unwrap().used, 0);
    }
}

#[tokio::test]
async fn a_password_change_is_either_done_or_told() {
    for trip in [Trip::Before(SET_CODE), Trip::After(SET_CODE)] {
        let bench = Bench::new().await;
        let key = |password: &[u8]| Arc::new(AccessKey::derive(password, b"salt"));
        bench.token.set_key(None, key(b"old")).await.unwrap();
        bench.world.trip(READER, trip);
        let outcome = bench.token.set_key(Some(key(b"old")), key(b"new")).await;
        let valid = match trip {
            Trip::After(_) => {
                outcome.unwrap();
                key(b"new")
            }
            _ => {
                assert!(
                    matches!(outcome, Err(TokenError::Interrupted)),
                    "{outcome:?}"
                );
                key(b"old")
            }
        };
        bench.token.validate(Some(valid)).await.unwrap();
    }
}

#[tokio::test]
async fn a_card_reset_again_and_again_is_waited_for() {
    let bench = Bench::new().await;
    let id = bench.add(credential("h", Kind::Hotp)).await;
    for resets in [1, 6] {
        bench.world.reset_before(READER, resets);
        bench.token.code(None, refusing(&id)).await.unwrap();
    }
}

#[tokio::test]
async fn what_nobody_waits_for_is_not_sent_later() {
    let bench = Bench::new().await;
    bench.world.trip(READER, Trip::Taken(ADD));
    let token = bench.token.clone();
    let add = async move {
        let credential = Arc::new(totp("a"));
        token.add(None, credential, AddOptions::default()).await
    };
    let caller = begin(add).await;
    bench.world.await_refusal(READER);
    caller.abort();
    assert!(caller.await.is_err_and(|end| end.is_cancelled()));
    bench.sent();
    bench.world.exclusive(READER, false);
    assert_eq!(bench.token.usage(None).await.unwrap().used, 0);
    assert!(!bench.sent().contains(&ADD));
}

#[tokio::test]
async fn a_failing_reader_leaves_no_token_open() {
    let bench = Bench::new().await;
    let id = bench.add(totp("a")).await;
    let key = Arc::new(AccessKey::derive(b"password", b"salt"));
    bench.token.set_key(None, Arc::clone(&key)).await.unwrap();
    bench.settle().await;
    bench.world.trip(READER, Trip::Failure(CALCULATE));
    let outcome = bench.token.code(Some(key), refusing(&id)).await;
    let reader = |error| matches!(error, TokenError::Protocol(ProtocolError::Reader { .. }));
    assert!(outcome.is_err_and(reader));
    bench.token.validate(None).await.unwrap_err();
    let select = 0xa4;
    assert_eq!(
        bench.sent(),
        [select, VALIDATE, CALCULATE, select, select],
        "locked again, before anything else"
    );
}
