//! Command APDUs, short and extended (ISO/IEC 7816-4 §5.1, cases 1 to 4).

use crate::status::Status;

/// The command is one of a chain and more of its data follows.
const CHAINED: u8 = 0x10;

/// A command as it arrives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Command {
    /// Set when another command brings the rest of the data.
    pub(crate) chained: bool,
    /// Whether the lengths had three bytes.
    pub(crate) extended: bool,
    /// INS, P1 and P2.
    pub(crate) header: Header,
    /// The data field; empty when there is none.
    pub(crate) data: Vec<u8>,
    /// How many bytes of data one answer may have, status word not counted.
    pub(crate) limit: usize,
}

/// What a command asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    /// The instruction.
    pub(crate) ins: u8,
    /// First parameter.
    pub(crate) p1: u8,
    /// Second parameter.
    pub(crate) p2: u8,
}

impl Header {
    /// P1 and P2 as one number.
    pub(crate) fn p1p2(self) -> u16 {
        u16::from_be_bytes([self.p1, self.p2])
    }
}

impl Command {
    /// Reads a command.
    ///
    /// An absent Le asks for as much as a short answer holds, 256 bytes: hosts leave it out and
    /// still expect data.
    ///
    /// # Errors
    /// `6700` when a length does not fit the bytes, `6E00` for another class than `00` and `10`
    /// (no logical channels, no secure messaging).
    pub(crate) fn parse(bytes: &[u8]) -> Result<Command, Status> {
        let &[cla, ins, p1, p2, ref body @ ..] = bytes else {
            return Err(Status::WRONG_LENGTH);
        };
        if cla & !CHAINED != 0 {
            return Err(Status::WRONG_CLA);
        }
        let (extended, data, limit) = match *body {
            [] => (false, &[][..], 256),
            [le] => (false, &[][..], short_limit(le)),
            [0, high, low] => (true, &[][..], extended_limit(high, low)),
            [0, high, low, ref rest @ ..] => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                let (data, le) = split_data(rest, length)?;
                let limit = match *le {
                    [] => 256,
                    [high, low] => extended_limit(high, low),
                    _ => return Err(Status::WRONG_LENGTH),
                };
                (true, data, limit)
            }
            [lc, ref rest @ ..] => {
                let (data, le) = split_data(rest, usize::from(lc))?;
                let limit = match *le {
                    [] => 256,
                    [le] => short_limit(le),
                    _ => return Err(Status::WRONG_LENGTH),
                };
                (false, data, limit)
            }
        };
        let header = Header { ins, p1, p2 };
        Ok(Command {
            chained: cla & CHAINED != 0,
            extended,
            header,
            data: data.to_vec(),
            limit,
        })
    }
}

fn split_data(rest: &[u8], length: usize) -> Result<(&[u8], &[u8]), Status> {
    if length == 0 {
        return Err(Status::WRONG_LENGTH);
    }
    rest.split_at_checked(length).ok_or(Status::WRONG_LENGTH)
}

fn short_limit(le: u8) -> usize {
    if le == 0 { 256 } else { usize::from(le) }
}

fn extended_limit(high: u8, low: u8) -> usize {
    match u16::from_be_bytes([high, low]) {
        0 => 65536,
        le => usize::from(le),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shape(bytes: &[u8]) -> Result<(bool, Vec<u8>, usize), Status> {
        Command::parse(bytes).map(|command| (command.extended, command.data, command.limit))
    }

    #[test]
    fn every_case_has_its_lengths() {
        assert_eq!(shape(&[0, 1, 2, 3]), Ok((false, vec![], 256)));
        assert_eq!(shape(&[0, 1, 2, 3, 0]), Ok((false, vec![], 256)));
        assert_eq!(shape(&[0, 1, 2, 3, 5]), Ok((false, vec![], 5)));
        assert_eq!(shape(&[0, 1, 2, 3, 1, 9]), Ok((false, vec![9], 256)));
        assert_eq!(shape(&[0, 1, 2, 3, 1, 9, 7]), Ok((false, vec![9], 7)));
        assert_eq!(shape(&[0, 1, 2, 3, 0, 0, 0]), Ok((true, vec![], 65536)));
        assert_eq!(shape(&[0, 1, 2, 3, 0, 0, 1, 9]), Ok((true, vec![9], 256)));
        assert_eq!(
            shape(&[0, 1, 2, 3, 0, 0, 1, 9, 1, 0]),
            Ok((true, vec![9], 256))
        );
        assert_eq!(shape(&[0, 1, 2, 3, 2, 9]), Err(Status::WRONG_LENGTH));
        assert_eq!(shape(&[0, 1, 2, 3, 0, 9]), Err(Status::WRONG_LENGTH));
        assert_eq!(shape(&[0, 1, 2, 3, 0, 0, 0, 9]), Err(Status::WRONG_LENGTH));
        assert_eq!(
            shape(&[0, 1, 2, 3, 0, 0, 1, 9, 1]),
            Err(Status::WRONG_LENGTH)
        );
        assert_eq!(shape(&[0, 1, 2]), Err(Status::WRONG_LENGTH));
        assert_eq!(shape(&[4, 1, 2, 3]), Err(Status::WRONG_CLA));
    }

    proptest! {
        #[test]
        fn short_and_extended_carry_the_same_data(data in prop::collection::vec(any::<u8>(), 1..=255)) {
            let length = u8::try_from(data.len()).unwrap();
            let short = [&[0, 1, 2, 3, length][..], &data].concat();
            let extended = [&[0, 1, 2, 3, 0, 0, length][..], &data].concat();
            prop_assert_eq!(Command::parse(&short).unwrap().data, &data[..]);
            prop_assert_eq!(Command::parse(&extended).unwrap().data, &data[..]);
        }
    }
}
