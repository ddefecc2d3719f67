//! Proves: told to end, oathd first answers a change that it has begun; a client that leaves takes
//! its waiting work with it, and the token is free for others; without its bus the process ends
//! with a failure, even while a token waits for a touch.
//! Does not prove: anything about systemd, which is not there.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use oathd_api::ExitCode;
use oathd_card::{CardOptions, SharedCard, Touch};
use oathd_client::{AddOptions, Client, Token};
use oathd_tests::world::{CardSetup, User, World, eventually, until};
use rustix::process::Signal;
use zbus::fdo::DBusProxy;

use crate::near::Near;
use crate::raw::is_busy;

fn named(name: &str, touch: bool) -> AddOptions {
    AddOptions {
        name: Some(name.into()),
        touch: Some(touch),
        ..AddOptions::default()
    }
}

const SEED: &[u8] = b"12345678901234567890";

async fn token(world: &World) -> Token {
    let client = Client::with(world.connect(User::Root).await.unwrap());
    let found = async || client.find_token("").await.ok();
    eventually("token", found).await.unwrap()
}

/// A world with the credential `mail`, and the number of its card.
async fn with_mail() -> (World, usize) {
    let mut world = World::new().unwrap();
    world.start_pcscd().unwrap();
    let card = world.insert_card(CardSetup::default()).unwrap();
    world.start_oathd(&[]).unwrap();
    let root = token(&world).await;
    root.add(SEED, &named("mail", false)).await.unwrap();
    (world, card)
}

/// How many commands the card has got so far.
fn commands(world: &mut World, card: usize) -> u64 {
    let process = world.card(card).process();
    let counts = |log: &str| log.matches("commands ").count();
    let before = counts(&process.log());
    process.say("count").unwrap();
    let counted = until("count", || {
        let log = process.log();
        Ok((counts(&log) > before && log.ends_with('\n')).then_some(log))
    });
    let log = counted.unwrap();
    let (_, last) = log.rsplit_once("commands ").unwrap();
    last.lines().next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_change_under_way_is_answered_before_the_end() {
    let (mut world, card) = with_mail().await;
    let root = token(&world).await;
    let before = commands(&mut world, card);
    world.card(card).process().say("fault delay=150").unwrap();
    let remove = root.remove("mail");
    let end = async {
        // The first command asks whether the token is open, the second begins the change.
        let mut begun = async || (commands(&mut world, card) >= before + 2).then_some(());
        eventually("change under way", &mut begun).await.unwrap();
        world.oathd().unwrap().signal(Signal::TERM).unwrap();
        world.oathd().unwrap().until_logged("stopping").unwrap();
    };
    let (answer, ()) = tokio::join!(remove, end);
    answer.unwrap();
    let status = world.oathd().unwrap().wait().unwrap();
    assert!(status.success(), "{status}");
    world.start_oathd(&[]).unwrap();
    assert_eq!(token(&world).await.credentials(false).await.unwrap(), []);
}

#[tokio::test]
async fn what_is_answered_is_what_was_done() {
    let (mut world, card) = with_mail().await;
    let root = token(&world).await;
    world.card(card).freeze().unwrap();
    let remove = root.remove("mail");
    let end = async {
        let busy = async || is_busy(&world, &root).await.then_some(());
        eventually("work on the token", busy).await.unwrap();
        world.oathd().unwrap().signal(Signal::TERM).unwrap();
        world.oathd().unwrap().until_logged("stopping").unwrap();
        world.card(card).thaw().unwrap();
    };
    let (answer, ()) = tokio::join!(remove, end);
    let status = world.oathd().unwrap().wait().unwrap();
    assert!(status.success(), "{status}");
    world.start_oathd(&[]).unwrap();
    let left = token(&world).await.credentials(false).await.unwrap();
    assert_eq!(left.is_empty(), answer.is_ok(), "{answer:?}");
}

#[tokio::test]
async fn a_reader_of_codes_hears_of_the_end() {
    let mut near = touched_by_hand(Duration::from_secs(2)).await;
    let alice = near.token(User::Alice).await;
    let waiting = tokio::spawn(async move { alice.code("mail", true).await });
    until_awaited(&near).await;
    near.stop().await;
    // Answered or disconnected, but not left waiting.
    let answer = tokio::time::timeout(oathd_tests::world::BOUND, waiting).await;
    assert!(answer.unwrap().unwrap().is_err());
}

/// A token with the credential `mail`, which wants a touch; nobody touches it.
async fn touched_by_hand(timeout: Duration) -> Near {
    let card = SharedCard::new(CardOptions {
        touch: Touch::Manual,
        touch_timeout: timeout,
        ..CardOptions::default()
    });
    let near = Near::behind(vec![card.unwrap()], |readers| Arc::new(readers)).await;
    let token = near.token(User::Alice).await;
    token.add(SEED, &named("mail", true)).await.unwrap();
    near
}

async fn until_awaited(near: &Near) {
    let awaited = async || near.cards[0].status().awaiting_touch.then_some(());
    eventually("touch wait", awaited).await.unwrap();
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_waiting_work_along() {
    let near = touched_by_hand(Duration::from_secs(60)).await;
    let (alice, bob) = (near.token(User::Alice).await, near.client(User::Bob).await);
    let first = tokio::spawn(async move { alice.code("mail", true).await });
    until_awaited(&near).await;
    // Bob's call waits behind the touch: his later one is answered, so that one has arrived.
    let connection = bob.connection().clone();
    let waiting = bob.find_token("").await.unwrap();
    let second = tokio::spawn(async move { waiting.add(SEED, &named("bob", false)).await });
    tokio::task::yield_now().await;
    bob.version().await.unwrap();
    connection.clone().close().await.unwrap();
    assert!(second.await.unwrap().is_err());
    let root = near.world.connect(User::Root).await.unwrap();
    let bus = DBusProxy::new(&root).await.unwrap();
    let left = async || {
        let name = connection.unique_name().unwrap().clone().into();
        (!bus.name_has_owner(name).await.unwrap()).then_some(())
    };
    eventually("end of Bob's connection", left).await.unwrap();
    assert!(near.cards[0].touch());
    first.await.unwrap().unwrap();
    let listed = near.token(User::Root).await.credentials(true).await;
    assert_eq!(listed.unwrap().len(), 1);
}

#[tokio::test]
async fn a_touch_that_nobody_waits_for_holds_the_token_no_longer_than_it_blinks() {
    let near = touched_by_hand(Duration::from_secs(3)).await;
    let alice = near.client(User::Alice).await;
    let (token, connection) = (alice.find_token("").await.unwrap(), alice.connection());
    let code = tokio::spawn(async move { token.code("mail", true).await });
    until_awaited(&near).await;
    connection.clone().close().await.unwrap();
    assert!(code.await.unwrap().is_err());
    let listed = near.token(User::Bob).await.credentials(false).await;
    assert_eq!(listed.unwrap().len(), 1);
}

#[tokio::test]
async fn without_its_bus_the_process_ends_with_a_failure() {
    for touching in [false, true] {
        let mut world = World::new().unwrap();
        world.start_pcscd().unwrap();
        let setup = CardSetup {
            touch: "manual",
            options: vec!["--touch-timeout".into(), "500".into()],
            ..CardSetup::default()
        };
        let card = world.insert_card(setup).unwrap();
        world.start_oathd(&[]).unwrap();
        let root = token(&world).await;
        root.add(SEED, &named("mail", true)).await.unwrap();
        if touching {
            tokio::spawn(async move { root.code("mail", true).await });
            let awaited = async || {
                let log = world.card(card).process().log();
                log.contains("touch-awaited").then_some(())
            };
            eventually("touch wait", awaited).await.unwrap();
        }
        world.stop_bus().unwrap();
        let status = world.oathd().unwrap().wait().unwrap();
        assert_eq!(
            status.code(),
            Some(i32::from(u8::from(ExitCode::Unavailable)))
        );
        let log = world.oathd().unwrap().log();
        assert!(log.contains("the bus went away"), "{log}");
        // Nothing is left of it that would keep the next one from its state.
        assert!(
            File::open(world.path("state/lock"))
                .unwrap()
                .try_lock()
                .is_ok()
        );
    }
}
