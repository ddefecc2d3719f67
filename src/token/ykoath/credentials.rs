//! LIST, DELETE, RENAME and RESET.

use oathd_oath::{Algorithm, CredentialId, TypeOnCard};

use super::tag;
use crate::{apdu::Command, error::ProtocolError, tlv};

/// What LIST tells about one credential: neither its touch flag nor its digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The id as stored.
    pub id: CredentialId,
    /// Time or uses.
    pub on_card: TypeOnCard,
    /// The hash.
    pub algorithm: Algorithm,
}

/// Lists every credential.
#[must_use]
pub fn list() -> Command {
    Command::new(0xa1, Vec::new())
}

/// Reads the answer to [`list`], in the token's order. Entries of other types than TOTP and HOTP, which
/// some tokens keep beside them, are left out.
///
/// # Errors
/// When a field is cut short, out of place or has an impossible value.
pub fn parse_list(answer: &[u8]) -> Result<Vec<Listed>, ProtocolError> {
    let mut entries = Vec::new();
    let bad = ProtocolError::BadValue {
        tag: tag::NAME_LIST,
    };
    for field in tlv::fields(answer) {
        let value = match field? {
            (tag::NAME_LIST, value) => value,
            (found, _) => {
                let expected = tag::NAME_LIST;
                return Err(ProtocolError::UnexpectedTag { expected, found });
            }
        };
        let (kind, id) = value.split_first().ok_or_else(|| bad.clone())?;
        let on_card = match kind & 0xf0 {
            0x10 => TypeOnCard::Hotp,
            0x20 => TypeOnCard::Totp,
            _ => continue,
        };
        let algorithm = match kind & 0x0f {
            1 => Algorithm::Sha1,
            2 => Algorithm::Sha256,
            3 => Algorithm::Sha512,
            _ => return Err(bad),
        };
        let id = CredentialId::from_bytes(id).map_err(|_| bad.clone())?;
        entries.push(Listed {
            id,
            on_card,
            algorithm,
        });
    }
    Ok(entries)
}

/// Deletes a credential.
#[must_use]
pub fn delete(id: &CredentialId) -> Command {
    let mut data = Vec::new();
    tlv::push(&mut data, tag::NAME, id.as_bytes());
    Command::new(0x02, data)
}

/// Gives a credential another id.
#[must_use]
pub fn rename(old: &CredentialId, new: &CredentialId) -> Command {
    let mut data = Vec::new();
    tlv::push(&mut data, tag::NAME, old.as_bytes());
    tlv::push(&mut data, tag::NAME, new.as_bytes());
    Command::new(0x05, data)
}

/// Deletes every credential and the access key and makes a new salt.
#[must_use]
pub fn reset() -> Command {
    Command::with(0x04, 0xde, 0xad, Vec::new())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_entry_is_read(entries in prop::collection::vec((0usize..2, 0usize..3, prop::collection::vec(any::<u8>(), 1..=64)), 0..80)) {
            let mut bytes = Vec::new();
            for (kind, algorithm, id) in &entries {
                let first = [0x10, 0x20][*kind] | [1, 2, 3][*algorithm];
                tlv::push(&mut bytes, tag::NAME_LIST, &[&[first], id.as_slice()].concat());
            }
            let read = parse_list(&bytes).unwrap();
            prop_assert_eq!(read.len(), entries.len());
            for (listed, (kind, algorithm, id)) in read.iter().zip(&entries) {
                prop_assert_eq!(listed.id.as_bytes(), id.as_slice());
                prop_assert_eq!(listed.on_card, [TypeOnCard::Hotp, TypeOnCard::Totp][*kind]);
                prop_assert_eq!(listed.algorithm, [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512][*algorithm]);
            }
        }

        #[test]
        fn no_answer_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(list) = parse_list(&bytes) {
                prop_assert!(list.len() <= bytes.len());
            }
        }
    }

    #[test]
    fn entries_of_other_types_are_left_out() {
        let bytes = [0x72, 2, 0x41, b'h', 0x72, 2, 0x21, b't'];
        assert_eq!(parse_list(&bytes).unwrap().len(), 1);
    }
}
