//! APDUs as bytes: commands short and extended, chained commands, answers with their status word
//! (ISO 7816-4, as far as YKOATH uses it).

use std::fmt;

use zeroize::Zeroizing;

/// A status word.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatusWord(pub u16);

impl StatusWord {
    /// Done.
    pub const OK: StatusWord = StatusWord(0x9000);
    /// A memory failure: a damaged credential.
    pub const MEMORY_FAILURE: StatusWord = StatusWord(0x6581);
    /// Locked, or not touched in time.
    pub const SECURITY: StatusWord = StatusWord(0x6982);
    /// No such object; no access key set; SET CODE proof mismatch.
    pub const NO_SUCH_OBJECT: StatusWord = StatusWord(0x6984);
    /// Wrong syntax; in VALIDATE: wrong key.
    pub const WRONG_SYNTAX: StatusWord = StatusWord(0x6a80);
    /// No space left.
    pub const NO_SPACE: StatusWord = StatusWord(0x6a84);
    /// The NEO's way to say that no space is left.
    pub const GENERIC: StatusWord = StatusWord(0x6f00);
    /// Unknown instruction.
    pub const UNKNOWN_INSTRUCTION: StatusWord = StatusWord(0x6d00);

    /// Whether more answer data waits. The second byte tells nothing reliable.
    #[must_use]
    pub fn more(self) -> bool {
        self.0 >> 8 == 0x61
    }

    /// Whether the card failed at the command, rather than refused it: it may do better the next
    /// time (ISO 7816-4: 64xx to 66xx are execution errors, 6Fxx has no precise diagnosis).
    #[must_use]
    pub fn failure(self) -> bool {
        matches!(self.0 >> 8, 0x64..=0x66 | 0x6f)
    }
}

impl fmt::Display for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}", self.0)
    }
}

impl fmt::Debug for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StatusWord({self})")
    }
}

/// A command before it is encoded. Class 00; `data` may hold a secret and is wiped.
pub struct Command {
    /// Instruction.
    pub ins: u8,
    /// First parameter.
    pub p1: u8,
    /// Second parameter.
    pub p2: u8,
    /// The data field.
    pub data: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Command({:02x} {:02x} {:02x}, {} bytes)",
            self.ins,
            self.p1,
            self.p2,
            self.data.len()
        )
    }
}

/// How commands are framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Up to 255 bytes of data an APDU; more is sent in a chain.
    Short,
    /// Two-byte lengths.
    Extended,
}

impl Command {
    /// A command without parameters.
    #[must_use]
    pub fn new(ins: u8, data: Vec<u8>) -> Command {
        Command::with(ins, 0, 0, data)
    }

    /// A command with parameters.
    #[must_use]
    pub fn with(ins: u8, p1: u8, p2: u8, data: Vec<u8>) -> Command {
        Command {
            ins,
            p1,
            p2,
            data: Zeroizing::new(data),
        }
    }

    /// The APDUs to send, in order: one, or a chain (class bit 10) for long data in short framing.
    /// No `Le` is sent with data; without data short framing ends in one `00`, extended in nothing.
    #[must_use]
    pub fn encode(&self, framing: Framing) -> Vec<Zeroizing<Vec<u8>>> {
        let Command { ins, p1, p2, data } = self;
        let apdu = |class: u8, length: &[u8], part: &[u8]| {
            let mut bytes = Zeroizing::new(Vec::with_capacity(7 + part.len()));
            bytes.extend_from_slice(&[class, *ins, *p1, *p2]);
            bytes.extend_from_slice(length);
            bytes.extend_from_slice(part);
            bytes
        };
        match (framing, u16::try_from(data.len())) {
            (Framing::Short, _) if data.is_empty() => vec![apdu(0, &[0], &[])],
            (Framing::Extended, Ok(0)) => vec![apdu(0, &[], &[])],
            (Framing::Extended, Ok(length)) => {
                let [high, low] = length.to_be_bytes();
                vec![apdu(0, &[0, high, low], data)]
            }
            // Longer than an extended APDU can say: a chain is the only way left.
            (Framing::Short, _) | (Framing::Extended, Err(_)) => {
                let parts = data.chunks(usize::from(u8::MAX));
                let last = parts.len() - 1;
                parts
                    .enumerate()
                    .map(|(index, part)| {
                        let class = if index == last { 0 } else { 0x10 };
                        apdu(class, &[u8::try_from(part.len()).unwrap_or(u8::MAX)], part)
                    })
                    .collect()
            }
        }
    }
}

/// An answer, whole or one piece of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The data before the status word.
    pub data: Zeroizing<Vec<u8>>,
    /// The status word.
    pub status: StatusWord,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({} bytes, {})", self.data.len(), self.status)
    }
}

impl Response {
    /// Splits an answer. `None` when it is shorter than a status word.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Response> {
        let (data, status) = bytes.split_last_chunk()?;
        Some(Response {
            data: Zeroizing::new(data.to_vec()),
            status: StatusWord(u16::from_be_bytes(*status)),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_data_is_lost_in_either_framing(data in prop::collection::vec(any::<u8>(), 0..3000), extended: bool) {
            let framing = if extended { Framing::Extended } else { Framing::Short };
            let apdus = Command::with(1, 2, 3, data.clone()).encode(framing);
            let mut arrived = Vec::new();
            for (index, apdu) in apdus.iter().enumerate() {
                let last = index + 1 == apdus.len();
                prop_assert_eq!(&apdu[..4], &[if last { 0 } else { 0x10 }, 1, 2, 3]);
                match (framing, &apdu[4..]) {
                    (Framing::Extended, []) => prop_assert!(data.is_empty()),
                    (Framing::Extended, [0, high, low, part @ ..]) => {
                        prop_assert_eq!(part.len(), usize::from(u16::from_be_bytes([*high, *low])));
                        arrived.extend_from_slice(part);
                    }
                    (Framing::Short, [length, part @ ..]) => {
                        prop_assert_eq!(part.len(), usize::from(*length));
                        prop_assert!(last || part.len() == 255);
                        arrived.extend_from_slice(part);
                    }
                    (_, other) => prop_assert!(false, "{other:?}"),
                }
            }
            prop_assert_eq!(arrived, data);
        }

        #[test]
        fn an_answer_is_its_data_and_its_status(data in prop::collection::vec(any::<u8>(), 0..300), status: u16) {
            let bytes = [data.as_slice(), &status.to_be_bytes()].concat();
            let response = Response::parse(&bytes).unwrap();
            prop_assert_eq!(&*response.data, &data);
            prop_assert_eq!(response.status, StatusWord(status));
        }
    }

    #[test]
    fn less_than_a_status_word_is_no_answer() {
        assert!(Response::parse(&[]).is_none());
        assert!(Response::parse(&[0x90]).is_none());
    }

    #[test]
    fn debug_shows_no_data() {
        let command = Command::new(1, b"secret".to_vec());
        assert_eq!(format!("{command:?}"), "Command(01 00 00, 6 bytes)");
        let response = Response::parse(b"code\x90\x00").unwrap();
        assert_eq!(format!("{response:?}"), "Response(4 bytes, 9000)");
    }
}
