//! Cards in readers that exist in this process alone.

use std::{
    io,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use oathd_card::SharedCard;
use oathd_token::transport::{
    Absence, Cards, Channel, Reader, ReaderWatch, Source, TransportError, Waker,
};

use crate::changes::on_each_change;

/// A card service with one reader for each card, which behaves as pcscd does where its clients can
/// tell: one transaction at a time on a card, a pulled card fails the rest of its transaction, a
/// card keeps its power and what it has selected from one transaction to the next.
#[derive(Clone, Debug)]
pub struct InProcess {
    readers: Arc<[Place]>,
    bell: Arc<Bell>,
}

/// A reader and its card, in it or beside it.
#[derive(Debug)]
struct Place {
    name: String,
    card: SharedCard,
    /// Held during a transaction.
    gate: Mutex<()>,
}

/// Rung when something happened to a card, or a watch is to end.
#[derive(Debug, Default)]
struct Bell {
    lock: Mutex<()>,
    rung: Condvar,
}

impl InProcess {
    /// Readers named `oathd-sim 00`, `oathd-sim 01` and so on, for the cards in their order.
    ///
    /// # Errors
    /// When the system has no thread to spare.
    pub fn new(cards: &[SharedCard]) -> io::Result<InProcess> {
        let bell = Arc::new(Bell::default());
        for card in cards {
            let bell = Arc::downgrade(&bell);
            on_each_change(card, move |_| {
                bell.upgrade().map(|bell| bell.ring()).is_some()
            })?;
        }
        let place = |(index, card): (usize, &SharedCard)| Place {
            name: format!("oathd-sim {index:02}"),
            card: card.clone(),
            gate: Mutex::default(),
        };
        Ok(InProcess {
            readers: cards.iter().enumerate().map(place).collect(),
            bell,
        })
    }
}

impl Bell {
    fn lock(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes everybody who looked at the cards under the lock and then waited.
    fn ring(&self) {
        let _looking = self.lock();
        self.rung.notify_all();
    }
}

impl Source for InProcess {
    fn connect(&self) -> Result<Box<dyn Cards>, TransportError> {
        Ok(Box::new(Connection {
            readers: Arc::clone(&self.readers),
        }))
    }

    fn watch(&self) -> Result<(Box<dyn ReaderWatch>, Waker), TransportError> {
        let woken = Arc::new(AtomicBool::new(false));
        let watch = Watch {
            source: self.clone(),
            seen: None,
            woken: Arc::clone(&woken),
        };
        let bell = Arc::clone(&self.bell);
        let waker = move || {
            woken.store(true, Ordering::SeqCst);
            bell.ring();
        };
        Ok((Box::new(watch), Arc::new(waker)))
    }

    fn absence(&self) -> Result<(Box<dyn Absence>, Waker), TransportError> {
        Ok((Box::new(NeverAbsent), Arc::new(|| {})))
    }
}

struct Connection {
    readers: Arc<[Place]>,
}

impl Cards for Connection {
    fn transaction(
        &mut self,
        reader: &str,
        work: &mut dyn FnMut(&mut dyn Channel),
    ) -> Result<(), TransportError> {
        let place = self.readers.iter().find(|place| place.name == reader);
        let place = place.ok_or(TransportError::Removed)?;
        let _gate = place.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let status = place.card.status();
        if !status.present {
            return Err(TransportError::Removed);
        }
        work(&mut Transaction {
            card: &place.card,
            moves: status.moves,
        });
        Ok(())
    }
}

struct Transaction<'a> {
    card: &'a SharedCard,
    /// The card's count of moves when the transaction began.
    moves: u32,
}

impl Channel for Transaction<'_> {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, TransportError> {
        let answer = self.card.transmit(apdu);
        // A card that was pulled and put back answers, but not to this transaction.
        match answer {
            Ok(answer) if self.card.status().moves == self.moves => Ok(answer),
            _ => Err(TransportError::Removed),
        }
    }
}

struct Watch {
    source: InProcess,
    seen: Option<Vec<Reader>>,
    woken: Arc<AtomicBool>,
}

impl ReaderWatch for Watch {
    fn next(&mut self) -> Result<Option<Vec<Reader>>, TransportError> {
        let bell = &self.source.bell;
        let mut looking = bell.lock();
        loop {
            if self.woken.swap(false, Ordering::SeqCst) {
                return Ok(None);
            }
            let now: Vec<Reader> = self.source.readers.iter().map(Place::look).collect();
            if self.seen.as_ref() != Some(&now) {
                self.seen = Some(now.clone());
                return Ok(Some(now));
            }
            let waited = bell.rung.wait(looking);
            looking = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Place {
    fn look(&self) -> Reader {
        let status = self.card.status();
        Reader {
            name: self.name.clone(),
            events: status.moves,
            atr: status.present.then(|| self.card.atr().to_vec()),
        }
    }
}

/// Nobody waits for a service that lives as long as its clients.
struct NeverAbsent;

impl Absence for NeverAbsent {
    fn wait(&mut self) {}
}

#[cfg(test)]
mod tests;
