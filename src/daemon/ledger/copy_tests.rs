use std::{
    fs::{self, File},
    io::{Read, Seek, Write},
};

use oathd_core::{
    Admission, ApiKey, Bearer, CallerClass, Candidate, Event, Generator, Lifetime, Outcome,
    Response, Session, Trust, TypedDigits,
};
use oathd_oath::{Algorithm, Digits, Secret, code};
use tempfile::tempfile;

use super::{stand::*, *};
use crate::store::DATABASE;

const CLASS: CallerClass = CallerClass::RealmService;

/// Tries the code of a counter of the seed that is `number` 20 times.
async fn attempt(stand: &Stand, text: &str, number: u8, counter: u64) -> Outcome {
    let seed = move || Secret::new(vec![number; 20]).unwrap();
    let code_of = move |counter| code::hotp(&seed(), Algorithm::Sha1, Digits::Six, counter);
    let key = stand.ledger().code_key().unwrap();
    let tried = stand.change(text, move |draft| {
        let typed = Response::classify(&code_of(counter));
        let ticket = match draft.account.admit(CLASS, typed, draft.moment) {
            Admission::Refused { outcome, .. } => return outcome,
            Admission::Admitted(ticket) => ticket,
        };
        let mut candidates = Vec::new();
        for wanted in &ticket.wanted {
            candidates.extend((wanted.first..=wanted.last).map(|counter| Candidate {
                factor: wanted.factor,
                counter,
                source: wanted.source.clone(),
                code: TypedDigits::parse(&code_of(counter)).unwrap(),
            }));
        }
        let judged = draft
            .account
            .judge(&ticket, draft.moment, &candidates, &key, None);
        draft.record(judged.events);
        judged.outcome
    });
    tried.await.unwrap()
}

async fn backup(stand: &Stand) -> File {
    let file = tempfile().unwrap();
    let into = file.try_clone().unwrap();
    stand.ledger().backup(into, actor()).await.unwrap();
    file
}

async fn restore(stand: &Stand, from: &File) -> Result<RestoreReport, RestoreError> {
    let from = from.try_clone().unwrap();
    stand.ledger().restore(from, None, actor(), false).await
}

/// A stand with a TOTP account (seed 1), an HOTP account (seed 2), and what both were granted.
async fn granted() -> Stand {
    let stand = Stand::new().await;
    stand.enrol("alice@shop", 1, TOTP).await;
    stand.enrol("bob", 2, Generator::Hotp).await;
    let key = stand.ledger().code_key().unwrap();
    let granted = stand.change("alice@shop", move |draft| {
        let (now, generation) = (draft.moment.now, draft.account.generation());
        let bearer = Bearer::new([7; 32].into());
        let session = Session::begin(&bearer, Lifetime::default(), generation, true, now);
        draft.keep_session(&session).unwrap();
        let api_key = ApiKey::issue(&bearer, generation, now);
        draft.set_api_key(Some(&api_key)).unwrap();
        let (_, issued) = draft
            .account
            .issue_recovery_codes(&key, &[[1; 10]; 10], now);
        draft.record([issued]);
    });
    granted.await.unwrap();
    stand
}

#[tokio::test]
async fn what_the_backup_does_not_know_is_named() {
    let stand = granted().await;
    let file = backup(&stand).await;
    stand.enrol("carol@shop", 3, TOTP).await;
    stand.enrol("bob", 4, TOTP).await;
    let met = |draft: &mut Draft<'_>| draft.create(Some(1000));
    stand.change("dave", met).await.unwrap();
    let report = restore(&stand, &file).await.unwrap();
    let left = |account, factor: Option<&str>| Left {
        account: name(account),
        factor: factor.map(str::to_owned),
    };
    let named = vec![left("bob", Some("test")), left("carol@shop", None)];
    let expected = LeftBehind {
        before: 3,
        total: 2,
        named,
    };
    assert_eq!(report.left, expected);
    let again = restore(&stand, &file).await.unwrap();
    assert_eq!((again.left.before, again.left.total), (2, 0));
}

#[tokio::test]
async fn what_was_used_since_a_backup_stays_used() {
    let stand = granted().await;
    let file = backup(&stand).await;
    let step = NOW / 30;
    let accepted = |outcome| matches!(outcome, Outcome::Accepted(_));
    assert!(accepted(attempt(&stand, "alice@shop", 1, step).await));
    // More counters than a restore passes over.
    for counter in [0, 9, 18] {
        assert!(accepted(attempt(&stand, "bob", 2, counter).await));
    }
    let before = stand.ledger().read(&name("bob")).await.unwrap().unwrap();
    stand.enrol("carol@shop", 3, TOTP).await;

    let report = restore(&stand, &file).await.unwrap();
    assert_eq!((report.accounts, report.recovery_suspended), (2, 1));
    assert!(!report.adopted && report.floor >= NOW);
    assert!(!accepted(attempt(&stand, "alice@shop", 1, step).await));
    assert!(!accepted(attempt(&stand, "alice@shop", 1, step + 1).await));
    for counter in [0, 18, 11] {
        assert!(!accepted(attempt(&stand, "bob", 2, counter).await));
    }
    assert!(accepted(attempt(&stand, "bob", 2, 30).await));
    let after = stand.ledger().read(&name("bob")).await.unwrap().unwrap();
    assert!(after.generation() > before.generation());
    assert_eq!(
        stand.ledger().read(&name("carol@shop")).await.unwrap(),
        None
    );
    let ended = stand.change("alice@shop", |draft| {
        draft.sessions().unwrap().is_empty() && draft.api_key().unwrap().is_none()
    });
    assert!(ended.await.unwrap());
    // Of other realms too, and after a start.
    let mut stand = stand;
    stand.reopen().await;
    let local = stand.ledger().moment(&RealmName::local());
    assert_eq!(local.floor, report.floor);
    assert_eq!(stand.ledger().check().await.unwrap(), Vec::<String>::new());
    // This host's trail goes on.
    let trail = stand.ledger().audit(0, 100).await.unwrap();
    let said = |what: &dyn Fn(&What) -> bool| trail.iter().any(|entry| what(&entry.what));
    assert!(said(&|what| matches!(
        what,
        What::Restored { accounts: 2, .. }
    )));
    assert!(said(&|what| matches!(
        what,
        What::Event(Event::Verified { .. })
    )));
    stand.clock.set(NOW + 120);
    let later = (NOW + 120) / 30;
    assert!(accepted(attempt(&stand, "alice@shop", 1, later).await));
}

/// A restore while the clock stands a year ahead, or of a backup that was made then: once the clock is
/// right on an administrator's word, nobody waits for that year.
#[tokio::test]
async fn a_future_in_which_a_backup_was_restored_locks_nobody_out() {
    let year = 365 * 86_400;
    for made_ahead in [false, true] {
        let mut stand = granted().await;
        stand.clock.set(NOW + u64::from(made_ahead) * year);
        stand.ledger().note(actor(), What::BackedUp).await.unwrap();
        let file = backup(&stand).await;
        stand.clock.set(NOW + u64::from(!made_ahead) * year);
        restore(&stand, &file).await.unwrap();
        stand.clock.set(NOW + 600);
        let moment = stand.ledger().moment(&RealmName::local());
        assert!(moment.clock == Trust::Doubtful && moment.floor > NOW + year);

        // A word that cannot be written down is not taken.
        stand.tamper(
            "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END",
        );
        stand.ledger().trust_clock(actor()).await.unwrap_err();
        assert_eq!(stand.ledger().moment(&RealmName::local()), moment);
        stand.tamper("DROP TRIGGER full");

        stand.ledger().trust_clock(actor()).await.unwrap();
        for restarted in [false, true] {
            if restarted {
                stand.reopen().await;
            }
            let later = NOW + 600 + 330 + u64::from(restarted) * 60;
            stand.clock.set(later);
            let outcome = attempt(&stand, "alice@shop", 1, later / 30).await;
            assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
        }
    }
}

#[tokio::test]
async fn a_backup_and_the_paper_bring_everything_to_another_machine() {
    let stand = granted().await;
    let file = backup(&stand).await;
    let paper = stand.ledger().escrow(stand.vault()).unwrap();
    let trail = stand.ledger().audit(0, 100).await.unwrap();

    let mut other = Stand::new().await;
    let refused = restore(&other, &file).await;
    assert!(matches!(refused, Err(RestoreError::OtherKey { .. })));
    let ledger = other.ledger();
    ledger
        .restore_keys(other.vault(), &paper, actor())
        .await
        .unwrap();
    let report = restore(&other, &file).await.unwrap();
    assert!(report.adopted);
    assert_eq!(report.left, LeftBehind::default());
    for restarted in [false, true] {
        if restarted {
            other.reopen().await;
        }
        assert_eq!(other.seeds("alice@shop").await, [[1; 20]]);
        assert_eq!(other.seeds("bob").await, [[2; 20]]);
        assert_eq!(other.ledger().check().await.unwrap(), Vec::<String>::new());
        assert!(matches!(
            attempt(&other, "bob", 2, 11).await,
            Outcome::Accepted(_) | Outcome::CodeUsed | Outcome::UsedUp { .. }
        ));
    }
    let told = other.ledger().audit(0, 100).await.unwrap();
    assert_eq!(told[..trail.len()], trail);
    let rest: Vec<&What> = told[trail.len()..]
        .iter()
        .map(|entry| &entry.what)
        .collect();
    assert_eq!(rest[0], &What::KeysRestored);
    assert!(matches!(rest[1], What::Restored { accounts: 2, .. }));
}

#[tokio::test]
async fn a_backup_replaces_a_damaged_file_that_was_moved_away() {
    let mut stand = granted().await;
    let file = backup(&stand).await;
    let trail = stand.ledger().audit(0, 100).await.unwrap();
    stand.close();
    let database = stand.dir.path().join(DATABASE);
    let mut damaged = fs::read(&database).unwrap();
    // The last page holds part of an index, which no start reads.
    let last = damaged.len() - 4096;
    damaged[last..].fill(0xA5);
    fs::write(&database, damaged).unwrap();
    stand.reopen().await;
    let told = loop {
        match stand.ledger().read(&name("bob")).await {
            Err(LedgerError::Store(error)) if error.to_string().contains("backup") => break error,
            _ => std::thread::yield_now(),
        }
    };
    let refused = restore(&stand, &file).await;
    assert_eq!(refused, Err(told.into()));
    assert!(!stand.ledger().check().await.unwrap().is_empty());
    stand.close();
    fs::rename(&database, database.with_extension("damaged")).unwrap();
    stand.reopen().await;
    let report = restore(&stand, &file).await.unwrap();
    assert!(report.adopted);
    assert_eq!(stand.seeds("alice@shop").await, [[1; 20]]);
    let restored = stand.ledger().audit(0, 100).await.unwrap();
    assert_eq!(restored[..trail.len()], trail);
    assert_eq!(stand.ledger().check().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_no_backup_changes_nothing() {
    let stand = granted().await;
    let mut file = backup(&stand).await;
    let mut whole = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut whole).unwrap();
    let changed = |sql: &str| {
        let path = stand.dir.path().join("changed");
        fs::write(&path, &whole).unwrap();
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(sql).unwrap();
        drop(connection);
        let content = fs::read(&path).unwrap();
        fs::remove_file(path).unwrap();
        content
    };
    let mut torn = whole.clone();
    let end = torn.len();
    torn[end - 4096..].fill(0xA5);
    for content in [
        Vec::new(),
        b"a letter, and no database at all".to_vec(),
        whole[..whole.len() / 2].to_vec(),
        torn,
        changed("PRAGMA user_version = 99"),
        changed("PRAGMA user_version = 1"),
        changed("UPDATE account SET record = x'01' WHERE realm = 'shop'"),
        changed("UPDATE account SET name = 'mallory' WHERE realm = 'shop'"),
        changed("DELETE FROM seed"),
        changed("UPDATE meta SET value = zeroblob(32)"),
        changed("DROP TABLE account"),
    ] {
        let mut from = tempfile().unwrap();
        from.write_all(&content).unwrap();
        let refused = restore(&stand, &from).await;
        assert!(
            matches!(
                refused,
                Err(RestoreError::Unusable(_) | RestoreError::OtherKey { .. })
            ),
            "{refused:?}"
        );
        let alice = stand.change("alice@shop", |draft| draft.sessions().unwrap().len());
        assert_eq!(alice.await.unwrap(), 1);
    }
    assert_eq!(stand.ledger().check().await.unwrap(), Vec::<String>::new());
    let floor = stand.ledger().moment(&RealmName::local()).floor;
    assert_eq!(floor, 0);
    let mut left = fs::read_dir(stand.dir.path()).unwrap();
    assert!(!left.any(|entry| entry.unwrap().path().extension() == Some("tmp".as_ref())));
    assert_eq!(restore(&stand, &file).await.unwrap().accounts, 2);
}

#[tokio::test]
async fn a_store_in_use_takes_its_own_keys_only() {
    let stand = granted().await;
    let paper = stand.ledger().escrow(stand.vault()).unwrap();
    let other = Stand::new().await;
    let foreign = other.ledger().escrow(other.vault()).unwrap();
    let files = ["vault.key", "codes.key"].map(|file| stand.dir.path().join(file));
    let before = files.clone().map(|file| fs::read(file).unwrap());
    // One key that fits does not bring the other in.
    let mut mixed: Vec<&str> = paper.lines().take(5).collect();
    mixed.extend(foreign.lines().skip(5));
    for text in [foreign.to_string(), mixed.join("\n")] {
        let taken = stand.ledger().restore_keys(stand.vault(), &text, actor());
        assert!(taken.await.is_err());
        assert_eq!(files.clone().map(|file| fs::read(file).unwrap()), before);
    }
    let mut stand = stand;
    for file in &files {
        fs::remove_file(file).unwrap();
    }
    stand.reopen().await;
    assert!(stand.ledger().escrow(stand.vault()).is_err());
    let ledger = stand.ledger();
    ledger
        .restore_keys(stand.vault(), &paper, actor())
        .await
        .unwrap();
    assert_eq!(stand.seeds("alice@shop").await, [[1; 20]]);
    stand.reopen().await;
    assert_eq!(stand.seeds("alice@shop").await, [[1; 20]]);
    assert_eq!(files.map(|file| fs::read(file).unwrap()), before);
    assert_eq!(stand.ledger().check().await.unwrap(), Vec::<String>::new());
}
