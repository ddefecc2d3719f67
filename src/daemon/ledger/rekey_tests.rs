use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    time::Duration,
};

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::{stand::*, *};
use crate::{
    clock::ManualClock,
    keyring::{Keyring, PairingKeys},
    random::SystemRandom,
    store::DATABASE,
    vault::{KeySource, RekeyError, Vault, VaultError},
};

const CHILD: &str = "ledger::rekey_tests::child";
const STATE: &str = "OATHD_TEST_STATE";

const NAMES: [&str; 3] = ["alice@shop", "bob@shop", "carol"];

async fn rekey(stand: &Stand) -> Result<u64, RekeyError> {
    stand.ledger().rekey(stand.vault(), None, actor()).await
}

/// Three accounts with a sealed seed each.
async fn sealed() -> Stand {
    let stand = Stand::new().await;
    for (number, text) in (1..).zip(NAMES) {
        stand.enrol(text, number, TOTP).await;
    }
    stand
}

async fn all_open(stand: &Stand) {
    for (number, text) in (1..).zip(NAMES) {
        assert_eq!(stand.seeds(text).await, [[number; 20]]);
    }
}

async fn keyring(stand: &Stand) -> Keyring {
    let store = stand.ledger().0.store.clone();
    let opened = Keyring::open(store, Arc::clone(stand.vault()), stand.clock.clone());
    opened.await.unwrap()
}

async fn token_keys_open(keyring: &Keyring) {
    let remembered = keyring.remembered(1000, b"device").await.unwrap();
    assert_eq!(*remembered.unwrap(), [5; 16]);
    let pairing = keyring.pairing(1000, b"device").await.unwrap().unwrap();
    let keys = (*pairing.access, &**pairing.presence);
    assert_eq!(keys, ([6; 16], &[7; 32][..]));
}

fn key(stand: &Stand) -> Vec<u8> {
    fs::read(stand.dir.path().join("vault.key")).unwrap()
}

#[tokio::test]
async fn another_key_opens_everything_and_the_old_one_nothing() {
    let mut stand = sealed().await;
    let keyring = keyring(&stand).await;
    keyring.remember(1000, b"device", &[5; 16]).await.unwrap();
    let pairing = PairingKeys {
        serial: None,
        access: Zeroizing::new([6; 16]),
        presence: Zeroizing::new(vec![7; 32]),
        credential_id: "presence".to_owned(),
    };
    keyring.pair(1000, b"device", pairing).await.unwrap();
    let before = key(&stand);
    assert_eq!(rekey(&stand).await, Ok(6));
    assert_ne!(key(&stand), before);
    token_keys_open(&keyring).await;
    drop(keyring);
    all_open(&stand).await;
    stand.reopen().await;
    all_open(&stand).await;
    token_keys_open(&self::keyring(&stand).await).await;
    assert_eq!(stand.ledger().check().await.unwrap(), Vec::<String>::new());
    // The old key is another store's.
    stand.close();
    fs::write(stand.dir.path().join("vault.key"), before).unwrap();
    stand.reopen().await;
    assert!(stand.vault().source().is_err());
}

/// A change of the key is begun by writing the new one, and ended by putting it in its place: a
/// crash may come after either, with or without the transaction between them on the disk.
#[tokio::test]
async fn a_crash_at_any_moment_leaves_key_and_store_together() {
    let mut stand = sealed().await;
    let place = |stand: &Stand, file: &str| stand.dir.path().join(file);
    for content in [&b""[..], &[9; 10], &[9; 32]] {
        // The new key was written, or half of it, and nothing else.
        stand.close();
        fs::write(place(&stand, "vault.key.new"), content).unwrap();
        stand.reopen().await;
        all_open(&stand).await;
        assert!(!place(&stand, "vault.key.new").exists());
    }
    let before = key(&stand);
    rekey(&stand).await.unwrap();
    stand.close();
    // The transaction was on the disk, and the new key not in its place.
    fs::rename(place(&stand, "vault.key"), place(&stand, "vault.key.new")).unwrap();
    fs::write(place(&stand, "vault.key"), &before).unwrap();
    stand.reopen().await;
    all_open(&stand).await;
    assert_ne!(key(&stand), before);
    assert!(!place(&stand, "vault.key.new").exists());
}

#[tokio::test]
async fn a_value_that_does_not_open_stops_a_change_of_the_key() {
    let mut stand = sealed().await;
    let before = key(&stand);
    let other = stand.change("bob@shop", |draft| {
        draft.account.reseal(|_, _, sealed| {
            let mut sealed = sealed.to_vec();
            sealed[30] ^= 1;
            Ok::<_, ()>(sealed)
        })
    });
    other.await.unwrap().unwrap();
    let damaged = Err(RekeyError::Vault(VaultError::Damaged));
    assert_eq!(rekey(&stand).await, damaged);
    for _ in 0..2 {
        assert_eq!(key(&stand), before);
        assert_eq!(stand.seeds("alice@shop").await, [[1; 20]]);
        stand.reopen().await;
    }
}

#[tokio::test]
async fn the_key_of_a_credential_is_given() {
    let stand = sealed().await;
    let credentials = tempfile::tempdir().unwrap();
    let file = credentials.path().join("oathd.vault-key");
    fs::copy(stand.dir.path().join("vault.key"), &file).unwrap();
    let store = stand.ledger().0.store.clone();
    let load = || {
        let random = Arc::new(SystemRandom);
        Vault::load(&store, stand.dir.path(), Some(credentials.path()), random)
    };
    let vault = Arc::new(load().await.unwrap());
    assert_eq!(vault.source(), Ok(KeySource::Credential));
    let ledger = stand.ledger();
    let refused = ledger.rekey(&vault, None, actor()).await;
    assert_eq!(refused, Err(RekeyError::NewKeyNeeded));
    let given = Some(Zeroizing::new([8; 32]));
    assert_eq!(ledger.rekey(&vault, given, actor()).await, Ok(3));
    assert!(load().await.unwrap().source().is_err());
    fs::write(&file, [8; 32]).unwrap();
    assert_eq!(load().await.unwrap().source(), Ok(KeySource::Credential));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Accounts are enrolled while the key changes: whatever comes first, all of it opens.
    #[test]
    fn what_is_sealed_meanwhile_opens_too(order in prop::collection::vec(any::<bool>(), 1..12)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut stand = Stand::new().await;
            let deeds = (1u8..).zip(&order).map(|(number, rekeys)| {
                let stand = &stand;
                async move {
                    match rekeys {
                        true => drop(rekey(stand).await.unwrap()),
                        false => stand.enrol(&format!("user{number}@shop"), number, TOTP).await,
                    }
                }
            });
            futures_util::future::join_all(deeds).await;
            for _ in 0..2 {
                for (number, rekeys) in (1u8..).zip(&order) {
                    if !rekeys {
                        let seeds = stand.seeds(&format!("user{number}@shop")).await;
                        assert_eq!(seeds, [[number; 20]]);
                    }
                }
                stand.reopen().await;
            }
        });
    }
}

#[tokio::test]
async fn no_key_is_left_in_the_files_of_the_store() {
    let mut stand = sealed().await;
    let before = key(&stand);
    rekey(&stand).await.unwrap();
    let after = key(&stand);
    stand.close();
    let database = fs::read(stand.dir.path().join(DATABASE)).unwrap();
    for secret in [before, after, vec![1; 20]] {
        let there = database.windows(secret.len()).any(|part| part == secret);
        assert!(!there);
    }
}

/// Changes the key again and again, and tells of each time.
#[test]
#[ignore = "runs in a process of its own, which is killed"]
fn child() {
    let Some(state) = std::env::var_os(STATE) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let dir = Path::new(&state);
        let (store, random) = (Store::open(dir).unwrap(), Arc::new(SystemRandom));
        let vault = Vault::load(&store, dir, None, random.clone()).await;
        let (vault, clock) = (Arc::new(vault.unwrap()), Arc::new(ManualClock::new(NOW)));
        let ledger = Ledger::open(store, dir, random, clock).await.unwrap();
        loop {
            assert_eq!(ledger.rekey(&vault, None, actor()).await, Ok(3));
            // Unlike `println!`, this is not captured by the test harness.
            writeln!(std::io::stdout(), "changed").unwrap();
        }
    });
}

/// Kills a process at random moments of changing the key. What a power cut adds to that is not
/// shown here.
#[tokio::test]
async fn a_kill_leaves_key_and_store_together() {
    let mut stand = sealed().await;
    for _ in 0..24 {
        stand.close();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", CHILD, "--ignored", "--nocapture"])
            .env(STATE, stand.dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut random = [0; 2];
        getrandom::fill(&mut random).unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = output.map(Result::unwrap).filter(|line| line == "changed");
        let enough = usize::from(random[0] % 4);
        assert_eq!(told.take(enough).count(), enough);
        std::thread::sleep(Duration::from_micros(u64::from(random[1]) * 40));
        child.kill().unwrap();
        child.wait().unwrap();
        stand.reopen().await;
        all_open(&stand).await;
        assert!(!stand.dir.path().join("vault.key.new").exists());
    }
    assert_eq!(stand.ledger().check().await.unwrap(), Vec::<String>::new());
}
