//! Readers, cards and other programs that interfere, under a test's control.

mod watching;
mod work;

use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    time::Duration,
};

use oathd_card::SharedCard;

use self::{
    watching::{Away, Looking},
    work::Connection,
};
use crate::transport::{Absence, Cards, ReaderWatch, Source, TransportError, Waker};

/// A card service and what is wrong with it.
#[derive(Clone, Default)]
pub(super) struct World(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    down: bool,
    /// How often the service was started.
    starts: u32,
    /// Connections for work that are open.
    connections: usize,
    /// Watches over the readers that are open.
    watches: usize,
    /// Watches that were ever opened.
    opened: usize,
    bays: BTreeMap<String, Bay>,
}

#[derive(Default)]
struct Bay {
    card: Option<SharedCard>,
    events: u32,
    /// Another program holds the card exclusively.
    exclusive: bool,
    /// Another program is in a transaction.
    held: bool,
    /// Programs that wait for that transaction's end.
    queueing: usize,
    refusals: usize,
    /// So many transactions will find the card just reset.
    resets: u32,
    log: Vec<Vec<u8>>,
    trip: Option<Trip>,
    /// The OATH application answers to this name and not to its own.
    alias: Option<&'static [u8]>,
    /// The card does not know this instruction.
    unknown: Option<u8>,
}

/// What goes wrong at the first command of an instruction.
#[derive(Clone, Copy)]
pub(super) enum Trip {
    /// Another program resets the card before the card sees it.
    Before(u8),
    /// Another program resets the card after the card has carried it out.
    After(u8),
    /// Another program resets the card before the card sees it, and holds it exclusively from then on.
    Taken(u8),
    /// The reader fails before the card sees it.
    Failure(u8),
}

impl World {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    fn change<T>(&self, reader: &str, change: impl FnOnce(&mut Bay) -> T) -> T {
        let changed = change(self.lock().bays.entry(reader.to_owned()).or_default());
        self.0.changed.notify_all();
        changed
    }

    pub(super) fn insert(&self, reader: &str, card: &SharedCard) {
        card.insert();
        self.change(reader, |bay| {
            bay.card = Some(card.clone());
            bay.events += 1;
        });
    }

    pub(super) fn remove(&self, reader: &str) {
        self.change(reader, |bay| {
            bay.events += 1;
            bay.card.take()
        })
        .unwrap()
        .remove();
    }

    /// Puts another card into a reader without its count telling.
    pub(super) fn swap(&self, reader: &str, card: &SharedCard) {
        self.change(reader, |bay| bay.card = Some(card.clone()));
    }

    pub(super) fn exclusive(&self, reader: &str, exclusive: bool) {
        self.change(reader, |bay| bay.exclusive = exclusive);
    }

    pub(super) fn hold(&self, reader: &str, held: bool) {
        self.change(reader, |bay| bay.held = held);
    }

    pub(super) fn trip(&self, reader: &str, trip: Trip) {
        self.change(reader, |bay| bay.trip = Some(trip));
    }

    /// Gives the OATH application of a reader's card another name.
    pub(super) fn rename_application(&self, reader: &str, alias: &'static [u8]) {
        self.change(reader, |bay| bay.alias = Some(alias));
    }

    /// Lets a reader's card know an instruction no longer.
    pub(super) fn unlearn(&self, reader: &str, ins: u8) {
        self.change(reader, |bay| bay.unknown = Some(ins));
    }

    pub(super) fn reset_before(&self, reader: &str, transactions: u32) {
        self.change(reader, |bay| bay.resets = transactions);
    }

    /// Starts the service anew, so quickly that no watch sees it.
    pub(super) fn restart(&self) {
        self.lock().starts += 1;
    }

    pub(super) fn set_down(&self, down: bool) {
        self.lock().down = down;
        self.0.changed.notify_all();
    }

    /// The instructions sent to a reader's card since the last look.
    pub(super) fn instructions(&self, reader: &str) -> Vec<u8> {
        let log = self.change(reader, |bay| std::mem::take(&mut bay.log));
        log.iter().map(|apdu| apdu[1]).collect()
    }

    /// Waits until an owner stands before another program's transaction.
    pub(super) fn await_queueing(&self, reader: &str) {
        self.wait(|state| state.bays[reader].queueing > 0);
    }

    /// Waits until an owner was refused by an exclusive holder.
    pub(super) fn await_refusal(&self, reader: &str) {
        let seen = self.lock().bays[reader].refusals;
        self.wait(|state| state.bays[reader].refusals > seen);
    }

    /// Waits until a command of this instruction was sent.
    pub(super) fn await_instruction(&self, reader: &str, ins: u8) {
        self.wait(|state| state.bays[reader].log.iter().any(|apdu| apdu[1] == ins));
    }

    /// Waits until nothing of the service is open.
    pub(super) fn await_closed(&self) {
        self.wait(|state| state.connections == 0 && state.watches == 0);
    }

    pub(super) fn await_unwatched(&self) {
        self.wait(|state| state.watches == 0);
    }

    /// How many watches were opened so far.
    pub(super) fn opened(&self) -> usize {
        self.lock().opened
    }

    /// Waits until so many watches were opened.
    pub(super) fn await_opened(&self, number: usize) {
        self.wait(|state| state.opened >= number);
    }

    pub(super) fn is_watched(&self) -> bool {
        self.lock().watches > 0
    }

    pub(super) fn await_disconnected(&self) {
        self.wait(|state| state.connections == 0);
    }

    fn wait(&self, condition: impl Fn(&State) -> bool) {
        let limit = Duration::from_secs(20);
        let waited = self
            .0
            .changed
            .wait_timeout_while(self.lock(), limit, |state| !condition(state));
        assert!(!waited.unwrap().1.timed_out(), "it never happened");
    }
}

impl Source for World {
    fn connect(&self) -> Result<Box<dyn Cards>, TransportError> {
        let mut state = self.lock();
        if state.down {
            return Err(away());
        }
        state.connections += 1;
        Ok(Box::new(Connection(self.clone(), state.starts)))
    }

    fn watch(&self) -> Result<(Box<dyn ReaderWatch>, Waker), TransportError> {
        let mut state = self.lock();
        if state.down {
            return Err(away());
        }
        state.watches += 1;
        state.opened += 1;
        self.0.changed.notify_all();
        let ended = Arc::new(Mutex::new(false));
        let watch = Looking {
            world: self.clone(),
            ended: Arc::clone(&ended),
            told: None,
        };
        Ok((Box::new(watch), self.waker(ended)))
    }

    fn absence(&self) -> Result<(Box<dyn Absence>, Waker), TransportError> {
        let ended = Arc::new(Mutex::new(false));
        let absence = Away {
            world: self.clone(),
            ended: Arc::clone(&ended),
        };
        Ok((Box::new(absence), self.waker(ended)))
    }
}

impl World {
    fn waker(&self, ended: Arc<Mutex<bool>>) -> Waker {
        let world = self.clone();
        Arc::new(move || {
            let state = world.lock();
            *ended.lock().unwrap() = true;
            drop(state);
            world.0.changed.notify_all();
        })
    }
}

fn away() -> TransportError {
    TransportError::Unavailable {
        reason: "away".to_owned(),
    }
}
