//! Who loses entries of the audit trail when there are too many, and that what is left vouches for
//! what went.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{stand::*, *};

/// The accounts that are written about; the last is administration.
const WRITERS: [&str; 4] = ["ada@shop", "bob@bank", "alice", ""];

/// Makes a store one of the schema that knows no shares.
pub(super) const TO_SCHEMA_2: &str =
    "DROP INDEX audit_of_share; ALTER TABLE audit DROP COLUMN share; DROP TABLE share;
     PRAGMA user_version = 2;";

/// What somebody does to the row of a gap; `?` is its number.
const DEEDS: &[&str] = &[
    "DELETE FROM audit WHERE seq = ?",
    "UPDATE audit SET head = randomblob(32) WHERE seq = ?",
    "UPDATE audit SET at = at + 1 WHERE seq = ?",
    "UPDATE audit SET entry = zeroblob(41) WHERE seq = ?",
    "UPDATE audit SET entry = zeroblob(40) WHERE seq = ?",
    // The gap is made longer, or put in the place of another entry.
    "DELETE FROM audit WHERE seq = (SELECT min(seq) FROM audit WHERE seq > ?)",
    "UPDATE audit SET entry = (SELECT entry FROM audit WHERE seq = ?1)
     WHERE seq = (SELECT min(seq) FROM audit WHERE seq > ?1)",
];

fn what(count: usize) -> Vec<What> {
    vec![What::BackedUp; count]
}

/// Writes entries as one of the writers.
async fn write(stand: &Stand, writer: &str, count: usize) {
    if writer.is_empty() {
        for what in what(count) {
            stand.ledger().note(Actor::ITSELF, what).await.unwrap();
        }
        return;
    }
    let work = move |draft: &mut Draft<'_>| draft.happened.extend(what(count));
    stand.change(writer, work).await.unwrap();
}

/// Whose an entry is.
fn writer(entry: &AuditEntry) -> String {
    let account = entry.account.as_ref();
    account.map(ToString::to_string).unwrap_or_default()
}

fn rows(stand: &Stand, condition: &str) -> Vec<u64> {
    let connection = Connection::open(stand.dir.path().join(crate::store::DATABASE)).unwrap();
    let sql = format!("SELECT seq FROM audit WHERE {condition} ORDER BY seq");
    let mut query = connection.prepare(&sql).unwrap();
    let rows = query.query_map((), |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_quiet_lose_nothing_to_the_busy(
        bursts in prop::collection::vec((0..WRITERS.len(), 1usize..40), 10..60),
        flooder in 0..WRITERS.len(), entries in 80u64..200, which: prop::sample::Index, deed in 0..DEEDS.len(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut stand = Stand::new().await;
            stand.ledger().set_retention(Retention { entries, age: 1_000_000 });
            let mut written = BTreeMap::<String, Vec<u64>>::new();
            let mut last = 0;
            // One of them writes half of everything.
            let flood = bursts.iter().map(|(_, count)| (flooder, *count));
            for (index, count) in bursts.iter().copied().zip(flood).flat_map(|(a, b)| [a, b]) {
                write(&stand, WRITERS[index], count).await;
                let name = match WRITERS[index] {
                    "" => String::new(),
                    name => stand::name(name).to_string(),
                };
                let numbers = last + 1..=last + count as u64;
                last = *numbers.end();
                written.entry(name).or_default().extend(numbers);
            }
            let verdict = stand.ledger().verify_audit().await.unwrap();
            let kept = stand.ledger().audit(0, 100_000).await.unwrap();
            assert_eq!((verdict.fault, verdict.entries), (None, kept.len() as u64));
            assert!(kept.len() as u64 <= entries + 128);
            assert!(rows(&stand, "true").len() <= 2 * kept.len() + 1);
            for (name, numbers) in &written {
                let theirs = kept.iter().filter(|entry| writer(entry) == *name);
                let theirs: Vec<u64> = theirs.map(|entry| entry.seq).collect();
                assert!(numbers.ends_with(&theirs), "{name} lost one amid others");
                let part = entries / WRITERS.len() as u64;
                let least = part.min(numbers.len() as u64);
                assert!(theirs.len() as u64 >= least, "{name} has {} of {least}", theirs.len());
            }
            // Page by page the same.
            let mut after = 0;
            for entry in &kept {
                let page = stand.ledger().audit(after, 1).await.unwrap();
                assert_eq!(&page[0], entry);
                after = entry.seq;
            }
            let gaps = rows(&stand, "share IS NULL");
            if !gaps.is_empty() {
                let gap = which.get(&gaps).to_string();
                stand.close();
                stand.tamper(&DEEDS[deed].replace("?1", "?").replace('?', &gap));
                stand.reopen().await;
                let verdict = stand.ledger().verify_audit().await.unwrap();
                assert!(verdict.fault.is_some(), "{}", DEEDS[deed]);
            }
        });
    }
}

#[tokio::test]
async fn administrators_have_a_share_of_their_own() {
    let stand = Stand::new().await;
    write(&stand, "ada@shop", 3).await;
    let share = |name: &str| format!("share = (SELECT id FROM share WHERE name = '{name}')");
    assert_eq!(rows(&stand, &share("shop")), [1, 2, 3]);
    write(&stand, "", 2).await;
    assert_eq!(rows(&stand, &share("")), [4, 5]);
}

#[tokio::test]
async fn a_trail_without_shares_is_administrators_and_goes_on() {
    let mut stand = Stand::new().await;
    write(&stand, "ada@shop", 5).await;
    let before = stand.ledger().audit(0, 10).await.unwrap();
    stand.close();
    stand.tamper(TO_SCHEMA_2);
    stand.reopen().await;
    assert_eq!(stand.ledger().audit(0, 10).await.unwrap(), before);
    write(&stand, "ada@shop", 1).await;
    let verdict = stand.ledger().verify_audit().await.unwrap();
    assert_eq!((verdict.fault, verdict.entries), (None, 6));
    let share = |name: &str| format!("share = (SELECT id FROM share WHERE name = '{name}')");
    assert_eq!(rows(&stand, &share("")), [1, 2, 3, 4, 5]);
    assert_eq!(rows(&stand, &share("shop")), [6]);
}

#[tokio::test]
async fn what_goes_is_looked_at_before() {
    let forged = format!("x'00{:016x}{:064x}'", 1, 0);
    let deeds = [
        "DELETE FROM audit WHERE seq BETWEEN 3 AND 9".to_owned(),
        "UPDATE audit SET head = zeroblob(32) WHERE seq = 5".to_owned(),
        "UPDATE audit SET head = x'00' WHERE seq = 5".to_owned(),
        "UPDATE audit SET at = 0 WHERE seq < 9".to_owned(),
        format!(
            "DELETE FROM audit WHERE seq < 9; UPDATE audit SET entry = {forged}, share = NULL WHERE seq = 9"
        ),
    ];
    for deed in [None].into_iter().chain(deeds.iter().map(Some)) {
        let mut stand = Stand::new().await;
        let (entries, age) = (1_000, 1_000);
        stand.ledger().set_retention(Retention { entries, age });
        write(&stand, "", 20).await;
        stand.close();
        if let Some(deed) = deed {
            stand.tamper(deed);
        }
        stand.reopen().await;
        stand.ledger().set_retention(Retention { entries, age });
        stand.clock.set(NOW + age + 1);
        write(&stand, "", 64).await;
        let verdict = stand.ledger().verify_audit().await.unwrap();
        assert!(verdict.first > 20, "{deed:?}: the old ones are gone");
        let noted = matches!(verdict.fault, Some(AuditFault::Noted { .. }));
        assert_eq!(noted, deed.is_some(), "{deed:?}: {:?}", verdict.fault);
    }
}
