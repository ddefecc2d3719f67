//! The time of day, and the time since boot.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Where oathd reads the time.
pub trait Clock: Send + Sync {
    /// The time of day in Unix seconds; 0 for a clock set before 1970.
    fn now(&self) -> u64;

    /// The time since boot, suspend included: it never jumps, so waits are counted in it.
    fn boot_time(&self) -> Duration;

    /// Whether a time service vouches for the time of day: then it may jump.
    fn synchronised(&self) -> bool {
        false
    }
}

/// The clocks of the kernel: `CLOCK_REALTIME` and `CLOCK_BOOTTIME`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> u64 {
        to_duration(clock_gettime(ClockId::Realtime)).as_secs()
    }

    fn boot_time(&self) -> Duration {
        to_duration(clock_gettime(ClockId::Boottime))
    }

    /// What systemd-timesyncd says. Where another service keeps the clock, systemd-timedated is asked
    /// after the first attempt that finds it changed.
    fn synchronised(&self) -> bool {
        Path::new("/run/systemd/timesync/synchronized").exists()
    }
}

fn to_duration(time: Timespec) -> Duration {
    Duration::try_from(time).unwrap_or_default()
}

/// A clock that stands still until it is set; for simulations.
///
/// The time since boot moves with the time of day, forward only.
#[derive(Debug)]
pub struct ManualClock {
    now: AtomicU64,
    boot_seconds: AtomicU64,
    synchronised: AtomicBool,
}

impl ManualClock {
    /// A clock that shows `now`, in Unix seconds, right after boot.
    pub const fn new(now: u64) -> ManualClock {
        ManualClock {
            now: AtomicU64::new(now),
            boot_seconds: AtomicU64::new(0),
            synchronised: AtomicBool::new(false),
        }
    }

    /// Sets the time of day, in Unix seconds.
    pub fn set(&self, now: u64) {
        let before = self.now.swap(now, Ordering::SeqCst);
        self.boot_seconds
            .fetch_add(now.saturating_sub(before), Ordering::SeqCst);
    }

    /// Sets the time of day, in Unix seconds, without any time going by.
    pub fn leap(&self, now: u64) {
        self.now.store(now, Ordering::SeqCst);
    }

    /// Says whether a time service vouches for the time of day.
    pub fn vouch(&self, synchronised: bool) {
        self.synchronised.store(synchronised, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> u64 {
        self.now.load(Ordering::SeqCst)
    }

    fn boot_time(&self) -> Duration {
        Duration::from_secs(self.boot_seconds.load(Ordering::SeqCst))
    }

    fn synchronised(&self) -> bool {
        self.synchronised.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_system_clock_shows_the_time_of_day() {
        let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = SystemClock.now();
        let after = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        assert!((before.as_secs()..=after.as_secs()).contains(&now));
        assert!(SystemClock.boot_time() > Duration::ZERO);
    }

    proptest! {
        #[test]
        fn boot_time_never_goes_back(times in prop::collection::vec(0..1u64 << 40, 1..20)) {
            let clock = ManualClock::new(1_700_000_000);
            let mut last = clock.boot_time();
            for time in times {
                clock.set(time);
                prop_assert_eq!(clock.now(), time);
                prop_assert!(clock.boot_time() >= last);
                last = clock.boot_time();
            }
        }
    }
}
