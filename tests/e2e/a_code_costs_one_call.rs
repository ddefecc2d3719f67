//! Proves: `oathctl code` asks the bus for its name, and oathd once for the credential and its code.
//! Does not prove: how long that takes; how many APDUs oathd sends for it.

use futures_util::StreamExt;
use oathd_tests::world::{CardSetup, User, World};
use zbus::MessageStream;
use zbus::message::Type;

#[tokio::test]
async fn one_search_with_its_code() {
    let mut world = World::new().unwrap();
    world.start_pcscd().unwrap();
    world.insert_card(CardSetup::default()).unwrap();
    world.start_oathd(&[]).unwrap();
    let add = world
        .built("oathctl")
        .unwrap()
        .arguments(&["add", "GitHub:me"]);
    let added = add.input("GEZDGNBVGY3TQOJQ\n").run().unwrap();
    added.stdout().unwrap();

    let monitor = world.connect(User::Root).await.unwrap();
    let mut messages = MessageStream::from(&monitor);
    let bus = Some("org.freedesktop.DBus");
    let rules: (&[&str], u32) = (&["type='method_call'"], 0);
    let become_monitor = monitor.call_method(
        bus,
        "/org/freedesktop/DBus",
        Some("org.freedesktop.DBus.Monitoring"),
        "BecomeMonitor",
        &rules,
    );
    become_monitor.await.unwrap();
    let code = world.oathctl(&["code", "-s", "github"]).unwrap();
    assert_eq!(code.stdout().unwrap().len(), 7);
    // A second program marks the end of what the first one sent.
    world.oathctl(&["tokens"]).unwrap().stdout().unwrap();

    let mut calls = Vec::new();
    let mut client = None;
    loop {
        let message = messages.next().await.unwrap().unwrap();
        let header = message.header();
        let (Type::MethodCall, Some(member)) = (header.message_type(), header.member()) else {
            continue;
        };
        if member.as_str() == "ListTokens" {
            break;
        }
        let sender = header.sender().map(|sender| sender.to_string());
        if member.as_str() == "Hello" && client.is_none() {
            client.clone_from(&sender);
        }
        if sender == client {
            calls.push(member.to_string());
        }
    }
    assert_eq!(calls, ["Hello", "GenerateCode"]);
}
