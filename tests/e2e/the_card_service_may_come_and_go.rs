//! Proves, with the real pcscd: without it calls end with `ServiceUnavailable`; whenever it ends –
//! while nothing happens, while somebody watches, in the middle of a call – oathd stays, and serves
//! again by itself once it is back; a program that watches hears that the tokens left and came
//! back, and an oathd that waits for pcscd's return does not wake in between.
//! Does not prove: activation by systemd.

use std::fs;

use oathd_client::{Client, ErrorName, Event, Token};
use oathd_tests::world::{CardSetup, User, World, eventually};

use crate::desk::{SEED, cause, meanwhile, named, next, touched};

fn setup() -> CardSetup {
    CardSetup {
        touch: "manual",
        ..CardSetup::default()
    }
}

async fn client(world: &World) -> Client {
    Client::with(world.connect(User::Root).await.unwrap()).without_interaction()
}

async fn token(client: &Client) -> Token {
    let find = async || client.find_token("").await.ok();
    eventually("the token", find).await.unwrap()
}

fn added(event: Event) -> Option<Token> {
    match event {
        Event::TokenAdded(token) => Some(token),
        _ => None,
    }
}

fn removed(event: Event) -> Option<()> {
    matches!(event, Event::TokenRemoved(_)).then_some(())
}

#[tokio::test]
async fn nobody_has_to_start_oathd_again() {
    let mut world = World::new().unwrap();
    world.start_oathd(&[]).unwrap();
    let client = client(&world).await;
    assert_eq!(cause(client.tokens().await), ErrorName::ServiceUnavailable);
    assert_eq!(
        cause(client.find_token("").await),
        ErrorName::ServiceUnavailable
    );
    let found = client.find_credentials(&Default::default()).await;
    assert_eq!(cause(found), ErrorName::ServiceUnavailable);
    let code = world.oathctl(&["code", "--json"]).unwrap();
    assert_eq!(code.status.code(), Some(69));
    assert!(code.texts().0.contains("\"ServiceUnavailable\""));

    world.start_pcscd().unwrap();
    world.insert_card(setup()).unwrap();
    let first = token(&client).await;
    first.add(SEED, &named("mail")).await.unwrap();
    // Twice: a crash, and an end in order.
    for crash in [true, false] {
        token(&client).await.code("mail", false).await.unwrap();
        if crash {
            world.crash_pcscd().unwrap();
        } else {
            world.stop_pcscd().unwrap();
        }
        let away = async || match client.tokens().await {
            Ok(_) => None,
            refused => Some(cause(refused)),
        };
        let name = eventually("the end of pcscd", away).await.unwrap();
        assert_eq!(name, ErrorName::ServiceUnavailable);
        world.start_pcscd().unwrap();
        world.reinsert_cards().unwrap();
    }
    token(&client).await.code("mail", false).await.unwrap();
    world.oathd().unwrap().check_alive().unwrap();
}

#[tokio::test]
async fn who_watches_hears_of_it() {
    let mut world = World::new().unwrap();
    world.start_oathd(&[]).unwrap();
    let client = client(&world).await;
    let mut events = client.events().await.unwrap();
    // Who asks while there is no pcscd watches from then on.
    assert_eq!(cause(client.tokens().await), ErrorName::ServiceUnavailable);
    world.start_pcscd().unwrap();
    world.insert_card(setup()).unwrap();
    let token = next(&mut events, added).await;
    token.add(SEED, &named("mail")).await.unwrap();
    for _ in 0..2 {
        world.crash_pcscd().unwrap();
        next(&mut events, removed).await;
        assert_eq!(cause(client.tokens().await), ErrorName::ServiceUnavailable);
        world.start_pcscd().unwrap();
        world.reinsert_cards().unwrap();
        let token = next(&mut events, added).await;
        token.code("mail", false).await.unwrap();
    }
    // Pulled and put back under its eyes.
    world.card(0).remove().unwrap();
    next(&mut events, removed).await;
    world.card(0).insert().unwrap();
    let token = next(&mut events, added).await;
    token.code("mail", false).await.unwrap();
}

#[tokio::test]
async fn a_call_under_way_ends_with_it() {
    let mut world = World::new().unwrap();
    world.start_pcscd().unwrap();
    world.insert_card(setup()).unwrap();
    world.start_oathd(&[]).unwrap();
    let client = client(&world).await;
    let waiting = token(&client).await;
    waiting.add(SEED, &touched("mail")).await.unwrap();
    waiting.add(SEED, &named("more")).await.unwrap();
    let code = waiting.code("mail", true);
    tokio::pin!(code);
    let awaited = async || {
        let log = world.card(0).process().log();
        log.contains("touch-awaited").then_some(())
    };
    meanwhile(&mut code, eventually("the wait for a touch", awaited))
        .await
        .unwrap();
    world.crash_pcscd().unwrap();
    assert_eq!(cause(code.await), ErrorName::ServiceUnavailable);
    world.start_pcscd().unwrap();
    world.reinsert_cards().unwrap();
    token(&client).await.code("more", false).await.unwrap();
}

/// How often the threads of process `pid` have slept and woken.
fn wakeups(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let count = |status: String| -> u64 {
        let lines = status.lines().filter(|line| line.contains("ctxt_switches"));
        lines
            .map(|line| line.rsplit_once('\t').unwrap().1.parse::<u64>().unwrap())
            .sum()
    };
    tasks
        .filter_map(|task| fs::read_to_string(task.path().join("status")).ok())
        .map(count)
        .sum()
}

#[tokio::test]
async fn nobody_polls_for_its_return() {
    let mut world = World::new().unwrap();
    world.start_pcscd().unwrap();
    world.insert_card(setup()).unwrap();
    world.start_oathd(&[]).unwrap();
    let client = client(&world).await;
    let mut events = client.events().await.unwrap();
    client.tokens().await.unwrap();
    token(&client).await;
    world.stop_pcscd().unwrap();
    next(&mut events, removed).await;
    let pid = world.oathd().unwrap().pid();
    // Once it has settled, a look every second (the longest that a poller would leave a user
    // waiting) finds the same count three times.
    let mut counts = Vec::new();
    let asleep = async || {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        counts.push(wakeups(pid));
        let last = counts.len().checked_sub(3)?;
        counts[last..]
            .iter()
            .all(|count| *count == counts[last])
            .then_some(())
    };
    eventually("an oathd that sleeps", asleep).await.unwrap();
    world.start_pcscd().unwrap();
    world.reinsert_cards().unwrap();
    next(&mut events, added).await;
}
