//! A card service with one card, which answers as the input has it.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver},
    },
};

use oathd_card::{Card, Interface, Outcome, Profile, State};
use oathd_token::{
    AccessKey,
    transport::{Absence, Cards, Channel, Reader, ReaderWatch, Source, TransportError, Waker},
    ykoath,
};

use super::{KEYS, stored};
use crate::fuzz::card_apdus::{Counting, ask};

/// One card in one reader.
#[derive(Clone)]
pub(super) struct FuzzedReader {
    slot: Arc<Mutex<Slot>>,
    /// Dropped by everybody who let go of the reader.
    _held: Held,
}

/// Nothing is ever sent: the other end waits for the last holder to go.
type Held = mpsc::Sender<Infallible>;

struct Slot {
    card: Card,
    entropy: Counting,
    /// What is left of the alterations; an honest card afterwards.
    script: Vec<u8>,
    altered: bool,
}

impl FuzzedReader {
    /// The reader, and the end of a channel that closes when nobody holds the reader.
    pub(super) fn new(
        choice: u8,
        protected: bool,
        script: &[u8],
    ) -> (FuzzedReader, Receiver<Infallible>) {
        let profile = Profile::ALL[usize::from(choice) % Profile::ALL.len()];
        let interface = match choice & 0x20 {
            0 => Interface::Usb,
            _ => Interface::Nfc,
        };
        let mut card = Card::new(profile, interface, 7, State::new([1; 8]));
        let mut entropy = Counting::default();
        let mut send = |command| ask(&mut card, &mut entropy, &command).unwrap();
        send(ykoath::select(ykoath::AID));
        for credential in stored() {
            send(ykoath::put(&credential.id().unwrap(), &credential, false));
        }
        if protected {
            let key = AccessKey::from_bytes(&KEYS[1]).unwrap();
            send(ykoath::set_code(&key, &[2; 8]));
        }
        card.power_off();
        let script = script.iter().rev().copied().collect();
        let slot = Slot {
            card,
            entropy,
            script,
            altered: false,
        };
        let (held, released) = mpsc::channel();
        let reader = FuzzedReader {
            slot: Arc::new(Mutex::new(slot)),
            _held: held,
        };
        (reader, released)
    }

    /// Whether the token's owner has seen anything but the card's own answers.
    pub(super) fn altered(&self) -> bool {
        self.slot().altered
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn next(&mut self) -> u8 {
        self.script.pop().unwrap_or_default()
    }

    fn honest(&mut self, apdu: &[u8]) -> Vec<u8> {
        match self.card.transmit(apdu, &mut self.entropy) {
            Outcome::Reply(answer) => answer,
            Outcome::AwaitTouch => self.card.touched().unwrap(),
        }
    }

    /// One byte of the script for each command; below `80` the card's own answer.
    fn answer(&mut self, apdu: &[u8]) -> Result<Vec<u8>, TransportError> {
        let choice = self.next();
        self.altered |= choice >= 0x80;
        let answer = match choice {
            0x80..0x88 => return Err(self.failure(choice)),
            // The command is carried out and its answer lost.
            0x88..0x90 => {
                self.honest(apdu);
                return Err(self.failure(choice));
            }
            0x90..0xa0 => {
                let length = self.next();
                (0..length).map(|_| self.next()).collect()
            }
            0xa0..0xb0 => {
                let mut answer = self.honest(apdu);
                answer.truncate(self.next().into());
                answer
            }
            0xb0..0xd0 => {
                let mut answer = self.honest(apdu);
                let at = usize::from(self.next()) % answer.len();
                answer[at] ^= self.next();
                answer
            }
            0xd0..0xe0 => {
                let mut answer = self.honest(apdu);
                let status = answer.len() - 2;
                answer[status..].copy_from_slice(&[self.next(), self.next()]);
                answer
            }
            0xe0..0xf0 => {
                let mut answer = self.honest(apdu);
                let status = answer.len() - 2;
                let inserted: Vec<u8> = (0..self.next() % 16).map(|_| self.next()).collect();
                answer.splice(status..status, inserted);
                answer
            }
            _ => self.honest(apdu),
        };
        Ok(answer)
    }

    fn failure(&mut self, choice: u8) -> TransportError {
        match choice & 7 {
            0 | 1 => TransportError::Removed,
            2 => TransportError::Unavailable {
                reason: "stopped".to_owned(),
            },
            3 => TransportError::Reader { code: 0x8010_0066 },
            _ => {
                self.card.power_off();
                TransportError::CardReset
            }
        }
    }
}

impl Source for FuzzedReader {
    fn connect(&self) -> Result<Box<dyn Cards>, TransportError> {
        Ok(Box::new(self.clone()))
    }

    fn watch(&self) -> Result<(Box<dyn ReaderWatch>, Waker), TransportError> {
        let (wake, woken) = mpsc::channel();
        let reader = Reader {
            name: "fuzz".to_owned(),
            events: 1,
            atr: Some(self.slot().card.atr().to_vec()),
        };
        let watch = Watch {
            reader: Some(reader),
            woken,
            _source: self.clone(),
        };
        Ok((Box::new(watch), waker(wake)))
    }

    fn absence(&self) -> Result<(Box<dyn Absence>, Waker), TransportError> {
        let (wake, woken) = mpsc::channel();
        let away = Away {
            woken,
            _source: self.clone(),
        };
        Ok((Box::new(away), waker(wake)))
    }
}

fn waker(wake: mpsc::Sender<()>) -> Waker {
    Arc::new(move || {
        // The wait may be over.
        let _ = wake.send(());
    })
}

impl Cards for FuzzedReader {
    fn transaction(
        &mut self,
        _reader: &str,
        work: &mut dyn FnMut(&mut dyn Channel),
    ) -> Result<(), TransportError> {
        work(self);
        self.is_locked();
        Ok(())
    }
}

impl FuzzedReader {
    /// What a key opened is closed to whoever comes next, where nothing kept the owner from it.
    fn is_locked(&self) {
        let mut slot = self.slot();
        let Slot {
            card,
            entropy,
            altered: false,
            ..
        } = &mut *slot
        else {
            return;
        };
        if ask(card, entropy, &ykoath::list()).is_ok() {
            let selected = ask(card, entropy, &ykoath::select(ykoath::AID)).unwrap();
            let challenge = ykoath::parse_select(&selected).unwrap().challenge;
            assert_eq!(challenge, None, "a protected token was left open");
        }
    }
}

impl Channel for FuzzedReader {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, TransportError> {
        self.slot().answer(apdu)
    }
}

struct Watch {
    reader: Option<Reader>,
    woken: Receiver<()>,
    _source: FuzzedReader,
}

impl ReaderWatch for Watch {
    fn next(&mut self) -> Result<Option<Vec<Reader>>, TransportError> {
        if let Some(reader) = self.reader.take() {
            return Ok(Some(vec![reader]));
        }
        // A waker that is gone has nobody who would call it.
        let _ = self.woken.recv();
        Ok(None)
    }
}

struct Away {
    woken: Receiver<()>,
    _source: FuzzedReader,
}

impl Absence for Away {
    fn wait(&mut self) {
        let _ = self.woken.recv();
    }
}
