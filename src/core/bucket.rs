//! The bucket of a realm: what a guess at each of many accounts runs into.

use crate::caller::CallerClass;
use crate::event::Event;

/// Failures in [`WINDOW`] that trip the bucket.
pub const LIMIT: u32 = 50;
/// The span that is counted, in seconds.
pub const WINDOW: u64 = 600;
/// Seconds that one cell of the count spans.
const CELL: u64 = 60;
const CELLS: usize = (WINDOW / CELL) as usize;

/// Failures of one realm over all its accounts. A tripped bucket lets one attempt a second
/// through. Each realm has its own, so realms never slow each other, and the console is never
/// slowed: who stands there cannot try a thousand accounts.
#[derive(Clone, Debug, Default)]
pub struct Bucket {
    /// (minute, failures), the oldest first.
    cells: [(u64, u32); CELLS],
    tripped: bool,
    last: u64,
}

/// A failure that was counted in advance; given back after a success.
#[derive(Debug)]
pub struct Counted {
    /// When, and when the one before it was.
    at: u64,
    before: u64,
}

impl Bucket {
    /// Counts an attempt as a failure before it is looked at. The event, if there is one, is the
    /// alarm: it is raised once each time that the bucket trips.
    ///
    /// # Errors
    /// The seconds to wait.
    pub fn take(&mut self, class: CallerClass, now: u64) -> Result<(Counted, Option<Event>), u64> {
        let full = self.failures(now) >= LIMIT;
        if full && class != CallerClass::Console && self.last == now {
            return Err(1);
        }
        let before = std::mem::replace(&mut self.last, now);
        let cell = now / CELL;
        let index = (cell % CELLS as u64) as usize;
        if self.cells[index].0 != cell {
            self.cells[index] = (cell, 0);
        }
        self.cells[index].1 = self.cells[index].1.saturating_add(1);
        let full = self.failures(now) >= LIMIT;
        let alarm = full && !self.tripped;
        self.tripped = full;
        let alarm = alarm.then_some(Event::RealmUnderAttack { failures: LIMIT });
        Ok((Counted { at: now, before }, alarm))
    }

    /// Gives back what [`Bucket::take`] counted, after an attempt that was no failure: its second
    /// too, or attempts that cost nothing would use up every second of a tripped bucket.
    pub fn give_back(&mut self, counted: Counted) {
        let taken = counted.at / CELL;
        let index = (taken % CELLS as u64) as usize;
        let (cell, failures) = &mut self.cells[index];
        if *cell == taken {
            *failures = failures.saturating_sub(1);
        }
        if self.last == counted.at {
            self.last = counted.before;
        }
    }

    /// Failures in the window that ends at `now`.
    #[must_use]
    pub fn failures(&self, now: u64) -> u32 {
        let newest = now / CELL;
        let oldest = (newest + 1).saturating_sub(CELLS as u64);
        let inside = self
            .cells
            .iter()
            .filter(|(cell, _)| (oldest..=newest).contains(cell));
        inside.map(|(_, failures)| failures).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fifty_failures_trip_it_once_and_then_one_a_second_passes() {
        let mut bucket = Bucket::default();
        let taken: Vec<_> = (0..1_000)
            .filter_map(|_| bucket.take(CallerClass::Remote, 7_000).ok())
            .collect();
        assert_eq!(taken.len(), 50);
        let alarms: Vec<_> = taken
            .iter()
            .filter_map(|(_, alarm)| alarm.as_ref())
            .collect();
        assert_eq!(alarms, [&Event::RealmUnderAttack { failures: 50 }]);
        let passed = (7_001..7_011)
            .flat_map(|now| [now; 5])
            .filter(|now| bucket.take(CallerClass::Remote, *now).is_ok());
        assert_eq!(passed.count(), 10);
    }

    proptest! {
        #[test]
        fn the_console_is_never_slowed(attempts in prop::collection::vec(7_000u64..7_100, 0..300)) {
            let mut bucket = Bucket::default();
            for now in attempts {
                let _ = bucket.take(CallerClass::Remote, now);
                prop_assert!(bucket.take(CallerClass::Console, now).is_ok());
            }
        }

        #[test]
        fn successes_leave_no_trace(count in 0usize..500, now in 1_000_000u64..2_000_000) {
            let mut bucket = Bucket::default();
            for _ in 0..count {
                let (counted, _) = bucket.take(CallerClass::RealmService, now).unwrap();
                bucket.give_back(counted);
            }
            prop_assert_eq!(bucket.failures(now), 0);
        }

        /// In any ten minutes: the limit, and one a second.
        #[test]
        fn the_rate_is_bounded(gaps in prop::collection::vec(0u64..3, 0..2_000)) {
            let mut bucket = Bucket::default();
            let mut now = 1_000_000;
            let mut passed = 0u64;
            for gap in &gaps {
                now += gap;
                passed += u64::from(bucket.take(CallerClass::Remote, now).is_ok());
            }
            prop_assert!(passed <= u64::from(LIMIT) + (now - 1_000_000) + 1);
        }
    }

    /// Of a tripped bucket, too: whoever is refused elsewhere, or was right, takes nobody's second.
    #[test]
    fn what_is_given_back_can_be_taken_in_the_same_second() {
        let mut bucket = Bucket::default();
        while bucket.take(CallerClass::Remote, 6_000).is_ok() {}
        for _ in 0..10 {
            let (counted, _) = bucket.take(CallerClass::Remote, 6_001).unwrap();
            bucket.give_back(counted);
        }
        assert!(bucket.take(CallerClass::OwnPrograms, 6_001).is_ok());
        assert_eq!(bucket.take(CallerClass::Remote, 6_001).err(), Some(1));
    }

    #[test]
    fn ten_quiet_minutes_empty_it() {
        let mut bucket = Bucket::default();
        while bucket.take(CallerClass::Remote, 6_000).is_ok() {}
        assert_eq!(bucket.failures(6_599), LIMIT);
        assert_eq!(bucket.failures(6_600), 0);
    }
}
