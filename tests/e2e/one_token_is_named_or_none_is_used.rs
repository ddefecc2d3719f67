//! Proves: which token a call means is decided by what it names, and by nothing else: none, several
//! that fit (each of them named), or two readers that show one token, which is refused wherever it
//! is asked, with an alarm, until one of them leaves.
//! Does not prove: that a relay is found out which does not show the token twice.

use oathd_client::{Client, ErrorName, Event, ImportOptions, Token};
use oathd_tests::world::User;

use crate::desk::{Desk, SEED, SERIAL, cause, named, next, refused, several};

#[tokio::test]
async fn nothing_in_the_readers_is_no_token() {
    let desk = Desk::with(Vec::new()).await;
    let client = desk.client().await;
    assert!(client.tokens().await.unwrap().is_empty());
    for selector in ["", "12345678", "0"] {
        assert_eq!(cause(client.find_token(selector).await), ErrorName::NoToken);
    }
    let all = client.add_to(&[], SEED, &named("mail")).await;
    assert_eq!(cause(all), ErrorName::NoToken);
    let found = client.find_credentials(&Default::default()).await.unwrap();
    assert_eq!((found.credentials.len(), found.unread.len()), (0, 0));
    assert_eq!(
        desk.near.oathctl(User::Root, "code -s mail", ""),
        (4, "NoToken".to_owned())
    );
}

#[tokio::test]
async fn several_are_listed_in_the_order_of_their_serials() {
    let desk = Desk::with(several(7)).await;
    let client = desk.client().await;
    let serials: Vec<_> = (SERIAL..SERIAL + 7).collect();
    let mut listed = Vec::new();
    for token in client.tokens().await.unwrap() {
        listed.push(token.describe().await.unwrap().serial.unwrap());
    }
    assert_eq!(listed, serials);
    let (_, details) = refused(client.find_token("").await);
    let named: Vec<_> = serials.iter().map(u32::to_string).collect();
    assert_eq!(details.tokens, Some(named));
}

#[tokio::test]
async fn several_that_fit_are_named() {
    let desk = Desk::with(several(3)).await;
    let client = desk.client().await;
    let (name, details) = refused(client.find_token("").await);
    assert_eq!(name, ErrorName::AmbiguousToken);
    let tokens = details.tokens.unwrap();
    assert_eq!(tokens, ["12345678", "12345679", "12345680"]);

    let mut ids = Vec::new();
    for token in client.tokens().await.unwrap() {
        let about = token.describe().await.unwrap();
        let by_serial = client.find_token(&about.serial.unwrap().to_string()).await;
        assert_eq!(by_serial.unwrap().path(), token.path());
        ids.push((about.id, token));
    }
    for (id, token) in &ids {
        // The shortest beginning that no other id has, and one that is too short.
        let unique = (1..=id.len())
            .map(|length| &id[..length])
            .find(|start| ids.iter().filter(|(id, _)| id.starts_with(*start)).count() == 1);
        let found = client.find_token(unique.unwrap()).await.unwrap();
        assert_eq!(found.path(), token.path());
    }
    // A serial is whole or not meant.
    assert_eq!(
        cause(client.find_token("1234567").await),
        ErrorName::NoToken
    );

    let add = "add mail";
    let (status, name) = desk.near.oathctl(User::Root, add, "GEZDGNBVGY3TQOJQ\n");
    assert_eq!((status, name.as_str()), (4, "AmbiguousToken"));
}

async fn assert_refused(client: &Client, token: &Token) {
    let duplicated = ErrorName::TokenDuplicated;
    assert_eq!(cause(token.describe().await), duplicated);
    assert_eq!(cause(token.credentials(false).await), duplicated);
    assert_eq!(cause(token.code("mail", false).await), duplicated);
    assert_eq!(cause(token.codes(false).await), duplicated);
    assert_eq!(cause(token.add(SEED, &named("more")).await), duplicated);
    let uri = "otpauth://totp/more?secret=GEZDGNBVGY3TQOJQ";
    let import = token.import_uri(uri, &ImportOptions::default()).await;
    assert_eq!(cause(import), duplicated);
    assert_eq!(
        cause(token.rename("mail", &Default::default()).await),
        duplicated
    );
    assert_eq!(cause(token.remove("mail").await), duplicated);
    assert_eq!(cause(token.unlock(b"password", false).await), duplicated);
    assert_eq!(
        cause(token.set_password(b"password", false).await),
        duplicated
    );
    assert_eq!(cause(token.clear_password().await), duplicated);
    assert_eq!(cause(token.pair().await), duplicated);
    assert_eq!(cause(token.reset().await), duplicated);
    let selector = SERIAL.to_string();
    let (name, details) = refused(client.find_token(&selector).await);
    assert_eq!(name, duplicated);
    assert_eq!(details.tokens, Some(vec![selector.clone(), selector]));
}

#[tokio::test]
async fn a_token_in_two_readers_is_not_served_until_it_is_in_one() {
    let mut cards = several(2);
    cards[1].serial = SERIAL;
    let desk = Desk::with(cards).await;
    let client = desk.client().await;
    let mut events = client.events().await.unwrap();
    desk.card(1).remove();
    let one = async || {
        client
            .tokens()
            .await
            .ok()
            .filter(|tokens| tokens.len() == 1)
    };
    let token = oathd_tests::world::eventually("one token", one)
        .await
        .unwrap()
        .remove(0);
    token.add(SEED, &named("mail")).await.unwrap();
    let memories = (desk.memory(0), desk.memory(1));

    desk.card(1).insert();
    let twin = next(&mut events, |event| match event {
        Event::TokenAdded(added) if added.path() != token.path() => Some(added),
        _ => None,
    });
    let twin = twin.await;
    for _ in [&token, &twin] {
        let alarm = next(&mut events, |event| match event {
            Event::Alarm { token, kind } => Some((token, kind)),
            _ => None,
        });
        let (path, kind) = alarm.await;
        assert!([token.path(), twin.path()].contains(&&path));
        assert_eq!(kind, "duplicated");
    }
    assert_refused(&client, &token).await;
    assert_refused(&client, &twin).await;
    let found = client.find_credentials(&Default::default()).await.unwrap();
    assert_eq!(found.credentials, []);
    let causes: Vec<_> = found.unread.iter().map(|unread| unread.error).collect();
    assert_eq!(causes, [Some(ErrorName::TokenDuplicated); 2]);
    let (status, name) = desk.near.oathctl(User::Root, "info", "");
    assert_eq!((status, name.as_str()), (1, "TokenDuplicated"));
    assert_eq!((desk.memory(0), desk.memory(1)), memories);

    desk.card(1).remove();
    next(&mut events, |event| match event {
        Event::TokenRemoved(path) if path == *twin.path() => Some(()),
        _ => None,
    })
    .await;
    next(&mut events, |event| match event {
        Event::Changed(path) if path == *token.path() => Some(()),
        _ => None,
    })
    .await;
    token.code("mail", false).await.unwrap();
}
