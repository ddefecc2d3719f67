//! What the programs met.

use std::collections::BTreeMap;
use std::sync::Mutex;

/// How often each kind of call had which outcome.
#[derive(Debug, Default)]
pub(super) struct Statistics(Mutex<BTreeMap<(&'static str, String), u64>>);

impl Statistics {
    pub(super) fn count(&self, call: &'static str, outcome: &str) {
        let mut counts = self.0.lock().unwrap();
        *counts.entry((call, outcome.to_owned())).or_default() += 1;
    }

    /// Every kind of call was done, and most kinds of trouble were felt: the soak has soaked.
    pub(super) fn check(&self) {
        let counts = self.0.lock().unwrap();
        for (call, _) in counts.keys() {
            let done = counts.contains_key(&(*call, "ok".to_owned()));
            assert!(done, "no {call} was done: {counts:?}");
        }
        let felt = |name: &&str| counts.keys().any(|(_, outcome)| outcome == name);
        let troubles = [
            "TokenRemoved",
            "TokenFault",
            "TokenBusy",
            "PasswordRequired",
        ];
        let met = troubles.iter().filter(|name| felt(name)).count();
        assert!(met >= 3, "a calm soak: {counts:?}");
    }

    #[expect(
        clippy::print_stderr,
        reason = "the test runner captures it, and shows it where asked to"
    )]
    pub(super) fn show(&self, before: u64, after: u64) {
        let counts = self.0.lock().unwrap();
        let total: u64 = counts.values().sum();
        eprintln!("{total} calls; oathd held {before} KiB, and {after} KiB at the end");
        for ((call, outcome), count) in counts.iter() {
            eprintln!("{call:>16} {outcome:<24} {count:>7}");
        }
    }
}
