//! Which clock oathd reads.

use std::{num::ParseIntError, str::FromStr, sync::Arc};

use oathd_daemon::clock::{Clock, ManualClock, SystemClock};

/// A clock as the command line names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClockChoice {
    /// The machine's.
    System,
    /// One that shows the machine's time at the start, and stands still.
    Manual,
    /// One that stands still at this time, in Unix seconds.
    At(u64),
}

/// A word that is no clock.
#[derive(Debug, thiserror::Error)]
#[error("use system, manual, or a time in Unix seconds at which the clock stands still")]
pub(crate) struct UnknownClock(#[source] ParseIntError);

impl FromStr for ClockChoice {
    type Err = UnknownClock;

    fn from_str(word: &str) -> Result<ClockChoice, UnknownClock> {
        match word {
            "system" => Ok(ClockChoice::System),
            "manual" => Ok(ClockChoice::Manual),
            number => number.parse().map(ClockChoice::At).map_err(UnknownClock),
        }
    }
}

impl ClockChoice {
    /// The clock, unless it is the machine's.
    pub(crate) fn manual(self) -> Option<Arc<ManualClock>> {
        let now = match self {
            ClockChoice::System => return None,
            ClockChoice::Manual => SystemClock.now(),
            ClockChoice::At(now) => now,
        };
        Some(Arc::new(ManualClock::new(now)))
    }
}
