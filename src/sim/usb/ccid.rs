//! The reader in the token: one slot, whole APDUs, everything automatic (CCID 1.1 §6).
//!
//! Bulk transfers go in; out come messages for the host and things to do to the card. What the
//! card answers comes in later: meanwhile the host is told to wait.

use super::descriptors::{PACKET, longest_message};
use oathd_card::Profile;

/// The length of a message's header.
const HEADER: usize = 10;
/// The longest APDU of ISO/IEC 7816-4: header, extended Lc, data, extended Le.
const LONGEST_APDU: usize = 4 + 3 + 65_535 + 2;

const SET_PARAMETERS: u8 = 0x61;
const POWER_ON: u8 = 0x62;
const POWER_OFF: u8 = 0x63;
const GET_SLOT_STATUS: u8 = 0x65;
const SECURE: u8 = 0x69;
const ESCAPE: u8 = 0x6B;
const GET_PARAMETERS: u8 = 0x6C;
const RESET_PARAMETERS: u8 = 0x6D;
const XFR_BLOCK: u8 = 0x6F;
const ABORT: u8 = 0x72;
const SET_RATES: u8 = 0x73;

const DATA_BLOCK: u8 = 0x80;
const SLOT_STATUS: u8 = 0x81;
const PARAMETERS: u8 = 0x82;
const ESCAPED: u8 = 0x83;
const RATES: u8 = 0x84;

/// The card has its power.
const ACTIVE: u8 = 0;
const INACTIVE: u8 = 1;
const NO_CARD: u8 = 2;
const FAILED: u8 = 0x40;
const TIME_EXTENSION: u8 = 0x80;

/// Which block of an APDU, or of an answer, a message has.
const WHOLE: u8 = 0x00;
const BEGIN: u8 = 0x01;
const END: u8 = 0x02;
const MIDDLE: u8 = 0x03;
/// No data: the other side goes on.
const GO_ON: u8 = 0x10;

const T1: u8 = 1;
/// What T=1 would need, as the answers to reset have it: Fi and Di 13, waiting times 15, IFSC FE.
const T1_PARAMETERS: [u8; 7] = [0x13, 0x10, 0x00, 0x15, 0x00, 0xFE, 0x00];

/// Why a message fails (`bError`); below 80, the place in the message that is wrong.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Failure {
    NotSupported = 0x00,
    Length = 0x01,
    Slot = 0x05,
    Protocol = 0x07,
    Level = 0x08,
    Busy = 0xE0,
    NoPower = 0xFE,
}

/// What follows from a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// The host gets a message.
    Say(Vec<u8>),
    /// The card loses its power, and has it again at the next command.
    CutPower,
    /// The card gets a command; its answer belongs to [`Reader::answered`]. Until then there is no
    /// other.
    Transmit(Vec<u8>),
}

/// The reader and what it remembers between messages.
#[derive(Debug)]
pub(crate) struct Reader {
    atr: &'static [u8],
    longest: usize,
    powered: bool,
    /// The transfers so far of a message that is not complete.
    partial: Vec<u8>,
    /// The blocks so far of an APDU that is not complete.
    command: Option<Vec<u8>>,
    /// The part of the last answer that the host has not had.
    answer: Vec<u8>,
    /// The message that the card's answer is awaited for: that of the command, or its abort.
    waiting: Option<Message>,
}

/// The header of a message to the reader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Message {
    kind: u8,
    slot: u8,
    sequence: u8,
    parameters: [u8; 3],
}

impl Reader {
    /// The reader in a token with this answer to reset.
    pub(crate) fn new(profile: Profile, atr: &'static [u8]) -> Reader {
        Reader {
            atr,
            longest: longest_message(profile),
            powered: false,
            partial: Vec::new(),
            command: None,
            answer: Vec::new(),
            waiting: None,
        }
    }

    /// Whether the card owes an answer.
    pub(crate) fn waits(&self) -> bool {
        self.waiting.is_some()
    }

    /// Takes a transfer. A message ends with a transfer that is no multiple of a packet, or when it
    /// has its length.
    pub(crate) fn receive(&mut self, transfer: &[u8]) -> Vec<Step> {
        let mut bytes = std::mem::take(&mut self.partial);
        bytes.extend(transfer.iter().take(self.longest + 1));
        let Some((header, data)) = bytes.split_first_chunk::<HEADER>() else {
            return Vec::new();
        };
        let [kind, a, b, c, d, slot, sequence, parameters @ ..] = *header;
        let message = Message {
            kind,
            slot,
            sequence,
            parameters,
        };
        let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if length == data.len() && bytes.len() <= self.longest {
            return self.obey(message, data);
        }
        let more = !transfer.is_empty() && transfer.len().is_multiple_of(usize::from(PACKET));
        if more && length > data.len() && length <= self.longest - HEADER {
            self.partial = bytes;
            return Vec::new();
        }
        vec![Step::Say(self.fail(message, Failure::Length))]
    }

    /// Takes the card's answer to its command; there is none when the power went first.
    pub(crate) fn answered(&mut self, answer: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let message = self.waiting.take()?;
        Some(match answer {
            _ if message.kind == ABORT => self.slot_status(message),
            Some(answer) => {
                self.answer = answer;
                self.next_block(message, true)
            }
            None => self.fail(message, Failure::NoPower),
        })
    }

    /// Asks the host for more time, when it waits for the card.
    pub(crate) fn extension(&self) -> Option<Vec<u8>> {
        let message = self.waiting.filter(|message| message.kind != ABORT)?;
        Some(self.message(DATA_BLOCK, message, TIME_EXTENSION, 1, WHOLE, &[]))
    }

    fn obey(&mut self, message: Message, data: &[u8]) -> Vec<Step> {
        if message.slot != 0 {
            return vec![Step::Say(self.fail(message, Failure::Slot))];
        }
        match self.waiting {
            // A command that has begun can be taken back only with the power.
            Some(command) if message.kind == ABORT && command.kind != ABORT => {
                self.powered = false;
                self.waiting = Some(message);
                return vec![Step::CutPower];
            }
            Some(_) => return vec![Step::Say(self.fail(message, Failure::Busy))],
            None => {}
        }
        if message.kind == XFR_BLOCK {
            return vec![self.exchange(message, data)];
        }
        let power = match message.kind {
            POWER_ON => Some(true),
            POWER_OFF => Some(false),
            _ => None,
        };
        self.powered = power.unwrap_or(self.powered);
        if power.is_some() || message.kind == ABORT {
            self.command = None;
            self.answer.clear();
        }
        let answer = Step::Say(match message.kind {
            POWER_ON => self.message(DATA_BLOCK, message, 0, 0, WHOLE, self.atr),
            POWER_OFF | GET_SLOT_STATUS | ABORT => self.slot_status(message),
            SET_PARAMETERS if message.parameters[0] != T1 => self.fail(message, Failure::Protocol),
            SET_PARAMETERS | GET_PARAMETERS | RESET_PARAMETERS => {
                self.message(PARAMETERS, message, 0, 0, T1, &T1_PARAMETERS)
            }
            _ => self.fail(message, Failure::NotSupported),
        });
        // To switch on a card that is on is a warm reset.
        let cut = power.map(|_| Step::CutPower);
        cut.into_iter().chain([answer]).collect()
    }

    /// Takes a block of an APDU, or the request for the next block of an answer.
    fn exchange(&mut self, message: Message, data: &[u8]) -> Step {
        if !self.powered {
            return Step::Say(self.fail(message, Failure::NoPower));
        }
        let [_, low, high] = message.parameters;
        let before = self.command.take();
        let apdu = match (low, high, before) {
            (GO_ON, 0, None) if data.is_empty() && !self.answer.is_empty() => {
                return Step::Say(self.next_block(message, false));
            }
            (WHOLE | BEGIN, 0, _) => data.to_vec(),
            (END | MIDDLE, 0, Some(before)) => [&before[..], data].concat(),
            _ => return Step::Say(self.fail(message, Failure::Level)),
        };
        self.answer.clear();
        if apdu.is_empty() || apdu.len() > LONGEST_APDU {
            return Step::Say(self.fail(message, Failure::Length));
        }
        if matches!(low, BEGIN | MIDDLE) {
            self.command = Some(apdu);
            return Step::Say(self.message(DATA_BLOCK, message, 0, 0, GO_ON, &[]));
        }
        self.waiting = Some(message);
        Step::Transmit(apdu)
    }

    /// The next block of the answer: the first one, or one further.
    fn next_block(&mut self, message: Message, first: bool) -> Vec<u8> {
        let room = self.longest - HEADER;
        let rest = self.answer.split_off(room.min(self.answer.len()));
        let block = std::mem::replace(&mut self.answer, rest);
        let place = match (first, self.answer.is_empty()) {
            (true, true) => WHOLE,
            (true, false) => BEGIN,
            (false, false) => MIDDLE,
            (false, true) => END,
        };
        self.message(DATA_BLOCK, message, 0, 0, place, &block)
    }

    fn slot_status(&self, message: Message) -> Vec<u8> {
        self.message(SLOT_STATUS, message, 0, 0, 0, &[])
    }

    fn fail(&self, message: Message, failure: Failure) -> Vec<u8> {
        let kind = match message.kind {
            POWER_ON | XFR_BLOCK | SECURE => DATA_BLOCK,
            SET_PARAMETERS | GET_PARAMETERS | RESET_PARAMETERS => PARAMETERS,
            ESCAPE => ESCAPED,
            SET_RATES => RATES,
            _ => SLOT_STATUS,
        };
        self.message(kind, message, FAILED, failure as u8, 0, &[])
    }

    /// A message to the host, about the one it sent.
    fn message(
        &self,
        kind: u8,
        asked: Message,
        status: u8,
        error: u8,
        last: u8,
        data: &[u8],
    ) -> Vec<u8> {
        let card = match asked.slot {
            0 if self.powered => ACTIVE,
            0 => INACTIVE,
            _ => NO_CARD,
        };
        // No longer than a message, which is far below what the field holds.
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        [
            &[kind][..],
            &length.to_le_bytes(),
            &[asked.slot, asked.sequence, status | card, error, last],
            data,
        ]
        .concat()
    }
}

#[cfg(test)]
mod tests;
