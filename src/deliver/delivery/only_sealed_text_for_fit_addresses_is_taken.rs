//! Every argument that does not fit is refused by name, and nothing is sent then.

use std::{fs::File, os::fd::AsFd};

use oathd_api::wire::deliver::SendOptions;
use zbus::Fd;

use crate::world::{Client, NUMBER, World, sealed, unsealed};

const INVALID_FD: &str = "org.oathd.Oathd1.Error.InvalidFd";
const INVALID_ARGS: &str = "org.freedesktop.DBus.Error.InvalidArgs";
const NOT_SUPPORTED: &str = "org.freedesktop.DBus.Error.NotSupported";

#[tokio::test]
async fn bad_arguments_are_named_and_nothing_is_sent() {
    let world = World::new();
    let out = world.path("out");
    let settings = format!(
        "[file]\npath = '{}'\n[sms]\nby = 'file'\ndeny = ['+44']\n",
        out.display()
    );
    let service = world.service(&settings).await;
    let client = Client::new(world.connect().await).await;
    let refused = async |kind: &str, address: &str, file: File, options: SendOptions| {
        let answer = client.send_fd(kind, address, &file, options).await;
        answer.unwrap_err()
    };
    let none = SendOptions::default;
    for (text, error) in [
        (unsealed(b"4711"), INVALID_FD),
        (sealed(b""), INVALID_FD),
        (sealed(&[b'x'; 4097]), INVALID_FD),
        (File::open("/dev/zero").unwrap(), INVALID_FD),
        (sealed(b"\xff\xfe"), INVALID_ARGS),
        (sealed(b"4711\x1b[2J"), INVALID_ARGS),
    ] {
        let answer = refused("file", "x", text, none()).await;
        assert!(answer.starts_with(error), "{answer}");
    }
    for (kind, address, error) in [
        ("pigeon", "x", INVALID_ARGS),
        ("email", "a@example.net", NOT_SUPPORTED),
        ("command", "x", NOT_SUPPORTED),
        ("file", "", INVALID_ARGS),
        ("sms", "112", "invalid"),
        ("sms", "+1 900 234 5678", "premium"),
        ("sms", "+44 7400 123456", "prefix"),
    ] {
        let answer = refused(kind, address, sealed(b"4711"), none()).await;
        assert!(answer.contains(error), "{kind} {address}: {answer}");
        // An error must not repeat the address: errors are logged.
        assert!(address.len() < 3 || !answer.contains(address), "{answer}");
    }
    let subject = |subject: &str| SendOptions {
        subject: Some(subject.into()),
        ..none()
    };
    let keep = |seconds| SendOptions {
        keep_seconds: Some(seconds),
        ..none()
    };
    for options in [
        subject("a\r\nBcc: b@c.d"),
        subject(&"x".repeat(201)),
        keep(0),
        keep(3601),
    ] {
        let answer = refused("file", "x", sealed(b"4711"), options).await;
        assert!(answer.starts_with(INVALID_ARGS), "{answer}");
    }
    let misspelt = std::collections::HashMap::from([("keep_second", zbus::Variant::from(5u32))]);
    let message = sealed(b"4711");
    let body = ("file", "x", Fd::from(message.as_fd()), misspelt);
    assert!(client.call("Send", &body).await.is_err());
    assert!(
        client
            .state("none")
            .await
            .unwrap_err()
            .contains("UnknownObject")
    );
    assert!(!out.exists());
    service.stop().await;
}

#[tokio::test]
async fn addresses_are_judged_without_sending() {
    let world = World::new();
    let out = world.path("out");
    let settings = format!(
        "[file]\npath = '{}'\n[sms]\nby = 'file'\ncountry = 'DE'\n[email]\nby = 'file'\nfrom = 'o@example.org'\n",
        out.display()
    );
    let service = world.service(&settings).await;
    let client = Client::new(world.connect().await).await;
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let own = format!("ann@{host}");
    for (kind, address, expected) in [
        (
            "sms",
            "0151 1234 5678",
            (Some(NUMBER), "caution", Some("telephone_network")),
        ),
        (
            "sms",
            "030 123456",
            (Some("+4930123456"), "caution", Some("not_mobile")),
        ),
        (
            "sms",
            "+44 56 1234 5678",
            (Some("+445612345678"), "refused", Some("voip")),
        ),
        ("sms", "hello", (None, "refused", Some("invalid"))),
        (
            "email",
            "Ann@Example.NET",
            (Some("Ann@example.net"), "ok", None),
        ),
        (
            "email",
            &own,
            (Some(&*own.to_lowercase()), "caution", Some("same_machine")),
        ),
        ("email", "ann", (None, "refused", Some("invalid"))),
        ("file", "x", (Some("x"), "ok", None)),
    ] {
        let found = client.check(kind, address).await.unwrap();
        let found = (
            found.address.as_deref(),
            &*found.verdict,
            found.reason.as_deref(),
        );
        assert_eq!(found, expected, "{kind} {address}");
    }
    assert!(!out.exists());
    service.stop().await;
}
