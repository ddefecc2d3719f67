use std::{fs, os::unix::fs::PermissionsExt};

use proptest::prelude::*;

use super::*;
use crate::{random::SystemRandom, scratch_dir::private_dir};

const PURPOSES: [Purpose; 5] = [
    Purpose::RememberedKey,
    Purpose::AccessKey,
    Purpose::PresenceKey,
    Purpose::AccountSeed,
    Purpose::FactorPresence,
];

/// A vault whose key is these bytes.
fn vault(byte: u8) -> Vault {
    let key = key::of_file(Zeroizing::new([byte; 32]));
    Vault::with(
        Ok(vec![Arc::new(key)]),
        Path::new("/nowhere"),
        Arc::new(SystemRandom),
    )
}

async fn load(store: &Store, state: &Path, credentials: Option<&Path>) -> Vault {
    Vault::load(store, state, credentials, Arc::new(SystemRandom))
        .await
        .unwrap()
}

const PLACE: Binding<'static> = Binding::Token {
    uid: 1000,
    device_id: b"device",
};

/// Says whether `vault` opens what `value` holds.
fn opens(vault: &Vault, value: &[u8]) -> Result<bool, VaultError> {
    vault
        .open(Purpose::AccessKey, PLACE, value)
        .map(|plain| *plain == b"secret")
}

proptest! {
    #[test]
    fn what_is_sealed_opens_in_its_place_and_nowhere_else(
        plain in prop::collection::vec(any::<u8>(), 0..100),
        uid in any::<u32>(),
        device_id in prop::collection::vec(any::<u8>(), 0..20),
        other_uid in any::<u32>(),
        other_device in prop::collection::vec(any::<u8>(), 0..20),
        purpose in prop::sample::select(&PURPOSES[..]),
        other_purpose in prop::sample::select(&PURPOSES[..]),
    ) {
        let (vault, stranger) = (vault(1), vault(2));
        let here = Binding::Token { uid, device_id: &device_id };
        let there = Binding::Token { uid: other_uid, device_id: &other_device };
        let sealed = vault.seal(purpose, here, &plain).unwrap();
        prop_assert_eq!(sealed.len(), plain.len() + 1 + 24 + 16);
        prop_assert_eq!(&*vault.open(purpose, here, &sealed).unwrap(), &plain);
        let same = (purpose, here) == (other_purpose, there);
        prop_assert_eq!(vault.open(other_purpose, there, &sealed).is_ok(), same);
        // Each part of the place counts by itself.
        for (purpose_now, uid_now, device_now) in [
            (other_purpose, uid, &device_id),
            (purpose, other_uid, &device_id),
            (purpose, uid, &other_device),
        ] {
            let now = Binding::Token { uid: uid_now, device_id: device_now };
            let same = (purpose, here) == (purpose_now, now);
            prop_assert_eq!(vault.open(purpose_now, now, &sealed).is_ok(), same);
        }
        let other_key = stranger.open(purpose, here, &sealed);
        prop_assert_eq!(other_key, Err(VaultError::Damaged));
        // The same plaintext never looks the same twice.
        prop_assert_ne!(vault.seal(purpose, here, &plain).unwrap(), sealed);
    }

    #[test]
    fn a_changed_byte_does_not_open(flip in 1..=255u8, at in any::<prop::sample::Index>()) {
        let vault = vault(1);
        let mut sealed = vault.seal(Purpose::AccessKey, PLACE, b"secret").unwrap();
        let at = at.index(sealed.len());
        sealed[at] ^= flip;
        prop_assert_eq!(opens(&vault, &sealed), Err(VaultError::Damaged));
    }

    #[test]
    fn no_bytes_panic(value in prop::collection::vec(any::<u8>(), 0..80)) {
        prop_assert_eq!(opens(&vault(1), &value), Err(VaultError::Damaged));
    }
}

#[tokio::test]
async fn the_first_start_makes_a_private_key_and_the_next_finds_it() {
    let dir = private_dir();
    let store = Store::open(dir.path()).unwrap();
    let first = load(&store, dir.path(), None).await;
    assert_eq!(first.source(), Ok(KeySource::File));
    let mode = fs::metadata(dir.path().join("vault.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
    let sealed = first.seal(Purpose::AccessKey, PLACE, b"secret").unwrap();
    let second = load(&store, dir.path(), None).await;
    assert_eq!(opens(&second, &sealed), Ok(true));
}

#[tokio::test]
async fn a_missing_or_wrong_key_leaves_a_vault_that_says_so() {
    let dir = private_dir();
    let path = dir.path().join("vault.key");
    let store = Store::open(dir.path()).unwrap();
    let sealed = load(&store, dir.path(), None)
        .await
        .seal(Purpose::AccessKey, PLACE, b"secret")
        .unwrap();
    let key = fs::read(&path).unwrap();
    for wrong in [
        Some(&b"short"[..]),
        Some(&[7; 32]),
        Some(&[7; 33]),
        Some(b""),
        None,
    ] {
        match wrong {
            Some(content) => fs::write(&path, content).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let vault = load(&store, dir.path(), None).await;
        assert!(matches!(vault.source(), Err(VaultError::KeyUnavailable(_))));
        assert!(matches!(
            opens(&vault, &sealed),
            Err(VaultError::KeyUnavailable(_))
        ));
        assert!(vault.seal(Purpose::AccessKey, PLACE, b"").is_err());
        assert_eq!(
            path.exists(),
            wrong.is_some(),
            "no key is made for a store that has one"
        );
    }
    fs::write(&path, key).unwrap();
    assert_eq!(
        opens(&load(&store, dir.path(), None).await, &sealed),
        Ok(true)
    );
}

#[tokio::test]
async fn a_credential_wins_and_no_file_is_made() {
    let dir = private_dir();
    let credentials = tempfile::tempdir().unwrap();
    fs::write(credentials.path().join("oathd.vault-key"), [9; 32]).unwrap();
    let store = Store::open(dir.path()).unwrap();
    let vault = load(&store, dir.path(), Some(credentials.path())).await;
    assert_eq!(vault.source(), Ok(KeySource::Credential));
    assert!(!dir.path().join("vault.key").exists());
    // Without it the store is not given another key.
    let without = load(&store, dir.path(), None).await;
    assert!(without.source().is_err() && !dir.path().join("vault.key").exists());
    // Nor where it is empty, as where systemd cannot open it; a file counts then.
    fs::write(credentials.path().join("oathd.vault-key"), []).unwrap();
    let empty = load(&store, dir.path(), Some(credentials.path())).await;
    assert!(empty.source().is_err() && !dir.path().join("vault.key").exists());
    fs::write(dir.path().join("vault.key"), [9; 32]).unwrap();
    let file = load(&store, dir.path(), Some(credentials.path())).await;
    assert_eq!(file.source(), Ok(KeySource::File));
}

#[tokio::test]
async fn a_store_that_lost_the_mark_of_its_key_gets_no_new_one() {
    let dir = private_dir();
    let store = Store::open(dir.path()).unwrap();
    load(&store, dir.path(), None).await;
    store
        .write(|connection| {
            connection.execute_batch(
                "DELETE FROM meta;
                 INSERT INTO remembered_key VALUES (1, x'00', x'00', 0);",
            )
        })
        .await
        .unwrap();
    assert!(load(&store, dir.path(), None).await.source().is_err());
    fs::remove_file(dir.path().join("vault.key")).unwrap();
    assert!(load(&store, dir.path(), None).await.source().is_err());
    assert!(!dir.path().join("vault.key").exists());
}

#[test]
fn subkeys_and_values_follow_rfc_5869() {
    // HKDF-SHA256, no salt, IKM = 32 times 0x01, made with another implementation.
    let key = VaultKey {
        bytes: Zeroizing::new([1; 32]),
        source: KeySource::File,
    };
    let subkey = key.subkey("access key");
    assert_eq!(
        data_encoding::HEXLOWER.encode(&*subkey),
        "ea26a88eafcd7e04b052cc9ea0c86e92916390fc77f62d6d08a537bbf61e7d91"
    );
    assert_ne!(*subkey, *key.subkey("presence key"));
}
