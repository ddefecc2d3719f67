//! When something happens, and whether the clock can be believed.

/// How far back, in seconds, the clock may stand against the latest time ever seen.
pub const MAX_SETBACK: u64 = 90;

/// How far, in seconds, wall time may run away from boot time without a time service.
pub const MAX_JUMP: u64 = 60;

/// The longest period, in seconds, that a realm's floor makes everybody wait for.
pub const LONGEST_FLOOR: u32 = 300;

/// Whether codes that are made from time can be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The clock agrees with what is known.
    Good,
    /// The clock was set back or jumped: TOTP is refused, everything else goes on.
    Doubtful,
}

impl Trust {
    /// Judges the clock.
    ///
    /// `last_seen` is the latest time kept in the store; `jump` is how far wall time moved beyond
    /// the time since boot, in seconds, since the last look; `synchronised` says that a time
    /// service vouches for the clock, which excuses a jump but never a step behind `last_seen`.
    #[must_use]
    pub fn assess(now: u64, last_seen: u64, jump: i64, synchronised: bool) -> Self {
        let behind = now < last_seen.saturating_sub(MAX_SETBACK);
        let jumped = !synchronised && jump.unsigned_abs() > MAX_JUMP;
        if behind || jumped {
            Self::Doubtful
        } else {
            Self::Good
        }
    }
}

/// The circumstances of one call, as the caller of these rules knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Unix seconds, of this host's clock; never of a client's.
    pub now: u64,
    /// Whether `now` can be believed.
    pub clock: Trust,
    /// The realm's floor in Unix seconds: a time step that begins at or before it is refused.
    /// Raised after a restore; 0 otherwise.
    pub floor: u64,
}

impl Moment {
    /// A moment with a good clock and no floor.
    #[must_use]
    pub const fn at(now: u64) -> Self {
        Self {
            now,
            clock: Trust::Good,
            floor: 0,
        }
    }
}

/// The floor of a realm after a restore, a revived machine or a doubtful clock: the end of the
/// latest window in which a code could have been accepted before. By this a floor never falls.
#[must_use]
pub fn raised_floor(floor: u64, now: u64, longest_period: u32) -> u64 {
    floor.max(now.saturating_add(u64::from(longest_period)))
}

/// The highest floor where `now` is right on an administrator's word: one above it was raised by a
/// clock that stood ahead, and would refuse the codes of all until then, new factors' too.
#[must_use]
pub fn highest_floor(now: u64) -> u64 {
    now.saturating_add(u64::from(LONGEST_FLOOR))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_clock_behind_its_past_is_never_good(last in 91u64.., behind in 91u64.., jump: i64, synced: bool) {
            let now = last.saturating_sub(behind);
            prop_assert_eq!(Trust::assess(now, last, jump, synced), Trust::Doubtful);
        }

        #[test]
        fn a_floor_never_falls(floor: u64, now: u64, period: u32) {
            let raised = raised_floor(floor, now, period);
            prop_assert!(raised >= floor && raised >= now);
        }
    }

    #[test]
    fn a_jump_needs_a_time_service() {
        assert_eq!(Trust::assess(1_000, 1_000, 61, false), Trust::Doubtful);
        assert_eq!(Trust::assess(1_000, 1_000, -61, false), Trust::Doubtful);
        assert_eq!(Trust::assess(1_000, 1_000, 86_400, true), Trust::Good);
        assert_eq!(Trust::assess(1_000, 1_000, 60, false), Trust::Good);
        assert_eq!(Trust::assess(910, 1_000, 0, false), Trust::Good);
    }
}
