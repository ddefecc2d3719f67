//! The token as a USB device: which transfer is answered by what, and which waits.

use super::ccid::{Reader, Step};
use super::descriptors::{
    CARD_ENDPOINT, CCID_ENDPOINT, FIDO, FIDO_ENDPOINT, FIDO_REPORTS, OTP, OTP_ENDPOINT,
    OTP_REPORTS, configuration, device, hid, string,
};
use super::hid::{Fido, otp_status};
use super::usbip::{Direction, Reply, Request, Submit};
use oathd_card::Profile;
use std::collections::VecDeque;

/// How many transfers may wait at an endpoint.
const MOST_WAITING: usize = 256;
/// How many messages may wait for a host that does not fetch them.
const MOST_READY: usize = 64;

/// The card is there, and was not before (`RDR_to_PC_NotifySlotChange`).
const CARD_CAME: [u8; 2] = [0x50, 0x03];

/// What follows from a request, or from an answer of the card.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    /// The kernel gets a reply.
    Reply(Reply),
    /// The host has chosen the configuration, for the first time: programs find the token.
    Configured,
    /// The card loses its power, and has it again at the next command.
    CutPower,
    /// The card gets a command; its answer belongs to [`Device::answered`].
    Transmit(Vec<u8>),
}

/// A token on USB.
#[derive(Debug)]
pub(crate) struct Device {
    profile: Profile,
    configuration: u8,
    /// The host has chosen the configuration before.
    taken_up: bool,
    reader: Reader,
    fido: Fido,
    keys: Pipe,
    messages: Pipe,
    card: Pipe,
    reports: Pipe,
}

impl Device {
    /// A token that has just been plugged in.
    pub(crate) fn new(profile: Profile, atr: &'static [u8]) -> Device {
        let mut card = Pipe::default();
        card.put(CARD_CAME.to_vec());
        Device {
            profile,
            configuration: 0,
            taken_up: false,
            reader: Reader::new(profile, atr),
            fido: Fido::new(profile),
            keys: Pipe::default(),
            messages: Pipe::default(),
            card,
            reports: Pipe::default(),
        }
    }

    /// Whether the card owes an answer.
    pub(crate) fn waits(&self) -> bool {
        self.reader.waits()
    }

    /// Takes a request of the kernel. Each transfer has one reply, at once or when there is
    /// something to bring, unless it is taken back.
    pub(crate) fn request(&mut self, request: Request) -> Vec<Effect> {
        match request {
            Request::Submit(submit) => self.submit(submit),
            Request::Unlink { number, transfer } => {
                let taken_back = self
                    .pipes()
                    .into_iter()
                    .any(|pipe| pipe.take_back(transfer));
                vec![Effect::Reply(Reply::Unlinked { number, taken_back })]
            }
        }
    }

    /// Takes the card's answer to its command; there is none when the power went first.
    pub(crate) fn answered(&mut self, answer: Option<Vec<u8>>) -> Vec<Effect> {
        let message = self.reader.answered(answer);
        self.say(message)
    }

    /// Asks the host for more time, when it waits for the card and has fetched what it was told.
    pub(crate) fn extend(&mut self) -> Vec<Effect> {
        let fetched = self.messages.ready.is_empty();
        let message = self.reader.extension().filter(|_| fetched);
        self.say(message)
    }

    fn say(&mut self, message: Option<Vec<u8>>) -> Vec<Effect> {
        let replies = message.and_then(|message| self.messages.put(message));
        replies.into_iter().map(Effect::Reply).collect()
    }

    fn pipes(&mut self) -> [&mut Pipe; 4] {
        [
            &mut self.keys,
            &mut self.messages,
            &mut self.card,
            &mut self.reports,
        ]
    }

    fn submit(&mut self, submit: Submit) -> Vec<Effect> {
        let number = submit.number;
        match (submit.endpoint, submit.direction) {
            (0, direction) => self.control(number, submit.setup, direction),
            (OTP_ENDPOINT, Direction::In(most)) => self.keys.ask(number, most),
            (CCID_ENDPOINT, Direction::In(most)) => self.messages.ask(number, most),
            (CARD_ENDPOINT, Direction::In(most)) => self.card.ask(number, most),
            (FIDO_ENDPOINT, Direction::In(most)) => self.reports.ask(number, most),
            (CCID_ENDPOINT, Direction::Out(data)) if !self.messages.full() => {
                self.read_message(number, &data)
            }
            (FIDO_ENDPOINT, Direction::Out(data)) if !self.reports.full() => {
                let answer = self.fido.answer(&data);
                let reply = answer.and_then(|answer| self.reports.put(answer));
                taken(number, data.len())
                    .into_iter()
                    .chain(reply.map(Effect::Reply))
                    .collect()
            }
            _ => stalled(number),
        }
    }

    fn read_message(&mut self, number: u32, data: &[u8]) -> Vec<Effect> {
        let mut effects = taken(number, data.len());
        for step in self.reader.receive(data) {
            match step {
                Step::Say(message) => effects.extend(self.say(Some(message))),
                Step::CutPower => effects.push(Effect::CutPower),
                Step::Transmit(apdu) => effects.push(Effect::Transmit(apdu)),
            }
        }
        effects
    }

    fn control(&mut self, number: u32, setup: [u8; 8], direction: Direction) -> Vec<Effect> {
        let [kind, request, value @ .., a, b, c, d] = setup;
        let value = u16::from_le_bytes(value);
        let index = u16::from_le_bytes([a, b]);
        let asked = usize::from(u16::from_le_bytes([c, d]));
        match direction {
            Direction::In(most) => match self.tell(kind, request, value, index) {
                Some(mut data) => {
                    data.truncate(asked.min(most));
                    vec![Effect::Reply(Reply::Given { number, data })]
                }
                None => stalled(number),
            },
            Direction::Out(data) if accepts(kind, request, value, index) => {
                let mut effects = taken(number, data.len());
                if (kind, request) == (0x00, 9) {
                    self.configuration = value.to_le_bytes()[0];
                    let first = value == 1 && !self.taken_up;
                    self.taken_up |= first;
                    effects.extend(first.then_some(Effect::Configured));
                }
                effects
            }
            Direction::Out(_) => stalled(number),
        }
    }

    /// The data of a control transfer to the host (USB 2.0 §9.4, HID 1.11 §7).
    fn tell(&self, kind: u8, request: u8, value: u16, index: u16) -> Option<Vec<u8>> {
        let [low, high] = value.to_le_bytes();
        let reports = match index {
            OTP => Some(OTP_REPORTS),
            FIDO => Some(FIDO_REPORTS),
            _ => None,
        };
        match (kind, request) {
            // GET_DESCRIPTOR
            (0x80, 6) => match (high, low) {
                (1, 0) => Some(device(self.profile)),
                (2, 0) => Some(configuration(self.profile)),
                (3, index) => string(self.profile, index),
                _ => None,
            },
            (0x81, 6) => match high {
                0x21 => reports.map(hid),
                0x22 => reports.map(<[u8]>::to_vec),
                _ => None,
            },
            // GET_CONFIGURATION, GET_INTERFACE, GET_STATUS
            (0x80, 8) => Some(vec![self.configuration]),
            (0x81, 10) => Some(vec![0]),
            (0x80..=0x82, 0) => Some(vec![0, 0]),
            // GET_REPORT: no key is pressed, or the status of the OTP slots; GET_PROTOCOL
            (0xA1, 1) if index == OTP && high == 1 => Some(vec![0; 8]),
            (0xA1, 1) if index == OTP && high == 3 => {
                Some(otp_status(self.profile.firmware()).to_vec())
            }
            (0xA1, 3) if index == OTP => Some(vec![1]),
            _ => None,
        }
    }
}

/// Whether a control transfer to the device is accepted. But for the configuration there is
/// nothing to change: no endpoint halts, no LED is lit, the OTP slots hear no frame, and CCID's
/// ABORT waits for its message.
fn accepts(kind: u8, request: u8, value: u16, index: u16) -> bool {
    match (kind, request) {
        // SET_CONFIGURATION, SET_INTERFACE, CLEAR_FEATURE and SET_FEATURE
        (0x00, 9) => value <= 1,
        (0x01, 11) => value == 0 && index <= 2,
        (0x00..=0x02, 1 | 3) => true,
        // SET_REPORT, SET_IDLE, SET_PROTOCOL
        (0x21, 9..=11) => index == OTP || index == FIDO,
        // ABORT
        (0x21, 1) => index == 2,
        _ => false,
    }
}

fn taken(number: u32, length: usize) -> Vec<Effect> {
    vec![Effect::Reply(Reply::Taken { number, length })]
}

fn stalled(number: u32) -> Vec<Effect> {
    vec![Effect::Reply(Reply::Stalled { number })]
}

/// An endpoint to the host: transfers that wait for messages, or messages that wait for
/// transfers.
#[derive(Debug, Default)]
struct Pipe {
    /// The number and the room of each transfer.
    waiting: VecDeque<(u32, usize)>,
    ready: VecDeque<Vec<u8>>,
}

impl Pipe {
    /// Whether the host has left too much unfetched.
    fn full(&self) -> bool {
        self.ready.len() >= MOST_READY
    }

    /// Takes a transfer. What does not fit into it is left for the next.
    fn ask(&mut self, number: u32, most: usize) -> Vec<Effect> {
        if self.waiting.len() >= MOST_WAITING {
            return stalled(number);
        }
        self.waiting.push_back((number, most));
        self.next().into_iter().map(Effect::Reply).collect()
    }

    /// Takes a message; the reply is to a transfer that waited.
    fn put(&mut self, message: Vec<u8>) -> Option<Reply> {
        self.ready.push_back(message);
        self.next()
    }

    fn next(&mut self) -> Option<Reply> {
        let mut data = self.ready.pop_front()?;
        let Some((number, most)) = self.waiting.pop_front() else {
            self.ready.push_front(data);
            return None;
        };
        if data.len() > most {
            self.ready.push_front(data.split_off(most));
        }
        Some(Reply::Given { number, data })
    }

    fn take_back(&mut self, transfer: u32) -> bool {
        let place = self
            .waiting
            .iter()
            .position(|(number, _)| *number == transfer);
        place.is_some_and(|place| self.waiting.remove(place).is_some())
    }
}

#[cfg(test)]
mod tests;
