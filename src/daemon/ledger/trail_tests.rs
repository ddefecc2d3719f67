use oathd_core::Event;
use proptest::prelude::*;

use super::{stand::*, *};

const ENTRIES: u64 = 12;

/// What somebody does to the file.
const DEEDS: &[&str] = &[
    "UPDATE audit SET at = at + 1 WHERE seq = ?",
    "UPDATE audit SET entry = entry || x'00' WHERE seq = ?",
    "UPDATE audit SET entry = zeroblob(length(entry)) WHERE seq = ?",
    "UPDATE audit SET head = randomblob(32) WHERE seq = ?",
    "DELETE FROM audit WHERE seq = ?",
    "DELETE FROM audit WHERE seq >= ?",
    "DELETE FROM audit WHERE seq <= ?",
    "UPDATE audit SET seq = seq + 100 WHERE seq = ?",
    "INSERT INTO audit SELECT 13, at, entry, head FROM audit WHERE seq = ?",
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
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_done_to_the_trail_is_found(
        deeds in prop::collection::vec((0..DEEDS.len(), 1..=ENTRIES), 1..3), goes_on: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut stand = with_entries(ENTRIES).await;
            assert_eq!(stand.ledger().verify_audit().await.unwrap().fault, None);
            stand.close();
            for (which, seq) in deeds {
                stand.tamper(&deed(DEEDS[which], seq));
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

    /// However few are kept, the rest fits, and no more are kept than that and what comes between
    /// two looks.
    #[test]
    fn what_is_kept_fits_whatever_was_let_go(
        count in 1u64..400, entries in 1u64..200, age in 1u64..400,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut stand = Stand::new().await;
            stand.ledger().set_retention(Retention { entries, age });
            for number in 0..count {
                stand.clock.set(NOW + number);
                write(&stand).await;
            }
            stand.reopen().await;
            let verdict = stand.ledger().verify_audit().await.unwrap();
            assert_eq!((verdict.fault, verdict.last), (None, count));
            let kept = stand.ledger().audit(0, 1000).await.unwrap();
            assert_eq!(kept.first().unwrap().seq, verdict.first);
            assert_eq!(kept.last().unwrap().seq, count);
            assert!(kept.len() as u64 <= entries.min(age + 1) + 64);
            assert!(kept.len() as u64 >= count.min(entries).min(age + 1));
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
    for (sql, expected) in [
        (
            "DELETE FROM audit WHERE seq = 1",
            AuditFault::Missing { seq: 1 },
        ),
        (
            "DELETE FROM audit WHERE seq = 5",
            AuditFault::Missing { seq: 5 },
        ),
        (
            "DELETE FROM audit WHERE seq = 12",
            AuditFault::Missing { seq: 12 },
        ),
        (
            "UPDATE audit SET at = 0 WHERE seq = 5",
            AuditFault::Changed { seq: 5 },
        ),
        (
            "INSERT INTO audit SELECT 13, at, entry, head FROM audit WHERE seq = 1",
            AuditFault::Surplus { seq: 13 },
        ),
        ("UPDATE trail SET latest = 0", AuditFault::Seal),
    ] {
        let mut stand = with_entries(ENTRIES).await;
        stand.tamper(sql);
        let verdict = stand.ledger().verify_audit().await.unwrap();
        assert_eq!(verdict.fault, Some(expected), "{sql}");
        // The end does not fit: from the next start on, the trail says so itself.
        stand.reopen().await;
        let told = stand.ledger().audit(ENTRIES, 10).await.unwrap();
        let noted = told.iter().any(|entry| entry.what == What::TrailBroken);
        let at_the_end = !sql.contains("seq = 1'") && !sql.contains("seq = 5");
        assert_eq!(
            noted,
            at_the_end && !sql.ends_with("seq = 1"),
            "{sql}: {told:?}"
        );
    }
}
