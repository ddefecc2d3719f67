//! Proves: a user's agents, the programs that oathd tells of tokens, and the tokens of one call are
//! bounded, so that one user cannot fill oathd's memory or crowd the others out, and other users are
//! none the worse; agents and programs end with their connections.
//! Does not prove: the bound on calls under way.

use oathd_daemon::secret_fd;
use oathd_tests::world::{User, eventually};
use zbus::{Connection, Fd};

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

#[tokio::test]
async fn there_is_an_end_to_the_tokens_of_a_call() {
    let near = Near::with_a_token().await;
    let path = near.token(User::Alice).await.path().clone();
    let alice = near.world.connect(User::Alice).await.unwrap();
    let import = async |name: &str, tokens: usize| {
        let uri = format!("otpauth://totp/{name}?secret=GEZDGNBVGY3TQOJQ");
        let uri = Fd::from(secret_fd::create(uri.as_bytes()).unwrap());
        let body = (vec![&path; tokens], uri, Options::new());
        call(&alice, ROOT, "ImportUri", &body).await.map(drop)
    };
    let add = async |tokens: usize| {
        let seed = Fd::from(secret_fd::create(b"12345678901234567890").unwrap());
        let options = Options::from([("name", "more".into())]);
        let body = (vec![&path; tokens], seed, options);
        call(&alice, ROOT, "AddCredential", &body).await.map(drop)
    };
    assert_eq!(import("mail", 17).await.unwrap_err(), INVALID_ARGS);
    assert_eq!(add(17).await.unwrap_err(), INVALID_ARGS);
    import("mail", 16).await.unwrap();
    add(16).await.unwrap();
}
