//! The card as a state machine over APDUs: which applet is selected, what is chained.
//!
//! Nothing here waits or knows the time; the only effect from outside is [`Entropy`].

use crate::apdu::{Command, Header};
use crate::entropy::Entropy;
use crate::oath::{Oath, Progress};
use crate::profile::{Interface, Profile};
use crate::state::State;
use crate::status::{MORE_DATA, Reply, SUCCESS, Status};
use crate::{management, otp};

/// SELECT, when P1 says by name.
const SELECT: u8 = 0xA4;
const BY_NAME: u8 = 0x04;
/// The application identifier of OATH; hosts know its first seven bytes.
const OATH_AID: &[u8] = &[0xA0, 0x00, 0x00, 0x05, 0x27, 0x21, 0x01, 0x01];
/// How much of an identifier a host has to say.
const SHORTEST_AID: usize = 7;

/// A software token.
#[derive(Debug)]
pub struct Card {
    profile: Profile,
    interface: Interface,
    serial: u32,
    selected: Option<Applet>,
    oath: Oath,
    /// Data of earlier commands of a chain.
    chain: Option<(Header, Vec<u8>)>,
    /// The part of the last answer that has not been sent.
    rest: Vec<u8>,
    /// The most data in the answer to the current command, in bytes.
    limit: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Applet {
    Oath,
    Management,
    Otp,
}

/// What became of a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The answer: data and a status word.
    Reply(Vec<u8>),
    /// The command needs a touch. [`Card::touched`] or [`Card::touch_timed_out`] gives the answer;
    /// the next command or [`Card::power_off`] gives it up.
    AwaitTouch,
}

impl Card {
    /// A card without power whose OATH applet holds `state`.
    #[must_use]
    pub fn new(profile: Profile, interface: Interface, serial: u32, state: State) -> Card {
        Card {
            profile,
            interface,
            serial,
            selected: None,
            oath: Oath::new(profile, state),
            chain: None,
            rest: Vec::new(),
            limit: 0,
        }
    }

    /// The model.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// The serial number.
    #[must_use]
    pub fn serial(&self) -> u32 {
        self.serial
    }

    /// The answer to reset.
    #[must_use]
    pub fn atr(&self) -> &'static [u8] {
        self.profile.atr(self.interface)
    }

    /// What the OATH applet remembers.
    #[must_use]
    pub fn state(&self) -> &State {
        self.oath.state()
    }

    /// Whether [`Card::state`] differs from what [`Card::mark_saved`] last approved.
    #[must_use]
    pub fn unsaved(&self) -> bool {
        self.oath.unsaved()
    }

    /// Says that [`Card::state`] is kept as it is.
    pub fn mark_saved(&mut self) {
        self.oath.mark_saved();
    }

    /// Breaks the memory of the credential `id`: its calculation answers `6581` until it is
    /// overwritten or deleted.
    pub fn damage(&mut self, id: &[u8]) {
        self.oath.damage(id);
    }

    /// Says whether new credentials are refused for want of room, whatever the capacity.
    pub fn set_full(&mut self, full: bool) {
        self.oath.set_full(full);
    }

    /// Power is lost or the card is reset: no applet is selected, everything is locked.
    pub fn power_off(&mut self) {
        self.selected = None;
        self.chain = None;
        self.rest.clear();
        self.oath.deselect();
    }

    /// Answers one command APDU; any bytes have an answer.
    pub fn transmit(&mut self, apdu: &[u8], entropy: &mut dyn Entropy) -> Outcome {
        self.oath.stop_waiting();
        let rest = std::mem::take(&mut self.rest);
        let progress = match self.admit(apdu) {
            Ok(Some((header, data))) => self.dispatch(header, &data, rest, entropy),
            Ok(None) => Progress::Done(Ok(Vec::new())),
            Err(status) => Progress::Done(Err(status)),
        };
        match progress {
            Progress::Done(reply) => Outcome::Reply(self.send(reply)),
            Progress::AwaitTouch => Outcome::AwaitTouch,
        }
    }

    /// The answer to the command that waits for a touch, when one does: it was touched.
    pub fn touched(&mut self) -> Option<Vec<u8>> {
        let reply = self.oath.touched()?;
        Some(self.send(reply))
    }

    /// The answer to the command that waits for a touch, when one does: nobody touched.
    pub fn touch_timed_out(&mut self) -> Option<Vec<u8>> {
        let reply = self.oath.touch_timed_out()?;
        Some(self.send(reply))
    }

    /// Reads a command and joins it with its chain. `None`: more of the chain is to come.
    fn admit(&mut self, apdu: &[u8]) -> Result<Option<(Header, Vec<u8>)>, Status> {
        let chain = self.chain.take();
        if apdu.len() > self.profile.longest_apdu() {
            return Err(Status::WRONG_LENGTH);
        }
        let command = Command::parse(apdu)?;
        if command.extended && !self.profile.extended_apdus() {
            return Err(Status::WRONG_LENGTH);
        }
        self.limit = command.limit.min(self.profile.longest_apdu());
        let data = match chain {
            Some((header, _)) if header != command.header => return Err(Status::CHAIN_BROKEN),
            Some((_, before)) => [before, command.data].concat(),
            None => command.data,
        };
        if data.len() > self.profile.longest_apdu() {
            return Err(Status::WRONG_LENGTH);
        }
        if command.chained {
            self.chain = Some((command.header, data));
            return Ok(None);
        }
        Ok(Some((command.header, data)))
    }

    /// Carries out a whole command; `rest` is what the answer before it left unsent.
    fn dispatch(
        &mut self,
        header: Header,
        data: &[u8],
        rest: Vec<u8>,
        entropy: &mut dyn Entropy,
    ) -> Progress {
        if (header.ins, header.p1) == (SELECT, BY_NAME) {
            return self.select(data, entropy).into();
        }
        match (self.selected, header.ins) {
            (Some(Applet::Oath), 0xA5) | (Some(Applet::Management | Applet::Otp), 0xC0) => {
                let reply = if rest.is_empty() {
                    Err(Status::CONDITIONS_NOT_SATISFIED)
                } else {
                    Ok(rest)
                };
                reply.into()
            }
            (Some(Applet::Oath), _) => self.oath.handle(header, data, entropy),
            (Some(Applet::Management), _) => {
                management::handle(self.profile, self.interface, self.serial, header).into()
            }
            (Some(Applet::Otp), _) => {
                otp::handle(self.profile.firmware(), self.serial, header).into()
            }
            (None, _) => Err(Status::WRONG_INS).into(),
        }
    }

    /// SELECT by name; an unknown name leaves the selected applet as it is.
    fn select(&mut self, name: &[u8], entropy: &mut dyn Entropy) -> Reply {
        let is = |aid: &[u8]| name.len() >= SHORTEST_AID && aid.starts_with(name);
        let applet = if is(OATH_AID) {
            Applet::Oath
        } else if self.profile.management() && name == management::AID {
            Applet::Management
        } else if !self.profile.management() && name == otp::AID {
            Applet::Otp
        } else {
            return Err(Status::NO_SUCH_APPLET);
        };
        let reply = match applet {
            Applet::Oath => self.oath.select(entropy)?,
            Applet::Management => management::select(self.profile),
            Applet::Otp => otp::status(self.profile.firmware()),
        };
        self.selected = Some(applet);
        Ok(reply)
    }

    /// Puts as much of a reply as the command allows before a status word, and keeps the rest.
    fn send(&mut self, reply: Reply) -> Vec<u8> {
        let mut answer = match reply {
            Ok(data) => data,
            Err(status) => return status.bytes().to_vec(),
        };
        if answer.len() > self.limit {
            self.rest = answer.split_off(self.limit);
            let hint = u8::try_from(self.rest.len()).unwrap_or(u8::MAX);
            answer.extend([MORE_DATA, hint]);
        } else {
            answer.extend(SUCCESS);
        }
        answer
    }
}
