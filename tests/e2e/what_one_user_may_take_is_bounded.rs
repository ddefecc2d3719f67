//! Proves: a user's agents are bounded, so that one user cannot fill oathd's memory, and other
//! users are none the worse; an agent ends with its connection.
//! Does not prove: that other things are bounded.

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
