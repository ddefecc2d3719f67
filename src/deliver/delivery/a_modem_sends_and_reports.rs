//! Text messages go out through ModemManager, what the network reports becomes the state, and no
//! text stays in the modem. Not shown: a modem of metal.

use crate::world::{Client, NUMBER, TEXT, World, modem_manager::ModemManager};

const SMS: &str = "retry_seconds = 0\n[sms]\nby = 'modem'\ncountry = 'DE'\n";

async fn play(settings: &str) -> (World, ModemManager, crate::world::Service, Client) {
    let world = World::new();
    let modems = ModemManager::start(world.connect().await).await;
    let service = world.service(settings).await;
    let client = Client::new(world.connect().await).await;
    (world, modems, service, client)
}

#[tokio::test]
async fn what_the_network_reports_is_told_and_the_text_deleted() {
    let (_world, mut modems, service, mut client) = play(SMS).await;
    for (reports, expected) in [
        (&[0x00][..], "delivered"),
        (&[0x100, 0x20, 0x25, 0x00], "delivered"),
        (&[0x01], "unknown no_report"),
        (&[0x21, 0x46], "failed undeliverable"),
        (&[0x62], "failed undeliverable"),
    ] {
        let id = client.send("sms", "01511 2345678").await.unwrap();
        let sent = modems.sent().await;
        assert_eq!(
            (&*sent.number, &*sent.text, sent.report),
            (NUMBER, TEXT, true)
        );
        assert_eq!(client.next(&id).await, "sent");
        for &report in reports {
            modems.report(&sent.path, report).await;
        }
        assert_eq!(client.next(&id).await, expected, "{reports:?}");
        assert_eq!(modems.deleted().await, sent.path);
        assert_eq!(client.state(&id).await.unwrap().attempts, 1);
    }
    assert_eq!(modems.kept(), 0);
    service.stop().await;
}

#[tokio::test]
async fn nobody_else_can_report() {
    let (world, mut modems, service, mut client) = play(SMS).await;
    let id = client.send("sms", NUMBER).await.unwrap();
    let sent = modems.sent().await;
    assert_eq!(client.next(&id).await, "sent");
    let stranger = world.connect().await;
    let name = Some(oathd_api::names::DELIVER_BUS_NAME);
    for to in [None, name] {
        ModemManager::report_from(&stranger, to, &sent.path, 0x00).await;
    }
    modems.report(&sent.path, 0x46).await;
    assert_eq!(client.next(&id).await, "failed undeliverable");
    service.stop().await;
}

#[tokio::test]
async fn without_reports_sent_is_the_last_word() {
    let (_world, mut modems, service, mut client) = play(&format!("{SMS}report = false\n")).await;
    let id = client.send("sms", NUMBER).await.unwrap();
    let sent = modems.sent().await;
    assert!(!sent.report);
    assert_eq!(client.next(&id).await, "sent");
    assert_eq!(modems.deleted().await, sent.path);
    service.stop().await;
}

#[tokio::test]
async fn a_report_that_does_not_come_is_not_awaited_for_ever() {
    let (_world, mut modems, service, mut client) =
        play(&format!("report_seconds = 1\n{SMS}")).await;
    let id = client.send("sms", NUMBER).await.unwrap();
    assert_eq!(client.next(&id).await, "sent");
    assert_eq!(client.next(&id).await, "unknown no_report");
    assert_eq!(modems.deleted().await, modems.sent().await.path);
    service.stop().await;
}

#[tokio::test]
async fn a_failed_send_is_repeated_if_that_can_help() {
    let (_world, mut modems, service, mut client) = play(SMS).await;
    let error = |last: &str| format!("org.freedesktop.ModemManager1.Error.{last}");
    let (passing, lasting) = (
        error("MobileEquipment.NetworkTimeout"),
        error("Message.InvalidPduParameter"),
    );
    modems.fail(&[&passing, &passing]);
    let id = client.send("sms", NUMBER).await.unwrap();
    for expected in ["queued busy", "queued busy", "sent"] {
        assert_eq!(client.next(&id).await, expected);
    }
    let sent = modems.sent().await;
    modems.report(&sent.path, 0).await;
    assert_eq!(client.next(&id).await, "delivered");
    modems.fail(&[&lasting]);
    let id = client.send("sms", NUMBER).await.unwrap();
    assert_eq!(client.next(&id).await, "failed refused");
    for _ in 0..4 {
        modems.deleted().await;
    }
    assert_eq!(modems.kept(), 0);
    service.stop().await;
}

#[tokio::test]
async fn a_modem_that_comes_late_still_sends() {
    let settings = SMS.replace("retry_seconds = 0", "retry_seconds = 1");
    let (_world, mut modems, service, mut client) = play(&settings).await;
    modems.plug(false);
    let id = client.send("sms", NUMBER).await.unwrap();
    assert_eq!(client.next(&id).await, "queued no_modem");
    assert_eq!(
        client.state(&id).await.unwrap().reason.as_deref(),
        Some("no_modem")
    );
    modems.plug(true);
    assert_eq!(client.outcome(&id).await, "sent");
    modems.sent().await;
    service.stop().await;
}

#[tokio::test]
async fn neither_a_modem_nor_its_manager_is_said_so() {
    let (_world, modems, service, mut client) = play(SMS).await;
    modems.plug(false);
    let id = client.send("sms", NUMBER).await.unwrap();
    assert_eq!(client.outcome(&id).await, "failed no_modem");
    service.stop().await;

    let world = World::new();
    let service = world.service(SMS).await;
    let mut client = Client::new(world.connect().await).await;
    let id = client.send("sms", NUMBER).await.unwrap();
    assert_eq!(client.outcome(&id).await, "failed no_modem");
    service.stop().await;
}

#[tokio::test]
async fn another_modem_than_the_one_of_the_settings_is_not_used() {
    let other = format!("{SMS}modem = '/org/freedesktop/ModemManager1/Modem/7'\n");
    let (_world, _modems, service, mut client) = play(&other).await;
    let id = client.send("sms", NUMBER).await.unwrap();
    assert_eq!(client.outcome(&id).await, "failed no_modem");
    service.stop().await;
}

#[tokio::test]
async fn a_modem_that_does_not_answer_leaves_it_unknown() {
    let (_world, mut modems, service, mut client) =
        play(&format!("attempt_seconds = 1\n{SMS}")).await;
    modems.hang();
    let id = client.send("sms", NUMBER).await.unwrap();
    let sent = modems.sent().await;
    assert_eq!(client.next(&id).await, "unknown timed_out");
    assert_eq!(modems.deleted().await, sent.path);
    service.stop().await;
}

#[tokio::test]
async fn a_service_that_is_stopped_takes_its_texts_back() {
    let (_world, mut modems, service, mut client) = play(SMS).await;
    let awaited = client.send("sms", NUMBER).await.unwrap();
    assert_eq!(client.next(&awaited).await, "sent");
    modems.sent().await;
    modems.hang();
    client.send("sms", NUMBER).await.unwrap();
    modems.sent().await;
    assert_eq!(modems.kept(), 2);
    service.stop().await;
    modems.deleted().await;
    modems.deleted().await;
    assert_eq!(modems.kept(), 0);
}
