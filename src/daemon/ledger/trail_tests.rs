use oathd_core::Event;
use proptest::prelude::*;

use super::{stand::*, *};

const ENTRIES: u64 = 12;

/// What somebody does to the file.
const DEEDS: &[&str] = &[
    "UPDATE audit SET at = at + 1 WHERE seq = ?",
    "UPDATE audit SET entry = CAST(entry || 'x' AS BLOB) WHERE seq = ?",
    "UPDATE audit SET entry = zeroblob(length(entry)) WHERE seq = ?",
    "UPDATE audit SET head = randomblob(32) WHERE seq = ?",
    "DELETE FROM audit WHERE seq = ?",
    "DELETE FROM audit WHERE seq >= ?",
    "DELETE FROM audit WHERE seq <= ?",
    "UPDATE audit SET seq = seq + 100 WHERE seq = ?",
    "INSERT INTO audit SELECT 13, at, entry, head, share FROM audit WHERE seq = ?",
    // The end cut off, and the row of ends made to fit but for its seal.
    "DELETE FROM audit WHERE seq >= ?1;
     UPDATE trail SET last = ?1 - 1,
        head = ifnull((SELECT head FROM audit WHERE seq = ?1 - 1), zeroblob(32))",
    // The beginning, the same way.
    "UPDATE trail SET base = ?1, base_head = (SELECT head FROM audit WHERE seq = ?1);
     DELETE FROM audit WHERE seq <= ?1",
    "UPDATE trail SET seal = randomblob(32) WHERE ? > 0",
    "UPDATE trail SET latest = latest - ?",
    "DELETE FROM trail WHERE ? > 0",
];

async fn with_entries(count: u64) -> Stand {
    let stand = Stand::new().await;
    for number in 0..count {
        stand.clock.set(NOW + number);
        write(&stand).await;
    }
    stand
}

async fn write(stand: &Stand) {
    let event = |draft: &mut Draft<'_>| draft.record([Event::RecoveryCodesLow { left: 3 }]);
    stand.change("alice@shop", event).await.unwrap();
}

fn deed(sql: &str, seq: u64) -> String {
    sql.replace("?1", "?").replace('?', &seq.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_done_to_the_trail_is_found(
        deeds in prop::collection::vec((0..DEEDS.len(), 1..=ENTRIES), 1..3), goes_on: bool,
    ) {
        // Without its entries and their ends it is a trail that never began; the journal tells of it.
        let ends_go = deeds.iter().any(|(which, _)| *which == DEEDS.len() - 1);
        prop_assume!(deeds.len() == 1 || !ends_go);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut stand = with_entries(ENTRIES).await;
            assert_eq!(stand.ledger().verify_audit().await.unwrap().fault, None);
            stand.close();
            for (which, seq) in deeds {
                // What is gone cannot be changed; the first deed always can be done.
                let _ = stand.try_to_tamper(&deed(DEEDS[which], seq));
            }
            stand.reopen().await;
            if goes_on {
                write(&stand).await;
                write(&stand).await;
            }
            let verdict = stand.ledger().verify_audit().await.unwrap();
            assert!(verdict.fault.is_some(), "{verdict:?}");
            assert!(!stand.ledger().check().await.unwrap().is_empty());
        });
    }

    /// However few are kept, the rest fits. Nothing goes too early, and little stays too long.
    #[test]
    fn what_is_kept_fits_whatever_was_let_go(
        bursts in prop::collection::vec(1usize..60, 1..20), entries in 1u64..200, age in 1u64..20,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut stand = Stand::new().await;
            stand.ledger().set_retention(Retention { entries, age });
            let mut times = Vec::new();
            for (now, burst) in (NOW..).zip(&bursts) {
                stand.clock.set(now);
                times.extend(vec![now; *burst]);
                let events = vec![Event::SwitchedOff; *burst];
                stand.change("alice@shop", |draft| draft.record(events)).await.unwrap();
            }
            stand.reopen().await;
            let (count, now) = (times.len() as u64, *times.last().unwrap());
            let verdict = stand.ledger().verify_audit().await.unwrap();
            assert_eq!((verdict.fault, verdict.last), (None, count));
            let kept = stand.ledger().audit(0, 10_000).await.unwrap();
            let numbers: Vec<u64> = kept.iter().map(|entry| entry.seq).collect();
            assert_eq!(numbers, (verdict.first..=count).collect::<Vec<_>>());
            assert!(kept.len() as u64 <= entries + 128);
            if let Some(gone) = verdict.first.checked_sub(2) {
                let too_old = times[usize::try_from(gone).unwrap()] + age < now;
                assert!(too_old || count - gone > entries, "entry {} went", gone + 1);
            }
        });
    }
}

#[tokio::test]
async fn a_clock_that_is_not_believed_makes_nothing_old() {
    let stand = Stand::new().await;
    stand.ledger().set_retention(Retention {
        entries: 1000,
        age: 1000,
    });
    for number in 0..200 {
        if number == 100 {
            stand.clock.leap(NOW + 1_000_000);
        }
        write(&stand).await;
    }
    assert_eq!(stand.ledger().verify_audit().await.unwrap().first, 1);
}

#[tokio::test]
async fn each_fault_is_named() {
    for (sql, expected, at_the_end) in [
        (
            "DELETE FROM audit WHERE seq = 1",
            AuditFault::Missing { seq: 1 },
            false,
        ),
        (
            "DELETE FROM audit WHERE seq = 5",
            AuditFault::Missing { seq: 5 },
            false,
        ),
        (
            "DELETE FROM audit WHERE seq = 12",
            AuditFault::Missing { seq: 12 },
            true,
        ),
        (
            "UPDATE audit SET at = 0 WHERE seq = 5",
            AuditFault::Changed { seq: 5 },
            false,
        ),
        (
            "INSERT INTO audit SELECT 13, at, entry, head, share FROM audit WHERE seq = 1",
            AuditFault::Surplus { seq: 13 },
            true,
        ),
        ("UPDATE trail SET latest = 0", AuditFault::Seal, true),
    ] {
        let mut stand = with_entries(ENTRIES).await;
        stand.tamper(sql);
        let verdict = stand.ledger().verify_audit().await.unwrap();
        assert_eq!(verdict.fault, Some(expected), "{sql}");
        // Where the end does not fit, the next start notes it.
        stand.reopen().await;
        let told = stand.ledger().audit(0, 100).await.unwrap();
        let noted = told.iter().any(|entry| entry.what == What::TrailBroken);
        assert_eq!(noted, at_the_end, "{sql}: {told:?}");
        assert!(stand.ledger().verify_audit().await.unwrap().fault.is_some());
    }
}
