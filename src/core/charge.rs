//! Charges: how failures slow a caller down and end a factor.
//!
//! Every attempt is charged before it is looked at, so that a crash or a race never gives one for
//! free. A success clears the class that it came in by; time alone never clears anything.

use serde::{Deserialize, Serialize};

use crate::caller::CallerClass;

/// Attempts without a wait.
pub const FREE: u16 = 4;
/// The first wait in seconds; each failure doubles it.
pub const FIRST_WAIT: u64 = 30;
/// The longest wait in seconds.
pub const LONGEST_WAIT: u64 = 3_600;
/// Consecutive failures after which a factor must be bound anew (NIST SP 800-63B-4
/// section 3.2.2).
pub const CAP: u16 = 100;

/// What is counted apart: failures of one family never slow another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Family {
    /// Codes of authenticators, typed. One attempt is tried on every factor and charged once.
    Codes,
    /// A token's answer to a challenge.
    Presence,
    /// Recovery codes.
    Recovery,
    /// Codes sent to a channel.
    OutOfBand,
    /// The code of a rescue.
    Bypass,
}

/// The consecutive failures of one family and class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// Failures since the last success, at most [`CAP`].
    pub failures: u16,
    /// When the last one was charged, in Unix seconds.
    pub last: u64,
}

/// The wait in seconds after `failures` consecutive failures.
#[must_use]
pub fn wait_after(failures: u16) -> u64 {
    match failures.checked_sub(FREE) {
        None => 0,
        Some(doublings @ 0..=6) => FIRST_WAIT << doublings,
        Some(_) => LONGEST_WAIT,
    }
}

impl Charge {
    /// The seconds to wait at `now`; 0 when an attempt may be made.
    ///
    /// A clock that was set back does not make the wait longer than it was in the first place.
    #[must_use]
    pub fn wait(self, now: u64) -> u64 {
        wait_after(self.failures).saturating_sub(now.saturating_sub(self.last))
    }

    /// The same with one failure more.
    #[must_use]
    fn charged(self, now: u64) -> Self {
        Self {
            failures: self.failures.saturating_add(1).min(CAP),
            last: now,
        }
    }
}

/// One entry of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    family: Family,
    class: CallerClass,
    charge: Charge,
}

/// All charges of an account. At most one entry a family and class, so it is bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger(Vec<Entry>);

/// A charge that was made; whoever holds it may give it back once.
#[derive(Debug, PartialEq, Eq)]
pub struct Charged {
    family: Family,
    class: CallerClass,
    before: Charge,
    after: Charge,
}

impl Charged {
    /// The class that was charged.
    #[must_use]
    pub const fn class(&self) -> CallerClass {
        self.class
    }

    /// The family that was charged.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// Whether this attempt, should it fail, was the last one.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.after.failures >= CAP
    }
}

impl Ledger {
    /// The charge of a family and class.
    #[must_use]
    pub fn get(&self, family: Family, class: CallerClass) -> Charge {
        let found = self
            .0
            .iter()
            .find(|e| e.family == family && e.class == class);
        found.map(|entry| entry.charge).unwrap_or_default()
    }

    /// Charges one attempt.
    ///
    /// # Errors
    /// The seconds to wait; nothing is charged then. When the clock stands before the last
    /// charge, the wait begins anew at `now`, so that it ends.
    pub fn charge(&mut self, family: Family, class: CallerClass, now: u64) -> Result<Charged, u64> {
        let before = self.get(family, class);
        let wait = before.wait(now);
        if wait > 0 {
            if now < before.last {
                self.set(
                    family,
                    class,
                    Charge {
                        last: now,
                        ..before
                    },
                );
            }
            return Err(wait);
        }
        let after = before.charged(now);
        self.set(family, class, after);
        Ok(Charged {
            family,
            class,
            before,
            after,
        })
    }

    /// Gives a charge back. Others that were made since stay.
    pub fn refund(&mut self, charged: &Charged) {
        let now = self.get(charged.family, charged.class);
        let back = if now == charged.after {
            charged.before
        } else {
            Charge {
                failures: now.failures.saturating_sub(1),
                ..now
            }
        };
        self.set(charged.family, charged.class, back);
    }

    /// Forgets the failures of a class, after a success in it.
    pub fn clear(&mut self, class: CallerClass) {
        self.0.retain(|entry| entry.class != class);
    }

    /// Forgets the failures of a family and class, after everything they concern was shut.
    pub(crate) fn close(&mut self, family: Family, class: CallerClass) {
        self.0.retain(|e| e.family != family || e.class != class);
    }

    /// Forgets counts that reached the cap, after something new was bound that they never
    /// concerned.
    pub(crate) fn reopen(&mut self, family: Family) {
        self.0
            .retain(|e| e.family != family || e.charge.failures < CAP);
    }

    /// Lifts every wait but forgets no failure: what an administrator may do for an owner who
    /// is kept waiting.
    pub fn lift_waits(&mut self) {
        for entry in &mut self.0 {
            entry.charge.last = 0;
        }
    }

    fn set(&mut self, family: Family, class: CallerClass, charge: Charge) {
        self.close(family, class);
        if charge.failures > 0 {
            self.0.push(Entry {
                family,
                class,
                charge,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HERE: (Family, CallerClass) = (Family::Codes, CallerClass::Remote);

    /// Tries as soon as that is allowed, until `end`; the times of the tries.
    fn tries(ledger: &mut Ledger, from: u64, end: u64) -> Vec<u64> {
        let mut now = from;
        let mut times = Vec::new();
        while now <= end {
            match ledger.charge(HERE.0, HERE.1, now) {
                Ok(_) => times.push(now),
                Err(wait) => now += wait,
            }
        }
        times
    }

    #[test]
    fn the_computed_bounds_hold() {
        let times = tries(&mut Ledger::default(), 1_000_000, 1_400_000);
        let first_day = times.iter().filter(|at| **at < 1_000_000 + 86_400).count();
        assert_eq!(first_day, 33);
        // The twelfth try is the first that an hour's wait precedes.
        let waits: Vec<u64> = times.windows(2).map(|two| two[1] - two[0]).collect();
        assert_eq!(
            &waits[..12],
            [0, 0, 0, 30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600]
        );
        assert_eq!((times[99] - times[0]) / 3_600, 90);
    }

    proptest! {
        /// Whenever somebody tries, no more tries get through than the schedule has room for.
        #[test]
        fn time_alone_clears_nothing(gaps in prop::collection::vec(0u64..10_000, 0..120)) {
            let mut ledger = Ledger::default();
            let (mut now, mut failures) = (1_000_000, 0);
            for gap in gaps {
                now += gap;
                failures += u16::from(ledger.charge(HERE.0, HERE.1, now).is_ok());
                prop_assert_eq!(ledger.get(HERE.0, HERE.1).failures, failures.min(CAP));
            }
            // However long nobody tries, the next failure waits as long as the last one did.
            let later = now + 10_000_000;
            prop_assert!(ledger.charge(HERE.0, HERE.1, later).is_ok());
            let after = ledger.get(HERE.0, HERE.1);
            prop_assert_eq!((after.failures, after.wait(later)), ((failures + 1).min(CAP), wait_after((failures + 1).min(CAP))));
        }

        #[test]
        fn a_refund_undoes_its_own_charge_alone(count in 1usize..5, which in 0usize..4) {
            let mut ledger = Ledger::default();
            let charges: Vec<Charged> =
                (0..count).filter_map(|_| ledger.charge(HERE.0, HERE.1, 50).ok()).collect();
            let made = charges.len();
            ledger.refund(&charges[which % made]);
            prop_assert_eq!(usize::from(ledger.get(HERE.0, HERE.1).failures), made - 1);
        }

        #[test]
        fn a_clock_set_back_does_not_wait_for_ever(back in 1u64..1_000_000, failures in 4u16..100) {
            let mut ledger = Ledger::default();
            let last = 2_000_000;
            ledger.set(HERE.0, HERE.1, Charge { failures, last });
            let now = last - back;
            let wait = ledger.charge(HERE.0, HERE.1, now).unwrap_err();
            prop_assert!(wait <= LONGEST_WAIT);
            prop_assert!(ledger.charge(HERE.0, HERE.1, now + wait).is_ok());
        }
    }

    #[test]
    fn a_success_clears_its_class_alone() {
        let mut ledger = Ledger::default();
        for class in CallerClass::ALL {
            for family in [Family::Codes, Family::Recovery] {
                ledger.charge(family, class, 9).unwrap();
            }
        }
        ledger.clear(CallerClass::Console);
        for class in CallerClass::ALL {
            let expected = u16::from(class != CallerClass::Console);
            assert_eq!(ledger.get(Family::Codes, class).failures, expected);
            assert_eq!(ledger.get(Family::Recovery, class).failures, expected);
        }
    }

    #[test]
    fn something_new_opens_what_was_shut_and_forgets_nothing_else() {
        let class = CallerClass::Remote;
        let count = |failures| Charge { failures, last: 9 };
        for (codes, after) in [(CAP, 0), (CAP - 1, CAP - 1)] {
            let mut ledger = Ledger::default();
            ledger.set(Family::Codes, class, count(codes));
            ledger.set(Family::Recovery, class, count(CAP));
            ledger.set(Family::Bypass, class, count(3));
            ledger.reopen(Family::Codes);
            let left = |family| ledger.get(family, class).failures;
            let all = [Family::Codes, Family::Recovery, Family::Bypass].map(left);
            assert_eq!(all, [after, CAP, 3]);
        }
    }

    #[test]
    fn lifting_waits_forgets_no_failure() {
        let mut ledger = Ledger::default();
        tries(&mut ledger, 1_000, 1_100);
        let before = ledger.get(HERE.0, HERE.1);
        assert!(before.wait(1_100) > 0);
        ledger.lift_waits();
        let after = ledger.get(HERE.0, HERE.1);
        assert_eq!(
            (after.failures, after.wait(1_000_000)),
            (before.failures, 0)
        );
    }
}
