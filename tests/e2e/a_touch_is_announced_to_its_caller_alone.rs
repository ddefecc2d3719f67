//! Proves: a code that needs a touch is refused unless its caller allows one; the wait is told to
//! that caller and to nobody else, of the same user or another; it ends with the code, or with
//! `TouchTimedOut` once the token has given up.
//! Does not prove: what a person sees; that a root who monitors the bus sees nothing.

use std::time::Duration;

use oathd_card::{CardOptions, Touch};
use oathd_client::{AddOptions, Client, ErrorName, Event, Events};
use oathd_tests::world::User;

use crate::desk::{Desk, SEED, cause, named, several, touched};

/// A listener, which has read everything up to now.
async fn listener(client: &Client) -> Events {
    let events = client.events().await.unwrap();
    client.tokens().await.unwrap();
    events
}

/// What a listener heard until a change of a token was announced to everybody.
async fn heard(events: &mut Events) -> Vec<Event> {
    let mut heard = Vec::new();
    loop {
        let next = tokio::time::timeout(oathd_tests::world::BOUND, events.next());
        match next.await.unwrap().unwrap() {
            Event::Changed(_) => return heard,
            event => heard.push(event),
        }
    }
}

#[tokio::test]
async fn the_caller_hears_of_it_and_nobody_else() {
    let desk = Desk::with_a_token().await;
    let caller = desk.client().await;
    let (alice, other) = (desk.near.client(User::Alice).await, desk.client().await);
    let token = desk.find(&caller, 0).await;
    token.add(SEED, &touched("mail")).await.unwrap();
    let mut ears = [
        listener(&caller).await,
        listener(&alice).await,
        listener(&other).await,
    ];
    let announced = async {
        let told = tokio::time::timeout(oathd_tests::world::BOUND, ears[0].next());
        let told = told.await.unwrap().unwrap();
        assert!(desk.card(0).touch());
        told
    };
    let (code, told) = tokio::join!(token.code("mail", true), announced);
    code.unwrap();
    let Event::TouchAwaited {
        token: path,
        credential,
        deadline,
    } = told
    else {
        panic!("{told:?}");
    };
    assert_eq!((&path, credential.as_str()), (token.path(), "mail"));
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    assert!((now.as_secs() - 30..now.as_secs() + 20).contains(&deadline));
    // Everybody hears of a change, and of what was said to everybody before.
    token.add(SEED, &named("more")).await.unwrap();
    for ears in &mut ears {
        let told = heard(ears).await;
        assert!(told.is_empty(), "{told:?}");
    }
}

#[tokio::test]
async fn without_leave_nothing_waits() {
    let desk = Desk::with_a_token().await;
    let client = desk.client().await;
    let token = desk.token().await;
    token.add(SEED, &touched("mail")).await.unwrap();
    for known in [true, false] {
        let token = match known {
            true => token.clone(),
            false => desk.reinsert(&client, 0).await,
        };
        assert_eq!(
            cause(token.code("mail", false).await),
            ErrorName::TouchRequired
        );
        let rows = token.codes(false).await.unwrap();
        assert_eq!(rows[0].reason.as_deref(), Some("TouchRequired"));
        assert!(!desk.card(0).status().awaiting_touch);
    }
    let no_touch = "code -s mail --no-touch";
    assert_eq!(
        desk.near.oathctl(User::Root, no_touch, ""),
        (5, "TouchRequired".to_owned())
    );
}

/// Nothing but trying tells that a counter credential wants a touch; it is found out, not waited for.
#[tokio::test]
async fn a_counter_that_needs_a_touch_is_found_out() {
    let desk = Desk::with_a_token().await;
    let client = desk.client().await;
    let hotp = AddOptions {
        kind: Some("hotp".to_owned()),
        ..touched("mail")
    };
    desk.token().await.add(SEED, &hotp).await.unwrap();
    let token = desk.reinsert(&client, 0).await;
    let refused = token.code("mail", false);
    assert_eq!(cause(refused.await), ErrorName::TouchRequired);
    // The token waits all the same: its wait cannot be broken off.
    desk.touch(0).await;
    assert_eq!(
        cause(token.code("mail", false).await),
        ErrorName::TouchRequired
    );
    let (code, ()) = tokio::join!(token.code("mail", true), desk.touch(0));
    code.unwrap();
}

#[tokio::test]
async fn a_token_that_nobody_touches_gives_up() {
    let impatient = CardOptions {
        touch: Touch::Never,
        touch_timeout: Duration::from_millis(600),
        ..several(1).remove(0)
    };
    let desk = Desk::with(vec![impatient]).await;
    let token = desk.token().await;
    token.add(SEED, &touched("mail")).await.unwrap();
    token.add(SEED, &named("more")).await.unwrap();
    for locked in [false, true] {
        if locked {
            token.set_password(b"password", true).await.unwrap();
        }
        assert_eq!(
            cause(token.code("mail", true).await),
            ErrorName::TouchTimedOut
        );
        token.code("more", false).await.unwrap();
    }
    assert_eq!(
        desk.near.oathctl(User::Root, "code -s mail", ""),
        (5, "TouchTimedOut".to_owned())
    );
}
