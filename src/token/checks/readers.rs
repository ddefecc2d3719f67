//! Cards and the card service come and go; connections are held no longer than needed.

use std::{sync::Arc, time::Duration};

use oathd_card::{Fault, Profile};

use super::{bench::*, world::World};
use crate::{AddOptions, Event, Hub, Settings, TokenError};

#[tokio::test]
async fn insertions_and_removals_are_seen_while_watched() {
    let mut bench = Bench::new().await;
    let _watch = bench.hub.watch();
    bench.world.remove(READER);
    let Some(Event::Removed(key)) = bench.events.recv().await else {
        panic!("not removed")
    };
    assert_eq!(key, bench.token.key());
    assert!(bench.hub.tokens().await.unwrap().is_empty());
    let outcome = bench.token.list(None).await;
    assert!(matches!(outcome, Err(TokenError::Removed)), "{outcome:?}");
    bench.world.insert(READER, &bench.card);
    let Some(Event::Added(token)) = bench.events.recv().await else {
        panic!("not added")
    };
    assert_ne!(token.key(), bench.token.key());
    token.list(None).await.unwrap();
}

#[tokio::test]
async fn a_token_pulled_in_the_middle_is_removed_and_works_when_it_is_back() {
    let mut bench = Bench::new().await;
    let id = bench.add(totp("a")).await;
    // The card leaves its reader between SELECT and CALCULATE.
    bench.card.inject(Fault::UnplugAfter(1));
    let outcome = bench.token.code(None, refusing(&id)).await;
    assert!(matches!(outcome, Err(TokenError::Removed)), "{outcome:?}");
    assert!(matches!(bench.events.recv().await, Some(Event::Removed(_))));
    bench.world.insert(READER, &bench.card);
    let token = loop {
        match bench.events.recv().await {
            Some(Event::Added(token)) => break token,
            other => assert!(other.is_some()),
        }
    };
    token.code(None, refusing(&id)).await.unwrap();
}

#[tokio::test]
async fn waiting_requests_learn_of_the_removal() {
    let bench = Bench::new().await;
    let _watch = bench.hub.watch();
    bench.world.hold(READER, true);
    let start = || {
        let token = bench.token.clone();
        begin(async move { token.list(None).await })
    };
    let requests = [start().await, start().await];
    bench.world.await_queueing(READER);
    bench.world.remove(READER);
    bench.world.hold(READER, false);
    for request in requests {
        let outcome = request.await.unwrap();
        assert!(matches!(outcome, Err(TokenError::Removed)), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_lost_service_is_told_and_its_return_is_seen() {
    let mut bench = Bench::new().await;
    let _watch = bench.hub.watch();
    bench.world.set_down(true);
    assert!(matches!(bench.events.recv().await, Some(Event::Removed(_))));
    assert!(matches!(
        bench.events.recv().await,
        Some(Event::ServiceLost)
    ));
    let outcome = bench.hub.tokens().await;
    assert!(matches!(
        outcome,
        Err(TokenError::ServiceUnavailable { .. })
    ));
    bench.world.set_down(false);
    assert!(matches!(
        bench.events.recv().await,
        Some(Event::ServiceBack)
    ));
    let Some(Event::Added(token)) = bench.events.recv().await else {
        panic!("not added")
    };
    token.list(None).await.unwrap();
}

#[tokio::test]
async fn an_unwatched_service_is_asked_anew_by_the_next_request() {
    let world = World::default();
    world.insert(READER, &card(Profile::YubiKey57, 1));
    world.set_down(true);
    let (hub, _events) = Hub::new(Arc::new(world.clone()), settings(), entropy());
    let outcome = hub.tokens().await;
    assert!(matches!(
        outcome,
        Err(TokenError::ServiceUnavailable { .. })
    ));
    world.set_down(false);
    assert_eq!(hub.tokens().await.unwrap().len(), 1);
}

#[tokio::test]
async fn everything_is_closed_after_the_last_use() {
    let mut settings = settings();
    settings.linger = Duration::from_millis(1);
    let bench = Bench::with(Profile::YubiKey57, settings).await;
    bench.world.await_closed();
    let id = bench.add(totp("a")).await;
    bench.world.await_closed();
    bench.token.code(None, refusing(&id)).await.unwrap();
    bench.world.await_closed();
}

#[tokio::test]
async fn a_watch_stays_open_as_long_as_its_guard() {
    let mut settings = settings();
    settings.linger = Duration::from_millis(1);
    let bench = Bench::with(Profile::YubiKey57, settings).await;
    bench.world.await_closed();
    let watch = bench.hub.watch();
    bench.hub.tokens().await.unwrap();
    bench.add(totp("a")).await;
    bench.world.await_disconnected();
    assert!(bench.world.is_watched());
    drop(watch);
    bench.world.await_closed();
}

#[tokio::test]
async fn a_release_closes_everything_and_refuses_what_waits() {
    let bench = Bench::new().await;
    let _watch = bench.hub.watch();
    let id = bench.add(totp("a")).await;
    bench.world.hold(READER, true);
    let start = || {
        let (token, id) = (bench.token.clone(), id.clone());
        begin(async move { token.code(None, refusing(&id)).await })
    };
    let first = start().await;
    bench.world.await_queueing(READER);
    let second = start().await;
    let hub = bench.hub.clone();
    let released = begin(async move { hub.release().await }).await;
    bench.world.await_unwatched();
    bench.world.hold(READER, false);
    released.await.unwrap();
    bench.world.await_closed();
    first.await.unwrap().unwrap();
    let outcome = second.await.unwrap();
    assert!(matches!(outcome, Err(TokenError::Busy)), "{outcome:?}");
    bench.hub.rebuild();
    bench.token.code(None, refusing(&id)).await.unwrap();
    assert_eq!(
        bench.hub.tokens().await.unwrap()[0].key(),
        bench.token.key()
    );
}

#[tokio::test]
async fn a_way_that_was_opened_during_a_release_is_made_anew() {
    let bench = Bench::new().await;
    let _watch = bench.hub.watch();
    bench.hub.release().await;
    bench.world.await_unwatched();
    // A call on the way down.
    bench.hub.tokens().await.unwrap();
    let before = bench.world.opened();
    bench.hub.rebuild();
    bench.world.await_opened(before + 1);
    let tokens = bench.hub.tokens().await.unwrap();
    assert_eq!(tokens[0].key(), bench.token.key());
}

#[tokio::test]
async fn only_the_named_readers_are_used() {
    let world = World::default();
    let (one, two) = (card(Profile::YubiKey57, 1), card(Profile::YubiKey57, 2));
    world.insert("Left Reader", &one);
    world.insert("Right Reader", &two);
    let mut settings = settings();
    settings.readers = vec!["Right".to_owned()];
    let (hub, _events) = Hub::new(Arc::new(world.clone()), settings, entropy());
    let tokens = hub.tokens().await.unwrap();
    assert_eq!(tokens.len(), 1);
    assert_eq!(tokens[0].info().serial, Some(2));
    assert!(world.instructions("Left Reader").is_empty());
}

#[tokio::test]
async fn the_threads_end_with_the_hub() {
    let bench = Bench::new().await;
    let watch = bench.hub.watch();
    bench.add(totp("a")).await;
    drop((bench.hub, watch));
    bench.world.await_closed();
    let outcome = bench.token.list(None).await;
    assert!(matches!(outcome, Err(TokenError::Removed)), "{outcome:?}");
}

#[tokio::test]
async fn a_connection_from_before_a_restart_is_replaced() {
    let bench = Bench::new().await;
    let id = bench.add(totp("a")).await;
    bench.world.restart();
    bench.token.code(None, refusing(&id)).await.unwrap();
}

#[tokio::test]
async fn a_card_changed_while_nobody_looked_is_seen_at_the_next_look() {
    let mut settings = settings();
    settings.linger = Duration::ZERO;
    let bench = Bench::with(Profile::YubiKey57, settings).await;
    bench.world.await_closed();
    bench.world.remove(READER);
    bench.world.insert(READER, &card(Profile::YubiKey57, 99));
    let tokens = bench.hub.tokens().await.unwrap();
    assert_eq!(tokens.len(), 1);
    assert_ne!(tokens[0].key(), bench.token.key());
    assert_eq!(tokens[0].info().serial, Some(99));
}

#[tokio::test]
async fn a_card_under_another_name_is_found_only_by_that_name() {
    const ALIAS: &[u8] = &[0xf0, 1, 2, 3, 4, 5];
    for (extra_aids, found) in [
        (vec![], 0),
        (vec![vec![0xf0, 9, 9, 9, 9], ALIAS.to_vec()], 1),
    ] {
        let world = World::default();
        world.insert(READER, &card(Profile::YubiKey57, 1));
        world.rename_application(READER, ALIAS);
        let settings = Settings {
            extra_aids,
            ..settings()
        };
        let (hub, _events) = Hub::new(Arc::new(world), settings, entropy());
        let tokens = hub.tokens().await.unwrap();
        assert_eq!(tokens.len(), found);
        for token in tokens {
            let added = token.add(None, Arc::new(totp("a")), AddOptions::default());
            assert_eq!(added.await.unwrap().to_string(), "a");
            assert_eq!(token.list(None).await.unwrap().len(), 1);
        }
    }
}
