//! What holds attempts back: the bucket of each realm, and the queue at accounts whose codes a token
//! computes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hashlink::LruCache;
use oathd_core::{AccountName, Bucket, CallerClass, Event, RealmName, bucket::Counted};
use tokio::sync::{Mutex as Queue, OwnedMutexGuard};

/// How many realms have a bucket of their own; root may name realms that nobody owns.
const MOST_REALMS: usize = 1024;

/// How many attempts may wait at one account and class.
const MOST_WAITING: usize = 32;

/// Seconds in which the replay of a code is written down once for an account and class: it costs
/// nothing, and whoever goes on with it would push everything else out of the trail.
const QUIET: u64 = 60;

/// Of how many accounts and classes the last replay is remembered.
const REPLAYS: usize = 1024;

/// Where attempts follow one another.
type Place = (AccountName, CallerClass);

/// The attempts that are under way. Clones share them.
#[derive(Clone)]
pub(crate) struct Attempts {
    buckets: Arc<Mutex<HashMap<RealmName, Bucket>>>,
    queues: Arc<Mutex<HashMap<Place, Arc<Queue<()>>>>>,
    /// When a replay was last written down, in Unix seconds.
    replays: Arc<Mutex<LruCache<Place, u64>>>,
}

impl Default for Attempts {
    fn default() -> Attempts {
        Attempts {
            buckets: Arc::default(),
            queues: Arc::default(),
            replays: Arc::new(Mutex::new(LruCache::new(REPLAYS))),
        }
    }
}

/// A place at the head of the queue of an account and class; the next one follows when it is
/// dropped.
pub(crate) struct Turn {
    queues: Attempts,
    place: Place,
    held: Option<OwnedMutexGuard<()>>,
}

/// A failure that was counted in advance.
pub(crate) struct Taken {
    realm: RealmName,
    counted: Counted,
}

impl Attempts {
    /// Counts an attempt as a failure of its realm before it is looked at. With the alarm, when
    /// this trips the realm's bucket.
    ///
    /// # Errors
    ///
    /// The seconds to wait.
    pub(crate) fn take(
        &self,
        realm: &RealmName,
        class: CallerClass,
        now: u64,
    ) -> Result<(Taken, Option<Event>), u64> {
        let mut buckets = lock(&self.buckets);
        if !buckets.contains_key(realm) && buckets.len() >= MOST_REALMS {
            buckets.retain(|_, bucket| bucket.failures(now) > 0);
        }
        let bucket = buckets.entry(realm.clone()).or_default();
        let (counted, alarm) = bucket.take(class, now)?;
        let realm = realm.clone();
        Ok((Taken { realm, counted }, alarm))
    }

    /// Gives back what was counted, after an attempt that was no failure.
    pub(crate) fn give_back(&self, taken: Taken) {
        if let Some(bucket) = lock(&self.buckets).get_mut(&taken.realm) {
            bucket.give_back(taken.counted);
        }
    }

    /// Whether a replay at `now` (Unix seconds) is to be written down.
    pub(crate) fn is_new_replay(
        &self,
        account: &AccountName,
        class: CallerClass,
        now: u64,
    ) -> bool {
        let place = (account.clone(), class);
        let mut replays = lock(&self.replays);
        let last = replays.get(&place).copied();
        let is_new = last.is_none_or(|last| now.abs_diff(last) >= QUIET);
        if is_new {
            replays.insert(place, now);
        }
        is_new
    }

    /// A turn at an account where nobody has one.
    pub(crate) fn free_turn(&self, account: &AccountName, class: CallerClass) -> Option<Turn> {
        let place = (account.clone(), class);
        let queue = Arc::clone(lock(&self.queues).entry(place.clone()).or_default());
        let held = Some(queue.try_lock_owned().ok()?);
        let queues = self.clone();
        Some(Turn {
            queues,
            place,
            held,
        })
    }

    /// Waits for its turn at an account. An attempt whose charge is written down before a token is
    /// asked would be counted as a failure by the next one, so they follow one another.
    /// `None` where too many wait.
    pub(crate) async fn turn(&self, account: &AccountName, class: CallerClass) -> Option<Turn> {
        let place = (account.clone(), class);
        let queue = {
            let mut queues = lock(&self.queues);
            let queue = queues.entry(place.clone()).or_default();
            // One reference is the map's.
            if Arc::strong_count(queue) > MOST_WAITING {
                return None;
            }
            Arc::clone(queue)
        };
        let mut turn = Turn {
            queues: self.clone(),
            place,
            held: None,
        };
        turn.held = Some(queue.lock_owned().await);
        Some(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Whoever waits holds a reference of its own.
        self.held = None;
        let mut queues = lock(&self.queues.queues);
        if queues
            .get(&self.place)
            .is_some_and(|queue| Arc::strong_count(queue) == 1)
        {
            queues.remove(&self.place);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is one call of a map, so a poisoned map is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn alice() -> AccountName {
        "alice".parse().unwrap()
    }

    #[tokio::test]
    async fn attempts_at_one_account_and_class_follow_one_another() {
        let attempts = Attempts::default();
        let alice = alice();
        let first = attempts.turn(&alice, CallerClass::Console).await.unwrap();
        let other = attempts.turn(&alice, CallerClass::Remote).await;
        assert!(other.is_some());
        let second = attempts.turn(&alice, CallerClass::Console);
        tokio::pin!(second);
        assert!((&mut second).now_or_never().is_none());
        assert!(attempts.free_turn(&alice, CallerClass::Console).is_none());
        drop(first);
        assert!(second.await.is_some());
        assert!(attempts.free_turn(&alice, CallerClass::Console).is_some());
        drop(other);
        assert!(lock(&attempts.queues).is_empty());
    }

    #[tokio::test]
    async fn a_queue_is_bounded_and_leaves_nothing() {
        let attempts = Attempts::default();
        let alice = alice();
        let first = attempts.turn(&alice, CallerClass::Console).await.unwrap();
        let mut waiting = Vec::new();
        for _ in 1..MOST_WAITING {
            let mut turn = Box::pin(attempts.turn(&alice, CallerClass::Console));
            assert!((&mut turn).now_or_never().is_none());
            waiting.push(turn);
        }
        assert!(attempts.turn(&alice, CallerClass::Console).await.is_none());
        drop(waiting);
        drop(first);
        assert!(lock(&attempts.queues).is_empty());
    }

    #[test]
    fn a_replay_that_goes_on_is_written_down_once_a_minute() {
        let attempts = Attempts::default();
        let new = |class, now| attempts.is_new_replay(&alice(), class, now);
        let times = (1_000..1_120).filter(|now| new(CallerClass::OwnPrograms, *now));
        assert_eq!(times.collect::<Vec<_>>(), [1_000, 1_060]);
        assert!(new(CallerClass::Remote, 1_119));
    }

    #[test]
    fn realms_have_buckets_of_their_own() {
        let attempts = Attempts::default();
        let (shop, local) = ("shop".parse().unwrap(), RealmName::local());
        while attempts
            .take(&shop, CallerClass::RealmService, 6_000)
            .is_ok()
        {}
        let (taken, alarm) = attempts.take(&local, CallerClass::Remote, 6_000).unwrap();
        assert_eq!(alarm, None);
        attempts.give_back(taken);
        assert!(
            attempts
                .take(&shop, CallerClass::RealmService, 6_000)
                .is_err()
        );
    }
}
