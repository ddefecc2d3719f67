//! Another program changes the credentials behind our back: what was remembered gives way to what the
//! token does.

use std::sync::Arc;

use oathd_card::Touch as Finger;
use oathd_oath::Kind;

use super::bench::*;
use crate::{
    AddOptions, TokenError, Touch,
    apdu::{Command, Framing},
    ykoath,
};

/// What another program sends in a transaction of its own.
fn meanwhile(bench: &Bench, command: &Command) {
    for command in [&ykoath::select(ykoath::AID), command] {
        for apdu in command.encode(Framing::Short) {
            let answer = bench.card.transmit(&apdu).unwrap();
            assert!(answer.ends_with(&[0x90, 0x00]));
        }
    }
}

#[tokio::test]
async fn a_credential_deleted_elsewhere_is_gone_here() {
    let bench = Bench::new().await;
    let id = bench.add(totp("a")).await;
    meanwhile(&bench, &ykoath::delete(&id));
    let code = bench.token.code(None, refusing(&id)).await;
    assert!(
        matches!(code, Err(TokenError::NoSuchCredential)),
        "{code:?}"
    );
    meanwhile(&bench, &ykoath::put(&id, &totp("b"), true));
    let code = bench.token.code(None, refusing(&id)).await;
    assert!(matches!(code, Err(TokenError::TouchRequired)), "{code:?}");
}

#[tokio::test]
async fn a_touch_demanded_since_is_told_and_then_known() {
    let bench = Bench::new().await;
    bench.card.set_touch(Finger::Manual);
    let id = bench.add(totp("a")).await;
    meanwhile(&bench, &ykoath::put(&id, &totp("a"), true));
    let code = bench.token.code(None, refusing(&id)).await;
    assert!(matches!(code, Err(TokenError::TouchRequired)), "{code:?}");
    assert!(bench.card.touch(), "the card still waits");
    // The next request is served after that one is over, and reads the flags anew.
    let code = bench.token.code(None, refusing(&id)).await;
    assert!(matches!(code, Err(TokenError::TouchRequired)), "{code:?}");
    assert!(!bench.card.status().awaiting_touch);
    assert_eq!(
        bench.token.list(None).await.unwrap()[0].touch,
        Touch::Known(true)
    );
}

#[tokio::test]
async fn a_password_set_elsewhere_is_asked_for() {
    let mut bench = Bench::new().await;
    let id = bench.add(totp("a")).await;
    let key = Arc::new(bench.token.derive_key(b"password"));
    meanwhile(&bench, &ykoath::set_code(&key, &[7; 8]));
    let code = bench.token.code(None, refusing(&id)).await;
    assert!(
        matches!(code, Err(TokenError::PasswordRequired)),
        "{code:?}"
    );
    assert!(bench.token.info().protected);
    assert!(matches!(
        bench.events.recv().await,
        Some(crate::Event::Changed(_))
    ));
    bench.token.code(Some(key), refusing(&id)).await.unwrap();
}

#[tokio::test]
async fn a_credential_added_elsewhere_is_found() {
    let bench = Bench::new().await;
    bench.add(totp("a")).await;
    let id = totp("b").id().unwrap();
    meanwhile(&bench, &ykoath::put(&id, &totp("b"), false));
    let code = bench.token.code(None, refusing(&id)).await.unwrap();
    assert_eq!(*code.text, expected(&totp("b")));
    let again = bench
        .token
        .add(None, Arc::new(totp("b")), AddOptions::default())
        .await;
    assert!(
        matches!(again, Err(TokenError::CredentialExists)),
        "{again:?}"
    );
}

#[tokio::test]
async fn a_counter_made_time_based_elsewhere_gives_its_code_of_the_time() {
    let bench = Bench::new().await;
    let id = bench.add(credential("a", Kind::Hotp)).await;
    bench.token.code(None, refusing(&id)).await.unwrap();
    meanwhile(&bench, &ykoath::delete(&id));
    meanwhile(&bench, &ykoath::put(&id, &totp("a"), false));
    let code = bench.token.code(None, refusing(&id)).await.unwrap();
    assert_eq!(*code.text, expected(&totp("a")));
    assert!(code.until.is_some());
}
