//! Readers, cards and other programs that interfere, under a test's control.

use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    time::Duration,
};

use oathd_card::SharedCard;

use crate::{
    transport::{Absence, Cards, Channel, Reader, ReaderWatch, Source, TransportError, Waker},
    ykoath,
};

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

/// A connection and the start of the service that it belongs to.
struct Connection(World, u32);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.lock().connections -= 1;
        self.0.0.changed.notify_all();
    }
}

impl Cards for Connection {
    fn transaction(
        &mut self,
        reader: &str,
        work: &mut dyn FnMut(&mut dyn Channel),
    ) -> Result<(), TransportError> {
        let world = &self.0;
        let mut state = world.lock();
        if state.bays.get(reader).is_some_and(|bay| bay.held) {
            state.bays.get_mut(reader).unwrap().queueing += 1;
            world.0.changed.notify_all();
            state = world
                .0
                .changed
                .wait_while(state, |state| state.bays[reader].held)
                .unwrap();
            state.bays.get_mut(reader).unwrap().queueing -= 1;
        }
        if state.down || state.starts != self.1 {
            return Err(away());
        }
        let bay = state.bays.get_mut(reader).ok_or(TransportError::Removed)?;
        if bay.exclusive {
            bay.refusals += 1;
            world.0.changed.notify_all();
            return Err(TransportError::InUse);
        }
        if bay.resets > 0 {
            bay.resets -= 1;
            return Err(TransportError::CardReset);
        }
        let card = bay.card.clone().ok_or(TransportError::Removed)?;
        drop(state);
        work(&mut Line {
            world,
            reader,
            card,
            reset: false,
        });
        Ok(())
    }
}

struct Line<'a> {
    world: &'a World,
    reader: &'a str,
    card: SharedCard,
    reset: bool,
}

impl Channel for Line<'_> {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, TransportError> {
        let (down, trip, alias) = {
            let mut state = self.world.lock();
            let down = state.down;
            let bay = state.bays.get_mut(self.reader).unwrap();
            bay.log.push(apdu.to_vec());
            // SELECT and CALCULATE ALL share an instruction; only the first has P1 04.
            let ins = if apdu[1] == 0xa4 && apdu[2] == 0x04 {
                0
            } else {
                apdu[1]
            };
            let tripped = |trip: &mut Trip| match trip {
                Trip::Before(wanted)
                | Trip::After(wanted)
                | Trip::Taken(wanted)
                | Trip::Failure(wanted) => *wanted == ins,
            };
            let trip = bay.trip.take_if(tripped);
            bay.exclusive |= matches!(trip, Some(Trip::Taken(_)));
            (down, trip, bay.alias)
        };
        self.world.0.changed.notify_all();
        if down {
            return Err(away());
        }
        if self.reset {
            return Err(TransportError::CardReset);
        }
        let apdu = match alias {
            Some(alias) => &called_otherwise(apdu, alias),
            None => apdu,
        };
        match trip {
            None => self
                .card
                .transmit(apdu)
                .map_err(|_| TransportError::Removed),
            Some(Trip::Failure(_)) => Err(TransportError::Reader { code: 0x8010_0001 }),
            Some(trip) => {
                if matches!(trip, Trip::After(_)) {
                    self.card.transmit(apdu).unwrap();
                }
                self.card.power_off();
                self.reset = true;
                Err(TransportError::CardReset)
            }
        }
    }
}

struct Looking {
    world: World,
    ended: Arc<Mutex<bool>>,
    told: Option<Vec<Reader>>,
}

impl Drop for Looking {
    fn drop(&mut self) {
        self.world.lock().watches -= 1;
        self.world.0.changed.notify_all();
    }
}

impl ReaderWatch for Looking {
    fn next(&mut self) -> Result<Option<Vec<Reader>>, TransportError> {
        let mut state = self.world.lock();
        loop {
            if *self.ended.lock().unwrap() {
                return Ok(None);
            }
            if state.down {
                return Err(away());
            }
            let now: Vec<Reader> = state
                .bays
                .iter()
                .map(|(name, bay)| Reader {
                    name: name.clone(),
                    events: bay.events,
                    atr: bay.card.as_ref().map(|card| card.atr().to_vec()),
                })
                .collect();
            if self.told.as_ref() != Some(&now) {
                self.told = Some(now.clone());
                return Ok(Some(now));
            }
            state = self.world.0.changed.wait(state).unwrap();
        }
    }
}

struct Away {
    world: World,
    ended: Arc<Mutex<bool>>,
}

impl Absence for Away {
    fn wait(&mut self) {
        let ended = |away: &Away| *away.ended.lock().unwrap();
        let state = self.world.lock();
        let back = self
            .world
            .0
            .changed
            .wait_while(state, |state| state.down && !ended(self));
        drop(back.unwrap());
    }
}

/// What reaches a card whose OATH application goes by `alias`: its own name is nobody's there.
fn called_otherwise(apdu: &[u8], alias: &[u8]) -> Vec<u8> {
    let mut apdu = apdu.to_vec();
    if apdu[..4] == [0, 0xa4, 4, 0] {
        let name = &apdu[5..5 + usize::from(apdu[4])];
        if name == ykoath::AID {
            apdu[5] ^= 0xff;
        } else if name == alias {
            apdu.truncate(4);
            apdu.push(7);
            apdu.extend(ykoath::AID);
        }
    }
    apdu
}
