//! SELECT: which application, whose it is, and whether it is locked.

use super::tag;
use crate::{apdu::Command, error::ProtocolError, identity::Version, tlv};

/// The OATH application. Cards register it with further bytes; this prefix selects all of them.
pub const AID: &[u8] = &[0xa0, 0x00, 0x00, 0x05, 0x27, 0x21, 0x01];

/// What a selection tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectAnswer {
    /// The application's version: the firmware's on a YubiKey 4 and later.
    pub version: Version,
    /// What the device id is made of and passwords are salted with.
    pub salt: Vec<u8>,
    /// The card's challenge; present when an access key is set and has to be proven.
    pub challenge: Option<Vec<u8>>,
}

/// Selects an application. Locks an open OATH application again.
#[must_use]
pub fn select(aid: &[u8]) -> Command {
    Command::with(0xa4, 0x04, 0x00, aid.to_vec())
}

/// Reads the answer to a selection of the OATH application.
///
/// # Errors
/// When a field is cut short, has an impossible length, or version or salt is missing.
pub fn parse_select(answer: &[u8]) -> Result<SelectAnswer, ProtocolError> {
    let (mut version, mut salt, mut challenge, mut serial) = (None, None, None, None);
    for field in tlv::fields(answer) {
        match field? {
            (tag::VERSION, &[major, minor, patch, ..]) => {
                version = Some(Version::new(major, minor, patch));
            }
            (tag @ tag::VERSION, _) => return Err(ProtocolError::BadValue { tag }),
            (tag @ (tag::NAME | tag::CHALLENGE | tag::SERIAL), []) => {
                return Err(ProtocolError::BadValue { tag });
            }
            (tag::NAME, value) => salt = Some(value.to_vec()),
            (tag::CHALLENGE, value) => challenge = Some(value.to_vec()),
            (tag::SERIAL, value) => serial = Some(value.to_vec()),
            // Algorithm of the access key, always HMAC-SHA1; and whatever later versions add.
            _ => {}
        }
    }
    Ok(SelectAnswer {
        version: version.ok_or(ProtocolError::Truncated)?,
        // A card with a serial here makes a new salt each time: only the serial says who it is.
        salt: serial.or(salt).ok_or(ProtocolError::Truncated)?,
        challenge,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn open_and_locked_applications_are_told_apart() {
        let open = [0x79, 3, 5, 7, 1, 0x71, 4, 1, 2, 3, 4];
        let answer = parse_select(&open).unwrap();
        assert_eq!(answer.version, Version::new(5, 7, 1));
        assert_eq!(answer.salt, [1, 2, 3, 4]);
        assert_eq!(answer.challenge, None);
        let locked = [&open[..], &[0x74, 2, 9, 9, 0x7b, 1, 0x21]].concat();
        assert_eq!(parse_select(&locked).unwrap().challenge, Some(vec![9, 9]));
    }

    #[test]
    fn a_missing_salt_is_refused() {
        assert_eq!(
            parse_select(&[0x79, 3, 5, 7, 1]),
            Err(ProtocolError::Truncated)
        );
    }

    proptest! {
        #[test]
        fn no_answer_panics(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(answer) = parse_select(&bytes) {
                prop_assert!(!answer.salt.is_empty());
            }
        }
    }
}
