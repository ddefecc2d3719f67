//! Access keys: what they open, what is refused without, and that nothing stays open.

use std::sync::Arc;

use oathd_card::Profile;

use super::bench::*;
use crate::{AccessKey, AddOptions, Event, TokenError};

#[tokio::test]
async fn a_protected_token_does_nothing_without_its_key() {
    for profile in Profile::ALL {
        let mut bench = Bench::with(profile, settings()).await;
        let id = bench.add(totp("a")).await;
        let key = Arc::new(bench.token.derive_key(b"password"));
        let wrong = Arc::new(bench.token.derive_key(b"Password"));
        bench.token.set_key(None, Arc::clone(&key)).await.unwrap();
        assert!(bench.token.info().protected);
        assert!(matches!(bench.events.recv().await, Some(Event::Changed(_))));
        let token = &bench.token;
        for (access, wanted_wrong) in [(None, false), (Some(wrong), true)] {
            let right = |error: TokenError| match error {
                TokenError::PasswordRequired => !wanted_wrong,
                TokenError::WrongPassword => wanted_wrong,
                _ => false,
            };
            let access = || access.clone();
            let add = token.add(access(), Arc::new(totp("b")), AddOptions::default());
            assert!(right(add.await.unwrap_err()));
            assert!(right(token.list(access()).await.unwrap_err()));
            assert!(right(token.codes(access(), AT).await.unwrap_err()));
            assert!(right(
                token.code(access(), refusing(&id)).await.unwrap_err()
            ));
            assert!(right(token.remove(access(), id.clone()).await.unwrap_err()));
            assert!(right(token.validate(access()).await.unwrap_err()));
            assert!(right(token.clear_key(access()).await.unwrap_err()));
            assert!(right(token.usage(access()).await.unwrap_err()));
        }
        token
            .code(Some(Arc::clone(&key)), refusing(&id))
            .await
            .unwrap();
        token.clear_key(Some(key)).await.unwrap();
        assert!(!token.info().protected);
        token.code(None, refusing(&id)).await.unwrap();
        assert!(matches!(bench.events.recv().await, Some(Event::Changed(_))));
    }
}

#[tokio::test]
async fn the_application_is_locked_for_the_next_program() {
    let bench = Bench::new().await;
    let key = Arc::new(AccessKey::random(&entropy()));
    bench.token.set_key(None, Arc::clone(&key)).await.unwrap();
    bench.token.list(Some(key)).await.unwrap();
    // The answer comes first.
    while bench.token.is_busy() {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        bench.card.transmit(&[0, 0xa1, 0, 0, 0]).unwrap(),
        [0x69, 0x82]
    );
}

#[tokio::test]
async fn a_card_that_cannot_prove_the_key_is_refused() {
    let bench = Bench::new().await;
    let key = Arc::new(AccessKey::random(&entropy()));
    bench.token.set_key(None, Arc::clone(&key)).await.unwrap();
    bench.token.validate(Some(Arc::clone(&key))).await.unwrap();
    bench.settle().await;
    bench.card.inject(oathd_card::Fault::Corrupt(2));
    let outcome = bench.token.validate(Some(key)).await;
    assert!(
        matches!(outcome, Err(TokenError::Protocol(_))),
        "{outcome:?}"
    );
}
