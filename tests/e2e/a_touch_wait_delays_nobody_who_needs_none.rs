//! Proves: while one token waits for a touch, every call on another is served and a search over all
//! tokens names it as unread; on the same token a call that needs no touch overtakes one that does
//! and has not begun.
//! Does not prove: that a wait which has begun can be broken off; PC/SC has no way to.

use oathd_client::{CredentialQuery, ErrorName};

use crate::desk::{Desk, SEED, SERIAL, cause, meanwhile, named, several, touched};

#[tokio::test]
async fn another_token_is_served() {
    let desk = Desk::with(several(2)).await;
    let client = desk.client().await;
    let (waiting, free) = (desk.find(&client, 0).await, desk.find(&client, 1).await);
    for token in [&waiting, &free] {
        token.add(SEED, &touched("mail")).await.unwrap();
        token.add(SEED, &named("more")).await.unwrap();
    }
    let code = waiting.code("mail", true);
    tokio::pin!(code);
    let others = async {
        desk.touch_request(0).await;
        free.code("more", false).await.unwrap();
        free.codes(false).await.unwrap();
        free.credentials(false).await.unwrap();
        free.describe().await.unwrap();
        free.remove("more").await.unwrap();
        let (code, ()) = tokio::join!(free.code("mail", true), desk.touch(1));
        code.unwrap();
        // Looking for tokens waits for none either, and tells of each what is known of it.
        assert_eq!(client.tokens().await.unwrap().len(), 2);
        let told = waiting.describe().await.unwrap();
        assert_eq!((told.serial, told.used), (Some(SERIAL), None));
        client.find_token("").await.unwrap_err();
        assert!(desk.card(0).status().awaiting_touch);
    };
    meanwhile(&mut code, others).await;
    desk.touch(0).await;
    code.await.unwrap();
}

/// Of two searches, the one that can only wait for the token ends at its deadline, and last.
#[tokio::test]
async fn a_search_over_all_tokens_leaves_it_out() {
    let desk = Desk::with(several(2)).await;
    let client = desk.client().await;
    let (waiting, free) = (desk.find(&client, 0).await, desk.find(&client, 1).await);
    waiting.add(SEED, &touched("mail")).await.unwrap();
    free.add(SEED, &named("more")).await.unwrap();
    let code = waiting.code("mail", true);
    let alone = CredentialQuery {
        token: Some(SERIAL.to_string()),
        ..CredentialQuery::default()
    };
    let all = CredentialQuery::default();
    let (alone, all) = (
        client.find_credentials(&alone),
        client.find_credentials(&all),
    );
    tokio::pin!(code, alone, all);
    meanwhile(&mut code, desk.touch_request(0)).await;
    let found = tokio::select! {
        biased;
        early = &mut code => panic!("{early:?}"),
        early = &mut alone => panic!("{early:?}"),
        found = &mut all => found.unwrap(),
    };
    let ids: Vec<_> = found.credentials.iter().map(|one| &*one.id).collect();
    assert_eq!(ids, ["more"]);
    assert_eq!(found.unread.len(), 1);
    assert_eq!(found.unread[0].error, Some(ErrorName::TokenBusy));
    assert!(desk.card(0).status().awaiting_touch);
    // Where there is no other to show, the token is worth the wait.
    desk.touch(0).await;
    let (code, alone) = tokio::join!(code, alone);
    code.unwrap();
    let alone = alone.unwrap();
    assert_eq!((alone.credentials.len(), alone.unread.len()), (1, 0));
}

#[tokio::test]
async fn a_call_without_a_touch_overtakes_one_with() {
    let desk = Desk::with_a_token().await;
    let client = desk.client().await;
    let token = desk.find(&client, 0).await;
    for name in ["first", "second"] {
        token.add(SEED, &touched(name)).await.unwrap();
    }
    token.add(SEED, &named("plain")).await.unwrap();
    token.codes(false).await.unwrap();
    let first = token.code("first", true);
    let second = token.code("second", true);
    let plain = token.code("plain", false);
    tokio::pin!(first, second, plain);
    meanwhile(&mut first, desk.touch_request(0)).await;
    // Both are sent while the first waits; a later call that has been answered tells that they
    // have arrived.
    let arrived = async {
        for _ in 0..3 {
            client.tokens().await.unwrap();
        }
    };
    tokio::select! {
        biased;
        early = &mut second => panic!("{early:?}"),
        early = &mut plain => panic!("{early:?}"),
        () = arrived => {}
    }
    desk.touch(0).await;
    first.await.unwrap();
    // Nobody touches the token for the second.
    tokio::select! {
        biased;
        early = &mut second => panic!("{early:?}"),
        code = &mut plain => drop(code.unwrap()),
    }
    desk.touch(0).await;
    second.await.unwrap();
}

/// A call that cannot begin before the deadline never does.
#[tokio::test]
async fn what_is_given_up_behind_a_touch_is_never_done() {
    let desk = Desk::with_a_token().await;
    let client = desk.client().await;
    let token = desk.find(&client, 0).await;
    token.add(SEED, &touched("mail")).await.unwrap();
    token.codes(false).await.unwrap();
    let code = token.code("mail", true);
    tokio::pin!(code);
    meanwhile(&mut code, desk.touch_request(0)).await;
    let before = desk.memory(0);
    let commands = desk.card(0).status().commands;
    let more = named("more");
    tokio::select! {
        biased;
        early = &mut code => panic!("{early:?}"),
        added = token.add(SEED, &more) => assert_eq!(cause(added), ErrorName::TokenBusy),
    }
    desk.touch(0).await;
    code.await.unwrap();
    assert_eq!(token.credentials(false).await.unwrap().len(), 1);
    // A listing is three commands, and nothing was sent between.
    assert_eq!(desk.card(0).status().commands, commands + 3);
    assert_eq!(desk.memory(0), before);
}
