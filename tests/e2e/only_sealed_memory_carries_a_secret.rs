//! Proves: every method that takes a secret takes it from a sealed memory file of 1 to 4096 bytes,
//! from its start, and answers `InvalidFd` to any other descriptor before it touches the token or
//! looks at the account.
//! Does not prove: that the content is wiped from memory afterwards.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;

use oathd_api::ErrorName;
use oathd_api::names::{
    ACCOUNTS_INTERFACE, ADMINISTRATION_INTERFACE, ROOT_PATH, VERIFIER_INTERFACE,
};
use oathd_daemon::secret_fd;
use oathd_tests::world::User;
use rustix::fs::{MemfdFlags, OFlags, SealFlags, fcntl_add_seals, memfd_create};
use zbus::{Connection, Fd, OwnedObjectPath, Variant};

use crate::near::Near;
use crate::raw::{self, Options, ROOT, call, refused};
use crate::till::Shop;

const FULL: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::WRITE);

/// A memory file of this content and these seals.
fn memory(content: &[u8], seals: SealFlags) -> File {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(memfd_create("test", flags).unwrap());
    file.write_all(content).unwrap();
    fcntl_add_seals(&file, seals).unwrap();
    file
}

/// Descriptors that carry no secret, by what they are.
fn impostors() -> Vec<(&'static str, OwnedFd)> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"secret").unwrap();
    let (socket, _other) = UnixStream::pair().unwrap();
    let (pipe, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"secret").unwrap();
    let sealed = secret_fd::create(b"secret").unwrap();
    let path_only = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::PATH.bits().cast_signed())
        .open(format!("/proc/self/fd/{}", sealed.as_raw_fd()));
    let unsealable = memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
    File::from(unsealable.try_clone().unwrap())
        .write_all(b"secret")
        .unwrap();
    vec![
        ("file", file.into()),
        ("socket", socket.into()),
        ("pipe", pipe.into()),
        ("device", File::open("/dev/zero").unwrap().into()),
        ("O_PATH", path_only.unwrap().into()),
        ("unsealed", memory(b"secret", SealFlags::empty()).into()),
        ("unsealable", unsealable),
        ("growing", memory(b"secret", FULL - SealFlags::GROW).into()),
        (
            "shrinking",
            memory(b"secret", FULL - SealFlags::SHRINK).into(),
        ),
        (
            "writable",
            memory(b"secret", FULL - SealFlags::WRITE).into(),
        ),
        ("empty", memory(b"", FULL).into()),
        ("oversized", memory(&[b'x'; 4097], FULL).into()),
    ]
}

fn named(name: &'static str) -> Options {
    Options::from([("name", Variant::from(name))])
}

/// Hands `fd` to every method that takes a secret; the names of the errors.
async fn offer(connection: &Connection, path: &OwnedObjectPath, fd: &OwnedFd) -> Vec<String> {
    let (fd, none) = (|| Fd::from(fd.as_fd()), Options::new);
    let (token, tokens) = (raw::token(path), vec![path]);
    vec![
        refused(connection, token, "AddCredential", &(fd(), named("n"))).await,
        refused(connection, token, "ImportUri", &(fd(), none())).await,
        refused(connection, token, "Unlock", &(fd(), none())).await,
        refused(connection, token, "SetPassword", &(fd(), none())).await,
        refused(
            connection,
            ROOT,
            "AddCredential",
            &(&tokens, fd(), named("n")),
        )
        .await,
        refused(connection, ROOT, "ImportUri", &(&tokens, fd(), none())).await,
    ]
}

#[tokio::test]
async fn every_other_descriptor_is_refused_before_the_token_is_touched() {
    let near = Near::with_a_token().await;
    let token = near.token(User::Alice).await;
    let connection = near.world.connect(User::Alice).await.unwrap();
    let commands = near.cards[0].status().commands;
    for (kind, fd) in impostors() {
        for name in offer(&connection, token.path(), &fd).await {
            assert_eq!(name, ErrorName::InvalidFd.bus_name(), "{kind}");
        }
    }
    assert_eq!(near.cards[0].status().commands, commands);
    assert_eq!(token.credentials(true).await.unwrap(), []);
    assert!(!token.describe().await.unwrap().locked);
}

#[tokio::test]
async fn every_other_descriptor_is_refused_before_an_account_is_looked_at() {
    let shop = Shop::open().await;
    let owner = shop.enrol("ada").await;
    let service = shop.near.world.connect(User::Alice).await.unwrap();
    let root = shop.near.world.connect(User::Root).await.unwrap();
    let before = shop.near.client(User::Root).await.administration();
    let before = before.audit(0, 1_000).await.unwrap();
    let verifier = (ROOT_PATH, VERIFIER_INTERFACE);
    let accounts = (ROOT_PATH, ACCOUNTS_INTERFACE);
    let administration = (ROOT_PATH, ADMINISTRATION_INTERFACE);
    for (kind, fd) in impostors() {
        let fd = || Fd::from(fd.as_fd());
        let account = owner.account.as_str();
        let session = || Options::from([("session", Variant::from(fd().try_to_owned().unwrap()))]);
        for name in [
            refused(&service, verifier, "CheckSession", &(account, fd())).await,
            refused(&service, verifier, "CheckApiKey", &(account, fd())).await,
            refused(&service, accounts, "EndSessions", &(account, session())).await,
            refused(&service, accounts, "Disable", &(account, session())).await,
            refused(
                &root,
                administration,
                "RestoreKeys",
                &(fd(), Options::new()),
            )
            .await,
        ] {
            assert_eq!(name, ErrorName::InvalidFd.bus_name(), "{kind}");
        }
    }
    let after = shop.near.client(User::Root).await.administration();
    assert_eq!(after.audit(0, 1_000).await.unwrap(), before);
}

#[tokio::test]
async fn a_secret_is_read_from_its_start_wherever_the_offset_is() {
    let near = Near::with_a_token().await;
    let token = near.token(User::Alice).await;
    let connection = near.world.connect(User::Alice).await.unwrap();
    let object = raw::token(token.path());
    for (offset, name) in [(0, "start"), (20, "end"), (5, "within"), (9999, "beyond")] {
        let mut file = File::from(secret_fd::create(b"12345678901234567890").unwrap());
        file.seek(SeekFrom::Start(offset)).unwrap();
        let mut parameters = named(name);
        parameters.insert("kind", Variant::from("hotp"));
        let body = (Fd::from(file.as_fd()), parameters);
        call(&connection, object, "AddCredential", &body)
            .await
            .unwrap();
        // The seed and first code of RFC 4226, appendix D.
        assert_eq!(token.code(name, false).await.unwrap().code, "755224");
    }
    let largest = memory(&[b'x'; 4096], FULL);
    let body = (Fd::from(largest.as_fd()), Options::new());
    call(&connection, object, "SetPassword", &body)
        .await
        .unwrap();
    assert!(token.describe().await.unwrap().locked);
}
