//! What time it is, and whether that can be believed.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use oathd_core::{MAX_JUMP, Moment, RealmName, Trust, highest_floor};
use tokio::sync::Notify;

use crate::clock::Clock;

/// The clock, beside what it is judged by.
pub(super) struct Times {
    clock: Arc<dyn Clock>,
    /// How far the time of day was ahead of the time since boot, when it was last believed.
    baseline: AtomicI64,
    /// How far it was ahead when a time service vouched for it.
    vouched: AtomicI64,
    /// Told when the time of day has run away.
    doubts: Arc<Notify>,
    /// The latest time that was ever believed, in Unix seconds.
    latest: AtomicU64,
    floors: RwLock<HashMap<RealmName, u64>>,
}

impl Times {
    pub(super) fn new(
        clock: Arc<dyn Clock>,
        latest: u64,
        floors: HashMap<RealmName, u64>,
    ) -> Times {
        Times {
            baseline: AtomicI64::new(read(&*clock).1),
            vouched: AtomicI64::new(i64::MIN),
            doubts: Arc::default(),
            latest: AtomicU64::new(latest),
            floors: RwLock::new(floors),
            clock,
        }
    }

    /// The moment for a realm. A time that can be believed is remembered.
    pub(super) fn moment(&self, realm: &RealmName) -> Moment {
        let (now, ahead) = read(&*self.clock);
        let jump = ahead.saturating_sub(self.baseline.load(Ordering::SeqCst));
        // Asked only where it matters: it is a call of the kernel or of a file.
        let synchronised = is_far(jump) && (self.is_vouched(ahead) || self.clock.synchronised());
        if is_far(jump) && !synchronised {
            self.doubts.notify_one();
        }
        let clock = Trust::assess(now, self.latest(), jump, synchronised);
        if clock == Trust::Good {
            self.latest.fetch_max(now, Ordering::SeqCst);
            if synchronised {
                self.baseline.store(ahead, Ordering::SeqCst);
            }
        }
        let floors = self.floors.read().unwrap_or_else(PoisonError::into_inner);
        Moment {
            now,
            clock,
            floor: floors.get(realm).copied().unwrap_or(0),
        }
    }

    /// Told when the time of day has run away, and nobody vouches for it.
    pub(super) fn doubts(&self) -> Arc<Notify> {
        Arc::clone(&self.doubts)
    }

    /// How far the time of day is ahead of the time since boot, in seconds.
    pub(super) fn ahead(&self) -> i64 {
        read(&*self.clock).1
    }

    /// A time service vouches for the time of day that was so far ahead.
    pub(super) fn vouch(&self, ahead: i64) {
        self.vouched.store(ahead, Ordering::SeqCst);
    }

    fn is_vouched(&self, ahead: i64) -> bool {
        !is_far(ahead.saturating_sub(self.vouched.load(Ordering::SeqCst)))
    }

    /// Believes the clock as it stands, whatever was believed before; gives what was. Floors of a
    /// time that is yet to come fall.
    pub(super) fn trust(&self) -> Belief {
        let (now, ahead) = read(&*self.clock);
        let mut floors = self.floors.write().unwrap_or_else(PoisonError::into_inner);
        let before = floors.clone();
        for floor in floors.values_mut() {
            *floor = highest_floor(now).min(*floor);
        }
        Belief {
            latest: self.latest.swap(now, Ordering::SeqCst),
            baseline: self.baseline.swap(ahead, Ordering::SeqCst),
            floors: before,
        }
    }

    /// Goes back to what was believed.
    pub(super) fn return_to(&self, before: Belief) {
        self.latest.store(before.latest, Ordering::SeqCst);
        self.baseline.store(before.baseline, Ordering::SeqCst);
        *self.floors.write().unwrap_or_else(PoisonError::into_inner) = before.floors;
    }

    /// Believes a time that another host believed.
    pub(super) fn believe(&self, time: u64) {
        self.latest.fetch_max(time, Ordering::SeqCst);
    }

    /// Raises floors; none falls by it.
    pub(super) fn raise(&self, raised: impl IntoIterator<Item = (RealmName, u64)>) {
        let mut floors = self.floors.write().unwrap_or_else(PoisonError::into_inner);
        for (realm, at) in raised {
            let floor = floors.entry(realm).or_default();
            *floor = at.max(*floor);
        }
    }

    /// The latest time that was ever believed, in Unix seconds.
    pub(super) fn latest(&self) -> u64 {
        self.latest.load(Ordering::SeqCst)
    }
}

/// What the clock is judged by.
pub(super) struct Belief {
    latest: u64,
    baseline: i64,
    floors: HashMap<RealmName, u64>,
}

const fn is_far(seconds: i64) -> bool {
    seconds.unsigned_abs() > MAX_JUMP
}

/// The time of day, and how far it is ahead of the time since boot.
fn read(clock: &dyn Clock) -> (u64, i64) {
    let now = clock.now();
    let boot = clock.boot_time().as_secs();
    let signed = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
    (now, signed(now) - signed(boot))
}
