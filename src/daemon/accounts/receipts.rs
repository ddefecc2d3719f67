//! The receipts that are good at the moment. They live in memory alone: none survives a restart.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use data_encoding::HEXLOWER;
use oathd_core::{Receipt, receipt::LIFETIME};
use oathd_token::Entropy;

/// Bytes of an id: nobody guesses one within its time.
const ID: usize = 16;

/// How many receipts one uid may have; the oldest go first.
const MOST: usize = 4096;

type Id = [u8; ID];

/// The receipts that were given and not yet shown.
pub(crate) struct Receipts {
    entropy: Entropy,
    given: Mutex<Given>,
}

#[derive(Default)]
struct Given {
    receipts: HashMap<Id, Receipt>,
    /// The ids of each uid, the oldest first; some may have been taken.
    by_uid: HashMap<u32, VecDeque<(Id, u64)>>,
}

impl Receipts {
    pub(crate) fn new(entropy: Entropy) -> Receipts {
        Receipts {
            entropy,
            given: Mutex::default(),
        }
    }

    /// Keeps a receipt, and gives the id by which its holder shows it.
    pub(crate) fn put(&self, receipt: Receipt) -> String {
        let mut id = [0; ID];
        (self.entropy)(&mut id);
        let mut given = self.lock();
        let Given { receipts, by_uid } = &mut *given;
        let theirs = by_uid.entry(receipt.holder.uid).or_default();
        while let Some((oldest, until)) = theirs.front() {
            if theirs.len() < MOST && receipt.issued < *until {
                break;
            }
            receipts.remove(oldest);
            theirs.pop_front();
        }
        theirs.push_back((id, receipt.issued.saturating_add(LIFETIME)));
        receipts.insert(id, receipt);
        HEXLOWER.encode(&id)
    }

    /// Takes the receipt of an id out: whatever becomes of it, it cannot be shown again.
    pub(crate) fn take(&self, id: &str) -> Option<Receipt> {
        let id = HEXLOWER.decode(id.as_bytes()).ok()?;
        self.lock().receipts.remove(&Id::try_from(id).ok()?)
    }

    fn lock(&self) -> MutexGuard<'_, Given> {
        // A map that is half changed holds at worst an id without its receipt.
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    use oathd_core::{CallerClass, Way, receipt::Holder};
    use proptest::prelude::*;

    use super::*;

    fn receipts() -> Receipts {
        let count = AtomicU64::new(0);
        Receipts::new(Arc::new(move |bytes: &mut [u8]| {
            let next = count.fetch_add(1, Ordering::Relaxed);
            bytes[..8].copy_from_slice(&next.to_be_bytes());
        }))
    }

    fn receipt(uid: u32, issued: u64) -> Receipt {
        Receipt {
            account: "alice".parse().unwrap(),
            class: CallerClass::Console,
            way: Way::Recovery,
            holder: Holder {
                uid,
                service: String::new(),
            },
            issued,
            generation: 0,
            must_reenrol: false,
        }
    }

    proptest! {
        #[test]
        fn each_is_taken_once(count in 1usize..50, order in any::<prop::sample::Index>()) {
            let receipts = receipts();
            let ids: Vec<_> = (0..count).map(|n| receipts.put(receipt(n as u32 % 3, 100))).collect();
            let one = order.index(count);
            prop_assert!(receipts.take(&ids[one]).is_some());
            for (n, id) in ids.iter().enumerate() {
                prop_assert_eq!(receipts.take(id).is_some(), n != one);
            }
        }

        #[test]
        fn nonsense_takes_nothing(id in "\\PC{0,40}") {
            prop_assert!(receipts().take(&id).is_none());
        }
    }

    #[test]
    fn one_uid_crowds_nobody_out() {
        let receipts = receipts();
        let other = receipts.put(receipt(1, 100));
        let first = receipts.put(receipt(2, 100));
        for _ in 0..MOST {
            receipts.put(receipt(2, 100));
        }
        assert!(receipts.take(&first).is_none());
        assert!(receipts.take(&other).is_some());
        assert_eq!(receipts.lock().receipts.len(), MOST);
    }

    #[test]
    fn what_is_over_makes_room() {
        let receipts = receipts();
        for at in 0..10_000 {
            receipts.put(receipt(2, at));
        }
        assert_eq!(receipts.lock().receipts.len(), LIFETIME as usize);
    }
}
