//! A card that several threads hold: one talks to it, others pull, insert and touch it.

use crate::card::{Card, Outcome};
use crate::entropy::{Entropy, SystemEntropy};
use crate::fault::{Armed, Fault};
use crate::options::{CardOptions, Touch};
use crate::state::{State, StateError};
use crate::status::Status;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The card is not in the reader, or lost its power before it answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the card was removed")]
pub struct Removed;

/// How a card stands at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CardStatus {
    /// It is in the reader.
    pub present: bool,
    /// A command waits for a touch.
    pub awaiting_touch: bool,
    /// Rises whenever one of the fields above changes, or the power does.
    pub generation: u64,
    /// Commands received so far, those included that still wait or that a fault swallowed.
    pub commands: u64,
    /// Rises with every insertion and every removal: equal numbers mean that the card was there,
    /// or was out, all the time.
    pub moves: u32,
}

/// A handle on one card in its reader; clones are handles on the same card.
#[derive(Clone)]
pub struct SharedCard(Arc<Reader>);

struct Reader {
    slot: Mutex<Slot>,
    changed: Condvar,
}

struct Slot {
    card: Card,
    entropy: Box<dyn Entropy + Send>,
    state_file: Option<PathBuf>,
    touch: Touch,
    touch_timeout: Duration,
    faults: Armed,
    status: CardStatus,
    /// Rises when the power goes; a command of an older session never answers.
    session: u64,
    /// A command is being carried out.
    busy: bool,
    /// Somebody answered the request for a touch.
    touched: bool,
}

impl SharedCard {
    /// A card that has just been inserted, with the credentials of its state file if there is one.
    ///
    /// # Errors
    /// [`StateError`] when the state file cannot be read or written.
    pub fn new(options: CardOptions) -> Result<SharedCard, StateError> {
        SharedCard::with_entropy(options, Box::new(SystemEntropy))
    }

    /// The same, with random numbers from `entropy`.
    ///
    /// # Errors
    /// [`StateError`] when the state file cannot be read or written.
    pub fn with_entropy(
        options: CardOptions,
        mut entropy: Box<dyn Entropy + Send>,
    ) -> Result<SharedCard, StateError> {
        let stored = options
            .state_file
            .as_deref()
            .map(State::load)
            .transpose()?
            .flatten();
        let state = match stored {
            Some(state) => state,
            None => State::new(entropy.eight().unwrap_or_default()),
        };
        if let Some(path) = &options.state_file {
            state.save(path)?;
        }
        let slot = Slot {
            card: Card::new(options.profile, options.interface, options.serial, state),
            entropy,
            state_file: options.state_file,
            touch: options.touch,
            touch_timeout: options.touch_timeout,
            faults: Armed::default(),
            status: CardStatus {
                present: true,
                awaiting_touch: false,
                generation: 0,
                commands: 0,
                moves: 0,
            },
            session: 0,
            busy: false,
            touched: false,
        };
        Ok(SharedCard(Arc::new(Reader {
            slot: Mutex::new(slot),
            changed: Condvar::new(),
        })))
    }

    /// Answers one command, and waits for as long as that takes: for an earlier command, an
    /// injected delay, a touch.
    ///
    /// # Errors
    /// [`Removed`] when the card is not there, or is pulled or loses its power meanwhile.
    pub fn transmit(&self, apdu: &[u8]) -> Result<Vec<u8>, Removed> {
        let mut slot = self.lock();
        let session = slot.session;
        slot.status.commands += u64::from(slot.status.present);
        slot = self.wait_while(slot, |slot| slot.busy && slot.session == session);
        if !slot.status.present || slot.session != session {
            return Err(Removed);
        }
        slot.busy = true;
        let (mut slot, answer) = self.carry_out(slot, apdu, session);
        slot.busy = false;
        self.0.changed.notify_all();
        answer
    }

    fn carry_out<'a>(
        &'a self,
        mut slot: MutexGuard<'a, Slot>,
        apdu: &[u8],
        session: u64,
    ) -> (MutexGuard<'a, Slot>, Result<Vec<u8>, Removed>) {
        let faults = slot.faults.next_command();
        if faults
            .iter()
            .any(|fault| matches!(fault, Fault::UnplugAfter(_)))
        {
            self.pull(&mut slot);
            return (slot, Err(Removed));
        }
        let delay = faults.iter().filter_map(|fault| {
            if let Fault::Delay(delay) = fault {
                Some(*delay)
            } else {
                None
            }
        });
        let delay: Duration = delay.sum();
        if !delay.is_zero() {
            slot = self.wait_while_for(slot, delay, |slot| slot.session == session);
        }
        if slot.session != session {
            return (slot, Err(Removed));
        }
        let invented = faults.iter().find_map(|fault| {
            if let Fault::Answer(_, bytes) = fault {
                Some(bytes.clone())
            } else {
                None
            }
        });
        let answer = match invented {
            Some(bytes) => bytes,
            None => match slot.transmit(apdu) {
                Outcome::Reply(answer) => answer,
                Outcome::AwaitTouch => {
                    let answer;
                    (slot, answer) = self.await_touch(slot, session);
                    match answer {
                        Some(answer) => answer,
                        None => return (slot, Err(Removed)),
                    }
                }
            },
        };
        let answer = slot.keep(answer);
        if faults
            .iter()
            .any(|fault| matches!(fault, Fault::LoseAnswer(_)))
        {
            self.pull(&mut slot);
            return (slot, Err(Removed));
        }
        (
            slot,
            Ok(faults
                .iter()
                .fold(answer, |answer, fault| fault.alter(answer))),
        )
    }

    /// Waits as the card's [`Touch`] has it; no answer when the power went.
    fn await_touch<'a>(
        &'a self,
        mut slot: MutexGuard<'a, Slot>,
        session: u64,
    ) -> (MutexGuard<'a, Slot>, Option<Vec<u8>>) {
        slot.touched = slot.touch == Touch::Always;
        if !slot.touched {
            slot.status.awaiting_touch = true;
            self.note(&mut slot);
            let timeout = slot.touch_timeout;
            slot = self.wait_while_for(slot, timeout, |slot| {
                !slot.touched && slot.session == session
            });
            slot.status.awaiting_touch = false;
            self.note(&mut slot);
        }
        let answer = match slot.session == session {
            true if slot.touched => slot.card.touched(),
            true => slot.card.touch_timed_out(),
            false => None,
        };
        (slot, answer)
    }

    /// Touches the card. `false` when nothing waits for a touch by hand.
    #[must_use = "a touch that nothing waits for has no effect"]
    pub fn touch(&self) -> bool {
        let mut slot = self.lock();
        let heard = slot.status.awaiting_touch && slot.touch == Touch::Manual;
        if heard {
            slot.touched = true;
            self.0.changed.notify_all();
        }
        heard
    }

    /// Changes who touches the card, from the next wait on.
    pub fn set_touch(&self, touch: Touch) {
        self.lock().touch = touch;
    }

    /// Arms a fault.
    pub fn inject(&self, fault: Fault) {
        let mut slot = self.lock();
        match fault {
            Fault::Memory(id) => slot.card.damage(id.as_bytes()),
            Fault::Full => slot.card.set_full(true),
            fault => slot.faults.arm(fault),
        }
    }

    /// Puts the card into its reader; nothing happens when it is there.
    pub fn insert(&self) {
        let mut slot = self.lock();
        if !slot.status.present {
            slot.status.present = true;
            slot.status.moves = slot.status.moves.wrapping_add(1);
            self.note(&mut slot);
        }
    }

    /// Pulls the card, in the middle of a command if there is one; nothing happens when it is out.
    pub fn remove(&self) {
        let mut slot = self.lock();
        self.pull(&mut slot);
    }

    /// The reader turns the power off, or resets the card: no applet is selected, everything is
    /// locked, a command that waits has no answer.
    pub fn power_off(&self) {
        let mut slot = self.lock();
        self.lose_power(&mut slot);
    }

    /// The answer to reset.
    #[must_use]
    pub fn atr(&self) -> &'static [u8] {
        self.lock().card.atr()
    }

    /// The serial number.
    #[must_use]
    pub fn serial(&self) -> u32 {
        self.lock().card.serial()
    }

    /// Whether the card is in its reader.
    #[must_use]
    pub fn present(&self) -> bool {
        self.status().present
    }

    /// How the card stands.
    #[must_use]
    pub fn status(&self) -> CardStatus {
        self.lock().status
    }

    /// Waits until the generation is another than `seen`, at most for `timeout`; returns how the
    /// card stands then.
    #[must_use]
    pub fn wait_for_change(&self, seen: u64, timeout: Duration) -> CardStatus {
        self.wait_while_for(self.lock(), timeout, |slot| slot.status.generation == seen)
            .status
    }

    /// Waits until the card is inserted.
    pub fn wait_for_insertion(&self) {
        let mut status = self.status();
        while !status.present {
            status = self.wait_for_change(status.generation, Duration::from_secs(86_400));
        }
    }

    fn pull(&self, slot: &mut Slot) {
        if slot.status.present {
            slot.status.present = false;
            slot.status.moves = slot.status.moves.wrapping_add(1);
            self.lose_power(slot);
        }
    }

    fn lose_power(&self, slot: &mut Slot) {
        slot.card.power_off();
        slot.session += 1;
        self.note(slot);
    }

    fn note(&self, slot: &mut Slot) {
        slot.status.generation += 1;
        self.0.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.0.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while<'a>(
        &'a self,
        slot: MutexGuard<'a, Slot>,
        condition: impl Fn(&Slot) -> bool,
    ) -> MutexGuard<'a, Slot> {
        self.0
            .changed
            .wait_while(slot, |slot| condition(slot))
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while_for<'a>(
        &'a self,
        slot: MutexGuard<'a, Slot>,
        timeout: Duration,
        condition: impl Fn(&Slot) -> bool,
    ) -> MutexGuard<'a, Slot> {
        let waited = self
            .0
            .changed
            .wait_timeout_while(slot, timeout, |slot| condition(slot));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Slot {
    fn transmit(&mut self, apdu: &[u8]) -> Outcome {
        self.card.transmit(apdu, &mut *self.entropy)
    }

    /// Writes what changed before the answer goes out. While that fails, every answer is a memory
    /// failure: a host never hears of success that a restart would undo.
    fn keep(&mut self, answer: Vec<u8>) -> Vec<u8> {
        match &self.state_file {
            Some(path) if self.card.unsaved() => match self.card.state().save(path) {
                Ok(()) => self.card.mark_saved(),
                Err(_) => return Status::MEMORY_FAILURE.bytes().to_vec(),
            },
            _ => {}
        }
        answer
    }
}

impl fmt::Debug for SharedCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedCard")
            .field("serial", &self.serial())
            .field("status", &self.status())
            .finish()
    }
}
