//! Mail goes to a server on this machine, or to a program that takes the options of sendmail; what
//! they answer becomes the state. Not shown: servers of others.

use std::os::unix::fs::PermissionsExt;

use oathd_api::wire::deliver::SendOptions;

use crate::world::{
    Client, MAILBOX, QUICK, TEXT, World,
    mail_server::{MailServer, Manners},
    sealed, soon,
};

fn settings(port: u16) -> String {
    format!(
        "{QUICK}[email]\nby = 'smtp'\nfrom = 'oathd <oathd@example.org>'\nsubject = 'Canary subject'\n\
         [smtp]\nhost = '127.0.0.1'\nport = {port}\nsecurity = 'none'\n"
    )
}

#[tokio::test]
async fn a_server_gets_the_mail() {
    let server = MailServer::start(Manners::default()).await;
    let world = World::new();
    let service = world.service(&settings(server.port)).await;
    let mut client = Client::new(world.connect().await).await;
    let id = client
        .send("email", "ann.canary@EXAMPLE.net")
        .await
        .unwrap();
    assert_eq!(client.next(&id).await, "sent");
    let options = SendOptions {
        subject: Some("Für dich".into()),
        keep_seconds: Some(60),
    };
    let id = client
        .send_fd("email", MAILBOX, sealed(b"Code 4711"), options)
        .await
        .unwrap();
    assert_eq!(client.next(&id).await, "sent");
    assert_eq!(
        server.heard.starting("MAIL FROM:<oathd@example.org>").len(),
        2
    );
    assert_eq!(
        server.heard.starting(&format!("RCPT TO:<{MAILBOX}>")).len(),
        2
    );
    assert_eq!(server.heard.starting("Subject: Canary subject").len(), 1);
    assert_eq!(server.heard.starting("Subject: =?utf-8?").len(), 1);
    assert_eq!(server.heard.starting("Code 4711").len(), 1);
    // Written with escapes, the first text is not plain ASCII: its second line is.
    assert_eq!(server.heard.starting("Valid for ten minutes.").len(), 1);
    service.stop().await;
}

#[tokio::test]
async fn a_server_that_refuses_for_now_is_asked_again_and_one_that_refuses_is_not() {
    for (recipients, news) in [
        (
            vec!["451 later", "421 busy"],
            vec!["queued busy", "queued busy", "sent"],
        ),
        (vec!["550 no such user ann.canary"], vec!["failed refused"]),
    ] {
        let manners = Manners {
            recipients,
            ..Manners::default()
        };
        let server = MailServer::start(manners).await;
        let world = World::new();
        let service = world.service(&settings(server.port)).await;
        let mut client = Client::new(world.connect().await).await;
        let id = client.send("email", MAILBOX).await.unwrap();
        for expected in news {
            assert_eq!(client.next(&id).await, expected);
        }
        service.stop().await;
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_so() {
    // A port that was free a moment ago, and that nobody listens on while it is bound here.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let port = socket.local_addr().unwrap().port();
    let world = World::new();
    let service = world.service(&settings(port)).await;
    let mut client = Client::new(world.connect().await).await;
    let id = client.send("email", MAILBOX).await.unwrap();
    assert_eq!(client.outcome(&id).await, "failed no_server");
    assert_eq!(client.state(&id).await.unwrap().attempts, 20);
    service.stop().await;
}

#[tokio::test]
async fn a_server_that_falls_silent_leaves_it_unknown() {
    let manners = Manners {
        silent: true,
        ..Manners::default()
    };
    let server = MailServer::start(manners).await;
    let world = World::new();
    let text = format!("attempt_seconds = 1\n{}", settings(server.port));
    let service = world.service(&text).await;
    let mut client = Client::new(world.connect().await).await;
    let id = client.send("email", MAILBOX).await.unwrap();
    assert_eq!(client.next(&id).await, "unknown timed_out");
    service.stop().await;
}

#[tokio::test]
async fn sendmail_gets_the_mail_for_its_one_receiver() {
    let world = World::new();
    let out = world.path("out");
    let out = out.display();
    let script = world.write(
        "sendmail",
        &format!("#!/bin/sh\necho \"$@\" >{out}\ncat >>{out}\n"),
    );
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let settings = format!(
        "[email]\nby = 'sendmail'\nfrom = 'oathd@example.org'\n[sendmail]\nprogram = '{}'\n",
        script.display()
    );
    let service = world.service(&settings).await;
    let mut client = Client::new(world.connect().await).await;
    let id = client.send_fd(
        "email",
        MAILBOX,
        sealed(b"Code\n4711"),
        SendOptions::default(),
    );
    let id = id.await.unwrap();
    assert_eq!(client.next(&id).await, "sent");
    let mail = std::fs::read_to_string(world.path("out")).unwrap();
    let (options, mail) = mail.split_once('\n').unwrap();
    assert_eq!(options, format!("-i -f oathd@example.org -- {MAILBOX}"));
    assert!(mail.contains(&format!("\nTo: {MAILBOX}\n")), "{mail}");
    assert!(mail.ends_with("\n\nCode\n4711"), "{mail:?}");
    assert!(!mail.contains(TEXT) && !mail.contains('\r'));
    soon(service.stop()).await;
}
