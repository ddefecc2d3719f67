//! What is known about messages: those under way, and the last that are over.

use std::collections::{HashMap, VecDeque};

use crate::progress::Progress;

/// How many messages that are over are remembered.
const OVER_MAX: usize = 256;

/// How far a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) progress: Progress,
    pub(crate) attempts: u32,
}

/// The entries by id. Whoever opens them bounds how many are open.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: HashMap<String, Entry>,
    /// The ids of messages that are over, oldest first.
    over: VecDeque<String>,
}

impl Ledger {
    pub(super) fn open(&mut self, id: &str) {
        let entry = Entry {
            progress: Progress::QUEUED,
            attempts: 0,
        };
        self.entries.insert(id.to_owned(), entry);
    }

    pub(super) fn get(&self, id: &str) -> Option<Entry> {
        self.entries.get(id).copied()
    }

    pub(super) fn count_attempt(&mut self, id: &str) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.attempts += 1;
        }
    }

    /// Moves a message on; says whether it may go there.
    pub(super) fn advance(&mut self, id: &str, next: Progress) -> bool {
        match self.entries.get_mut(id) {
            Some(entry) if entry.progress.state.may_become(next.state) => {
                entry.progress = next;
                true
            }
            _ => false,
        }
    }

    /// Nothing more happens to a message. The oldest of too many is forgotten.
    pub(super) fn close(&mut self, id: &str) {
        if !self.entries.contains_key(id) || self.over.iter().any(|known| known == id) {
            return;
        }
        self.over.push_back(id.to_owned());
        if self.over.len() > OVER_MAX
            && let Some(oldest) = self.over.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use oathd_api::delivery::DeliveryState;
    use proptest::prelude::*;

    use super::*;
    use crate::progress::Reason;

    fn progress() -> impl Strategy<Value = Progress> {
        prop::sample::select(vec![
            Progress::queued(Reason::Busy),
            Progress::SENT,
            Progress::DELIVERED,
            Progress::failed(Reason::Refused),
            Progress::unknown(Reason::NoReport),
        ])
    }

    proptest! {
        #[test]
        fn a_message_never_goes_back(steps in prop::collection::vec(progress(), 0..12)) {
            let mut ledger = Ledger::default();
            ledger.open("m");
            let mut before = DeliveryState::Queued;
            for step in steps {
                let moved = ledger.advance("m", step);
                let now = ledger.get("m").unwrap().progress.state;
                prop_assert_eq!(moved, before.may_become(step.state));
                prop_assert_eq!(now, if moved { step.state } else { before });
                before = now;
            }
        }

        #[test]
        fn what_is_over_is_forgotten_in_the_end_and_what_is_open_is_not(most in 1..20usize, opens in 0..700usize) {
            let mut ledger = Ledger::default();
            let mut open = VecDeque::new();
            for id in (0..opens).map(|n| n.to_string()) {
                if open.len() == most {
                    let first: String = open.pop_front().unwrap();
                    ledger.close(&first);
                    ledger.close(&first);
                    prop_assert!(ledger.get(&first).is_some());
                }
                ledger.open(&id);
                open.push_back(id);
                prop_assert!(ledger.entries.len() <= most + OVER_MAX);
                prop_assert!(open.iter().all(|id| ledger.get(id).is_some()));
            }
        }
    }
}
