//! Seeing readers and cards come and go, without polling.

use std::{
    collections::HashMap,
    ffi::CString,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    os::unix::fs::MetadataExt,
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

use pcsc::{Context, Error, PNP_NOTIFICATION, ReaderState, State};

use super::failure;
use crate::transport::{Reader, ReaderWatch, TransportError, Waker};

/// The library wakes up every minute in a wait without a limit, but not in one of this length.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);

/// pcscd's library of version 1 tells that readers came or went by their number alone, as it is when a
/// wait begins: one that comes between a look and the wait is not told. Where readers just changed, more is
/// likely to follow at once (a key that is plugged in again), so the first waits end by themselves and are
/// followed by another look.
const SETTLING: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(6)];

/// A cancellation that comes just before the wait begins is lost; so it is repeated at this distance
/// until the wait has ended, at most so many times.
const CANCEL_AGAIN: Duration = Duration::from_millis(5);
const CANCEL_TIMES: u32 = 200;

/// A reader that leaves between the list and its look fails the look at all others as well, and one that
/// comes while they are listed fails the list; so often it is repeated.
const LOOKS: u32 = 5;

/// The watch's end, shared with its waker.
#[derive(Default)]
struct End {
    state: Mutex<EndState>,
    changed: Condvar,
}

#[derive(Default, Clone, Copy)]
struct EndState {
    wanted: bool,
    reached: bool,
}

impl End {
    fn set(&self, change: impl FnOnce(&mut EndState)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    fn wanted(&self) -> bool {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .wanted
    }

    /// Cancels the wait until it has ended.
    fn bring_about(&self, context: &Context) {
        self.set(|end| end.wanted = true);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..CANCEL_TIMES {
            if state.reached {
                return;
            }
            // A service that went away has ended the wait already.
            let _ = context.cancel();
            let waited = self.changed.wait_timeout(state, CANCEL_AGAIN);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A context whose one thread waits for changes.
pub(super) struct PcscReaders {
    context: Context,
    states: Vec<ReaderState>,
    told: Option<Vec<Reader>>,
    /// How many cards other programs hold exclusively.
    exclusive: usize,
    stamp: u32,
    /// How many waits have ended by themselves since a look found something new.
    quiet: usize,
    end: Arc<End>,
}

impl Drop for PcscReaders {
    fn drop(&mut self) {
        self.end.set(|end| end.reached = true);
    }
}

impl PcscReaders {
    pub(super) fn new(context: Context) -> (PcscReaders, Waker) {
        let end = Arc::new(End::default());
        let (cancelled, waking) = (context.clone(), Arc::clone(&end));
        let watch = PcscReaders {
            context,
            states: Vec::new(),
            told: None,
            exclusive: 0,
            stamp: hotplug_stamp(),
            quiet: 0,
            end,
        };
        (watch, Arc::new(move || waking.bring_about(&cancelled)))
    }

    /// Reads the readers' names and states; a reader that leaves in between is left out. Where readers
    /// leave faster than they can be looked at, what was told stands until the next look.
    fn look(&mut self) -> Result<Vec<Reader>, TransportError> {
        match until_known(|| self.look_once()) {
            Ok(()) => {}
            Err(error) if is_amid_a_change(error) => {
                self.quiet = 0;
                return Ok(self.told.clone().unwrap_or_default());
            }
            Err(error) => return Err(failure(error)),
        }
        let readers = |state: &&mut ReaderState| state.name() != PNP_NOTIFICATION();
        for state in self.states.iter_mut().filter(readers) {
            state.sync_current_state();
        }
        Ok(self.states.iter().filter_map(|s| self.reader(s)).collect())
    }

    fn look_once(&mut self) -> Result<(), Error> {
        let mut known: HashMap<CString, ReaderState> = self
            .states
            .drain(..)
            .map(|state| (state.name().to_owned(), state))
            .collect();
        let mut state_of = |name: CString| {
            let state = known.remove(&name);
            state.unwrap_or_else(|| ReaderState::new(name, State::UNAWARE))
        };
        // The count of readers that came and went is read before they are listed: what comes later ends
        // the next wait.
        let mut plug = state_of(PNP_NOTIFICATION().to_owned());
        let counted = at_once(&self.context, std::slice::from_mut(&mut plug));
        plug.sync_current_state();
        let names = match counted.and_then(|()| self.context.list_readers_owned()) {
            Ok(names) => names,
            Err(Error::NoReadersAvailable) => Vec::new(),
            Err(error) => {
                // A wait on nothing would end at once, for ever.
                self.states = known.into_values().chain([plug]).collect();
                return Err(error);
            }
        };
        self.states = names.into_iter().map(state_of).chain([plug]).collect();
        at_once(&self.context, &mut self.states)
    }

    fn reader(&self, state: &ReaderState) -> Option<Reader> {
        if state.name() == PNP_NOTIFICATION() {
            return None;
        }
        let flags = state.event_state();
        let usable = flags.contains(State::PRESENT) && !flags.contains(State::MUTE);
        Some(Reader {
            name: state.name().to_str().ok()?.to_owned(),
            events: state.event_count() ^ self.stamp,
            atr: usable.then(|| state.atr().to_vec()),
        })
    }

    fn wait(&mut self) -> Result<(), TransportError> {
        let limit = SETTLING.get(self.quiet).copied().unwrap_or(LONG);
        match self.context.get_status_change(limit, &mut self.states) {
            Ok(()) | Err(Error::Cancelled | Error::UnknownReader) => Ok(()),
            Err(Error::Timeout) => {
                self.quiet = self.quiet.saturating_add(1);
                Ok(())
            }
            Err(error) => Err(failure(error)),
        }
    }
}

impl ReaderWatch for PcscReaders {
    fn next(&mut self) -> Result<Option<Vec<Reader>>, TransportError> {
        loop {
            if self.end.wanted() {
                return Ok(None);
            }
            if self.told.is_some() {
                self.wait()?;
            }
            if self.end.wanted() {
                return Ok(None);
            }
            let readers = self.look()?;
            let exclusive = |state: &&ReaderState| state.event_state().contains(State::EXCLUSIVE);
            let exclusive = self.states.iter().filter(exclusive).count();
            // A card that comes free may be one that could not be asked who it is.
            let freed = exclusive < std::mem::replace(&mut self.exclusive, exclusive);
            if freed || self.told.as_ref() != Some(&readers) {
                self.quiet = 0;
                self.told = Some(readers.clone());
                return Ok(Some(readers));
            }
        }
    }
}

/// Reads the states as they are.
fn at_once(context: &Context, states: &mut [ReaderState]) -> Result<(), Error> {
    match context.get_status_change(Duration::ZERO, states) {
        Ok(()) | Err(Error::Timeout) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Looks until every reader that was listed is still there, within bounds.
fn until_known(mut look: impl FnMut() -> Result<(), Error>) -> Result<(), Error> {
    for _ in 1..LOOKS {
        match look() {
            Err(error) if is_amid_a_change(error) => {}
            outcome => return outcome,
        }
    }
    look()
}

/// Whether a look failed because a reader left or came meanwhile.
fn is_amid_a_change(error: Error) -> bool {
    matches!(error, Error::UnknownReader | Error::InsufficientBuffer)
}

/// Another number after anything was plugged in or out, or pcscd was started again, while nobody
/// watched: a reader that came anew counts its cards from the beginning, and so does pcscd.
fn hotplug_stamp() -> u32 {
    let buses = fs::read_dir("/dev/bus/usb").into_iter().flatten().flatten();
    let mut paths: Vec<_> = buses.map(|bus| bus.path()).collect();
    paths.sort();
    paths.extend([
        "/run/pcscd/pcscd.pid".into(),
        "/run/pcscd/pcscd.comm".into(),
    ]);
    let mut hasher = DefaultHasher::new();
    for path in paths {
        let changed = fs::metadata(&path).ok();
        let changed = changed.map(|meta| (meta.ino(), meta.mtime(), meta.mtime_nsec()));
        (path, changed).hash(&mut hasher);
    }
    // The lower half holds the counters.
    (hasher.finish() as u32) & 0xffff_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of looks that fail so often because of a change, and how many they were.
    fn looks(failed: u32, change: Error, then: Result<(), Error>) -> (Result<(), Error>, u32) {
        let mut looks = 0;
        let outcome = until_known(|| {
            looks += 1;
            match looks <= failed {
                true => Err(change),
                false => then,
            }
        });
        (outcome, looks)
    }

    #[test]
    fn a_reader_that_changes_during_a_look_costs_another_look_and_no_reader() {
        for change in [Error::UnknownReader, Error::InsufficientBuffer] {
            for failed in 0..LOOKS {
                for then in [Ok(()), Err(Error::NoService)] {
                    assert_eq!(looks(failed, change, then), (then, failed + 1));
                }
            }
            assert_eq!(looks(u32::MAX, change, Ok(())), (Err(change), LOOKS));
        }
    }
}
