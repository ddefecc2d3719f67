//! What a request costs: exactly these commands and no others.

use super::bench::*;
use crate::AccessKey;
use std::sync::Arc;

const SELECT: u8 = 0xa4;
const CALCULATE_ALL: u8 = 0xa4;
const CALCULATE: u8 = 0xa2;
const VALIDATE: u8 = 0xa3;
const SEND_REMAINING: u8 = 0xa5;

#[tokio::test]
async fn a_warm_code_takes_two() {
    let bench = Bench::new().await;
    let id = bench.add(totp("a")).await;
    bench.sent();
    let code = bench.token.code(None, refusing(&id)).await.unwrap();
    assert_eq!(*code.text, expected(&totp("a")));
    assert_eq!(bench.sent(), [SELECT, CALCULATE]);
}

#[tokio::test]
async fn a_cold_code_comes_with_the_touch_flags() {
    let bench = Bench::new().await;
    let id = bench.add(totp("a")).await;
    bench.chill();
    let code = bench.token.code(None, refusing(&id)).await.unwrap();
    assert_eq!(*code.text, expected(&totp("a")));
    assert_eq!(bench.sent(), [SELECT, CALCULATE_ALL]);
    bench.token.code(None, refusing(&id)).await.unwrap();
    assert_eq!(bench.sent(), [SELECT, CALCULATE]);
}

#[tokio::test]
async fn a_locked_code_takes_four_and_the_last_locks_again() {
    let bench = Bench::new().await;
    let id = bench.add(totp("a")).await;
    let key = Arc::new(AccessKey::derive(b"password", b"salt"));
    bench.token.set_key(None, Arc::clone(&key)).await.unwrap();
    bench.settle().await;
    bench.token.code(Some(key), refusing(&id)).await.unwrap();
    bench.token.validate(None).await.unwrap_err();
    assert_eq!(bench.sent(), [SELECT, VALIDATE, CALCULATE, SELECT, SELECT]);
}

#[tokio::test]
async fn all_codes_take_one_command_and_the_rest_of_its_answer() {
    let bench = Bench::new().await;
    for number in 0..64 {
        bench.add(totp(&format!("{number:060}"))).await;
    }
    bench.sent();
    let codes = bench.token.codes(None, AT).await.unwrap();
    assert_eq!(codes.len(), 64);
    let sent = bench.sent();
    assert_eq!(sent[..2], [SELECT, CALCULATE_ALL]);
    assert!(!sent[2..].is_empty());
    assert!(sent[2..].iter().all(|ins| *ins == SEND_REMAINING));
}

#[tokio::test]
async fn another_look_at_the_readers_costs_no_command() {
    let mut settings = settings();
    settings.linger = std::time::Duration::ZERO;
    let bench = Bench::with(oathd_card::Profile::YubiKey57, settings).await;
    bench.world.await_closed();
    let tokens = bench.hub.tokens().await.unwrap();
    assert_eq!(tokens[0].key(), bench.token.key());
    assert!(bench.sent().is_empty());
}

#[tokio::test]
async fn a_refused_touch_on_an_open_token_costs_no_command() {
    let bench = Bench::new().await;
    let id = bench.add_touched(totp("a")).await;
    bench.sent();
    bench.token.code(None, refusing(&id)).await.unwrap_err();
    assert!(bench.sent().is_empty());
}
