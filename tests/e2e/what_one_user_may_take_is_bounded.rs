//! Proves: a user's agents, and the programs that oathd tells of tokens, are bounded, so that one
//! user cannot fill oathd's memory or crowd the others out, and other users are none the worse;
//! both end with their connections.
//! Does not prove: the bound on calls under way.

use oathd_tests::world::{User, eventually};
use zbus::Connection;

use crate::near::Near;
use crate::raw::{Options, ROOT, call};

const LIMITS_EXCEEDED: &str = "org.freedesktop.DBus.Error.LimitsExceeded";
const INVALID_ARGS: &str = "org.freedesktop.DBus.Error.InvalidArgs";

async fn register(connection: &Connection, number: usize) -> Result<(), String> {
    let path = zbus::ObjectPath::try_from(format!("/agent/{number}")).unwrap();
    let body = (path, Options::new());
    call(connection, ROOT, "RegisterAgent", &body)
        .await
        .map(drop)
}

#[tokio::test]
async fn there_is_an_end_to_agents() {
    let near = Near::with_a_token().await;
    let alice = near.world.connect(User::Alice).await.unwrap();
    let bob = near.world.connect(User::Bob).await.unwrap();
    let mut taken = 0;
    let refused = loop {
        assert!(taken < 1000, "no end");
        match register(&alice, taken).await {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused, LIMITS_EXCEEDED);
    assert!(taken > 0);
    // Registering one again takes no more.
    register(&alice, 0).await.unwrap();
    let again = near.world.connect(User::Alice).await.unwrap();
    assert_eq!(register(&again, 0).await.unwrap_err(), LIMITS_EXCEEDED);
    register(&bob, 0).await.unwrap();
    // Nobody ends another's agent.
    let path = zbus::ObjectPath::from_static_str_unchecked("/agent/1");
    let ended = call(&bob, ROOT, "UnregisterAgent", &path).await;
    assert_eq!(ended.unwrap_err(), INVALID_ARGS);
    call(&alice, ROOT, "UnregisterAgent", &path).await.unwrap();
    register(&again, 0).await.unwrap();

    alice.close().await.unwrap();
    let freed = async || register(&again, 1).await.ok();
    eventually("room for agents", freed).await.unwrap();
}

#[tokio::test]
async fn there_is_an_end_to_programs_that_are_told_of_tokens() {
    let near = Near::with_a_token().await;
    let list = async |connection: &Connection| {
        call(connection, ROOT, "ListTokens", &Options::new())
            .await
            .map(drop)
    };
    let mut told = Vec::new();
    let refused = loop {
        assert!(told.len() < 1000, "no end");
        let alice = near.world.connect(User::Alice).await.unwrap();
        match list(&alice).await {
            Ok(()) => told.push(alice),
            Err(error) => break error,
        }
    };
    assert_eq!(refused, LIMITS_EXCEEDED);
    // One that is told already is told again.
    list(&told[0]).await.unwrap();
    let bob = near.world.connect(User::Bob).await.unwrap();
    list(&bob).await.unwrap();

    told.pop().unwrap().close().await.unwrap();
    let alice = near.world.connect(User::Alice).await.unwrap();
    let freed = async || list(&alice).await.ok();
    eventually("room for programs", freed).await.unwrap();
}
