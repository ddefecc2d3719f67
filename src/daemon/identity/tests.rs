//! With a real `dbus-daemon`, which a monitor watches.

use futures_util::future::join_all;
use proptest::prelude::*;
use zbus::{fdo::MonitoringProxy, message::Type};

use super::*;
use crate::private_bus::PrivateBus;

fn name(connection: &Connection) -> UniqueName<'static> {
    connection.unique_name().unwrap().inner().to_owned()
}

/// Counts what `work` makes oathd's connection send and receive, as (member, from us) pairs.
async fn traffic<T>(
    bus: &PrivateBus,
    ours: &Connection,
    work: impl Future<Output = T>,
) -> (T, Vec<(String, bool)>) {
    let monitor = bus.connect().await;
    MonitoringProxy::new(&monitor)
        .await
        .unwrap()
        .become_monitor(&[], 0)
        .await
        .unwrap();
    let mut messages = MessageStream::from(&monitor);
    let done = work.await;
    // What was sent before this is seen before this.
    let end = bus.connect().await;
    let us = name(ours);
    let mut seen = Vec::new();
    end.emit_signal(None::<UniqueName<'_>>, "/end", "test.End", "End", &())
        .await
        .unwrap();
    while let Some(Ok(message)) = messages.next().await {
        let header = message.header();
        let Some(member) = header.member() else {
            continue;
        };
        if member == "End" {
            break;
        }
        let from_us = header.sender() == Some(&us);
        if from_us || header.message_type() == Type::Signal {
            seen.push((member.to_string(), from_us));
        }
    }
    (done, seen)
}

fn count(seen: &[(String, bool)], member: &str) -> usize {
    seen.iter()
        .filter(|(name, from_us)| name == member && *from_us)
        .count()
}

#[tokio::test]
async fn a_caller_is_who_the_bus_says() {
    let bus = PrivateBus::start();
    let (service, client) = (bus.connect().await, bus.connect().await);
    let callers = Callers::new(&service).await.unwrap();
    let caller = callers.identify(&name(&client)).await.unwrap();
    assert_eq!(caller.uid, rustix::process::getuid().as_raw());
    assert_eq!(caller.pid, Some(std::process::id()));
    assert_eq!(*caller.unique_name, name(&client));
}

#[tokio::test]
async fn many_look_ups_of_one_name_ask_once() {
    let bus = PrivateBus::start();
    let (service, client) = (bus.connect().await, bus.connect().await);
    let callers = Callers::new(&service).await.unwrap();
    let client = name(&client);
    let ((), seen) = traffic(&bus, &service, async {
        let answers = join_all((0..20).map(|_| callers.identify(&client))).await;
        assert!(answers.iter().all(Result::is_ok));
        callers.identify(&client).await.unwrap();
    })
    .await;
    assert_eq!(count(&seen, "GetConnectionCredentials"), 1, "{seen:?}");
    assert_eq!(count(&seen, "AddMatch"), 1, "{seen:?}");
}

#[tokio::test]
async fn a_name_that_left_is_refused_and_gone() {
    let bus = PrivateBus::start();
    let (service, client) = (bus.connect().await, bus.connect().await);
    let callers = Callers::new(&service).await.unwrap();
    let left = name(&client);
    callers.identify(&left).await.unwrap();
    let waiting = callers.gone(&left);
    client.close().await.unwrap();
    waiting.await;
    assert!(callers.shared.lock().is_empty());
    assert!(matches!(
        callers.identify(&left).await,
        Err(UnknownCaller::Absent { .. })
    ));
    callers.gone(&left).await;
    assert!(callers.shared.lock().is_empty());
}

#[tokio::test]
async fn a_caller_that_stays_is_not_gone() {
    let bus = PrivateBus::start();
    let (service, stays) = (bus.connect().await, bus.connect().await);
    let leaves = bus.connect().await;
    let callers = Callers::new(&service).await.unwrap();
    let left = name(&leaves);
    callers.identify(&left).await.unwrap();
    leaves.close().await.unwrap();
    tokio::select! {
        biased;
        () = async { let stays = name(&stays); callers.gone(&stays).await } => panic!("it stays"),
        () = callers.gone(&left) => {}
    }
}

#[tokio::test]
async fn the_end_of_the_bus_is_the_end_of_every_caller() {
    let bus = PrivateBus::start();
    let (service, client) = (bus.connect().await, bus.connect().await);
    let callers = Callers::new(&service).await.unwrap();
    let client_name = name(&client);
    callers.identify(&client_name).await.unwrap();
    drop(bus);
    callers.gone(&client_name).await;
}

#[tokio::test]
async fn the_bus_wakes_us_for_kept_names_only() {
    let bus = PrivateBus::start();
    let (service, client) = (bus.connect().await, bus.connect().await);
    let callers = Callers::new(&service).await.unwrap();
    callers.identify(&name(&client)).await.unwrap();
    let mut received = MessageStream::from(&service);
    for _ in 0..5 {
        bus.connect().await.close().await.unwrap();
    }
    let left = name(&client);
    client.close().await.unwrap();
    callers.gone(&left).await;
    let mut departures = Vec::new();
    // The answer to this question is the last message.
    let bus_names = callers.shared.bus.list_names().await.unwrap();
    assert!(!bus_names.iter().any(|name| name.as_str() == left.as_str()));
    while let Some(Some(Ok(message))) = futures_util::FutureExt::now_or_never(received.next()) {
        if message
            .header()
            .member()
            .is_some_and(|m| m == "NameOwnerChanged")
        {
            let body = message.body();
            let (name, _, _): (&str, &str, &str) = body.deserialize().unwrap();
            departures.push(name.to_owned());
        }
    }
    assert_eq!(departures, [left.to_string()]);
}

#[tokio::test]
async fn the_cache_is_bounded_and_keeps_those_that_are_waited_for() {
    let bus = PrivateBus::start();
    let service = bus.connect().await;
    let callers = Callers::new(&service).await.unwrap();
    let first = bus.connect().await;
    let first_name = name(&first);
    let gone = callers.gone(&first_name);
    let mut gone = std::pin::pin!(gone);
    let mut clients = Vec::new();
    for _ in 0..CAPACITY + 3 {
        let client = bus.connect().await;
        tokio::select! {
            biased;
            () = &mut gone => panic!("it stays"),
            caller = async { callers.identify(&name(&client)).await } => { caller.unwrap(); }
        }
        clients.push(client);
        assert!(callers.shared.lock().len() <= CAPACITY);
    }
    assert!(callers.shared.lock().contains_key(first_name.as_str()));
    assert!(
        !callers
            .shared
            .lock()
            .contains_key(name(&clients[0]).as_str())
    );
    first.close().await.unwrap();
    gone.await;
}

/// Those of a user who wait, as if the bus had told who they are.
fn take_places(
    callers: &Callers,
    uid: u32,
    numbers: std::ops::Range<usize>,
) -> Vec<watch::Receiver<bool>> {
    let places = numbers.map(|number| {
        let unique_name: OwnedUniqueName = format!(":9.{number}").try_into().unwrap();
        let (entry, gone) = callers.shared.entry(&unique_name).unwrap();
        let caller = Caller {
            unique_name,
            uid,
            pid: None,
        };
        entry.caller.set(caller).unwrap();
        gone
    });
    places.collect()
}

#[tokio::test]
async fn users_that_take_up_all_places_keep_nobody_out() {
    let bus = PrivateBus::start();
    let (service, client) = (bus.connect().await, bus.connect().await);
    let callers = Callers::new(&service).await.unwrap();
    let lost = |places: &[watch::Receiver<bool>]| {
        let lost = places.iter().filter(|gone| gone.has_changed().is_err());
        lost.count()
    };
    let root = take_places(&callers, 0, 0..CAPACITY / 2);
    let greedy = take_places(&callers, 1, CAPACITY / 2..CAPACITY - 1);
    let modest = take_places(&callers, 2, CAPACITY - 1..CAPACITY);
    callers.identify(&name(&client)).await.unwrap();
    assert_eq!((lost(&root), lost(&greedy), lost(&modest)), (0, 1, 0));
    // Those of whom the bus has not told yet, as in a flood of new programs, are somebody's too.
    let callers = Callers::new(&service).await.unwrap();
    let modest = take_places(&callers, 2, 0..2);
    let unknown: Vec<_> = (2..CAPACITY)
        .map(|number| {
            let name: OwnedUniqueName = format!(":9.{number}").try_into().unwrap();
            callers.shared.entry(&name).unwrap().1
        })
        .collect();
    callers.identify(&name(&client)).await.unwrap();
    assert_eq!((lost(&modest), lost(&unknown)), (0, 1));
    // Root alone, as many logins at once are, gives up no place.
    let callers = Callers::new(&service).await.unwrap();
    let root = take_places(&callers, 0, 0..CAPACITY);
    let refused = callers.identify(&name(&client)).await;
    assert!(matches!(refused, Err(UnknownCaller::TooMany)));
    assert_eq!(lost(&root), 0);
}

proptest! {
    #[test]
    fn who_gives_up_a_place_has_the_most_and_is_not_root(uids in prop::collection::vec(prop::option::of(0u32..4), 0..40)) {
        let root = Some(0);
        let others = [None, Some(1), Some(2), Some(3)];
        let times = |uid| uids.iter().filter(|other| **other == uid).count();
        match greediest(uids.iter().copied()) {
            Some(uid) => prop_assert!(uid != root && others.iter().all(|other| times(*other) <= times(uid))),
            None => prop_assert!(uids.iter().all(|uid| *uid == root)),
        }
    }
}
