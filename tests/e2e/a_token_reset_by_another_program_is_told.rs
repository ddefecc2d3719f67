//! Proves: when another program wipes a token, the next call on it – whichever it is – says
//! `TokenReset` and does nothing, watchers get the alarm, and from then on the token is served as
//! what it is: empty, under another id, with every key to it forgotten.
//! Does not prove: that a wipe is seen before somebody asks.

use oathd_card::SharedCard;
use oathd_client::{Error, ErrorName, Event, Token};
use oathd_tests::world::User;

use crate::desk::{Desk, SEED, cause, named, next};

/// Another program selects the application and resets it.
fn wipe(card: &SharedCard) {
    let select: [u8; 12] = [0, 0xA4, 4, 0, 7, 0xA0, 0, 0, 5, 0x27, 0x21, 1];
    for command in [&select[..], &[0, 4, 0xDE, 0xAD]] {
        assert!(card.transmit(command).unwrap().ends_with(&[0x90, 0]));
    }
}

async fn first_after_a_wipe(call: impl AsyncFn(&Token) -> Result<(), Error>) {
    let desk = Desk::with_a_token().await;
    let client = desk.client().await;
    let token = desk.token().await;
    token.add(SEED, &named("mail")).await.unwrap();
    token.set_password(b"password", true).await.unwrap();
    let id = token.describe().await.unwrap().id;
    let mut events = client.events().await.unwrap();
    client.tokens().await.unwrap();
    wipe(desk.card(0));
    let wiped = desk.memory(0);
    assert_eq!(cause(call(&token).await), ErrorName::TokenReset);
    assert_eq!(desk.memory(0), wiped);
    let alarm = next(&mut events, |event| match event {
        Event::Alarm { token, kind } => Some((token, kind)),
        _ => None,
    });
    let (path, kind) = alarm.await;
    assert_eq!((&path, kind.as_str()), (token.path(), "reset"));
    let about = token.describe().await.unwrap();
    assert_ne!(about.id, id);
    assert!(!about.locked && !about.unlocked && !about.remembered);
    assert_eq!(token.credentials(false).await.unwrap(), []);
    token.add(SEED, &named("mail")).await.unwrap();
    token.code("mail", false).await.unwrap();
}

#[tokio::test]
async fn by_whatever_call_comes_first() {
    first_after_a_wipe(async |token| token.credentials(false).await.map(drop)).await;
    first_after_a_wipe(async |token| token.code("mail", false).await.map(drop)).await;
    first_after_a_wipe(async |token| token.add(SEED, &named("more")).await.map(drop)).await;
    first_after_a_wipe(async |token| token.remove("mail").await).await;
    first_after_a_wipe(async |token| token.clear_password().await).await;
    first_after_a_wipe(async |token| token.pair().await).await;
}

#[tokio::test]
async fn and_by_oathctl() {
    let desk = Desk::with_a_token().await;
    desk.token().await.add(SEED, &named("mail")).await.unwrap();
    wipe(desk.card(0));
    assert_eq!(
        desk.near.oathctl(User::Root, "code -s mail", ""),
        (1, "TokenReset".to_owned())
    );
    assert_eq!(
        desk.near.oathctl(User::Root, "code -s mail", ""),
        (4, "NoSuchCredential".to_owned())
    );
}
