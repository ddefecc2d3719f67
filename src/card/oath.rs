//! The YKOATH applet: which instruction does what, and who may.

mod access;
mod calculate;
mod slots;

use crate::apdu::Header;
use crate::entropy::Entropy;
use crate::profile::Profile;
use crate::state::State;
use crate::status::{Reply, Status};
use calculate::Calculation;
use std::collections::BTreeSet;

pub(crate) const NAME: u8 = 0x71;
pub(crate) const NAME_LIST: u8 = 0x72;
pub(crate) const KEY: u8 = 0x73;
pub(crate) const CHALLENGE: u8 = 0x74;
pub(crate) const RESPONSE: u8 = 0x75;
pub(crate) const HOTP: u8 = 0x77;
pub(crate) const PROPERTY: u8 = 0x78;
pub(crate) const VERSION: u8 = 0x79;
pub(crate) const COUNTER: u8 = 0x7A;
pub(crate) const ALGORITHM: u8 = 0x7B;
pub(crate) const TOUCH: u8 = 0x7C;

/// The applet with its memory and its session.
#[derive(Debug)]
pub(crate) struct Oath {
    profile: Profile,
    state: State,
    /// Ids whose memory is broken.
    damaged: BTreeSet<Vec<u8>>,
    /// No more room, whatever the capacity.
    full: bool,
    /// The access code has been shown since SELECT, or there was none.
    unlocked: bool,
    /// What VALIDATE has to answer.
    challenge: Option<[u8; 8]>,
    /// The calculation that waits for a touch.
    waiting: Option<Calculation>,
    /// The state differs from what was last saved.
    changed: bool,
}

/// How far an instruction came.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    /// To its end.
    Done(Reply),
    /// To the touch it needs.
    AwaitTouch,
}

impl From<Reply> for Progress {
    fn from(reply: Reply) -> Progress {
        Progress::Done(reply)
    }
}

impl Oath {
    /// The applet before SELECT.
    pub(crate) fn new(profile: Profile, state: State) -> Oath {
        Oath {
            profile,
            state,
            damaged: BTreeSet::new(),
            full: false,
            unlocked: false,
            challenge: None,
            waiting: None,
            changed: false,
        }
    }

    /// The memory.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Whether the memory differs from what was last marked as saved.
    pub(crate) fn unsaved(&self) -> bool {
        self.changed
    }

    /// Says that the memory is kept as it is.
    pub(crate) fn mark_saved(&mut self) {
        self.changed = false;
    }

    /// Breaks the memory of the credential `id`: computing it answers `6581`. Overwriting or
    /// deleting it heals.
    pub(crate) fn damage(&mut self, id: &[u8]) {
        self.damaged.insert(id.to_vec());
    }

    /// Says whether new credentials are refused for want of room.
    pub(crate) fn set_full(&mut self, full: bool) {
        self.full = full;
    }

    /// The session ends: locked, nothing outstanding.
    pub(crate) fn deselect(&mut self) {
        self.unlocked = false;
        self.challenge = None;
        self.waiting = None;
    }

    /// Gives up the calculation that waits for a touch.
    pub(crate) fn stop_waiting(&mut self) {
        self.waiting = None;
    }

    /// Carries out an instruction.
    pub(crate) fn handle(
        &mut self,
        header: Header,
        data: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Progress {
        match header.ins {
            0x03 | 0x01 | 0x02 | 0x05 | 0xA1 | 0xA2 | 0xA4 if !self.unlocked => {
                Err(Status::AUTH_REQUIRED).into()
            }
            0x01 => plain(header).and_then(|()| self.put(data)).into(),
            0x02 => plain(header).and_then(|()| self.delete(data)).into(),
            0x03 => plain(header).and_then(|()| self.set_code(data)).into(),
            0x04 => self.reset(header, entropy).into(),
            0x05 if self.profile.rename() => plain(header).and_then(|()| self.rename(data)).into(),
            0xA1 => plain(header).map(|()| self.list()).into(),
            0xA2 => self.calculate(header, data),
            0xA3 => plain(header).and_then(|()| self.validate(data)).into(),
            0xA4 => self.calculate_all(header, data).into(),
            _ => Err(Status::WRONG_INS).into(),
        }
    }

    /// RESET: everything is forgotten; needs no access code, by design of the protocol.
    fn reset(&mut self, header: Header, entropy: &mut dyn Entropy) -> Reply {
        if header.p1p2() != 0xDEAD {
            return Err(Status::WRONG_P1P2);
        }
        self.state = State::new(entropy.eight().ok_or(Status::FAILED)?);
        self.damaged.clear();
        self.changed = true;
        self.challenge = None;
        self.unlocked = true;
        Ok(Vec::new())
    }
}

/// Most instructions have no parameters.
fn plain(header: Header) -> Result<(), Status> {
    if header.p1p2() == 0 {
        Ok(())
    } else {
        Err(Status::WRONG_P1P2)
    }
}
