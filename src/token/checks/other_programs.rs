//! Sharing a token with other programs: their exclusive holds and long transactions, and callers who
//! leave. What was given up is never sent.

use std::time::Duration;

use oathd_card::Profile;

use super::bench::*;
use crate::{Settings, TokenError};

fn hurried() -> Settings {
    Settings {
        busy_deadline: Duration::from_millis(150),
        ..settings()
    }
}

#[tokio::test]
async fn an_exclusive_holder_is_waited_for() {
    let bench = Bench::new().await;
    let id = bench.add(totp("a")).await;
    bench.world.exclusive(READER, true);
    let token = bench.token.clone();
    let waiting = begin(async move { token.code(None, refusing(&id)).await }).await;
    bench.world.await_refusal(READER);
    bench.world.exclusive(READER, false);
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_exclusive_holder_who_stays_makes_the_token_busy() {
    let bench = Bench::with(Profile::YubiKey57, hurried()).await;
    let id = bench.add(totp("a")).await;
    bench.sent();
    bench.world.exclusive(READER, true);
    let outcome = bench.token.code(None, refusing(&id)).await;
    assert!(matches!(outcome, Err(TokenError::Busy)), "{outcome:?}");
    bench.world.exclusive(READER, false);
    bench.token.code(None, refusing(&id)).await.unwrap();
    assert_eq!(bench.sent().len(), 2, "only the second request was sent");
}

#[tokio::test]
async fn a_request_given_up_during_anothers_transaction_is_never_sent() {
    let bench = Bench::with(Profile::YubiKey57, hurried()).await;
    let id = bench.add(totp("a")).await;
    bench.sent();
    bench.world.hold(READER, true);
    let outcome = bench.token.remove(None, id.clone()).await;
    assert!(matches!(outcome, Err(TokenError::Busy)), "{outcome:?}");
    bench.world.hold(READER, false);
    bench.token.code(None, refusing(&id)).await.unwrap();
    assert!(!bench.sent().contains(&0x02), "no DELETE was sent");
}

#[tokio::test]
async fn a_caller_who_leaves_takes_the_request_along() {
    let bench = Bench::new().await;
    let id = bench.add(totp("a")).await;
    bench.sent();
    bench.world.hold(READER, true);
    let (token, gone) = (bench.token.clone(), id.clone());
    let leaving = begin(async move { token.remove(None, gone).await }).await;
    bench.world.await_queueing(READER);
    leaving.abort();
    assert!(leaving.await.unwrap_err().is_cancelled());
    bench.world.hold(READER, false);
    bench.token.code(None, refusing(&id)).await.unwrap();
    assert!(!bench.sent().contains(&0x02), "no DELETE was sent");
}

#[tokio::test]
async fn a_full_queue_is_busy_at_once() {
    let mut settings = settings();
    settings.queue = 2;
    let bench = Bench::with(Profile::YubiKey57, settings).await;
    let id = bench.add(totp("a")).await;
    bench.world.hold(READER, true);
    let start = || {
        let (token, id) = (bench.token.clone(), id.clone());
        begin(async move { token.code(None, refusing(&id)).await })
    };
    let mut waiting = vec![start().await];
    bench.world.await_queueing(READER);
    waiting.extend([start().await, start().await]);
    let outcome = bench.token.code(None, refusing(&id)).await;
    assert!(matches!(outcome, Err(TokenError::Busy)), "{outcome:?}");
    bench.world.hold(READER, false);
    for request in waiting {
        request.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_token_held_at_its_insertion_hides_no_other() {
    let world = World::default();
    let (held, free) = (card(Profile::YubiKey57, 1), card(Profile::YubiKey57, 2));
    world.insert("Reader 00", &held);
    world.insert("Reader 01", &free);
    world.exclusive("Reader 00", true);
    let (hub, _events) = crate::Hub::new(std::sync::Arc::new(world.clone()), hurried(), entropy());
    let serials = |tokens: Vec<crate::Token>| -> Vec<_> {
        tokens.iter().map(|token| token.info().serial).collect()
    };
    assert_eq!(serials(hub.tokens().await.unwrap()), [Some(2)]);
    world.exclusive("Reader 00", false);
    // Whoever asks again has the card tried again.
    let mut found = Vec::new();
    for _ in 0..50 {
        found = serials(hub.tokens().await.unwrap());
        if found.len() == 2 {
            break;
        }
    }
    assert_eq!(found, [Some(1), Some(2)]);
}
