//! Waiting for a touch: announced when it lasts, refused when not allowed, in nobody's way.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use oathd_card::{Fault, Profile, Touch as Finger};
use oathd_oath::Kind;

use super::bench::*;
use crate::{CodeOutcome, CodeRequest, Hub, TokenError, Touch, TouchPolicy};

#[tokio::test]
async fn a_wait_is_announced_and_ends_with_the_touch() {
    let bench = Bench::new().await;
    bench.card.set_touch(Finger::Manual);
    let id = bench.add_touched(totp("a")).await;
    let announced = Arc::new(AtomicU64::new(0));
    let (card, seconds) = (bench.card.clone(), Arc::clone(&announced));
    let request = CodeRequest {
        id: id.clone(),
        at: AT,
        touch: TouchPolicy::Allow(Box::new(move |left| {
            seconds.store(left, Ordering::Relaxed);
            assert!(card.touch(), "the card waits");
        })),
    };
    let code = bench.token.code(None, request).await.unwrap();
    assert_eq!(*code.text, expected(&totp("a")));
    assert_eq!(announced.load(Ordering::Relaxed), 15);
}

#[tokio::test]
async fn a_computation_that_answers_at_once_is_not_announced() {
    let mut settings = settings();
    settings.touch_hint = std::time::Duration::from_secs(5);
    let bench = Bench::with(Profile::YubiKey57, settings).await;
    bench.card.set_touch(Finger::Always);
    let id = bench.add_touched(totp("a")).await;
    let request = CodeRequest {
        id,
        at: AT,
        touch: TouchPolicy::Allow(Box::new(|_| panic!("nobody waits"))),
    };
    bench.token.code(None, request).await.unwrap();
}

#[tokio::test]
async fn a_touch_that_never_comes_is_a_touch_timeout() {
    let world = World::default();
    let card = oathd_card::SharedCard::new(oathd_card::CardOptions {
        touch: Finger::Never,
        touch_timeout: std::time::Duration::from_millis(120),
        ..Default::default()
    });
    let card = card.unwrap();
    world.insert(READER, &card);
    let (hub, _events) = Hub::new(Arc::new(world), settings(), entropy());
    let token = hub.tokens().await.unwrap().remove(0);
    let options = crate::AddOptions {
        touch: true,
        overwrite: false,
    };
    let id = token.add(None, Arc::new(totp("a")), options).await.unwrap();
    let outcome = token.code(None, allowing(&id)).await;
    assert!(
        matches!(outcome, Err(TokenError::TouchTimedOut)),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn flags_are_learned_cold_and_a_refused_touch_is_told() {
    let bench = Bench::new().await;
    bench.card.set_touch(Finger::Manual);
    let id = bench.add_touched(totp("a")).await;
    bench.chill();
    let outcome = bench.token.code(None, refusing(&id)).await;
    assert!(
        matches!(outcome, Err(TokenError::TouchRequired)),
        "{outcome:?}"
    );
    assert!(!bench.card.status().awaiting_touch);
    let entries = bench.token.codes(None, AT).await.unwrap();
    assert!(matches!(entries[0].outcome, CodeOutcome::TouchRequired));
}

#[tokio::test]
async fn an_unexpected_wait_is_told_and_remembered() {
    let bench = Bench::new().await;
    bench.card.set_touch(Finger::Manual);
    let id = bench.add_touched(credential("h", Kind::Hotp)).await;
    bench.chill();
    let outcome = bench.token.code(None, refusing(&id)).await;
    assert!(
        matches!(outcome, Err(TokenError::TouchRequired)),
        "{outcome:?}"
    );
    assert!(bench.card.touch(), "the card still waits");
    let listed = bench.token.list(None).await.unwrap();
    assert_eq!(listed[0].touch, Touch::Known(true));
}

#[tokio::test]
async fn a_counter_that_does_not_wait_again_is_not_taken_for_touched() {
    let mut settings = settings();
    settings.touch_hint = std::time::Duration::from_secs(1);
    let bench = Bench::with(Profile::YubiKey57, settings).await;
    // To the host, a card that waits for a finger is no different from a reader that hangs.
    bench.card.set_touch(Finger::Manual);
    let id = bench.add_touched(credential("h", Kind::Hotp)).await;
    bench.chill();
    let outcome = bench.token.code(None, refusing(&id)).await;
    assert!(
        matches!(outcome, Err(TokenError::TouchRequired)),
        "{outcome:?}"
    );
    assert!(bench.card.touch(), "the card still waits");
    bench.card.set_touch(Finger::Always);
    bench.token.code(None, allowing(&id)).await.unwrap();
    let listed = bench.token.list(None).await.unwrap();
    assert_eq!(listed[0].touch, Touch::Unknown);
    bench.token.code(None, refusing(&id)).await.unwrap();
}

#[tokio::test]
async fn a_slow_token_of_a_model_without_touch_is_not_taken_for_one_that_waits() {
    let bench = Bench::with(Profile::Neo, settings()).await;
    let slow = settings().touch_hint * 2;
    let ids = [
        bench.add(totp("a")).await,
        bench.add(credential("h", Kind::Hotp)).await,
    ];
    bench.card.inject(Fault::Delay(slow));
    for id in &ids {
        bench.chill();
        for _ in 0..3 {
            bench.token.code(None, refusing(id)).await.unwrap();
        }
    }
    let listed = bench.token.list(None).await.unwrap();
    assert!(listed.iter().all(|one| one.touch == Touch::Known(false)));
}

#[tokio::test]
async fn a_wait_on_one_token_delays_no_other() {
    let bench = Bench::new().await;
    bench.card.set_touch(Finger::Manual);
    let touched = bench.add_touched(totp("a")).await;
    let other_card = card(Profile::YubiKey54, 2);
    let _watch = bench.hub.watch();
    bench.world.insert("Reader 01", &other_card);
    let mut events = bench.events;
    let Some(crate::Event::Added(other)) = events.recv().await else {
        panic!("no token")
    };
    let token = bench.token.clone();
    let waiting = begin(async move { token.code(None, allowing(&touched)).await }).await;
    bench.world.await_instruction(READER, 0xa2);
    let plain = other
        .add(None, Arc::new(totp("b")), Default::default())
        .await
        .unwrap();
    other.code(None, refusing(&plain)).await.unwrap();
    assert!(!waiting.is_finished());
    assert!(bench.token.is_busy());
    while !bench.card.touch() {
        tokio::task::yield_now().await;
    }
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn touched_requests_queue_behind_the_others() {
    let bench = Bench::new().await;
    bench.card.set_touch(Finger::Manual);
    let touched = bench.add_touched(totp("a")).await;
    let plain = bench.add(totp("b")).await;
    bench.sent();
    bench.world.hold(READER, true);
    let first = {
        let (token, id) = (bench.token.clone(), plain.clone());
        begin(async move { token.code(None, refusing(&id)).await }).await
    };
    bench.world.await_queueing(READER);
    let second = {
        let token = bench.token.clone();
        begin(async move { token.code(None, allowing(&touched)).await }).await
    };
    let third = {
        let (token, id) = (bench.token.clone(), plain.clone());
        begin(async move { token.code(None, refusing(&id)).await }).await
    };
    bench.world.hold(READER, false);
    first.await.unwrap().unwrap();
    third.await.unwrap().unwrap();
    assert!(!second.is_finished());
    while !bench.card.touch() {
        tokio::task::yield_now().await;
    }
    second.await.unwrap().unwrap();
}
