use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use proptest::prelude::*;

use super::*;
use crate::{clock::ManualClock, random::SystemRandom, scratch_dir::private_dir};

async fn keyring(state: &std::path::Path) -> Keyring {
    let store = Store::open(state).unwrap();
    let vault = Vault::load(&store, state, None, Arc::new(SystemRandom))
        .await
        .unwrap();
    let clock = Arc::new(ManualClock::new(1_700_000_000));
    Keyring::open(store, Arc::new(vault), clock).await.unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

fn pairing(byte: u8) -> PairingKeys {
    PairingKeys {
        serial: byte.is_multiple_of(2).then_some(u32::from(byte)),
        access: Zeroizing::new([byte; ACCESS_KEY]),
        presence: Zeroizing::new(vec![byte; 20]),
        credential_id: format!("oathd:{byte}"),
    }
}

/// What a test does; users and devices are few, so that they meet.
#[derive(Clone, Debug)]
enum Step {
    Remember(u32, u8, u8),
    Forget(u32, u8),
    Pair(u32, u8, u8),
    Confirm(u32, u8),
    Loosen(u8),
    Unpair(u32, u8),
    Drop(u8),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let (uid, device) = (0..3u32, 0..3u8);
    let place = (uid, device);
    prop_oneof![
        (place.clone(), any::<u8>())
            .prop_map(|((uid, device), key)| Step::Remember(uid, device, key)),
        place
            .clone()
            .prop_map(|(uid, device)| Step::Forget(uid, device)),
        (place.clone(), any::<u8>()).prop_map(|((uid, device), key)| Step::Pair(uid, device, key)),
        place.prop_map(|(uid, device)| Step::Unpair(uid, device)),
        (0..3u32, 0..3u8).prop_map(|(uid, device)| Step::Confirm(uid, device)),
        (0..3u8).prop_map(Step::Loosen),
        (0..3u8).prop_map(Step::Drop),
        Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn keys_belong_to_their_user_and_token(steps in prop::collection::vec(step(), 1..30)) {
        runtime().block_on(async {
            let dir = private_dir();
            let mut ring = keyring(dir.path()).await;
            let (mut remembered, mut paired) = (BTreeMap::new(), BTreeMap::new());
            let mut confirmed = BTreeSet::new();
            for step in steps {
                match step {
                    Step::Remember(uid, device, key) => {
                        ring.remember(uid, &[device], &[key; ACCESS_KEY]).await.unwrap();
                        remembered.insert((uid, device), key);
                    }
                    Step::Forget(uid, device) => {
                        let was = ring.forget(uid, &[device]).await.unwrap();
                        assert_eq!(was, remembered.remove(&(uid, device)).is_some());
                    }
                    Step::Pair(uid, device, key) => {
                        ring.pair(uid, &[device], pairing(key)).await.unwrap();
                        paired.insert((uid, device), key);
                        confirmed.remove(&(uid, device));
                    }
                    Step::Unpair(uid, device) => {
                        let was = ring.unpair(uid, &[device]).await.unwrap();
                        assert_eq!(was, paired.remove(&(uid, device)).is_some());
                        confirmed.remove(&(uid, device));
                    }
                    Step::Confirm(uid, device) => {
                        ring.confirm(uid, &[device]).await.unwrap();
                        if paired.contains_key(&(uid, device)) {
                            confirmed.insert((uid, device));
                        }
                    }
                    Step::Loosen(loose) => {
                        ring.loosen(&[loose]).await.unwrap();
                        confirmed.retain(|&(_, device)| device != loose);
                    }
                    Step::Drop(gone) => {
                        ring.drop_device(&[gone]).await.unwrap();
                        remembered.retain(|&(_, device), _| device != gone);
                        paired.retain(|&(_, device), _| device != gone);
                        confirmed.retain(|&(_, device)| device != gone);
                    }
                    Step::Reopen => {
                        drop(ring);
                        ring = keyring(dir.path()).await;
                    }
                }
                for uid in 0..3 {
                    for device in 0..3 {
                        let is = ring.is_confirmed(uid, &[device]);
                        assert_eq!(is, confirmed.contains(&(uid, device)));
                        let key = ring.remembered(uid, &[device]).await.unwrap();
                        let expected = remembered.get(&(uid, device));
                        assert_eq!(key.map(|key| key[0]).as_ref(), expected);
                        let found = ring.pairing(uid, &[device]).await.unwrap();
                        let expected = paired.get(&(uid, device)).map(|&byte| pairing(byte));
                        assert_eq!(found.is_some(), expected.is_some());
                        if let (Some(found), Some(expected)) = (found, expected) {
                            assert_eq!(found.serial, expected.serial);
                            assert_eq!(found.access, expected.access);
                            assert_eq!(found.presence, expected.presence);
                            assert_eq!(found.credential_id, expected.credential_id);
                        }
                    }
                }
            }
        });
    }
}

#[tokio::test]
async fn no_key_is_in_the_files_or_in_debug_text() {
    let dir = private_dir();
    let canary = *b"CANARY-CANARY-16";
    let ring = keyring(dir.path()).await;
    let keys = PairingKeys {
        serial: Some(1),
        access: Zeroizing::new(canary),
        presence: Zeroizing::new(canary.to_vec()),
        credential_id: "oathd:presence".to_owned(),
    };
    let text = format!("{keys:?} {ring:?}");
    assert!(text.contains("presence") && !text.contains("CANARY") && !text.contains("67, 65, 78"));
    ring.remember(1, b"d", &canary).await.unwrap();
    ring.pair(1, b"d", keys).await.unwrap();
    let mut bytes = 0;
    for entry in fs::read_dir(dir.path()).unwrap() {
        let content = fs::read(entry.unwrap().path()).unwrap();
        bytes += content.len();
        assert!(!content.windows(6).any(|window| window == b"CANARY"));
    }
    assert!(bytes > 4096);
}

#[tokio::test]
async fn without_the_vault_key_what_was_never_kept_is_simply_not_there() {
    let dir = private_dir();
    let ring = keyring(dir.path()).await;
    ring.remember(1, b"d", &[1; ACCESS_KEY]).await.unwrap();
    drop(ring);
    fs::remove_file(dir.path().join("vault.key")).unwrap();
    let ring = keyring(dir.path()).await;
    let unavailable = |error| matches!(error, KeyringError::Vault(VaultError::KeyUnavailable(_)));
    assert!(unavailable(ring.remembered(1, b"d").await.unwrap_err()));
    assert!(unavailable(
        ring.remember(2, b"d", &[1; ACCESS_KEY]).await.unwrap_err()
    ));
    assert!(ring.remembered(2, b"d").await.unwrap().is_none());
    assert!(ring.pairing(1, b"d").await.unwrap().is_none());
    assert!(ring.forget(1, b"d").await.unwrap());
}

#[test]
fn what_is_kept_is_listed_to_its_user_and_to_whoever_asks_for_all() {
    let dir = private_dir();
    runtime().block_on(async {
        let keyring = keyring(dir.path()).await;
        let device = |byte: u8| vec![byte; 8];
        keyring
            .remember(1, &device(1), &[1; ACCESS_KEY])
            .await
            .unwrap();
        keyring.pair(1, &device(2), pairing(2)).await.unwrap();
        keyring.pair(2, &device(2), pairing(3)).await.unwrap();
        let kept = |uid, byte, paired, serial| KeptKey {
            uid,
            device_id: device(byte),
            paired,
            serial,
        };
        let of_one = [kept(1, 1, false, None), kept(1, 2, true, Some(2))];
        assert_eq!(keyring.kept(Some(1)).await.unwrap(), of_one);
        assert_eq!(keyring.kept(Some(3)).await.unwrap(), []);
        let of_another = [kept(2, 2, true, None)];
        let all = [of_one.as_slice(), of_another.as_slice()].concat();
        assert_eq!(keyring.kept(None).await.unwrap(), all);
    });
}

#[tokio::test]
async fn pairings_that_a_restore_brings_are_known_once_they_are_read() {
    let dir = private_dir();
    let keyring = keyring(dir.path()).await;
    keyring.pair(1, &[1], pairing(1)).await.unwrap();
    keyring.confirm(1, &[1]).await.unwrap();
    assert!(keyring.is_confirmed(1, &[1]));
    let database = Connection::open(dir.path().join(crate::store::DATABASE)).unwrap();
    let elsewhere = "UPDATE pairing SET uid = 2";
    database.execute(elsewhere, ()).unwrap();
    keyring.read().await.unwrap();
    assert!(keyring.is_confirmed(2, &[1]) && !keyring.is_confirmed(1, &[1]));
}
