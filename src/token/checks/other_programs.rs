//! Sharing a token with other programs: their exclusive holds and long transactions, and callers who
//! leave. What was given up is never sent.

use std::time::Duration;

use oathd_card::Profile;
use tokio::sync::mpsc::Receiver;

use super::bench::*;
use crate::{Event, Settings, TokenError};

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

/// A hub over a card that another program holds and over one that is free, with its events.
fn half_held(settings: Settings) -> (World, crate::Hub, Receiver<Event>) {
    let world = World::default();
    world.insert("Reader 00", &card(Profile::YubiKey57, 1));
    world.insert("Reader 01", &card(Profile::YubiKey57, 2));
    world.exclusive("Reader 00", true);
    let (hub, events) = crate::Hub::new(std::sync::Arc::new(world.clone()), settings, entropy());
    (world, hub, events)
}

fn serials(tokens: &[crate::Token]) -> Vec<Option<u32>> {
    tokens.iter().map(|token| token.info().serial).collect()
}

#[tokio::test]
async fn a_token_held_at_its_insertion_hides_no_other() {
    let (world, hub, mut events) = half_held(hurried());
    assert_eq!(serials(&hub.tokens().await.unwrap()), [Some(2)]);
    assert!(hub.leaves_out_held());
    world.exclusive("Reader 00", false);
    // Whoever asks again has the card tried again.
    for _ in 0..50 {
        if hub.tokens().await.unwrap().len() == 2 {
            break;
        }
        let _ = tokio::time::timeout(hurried().busy_deadline, events.recv()).await;
    }
    assert_eq!(serials(&hub.tokens().await.unwrap()), [Some(1), Some(2)]);
    assert!(!hub.leaves_out_held());
}

#[tokio::test]
async fn a_card_held_before_is_not_waited_for_beside_a_token() {
    let (world, hub, mut events) = half_held(Settings {
        busy_deadline: Duration::from_secs(1),
        linger: Duration::from_millis(1),
        ..settings()
    });
    let _watch = hub.watch();
    assert!(matches!(events.recv().await, Some(Event::Added(_))));
    // Its owner has given up.
    world.await_disconnected();
    for _ in 0..2 {
        assert_eq!(serials(&hub.tokens().await.unwrap()), [Some(2)]);
        assert!(hub.leaves_out_held());
        // It is being tried all the same, far from the deadline.
        world.await_refusal("Reader 00");
    }
    world.exclusive("Reader 00", false);
    let Some(Event::Added(token)) = events.recv().await else {
        panic!("not added")
    };
    assert_eq!(token.info().serial, Some(1));
    assert_eq!(serials(&hub.tokens().await.unwrap()), [Some(1), Some(2)]);
}

#[tokio::test]
async fn a_long_transaction_delays_the_list_once() {
    let (world, hub, _events) = half_held(Settings {
        busy_deadline: Duration::from_secs(1),
        ..settings()
    });
    world.hold("Reader 00", true);
    assert_eq!(serials(&hub.tokens().await.unwrap()), [Some(2)]);
    let (other, _others) = crate::Hub::new(
        std::sync::Arc::new(world.clone()),
        Settings {
            busy_deadline: Duration::from_secs(1),
            readers: vec!["00".to_owned()],
            ..settings()
        },
        entropy(),
    );
    let waiting = other.tokens();
    tokio::pin!(waiting);
    tokio::select! {
        biased;
        early = &mut waiting => panic!("{early:?}"),
        list = hub.tokens() => assert_eq!(serials(&list.unwrap()), [Some(2)]),
    }
    assert!(
        waiting.await.unwrap().is_empty(),
        "a card alone is waited for"
    );
    world.hold("Reader 00", false);
}

#[tokio::test]
async fn a_wanted_token_waits_for_no_card_that_is_held() {
    let (world, hub, _events) = half_held(settings());
    let serial = |wanted| move |token: &crate::Token| token.info().serial == Some(wanted);
    let list = hub.tokens_with(serial(2)).await.unwrap();
    assert_eq!(serials(&list), [Some(2)]);
    world.await_refusal("Reader 00");
    // The card may be the wanted one.
    let asking = hub.clone();
    let waiting = begin(async move { asking.tokens_with(serial(1)).await }).await;
    world.await_refusal("Reader 00");
    assert!(!waiting.is_finished());
    world.exclusive("Reader 00", false);
    let list = waiting.await.unwrap().unwrap();
    assert_eq!(serials(&list), [Some(1), Some(2)]);
}

#[tokio::test]
async fn patience_is_short_for_one_request_and_for_no_other() {
    let bench = Bench::new().await;
    bench.world.hold(READER, true);
    let token = bench.token.clone();
    let patient = begin(async move { token.list(None).await }).await;
    let impatient = bench.token.with_patience(Duration::from_millis(1));
    let outcome = impatient.list(None).await;
    assert!(matches!(outcome, Err(TokenError::Busy)), "{outcome:?}");
    bench.world.hold(READER, false);
    patient.await.unwrap().unwrap();
}
