//! On the system bus root and the user that owns oathd's name may call, elsewhere root and the
//! service's own user; everybody else is refused at every method. Root only: it takes other users'
//! ids.

use crate::world::{Client, World};

/// Users of every Debian: dbus-daemon turns away those that it cannot look up.
const OATHD: u32 = 1;
const ALICE: u32 = 65_534;

const FILE: &str = "[file]\npath = '/dev/full'\n";

async fn may(client: &Client) -> bool {
    let answers = [
        client.check("file", "x").await.err(),
        client.send("file", "x").await.err(),
        client.state("none").await.err(),
    ];
    let denied = |answer: &Option<String>| {
        answer
            .as_ref()
            .is_some_and(|e| e.starts_with("org.freedesktop.DBus.Error.AccessDenied"))
    };
    let count = answers.iter().filter(|answer| denied(answer)).count();
    assert!(count == 0 || count == answers.len(), "{answers:?}");
    count == 0
}

#[tokio::test]
async fn on_the_system_bus_it_is_the_owner_of_oathds_name() {
    let world = World::new();
    let service = world.start(FILE, &[]).await;
    let root = Client::new(world.connect().await).await;
    let alice = Client::new(world.connect_as(ALICE).await).await;
    let oathd = world.connect_as(OATHD).await;
    let other = Client::new(world.connect_as(OATHD).await).await;
    assert!(may(&root).await);
    assert!(!may(&alice).await && !may(&other).await);
    oathd
        .request_name(oathd_api::names::BUS_NAME)
        .await
        .unwrap();
    assert!(may(&other).await && may(&root).await);
    assert!(!may(&alice).await);
    oathd
        .release_name(oathd_api::names::BUS_NAME)
        .await
        .unwrap();
    assert!(!may(&other).await);
    service.stop().await;
}

#[tokio::test]
async fn on_another_bus_owning_that_name_helps_nobody() {
    let world = World::new();
    let service = world.service(FILE).await;
    let alice = world.connect_as(ALICE).await;
    alice
        .request_name(oathd_api::names::BUS_NAME)
        .await
        .unwrap();
    assert!(!may(&Client::new(alice).await).await);
    assert!(may(&Client::new(world.connect().await).await).await);
    service.stop().await;
}

/// The rules of every system bus, as far as they matter here, and those that come with the
/// service, for users that are there.
fn system_bus() -> World {
    let own = include_str!("../../../dbus/deliver/org.oathd.Deliver1.conf");
    let start = own.find("<policy").unwrap();
    let end = own.find("</busconfig>").unwrap();
    let own = own[start..end]
        .replace("\"oathd-deliver\"", "\"root\"")
        .replace("\"oathd\"", "\"daemon\"");
    World::with_policy(&format!(
        "<policy context='default'><allow user='*'/><deny own='*'/><deny send_type='method_call'/>\
         <allow send_type='signal'/><allow send_requested_reply='true'/>\
         <allow receive_type='method_call'/><allow receive_type='method_return'/>\
         <allow receive_type='error'/><allow receive_type='signal'/>\
         <allow send_destination='org.freedesktop.DBus'/></policy>\
         <policy user='daemon'><allow own='org.oathd.Oathd1'/></policy>{own}"
    ))
}

#[tokio::test]
async fn the_policy_of_the_bus_lets_in_the_same() {
    let world = system_bus();
    let out = world.path("out");
    let settings = format!("[file]\npath = '{}'\n", out.display());
    let service = world.start(&settings, &["--idle-exit", "1"]).await;
    let oathd = world.connect_as(OATHD).await;
    let name = oathd_api::names::BUS_NAME;
    oathd.request_name(name).await.unwrap();
    let mut oathd = Client::new(oathd).await;
    let alice = Client::new(world.connect_as(ALICE).await).await;
    assert!(!may(&alice).await);
    let id = oathd.send("file", "x").await.unwrap();
    assert_eq!(oathd.next(&id).await, "sent");
    assert!(service.ended().await.success());
}
