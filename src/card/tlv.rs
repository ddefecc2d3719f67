//! BER-TLV with one-byte tags, as the YKOATH protocol writes it.

use crate::status::Status;

/// Appends `tag`, the BER length of `value` (definite form) and `value`.
///
/// Every value of the applets here is far below 64 KiB; a longer one would be cut.
pub(crate) fn put(into: &mut Vec<u8>, tag: u8, value: &[u8]) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    let [high, low] = length.to_be_bytes();
    into.push(tag);
    match length {
        0..=0x7F => into.push(low),
        0x80..=0xFF => into.extend([0x81, low]),
        _ => into.extend([0x82, high, low]),
    }
    into.extend(&value[..usize::from(length)]);
}

/// Reads values one after another from the data of a command.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Starts at the first byte of `data`.
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Reader(data)
    }

    /// The tag that comes next, if anything does.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The next value, which has to have `tag`.
    ///
    /// # Errors
    /// `6A80` when another tag, a bad length or nothing follows.
    pub(crate) fn take(&mut self, tag: u8) -> Result<&'a [u8], Status> {
        let rest = match *self.0 {
            [found, ref rest @ ..] if found == tag => rest,
            _ => return Err(Status::WRONG_SYNTAX),
        };
        let (length, rest) = match *rest {
            [length @ 0..=0x7F, ref rest @ ..] => (usize::from(length), rest),
            [0x81, length, ref rest @ ..] => (usize::from(length), rest),
            [0x82, high, low, ref rest @ ..] => {
                (usize::from(u16::from_be_bytes([high, low])), rest)
            }
            _ => return Err(Status::WRONG_SYNTAX),
        };
        let (value, rest) = rest.split_at_checked(length).ok_or(Status::WRONG_SYNTAX)?;
        self.0 = rest;
        Ok(value)
    }

    /// The next two bytes as tag and value without a length: the form of PROPERTY in PUT.
    ///
    /// # Errors
    /// `6A80` when another tag or nothing follows.
    pub(crate) fn take_byte(&mut self, tag: u8) -> Result<u8, Status> {
        match *self.0 {
            [found, value, ref rest @ ..] if found == tag => {
                self.0 = rest;
                Ok(value)
            }
            _ => Err(Status::WRONG_SYNTAX),
        }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// `6A80` when bytes are left over.
    pub(crate) fn end(self) -> Result<(), Status> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Status::WRONG_SYNTAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(values in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..600)), 0..5)) {
            let mut bytes = Vec::new();
            for (tag, value) in &values {
                put(&mut bytes, *tag, value);
            }
            let mut reader = Reader::new(&bytes);
            for (tag, value) in &values {
                prop_assert_eq!(reader.peek(), Some(*tag));
                prop_assert_eq!(reader.take(*tag), Ok(&value[..]));
            }
            prop_assert_eq!(reader.end(), Ok(()));
        }

        #[test]
        fn a_cut_value_is_refused(value in prop::collection::vec(any::<u8>(), 1..300), cut in any::<prop::sample::Index>()) {
            let mut bytes = Vec::new();
            put(&mut bytes, 0x71, &value);
            bytes.truncate(cut.index(bytes.len()));
            prop_assert_eq!(Reader::new(&bytes).take(0x71), Err(Status::WRONG_SYNTAX));
        }
    }
}
