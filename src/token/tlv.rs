//! Tag-length-value fields: one-byte tags, BER lengths in up to two bytes (`<80`, `81 xx`, `82 xxxx`).

use crate::error::ProtocolError;

/// The fields of an answer, in order. Ends after the first error.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

/// One field: its tag and its value.
pub type Field<'a> = (u8, &'a [u8]);

/// Reads fields off `bytes`.
#[must_use]
pub fn fields(bytes: &[u8]) -> Fields<'_> {
    Fields { rest: bytes }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, ProtocolError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (tag, after_tag) = self.rest.split_first()?;
        let (field, rest) =
            match length(after_tag).and_then(|(len, rest)| rest.split_at_checked(len)) {
                Some((value, rest)) => (Ok((*tag, value)), rest),
                None => (Err(ProtocolError::Truncated), &[][..]),
            };
        self.rest = rest;
        Some(field)
    }
}

impl<'a> Fields<'a> {
    /// The value of the next field, which must have this tag.
    ///
    /// # Errors
    /// When there is none or another one.
    pub fn expect(&mut self, expected: u8) -> Result<&'a [u8], ProtocolError> {
        match self.next().ok_or(ProtocolError::Truncated)?? {
            (tag, value) if tag == expected => Ok(value),
            (found, _) => Err(ProtocolError::UnexpectedTag { expected, found }),
        }
    }
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match *bytes {
        [short, ref rest @ ..] if short < 0x80 => Some((usize::from(short), rest)),
        [0x81, length, ref rest @ ..] => Some((usize::from(length), rest)),
        [0x82, high, low, ref rest @ ..] => {
            Some((usize::from(u16::from_be_bytes([high, low])), rest))
        }
        _ => None,
    }
}

/// Appends a field. Values beyond 65535 bytes, which no command has, are cut there.
pub fn push(out: &mut Vec<u8>, tag: u8, value: &[u8]) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    let [high, low] = length.to_be_bytes();
    out.push(tag);
    match length {
        0..0x80 => out.push(low),
        0x80..=0xff => out.extend_from_slice(&[0x81, low]),
        _ => out.extend_from_slice(&[0x82, high, low]),
    }
    out.extend_from_slice(value.get(..usize::from(length)).unwrap_or(value));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_pushed_is_read(list in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..700)), 0..8)) {
            let mut bytes = Vec::new();
            for (tag, value) in &list {
                push(&mut bytes, *tag, value);
            }
            let read: Result<Vec<_>, _> = fields(&bytes).map(|f| f.map(|(t, v)| (t, v.to_vec()))).collect();
            prop_assert_eq!(read.unwrap(), list);
        }

        #[test]
        fn anything_is_read_to_its_end_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let count = fields(&bytes).count();
            prop_assert!(count <= bytes.len());
            prop_assert!(fields(&bytes).rev_errors() <= 1);
        }

        #[test]
        fn a_cut_field_is_refused(value in prop::collection::vec(any::<u8>(), 1..400), cut in 1usize..400) {
            let mut bytes = Vec::new();
            push(&mut bytes, 0x71, &value);
            let kept = bytes.len().saturating_sub(cut.min(value.len()));
            prop_assert_eq!(fields(&bytes[..kept]).next(), Some(Err(ProtocolError::Truncated)));
        }
    }

    impl Fields<'_> {
        fn rev_errors(self) -> usize {
            self.filter(Result::is_err).count()
        }
    }

    #[test]
    fn another_tag_is_named() {
        assert_eq!(
            fields(&[0x72, 0]).expect(0x71),
            Err(ProtocolError::UnexpectedTag {
                expected: 0x71,
                found: 0x72
            })
        );
    }
}
