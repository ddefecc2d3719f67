//! Who a token is: models, resets by others, other tokens in the same reader, one identity twice.

use std::sync::Arc;

use oathd_card::{CardOptions, Fault, Interface, Profile, SharedCard};

use super::bench::*;
use crate::{Applications, Event, Hub, Model, TokenError, Version};

#[tokio::test]
async fn every_model_is_known() {
    for profile in Profile::ALL {
        for interface in [Interface::Nfc, Interface::Usb] {
            let world = World::default();
            let options = CardOptions {
                profile,
                interface,
                serial: 42,
                ..CardOptions::default()
            };
            world.insert(READER, &SharedCard::new(options).unwrap());
            let (hub, _events) = Hub::new(Arc::new(world), settings(), entropy());
            let token = hub.tokens().await.unwrap().remove(0);
            let info = token.info();
            let [major, minor, patch] = profile.firmware();
            let model = match profile {
                Profile::Neo => Model::YubiKeyNeo,
                Profile::YubiKey43 => Model::YubiKey4,
                Profile::YubiKey54 | Profile::YubiKey57 => Model::YubiKey5,
            };
            assert_eq!(info.model, model);
            assert_eq!(info.serial, Some(42));
            assert_eq!(info.firmware, Version::new(major, minor, patch));
            let capacity = info.capabilities.capacity.map(usize::from);
            assert_eq!(capacity, profile.capacity());
            let told = profile.management().then(|| vec!["oath"]);
            assert_eq!(info.usb_enabled.map(Applications::names), told);
            assert!(!info.fips);
            assert_eq!(info.capabilities.rename, profile.rename());
            assert_eq!(info.capabilities.touch, profile.touch());
            let id = token
                .add(None, Arc::new(totp("a")), Default::default())
                .await
                .unwrap();
            let code = token.code(None, refusing(&id)).await.unwrap();
            assert_eq!(*code.text, expected(&totp("a")));
        }
    }
}

#[tokio::test]
async fn a_token_that_fails_now_and_then_is_known_all_the_same() {
    // Selecting management, reading it, selecting OATH; once, and so often that a second request is
    // needed.
    for (command, failures) in [(1, 1), (2, 1), (3, 1), (1, 3)] {
        for status in [[0x6f, 0x00], [0x64, 0x00], [0x65, 0x81]] {
            let world = World::default();
            let card = card(Profile::YubiKey57, 42);
            for number in command..command + failures {
                card.inject(Fault::Answer(number, status.to_vec()));
            }
            world.insert(READER, &card);
            let (hub, _events) = Hub::new(Arc::new(world), settings(), entropy());
            if failures == 3 {
                assert!(hub.tokens().await.unwrap().is_empty());
            }
            let token = hub.tokens().await.unwrap().remove(0);
            let info = token.info();
            assert_eq!((info.serial, info.model), (Some(42), Model::YubiKey5));

            card.inject(Fault::Answer(1, status.to_vec()));
            assert!(token.list(None).await.is_err());
            token.list(None).await.unwrap();
        }
    }
}

/// What a token garbles about itself is asked again, and costs those facts alone: it still computes
/// codes.
#[tokio::test]
async fn a_token_whose_management_answers_nonsense_is_used_without_it() {
    // No bytes, a length that is not there, a field cut short, a serial of three bytes.
    let nonsense: [&[u8]; 4] = [&[], &[9], &[2, 2, 4], &[5, 2, 3, 1, 2, 3]];
    for profile in [Profile::YubiKey43, Profile::YubiKey54, Profile::YubiKey57] {
        for (answer, times) in nonsense
            .iter()
            .flat_map(|answer| [(answer, 2), (answer, 3)])
        {
            let world = World::default();
            let card = card(profile, 42);
            for number in 2..2 + times {
                card.inject(Fault::Answer(number, [answer, &[0x90, 0x00][..]].concat()));
            }
            world.insert(READER, &card);
            let (hub, _events) = Hub::new(Arc::new(world), settings(), entropy());
            let token = hub.tokens().await.unwrap().remove(0);
            let info = token.info();
            let [major, minor, patch] = profile.firmware();
            assert_eq!(info.firmware, Version::new(major, minor, patch));
            assert_ne!(info.model, Model::Generic);
            assert_eq!(info.serial, (times < 3).then_some(42));
            let added = token.add(None, Arc::new(totp("a")), Default::default());
            let code = token.code(None, refusing(&added.await.unwrap())).await;
            assert_eq!(*code.unwrap().text, expected(&totp("a")));
        }
    }
}

#[tokio::test]
async fn a_reset_by_another_program_is_told_once() {
    let mut bench = Bench::new().await;
    let id = bench.add_touched(totp("a")).await;
    let before = bench.token.info();
    let select = [&[0, 0xa4, 4, 0, 7][..], crate::ykoath::AID].concat();
    bench.card.transmit(&select).unwrap();
    let done = bench.card.transmit(&[0, 0x04, 0xde, 0xad, 0]).unwrap();
    assert_eq!(done, [0x90, 0x00]);
    let outcome = bench.token.list(None).await;
    assert!(matches!(outcome, Err(TokenError::Reset)), "{outcome:?}");
    assert!(matches!(bench.events.recv().await, Some(Event::Reset(_))));
    let after = bench.token.info();
    assert_ne!(before.device_id, after.device_id);
    assert_eq!(before.serial, after.serial);
    let code = bench.token.code(None, refusing(&id)).await;
    assert!(
        matches!(code, Err(TokenError::NoSuchCredential)),
        "{code:?}"
    );
    bench.add(totp("b")).await;
}

#[tokio::test]
async fn a_reset_asked_for_here_is_no_surprise() {
    let mut bench = Bench::new().await;
    bench.add(totp("a")).await;
    let key = Arc::new(bench.token.derive_key(b"password"));
    bench.token.set_key(None, key).await.unwrap();
    assert!(matches!(bench.events.recv().await, Some(Event::Changed(_))));
    bench.token.reset().await.unwrap();
    assert!(!bench.token.info().protected);
    assert!(matches!(bench.events.recv().await, Some(Event::Reset(_))));
    assert_eq!(bench.token.list(None).await.unwrap(), []);
}

#[tokio::test]
async fn another_token_in_the_reader_is_not_taken_for_the_first() {
    let mut settings = settings();
    settings.linger = std::time::Duration::ZERO;
    let mut bench = Bench::with(Profile::YubiKey57, settings).await;
    let id = bench.add(totp("a")).await;
    bench.world.await_closed();
    // Nobody watches: the reader's count is as before, as after a new start of the service.
    bench.world.swap(READER, &card(Profile::YubiKey57, 99));
    let outcome = bench.token.code(None, refusing(&id)).await;
    assert!(matches!(outcome, Err(TokenError::Removed)), "{outcome:?}");
    assert!(matches!(bench.events.recv().await, Some(Event::Removed(_))));
    let tokens = bench.hub.tokens().await.unwrap();
    assert_eq!(tokens[0].info().serial, Some(99));
}

#[tokio::test]
async fn one_identity_in_two_readers_is_refused_in_both() {
    let mut bench = Bench::new().await;
    let _watch = bench.hub.watch();
    let twin = card(Profile::YubiKey57, 7_654_321);
    bench.world.insert("Reader 01", &twin);
    let Some(Event::Added(second)) = bench.events.recv().await else {
        panic!("not added")
    };
    let Some(Event::Duplicated(one, other)) = bench.events.recv().await else {
        panic!("not told")
    };
    assert_eq!((one, other), (bench.token.key(), second.key()));
    bench.sent();
    for token in [&bench.token, &second] {
        let outcome = token.list(None).await;
        assert!(
            matches!(outcome, Err(TokenError::Duplicated)),
            "{outcome:?}"
        );
    }
    assert!(bench.sent().is_empty());
    bench.world.remove("Reader 01");
    assert!(matches!(bench.events.recv().await, Some(Event::Removed(_))));
    assert!(matches!(bench.events.recv().await, Some(Event::Changed(_))));
    bench.token.list(None).await.unwrap();
}
