//! What one user may take up at once, so that nobody crowds the others out.
//!
//! A caller with a call under way, or of whom something is kept until it leaves the bus (a watch
//! over the readers, agents), holds a place among the known callers, and there are only so many.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;
use zbus::{OwnedObjectPath, names::OwnedUniqueName};

use super::{Call, Service, TokenObject};
use crate::{bus, error::Error, identity::Caller};

/// How many connections of one uid something may be kept of.
const GUESTS: usize = 64;

/// How many calls of one uid may be under way.
const CALLS: usize = 64;

/// Who takes up what.
#[derive(Debug, Default)]
pub(super) struct Guests {
    /// The uids of the connections that something is kept of.
    kept: Mutex<HashMap<OwnedUniqueName, u32>>,
    /// How many calls of each uid are under way; never none.
    calls: Mutex<HashMap<u32, usize>>,
    /// Told when the last call under way is over.
    over: Notify,
}

/// A call under way.
#[derive(Debug)]
pub(super) struct Underway {
    guests: Arc<Guests>,
    uid: u32,
}

impl Drop for Underway {
    fn drop(&mut self) {
        let mut calls = lock(&self.guests.calls);
        if let Some(count) = calls.get_mut(&self.uid) {
            *count -= 1;
            if *count == 0 {
                calls.remove(&self.uid);
            }
            if calls.is_empty() {
                self.guests.over.notify_waiters();
            }
        }
    }
}

impl Guests {
    /// Begins a call.
    pub(super) fn begin(self: &Arc<Self>, uid: u32) -> Result<Underway, Error> {
        let mut calls = lock(&self.calls);
        let count = calls.get(&uid).copied().unwrap_or(0);
        if count >= CALLS {
            return Err(Error::limits_exceeded("this user has too many calls"));
        }
        calls.insert(uid, count + 1);
        Ok(Underway {
            guests: Arc::clone(self),
            uid,
        })
    }

    /// Whether no call is under way and nothing is kept of anybody.
    pub(super) fn are_none(&self) -> bool {
        lock(&self.kept).is_empty() && lock(&self.calls).is_empty()
    }

    /// Notes that something is kept of a caller; false where something is already.
    fn keep(&self, caller: &Caller) -> Result<bool, Error> {
        let mut kept = lock(&self.kept);
        if kept.contains_key(&caller.unique_name) {
            return Ok(false);
        }
        if kept.values().filter(|uid| **uid == caller.uid).count() >= GUESTS {
            return Err(Error::limits_exceeded("this user has too many programs"));
        }
        kept.insert(caller.unique_name.clone(), caller.uid);
        Ok(true)
    }

    /// The connections of `uid` that something is kept of.
    fn of(&self, uid: u32) -> Vec<OwnedUniqueName> {
        let kept = lock(&self.kept);
        let theirs = kept.iter().filter(|(_, of)| **of == uid);
        theirs.map(|(name, _)| name.clone()).collect()
    }
}

impl Service {
    /// Tells the caller's own programs, and nobody else's, that a token opens for them or no longer
    /// does.
    pub(super) async fn opened_or_locked(&self, call: &Call, object: &TokenObject) {
        let theirs = self.guests.of(call.caller.uid);
        bus::changed_for(self, object, theirs).await;
    }

    /// Resolves when no call is under way.
    pub(crate) async fn calls_are_over(&self) {
        loop {
            let mut over = pin!(self.guests.over.notified());
            over.as_mut().enable();
            if lock(&self.guests.calls).is_empty() {
                return;
            }
            over.await;
        }
    }

    /// Registers an agent of `caller`'s until it leaves the bus.
    pub(crate) fn register_agent(
        self: &Arc<Self>,
        caller: &Caller,
        path: OwnedObjectPath,
    ) -> Result<(), Error> {
        if !self.agents.register(caller, path) {
            return Err(Error::limits_exceeded("this user has too many agents"));
        }
        self.until_gone(caller)
            .inspect_err(|_| self.agents.unregister_all(caller))
    }

    /// Drops all that is kept of a caller once it has left the bus. Called after it was put where it
    /// is kept, so that nothing of a caller that leaves meanwhile stays behind.
    pub(super) fn until_gone(self: &Arc<Self>, caller: &Caller) -> Result<(), Error> {
        if !self.guests.keep(caller)? {
            return Ok(());
        }
        let (service, caller) = (Arc::clone(self), caller.clone());
        tokio::spawn(async move {
            service.callers.gone(&caller.unique_name).await;
            lock(&service.guests.kept).remove(&caller.unique_name);
            service.unwatch_for(&caller);
            service.agents.unregister_all(&caller);
        });
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is one call of a map, so a poisoned map is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(uid: u32, number: usize) -> Caller {
        Caller {
            unique_name: format!(":1.{number}").try_into().unwrap(),
            uid,
            pid: None,
        }
    }

    #[test]
    fn one_user_has_so_many_calls_and_no_fewer_after_them() {
        let guests = Arc::new(Guests::default());
        for _ in 0..2 {
            let calls: Vec<_> = (0..CALLS).map(|_| guests.begin(1).unwrap()).collect();
            assert!(guests.begin(1).is_err());
            drop(guests.begin(2).unwrap());
            drop(calls);
            assert!(lock(&guests.calls).is_empty());
        }
    }

    #[test]
    fn of_one_user_so_many_programs_are_kept_each_once() {
        let guests = Guests::default();
        for number in 0..GUESTS {
            assert!(guests.keep(&caller(1, number)).unwrap());
            assert!(!guests.keep(&caller(1, number)).unwrap());
        }
        assert!(guests.keep(&caller(1, GUESTS)).is_err());
        assert!(guests.keep(&caller(2, GUESTS)).unwrap());
        assert_eq!(guests.of(1).len(), GUESTS);
        assert_eq!(guests.of(2), [caller(2, GUESTS).unique_name]);
    }
}
