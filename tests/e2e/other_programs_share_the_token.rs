//! Proves, behind the real pcscd: a call waits for a program that holds the token, exclusively or
//! in a long transaction, and ends with `TokenBusy` at the deadline; what was given up so never
//! reaches the card; a program that resets the card between calls or ends its session by an UNPOWER
//! costs nobody a code, an unlocked token included.
//! Does not prove: that other programs are as considerate towards oathd's sessions.

use std::fs;

use oathd_client::{Client, CredentialQuery, ErrorName, Event, Token};
use oathd_tests::world::{BOUND, CardSetup, Process, User, World, eventually, reader_name, until};

use crate::desk::{SEED, cause, meanwhile, named, touched};

/// oathd is often started by the very call that finds the token in other hands.
#[tokio::test]
async fn a_token_that_was_held_from_the_start_is_busy_and_not_missing() {
    for kind in ["exclusive", "transaction"] {
        let mut world = World::new().unwrap();
        world.start_pcscd().unwrap();
        world.insert_card(CardSetup::default()).unwrap();
        fs::write(world.path("oathd.conf"), "busy_deadline_seconds = 1\n").unwrap();
        let mut holder = hold(&world, kind);
        world.start_oathd(&["--config", "/run/oathd.conf"]).unwrap();
        let client = Client::with(world.connect(User::Root).await.unwrap());
        assert_eq!(cause(client.find_token("").await), ErrorName::TokenBusy);
        assert_eq!(
            cause(client.find_token("12345678").await),
            ErrorName::TokenBusy
        );
        for token in [None, Some("12345678".to_owned())] {
            let query = CredentialQuery {
                token,
                ..CredentialQuery::default()
            };
            let found = client.find_credentials(&query).await;
            assert_eq!(cause(found), ErrorName::TokenBusy);
        }
        let code = world.oathctl(&["code", "--json"]).unwrap();
        assert_eq!(code.status.code(), Some(75), "{code:?}");
        // Who watches need not ask again.
        let mut events = client.events().await.unwrap();
        assert_eq!(cause(client.tokens().await), ErrorName::TokenBusy);
        holder.close_input();
        assert!(holder.wait().unwrap().success());
        let added = tokio::time::timeout(BOUND, events.next()).await.unwrap();
        assert!(matches!(added, Some(Event::TokenAdded(_))), "{added:?}");
    }
}

/// A world whose oathd waits so many seconds for a token; and the token.
async fn world(patience: u32) -> (World, Token) {
    let mut world = World::new().unwrap();
    world.start_pcscd().unwrap();
    let setup = CardSetup {
        touch: "manual",
        ..CardSetup::default()
    };
    world.insert_card(setup).unwrap();
    let settings = format!("busy_deadline_seconds = {patience}\n");
    fs::write(world.path("oathd.conf"), settings).unwrap();
    world.start_oathd(&["--config", "/run/oathd.conf"]).unwrap();
    let client = Client::with(world.connect(User::Root).await.unwrap()).without_interaction();
    let find = async || client.find_token("").await.ok();
    let token = eventually("token", find).await.unwrap();
    (world, token)
}

/// Another program holds the token until its input closes.
fn hold(world: &World, kind: &str) -> Process {
    let program = world.pcsc(&["hold", kind, &reader_name(0)]).unwrap();
    let mut holder = program.start(&format!("hold-{kind}")).unwrap();
    holder.until_logged("held").unwrap();
    holder
}

/// How many commands the card has received.
fn commands(world: &mut World) -> u64 {
    let process = world.card(0).process();
    let told = |log: &str| -> Vec<u64> {
        let counts = log
            .lines()
            .filter_map(|line| line.strip_prefix("commands "));
        counts.map(|count| count.parse().unwrap()).collect()
    };
    let before = told(&process.log()).len();
    process.say("count").unwrap();
    until("the count", || {
        Ok(told(&process.log()).get(before).copied())
    })
    .unwrap()
}

#[tokio::test]
async fn a_holder_is_waited_for_until_the_deadline() {
    let (mut world, token) = world(3).await;
    token.add(SEED, &named("mail")).await.unwrap();
    for kind in ["exclusive", "transaction"] {
        let mut holder = hold(&world, kind);
        let before = commands(&mut world);
        assert_eq!(cause(token.code("mail", false).await), ErrorName::TokenBusy);
        let again = token.add(SEED, &named("more")).await;
        assert_eq!(cause(again), ErrorName::TokenBusy);
        let program = world.built("oathctl").unwrap();
        let output = program
            .arguments(&["code", "-s", "mail", "--json"])
            .run()
            .unwrap();
        assert_eq!(output.status.code(), Some(75));
        assert!(output.texts().0.contains("\"TokenBusy\""), "{output:?}");
        assert_eq!(commands(&mut world), before);

        holder.close_input();
        assert!(holder.wait().unwrap().success());
        // What was given up is not caught up on: two commands for this code, and no write.
        token.code("mail", false).await.unwrap();
        assert_eq!(commands(&mut world), before + 2, "{kind}");
        assert_eq!(token.credentials(false).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_holder_that_lets_go_in_time_costs_time_alone() {
    let (world, token) = world(20).await;
    token.add(SEED, &named("mail")).await.unwrap();
    for kind in ["exclusive", "transaction"] {
        let mut holder = hold(&world, kind);
        let code = token.code("mail", false);
        tokio::pin!(code);
        // It has not been answered by the time that another call, sent later, has.
        tokio::select! {
            biased;
            early = &mut code => panic!("{early:?}"),
            busy = busy(&world) => assert!(busy),
        }
        holder.close_input();
        assert!(code.await.is_ok());
        assert!(holder.wait().unwrap().success());
    }
}

/// Waits until oathd works on the token.
async fn busy(world: &World) -> bool {
    let connection = world.connect(User::Bob).await.unwrap();
    let objects = zbus::fdo::ObjectManagerProxy::builder(&connection)
        .destination("org.oathd.Oathd1")
        .path("/org/oathd/Oathd1")
        .build()
        .await
        .unwrap();
    let works = async || {
        let objects = objects.get_managed_objects().await.unwrap();
        let token = objects.values().next()?.values().next()?;
        bool::try_from(token["Busy"].try_clone().unwrap())
            .ok()?
            .then_some(())
    };
    eventually("work on the token", works).await.is_ok()
}

#[tokio::test]
async fn a_reset_between_calls_costs_nothing() {
    let (world, token) = world(20).await;
    token.add(SEED, &named("mail")).await.unwrap();
    token.code("mail", false).await.unwrap();
    for locked in [false, true] {
        if locked {
            token.set_password(b"password", false).await.unwrap();
        }
        for ending in ["reset", "unpower"] {
            let program = world.pcsc(&["end", ending, &reader_name(0)]).unwrap();
            program.run().unwrap().stdout().unwrap();
            token.code("mail", false).await.unwrap();
            token.add(SEED, &named("more")).await.unwrap();
            assert_eq!(token.credentials(false).await.unwrap().len(), 2);
            token.remove("more").await.unwrap();
        }
    }
}

/// A touch wait is a transaction: another program waits for its end, and does not break it.
#[tokio::test]
async fn a_touch_wait_is_not_broken_by_a_program_that_comes() {
    let (mut world, token) = world(20).await;
    token.add(SEED, &touched("mail")).await.unwrap();
    let code = token.code("mail", true);
    tokio::pin!(code);
    let awaited = async || world_log(&mut world, "touch-awaited");
    meanwhile(&mut code, eventually("the wait for a touch", awaited))
        .await
        .unwrap();
    let program = world.pcsc(&["end", "reset", &reader_name(0)]).unwrap();
    let mut other = program.start("resetting").unwrap();
    other.until_logged("connecting").unwrap();
    world.card(0).touch().unwrap();
    code.await.unwrap();
    assert!(other.wait().unwrap().success());
    let code = token.code("mail", true);
    tokio::pin!(code);
    let twice = async || {
        let waits = world
            .card(0)
            .process()
            .log()
            .matches("touch-awaited")
            .count();
        (waits == 2).then_some(())
    };
    meanwhile(&mut code, eventually("the second wait", twice))
        .await
        .unwrap();
    world.card(0).touch().unwrap();
    code.await.unwrap();
}

fn world_log(world: &mut World, text: &str) -> Option<()> {
    world.card(0).process().log().contains(text).then_some(())
}
