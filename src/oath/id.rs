//! The name under which a token stores a credential.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::kind::{Kind, Period};

/// An id as a token stores it: `[period/][issuer:]name`, 1 to 64 bytes.
///
/// Ids written here are UTF-8 without control characters. Other programs may have written any
/// bytes, and such a credential must stay usable; so the bytes are kept as they are.
///
/// The text form ([`fmt::Display`], [`FromStr`]) holds every id without loss and is safe on a
/// terminal and on D-Bus: bytes that are not UTF-8 and control characters show as `\xNN`, and so
/// does a backslash that would read as such an escape. Every other id is its own text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CredentialId(Vec<u8>);

/// Why an issuer and a name, or bytes, are not an id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidName {
    /// The name is empty.
    #[error("the name is empty")]
    Empty,
    /// The encoded id does not fit on a token.
    #[error("the id takes {bytes} bytes; a token keeps {max}: shorten the issuer or the name", max = CredentialId::MAX_LEN)]
    TooLong {
        /// The length of the encoded id in bytes.
        bytes: usize,
    },
    /// The issuer holds a colon, which would end it.
    #[error("the issuer holds a colon, which separates it from the name")]
    ColonInIssuer,
    /// The issuer or the name holds a control character.
    #[error("the issuer or the name holds a control character")]
    ControlCharacter,
}

impl CredentialId {
    /// The longest id in bytes (YKOATH).
    pub const MAX_LEN: usize = 64;

    /// Encodes the id of a new credential. An empty issuer counts as none.
    ///
    /// The period is written when it is not 30 seconds, and when the issuer or the name begins
    /// like a period (`24/7`), which would be read as one.
    ///
    /// A name with a colon and no issuer gives the same id as the issuer before the colon.
    ///
    /// # Errors
    /// See [`InvalidName`].
    pub fn new(kind: Kind, issuer: Option<&str>, name: &str) -> Result<Self, InvalidName> {
        let issuer = issuer.unwrap_or_default();
        if name.is_empty() {
            return Err(InvalidName::Empty);
        }
        if issuer.contains(':') {
            return Err(InvalidName::ColonInIssuer);
        }
        if issuer.chars().chain(name.chars()).any(char::is_control) {
            return Err(InvalidName::ControlCharacter);
        }
        let mut id = match issuer {
            "" => name.to_owned(),
            issuer => format!("{issuer}:{name}"),
        };
        if let Kind::Totp { period } = kind
            && (period != Period::DEFAULT || split_period(&id).is_some())
        {
            id = format!("{period}/{id}");
        }
        Self::from_bytes(id.as_bytes())
    }

    /// An id as a token gave it.
    ///
    /// # Errors
    /// When there is no byte, or more than [`CredentialId::MAX_LEN`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidName> {
        match bytes.len() {
            0 => Err(InvalidName::Empty),
            bytes if bytes > Self::MAX_LEN => Err(InvalidName::TooLong { bytes }),
            _ => Ok(Self(bytes.to_vec())),
        }
    }

    /// The bytes that the token stores.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Splits `digits/rest` into its digits and its rest, which must not be empty.
pub(crate) fn split_period(id: &str) -> Option<(&str, &str)> {
    let (digits, rest) = id.split_once('/')?;
    let digits_only = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    (digits_only && !rest.is_empty()).then_some((digits, rest))
}

impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_slice();
        while let Some(chunk) = rest.utf8_chunks().next() {
            let (valid, invalid) = (chunk.valid(), chunk.invalid());
            rest = &rest[valid.len() + invalid.len()..];
            for (index, c) in valid.char_indices() {
                if c.is_control() || escape_at(&valid.as_bytes()[index..]).is_some() {
                    let mut encoded = [0; 4];
                    escape(f, c.encode_utf8(&mut encoded).as_bytes())?;
                } else {
                    f.write_str(c.encode_utf8(&mut [0; 4]))?;
                }
            }
            escape(f, invalid)?;
        }
        Ok(())
    }
}

fn escape(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))
}

/// The byte that an escape at the start of `text` stands for.
fn escape_at(text: &[u8]) -> Option<u8> {
    let [b'\\', b'x', high, low, ..] = text else {
        return None;
    };
    let nibble = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(nibble(*high)? << 4 | nibble(*low)?).ok()
}

impl fmt::Debug for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CredentialId({self})")
    }
}

impl FromStr for CredentialId {
    type Err = InvalidName;

    /// Reads the text form, `\xNN` included.
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let mut rest = text.as_bytes();
        let mut bytes = Vec::with_capacity(rest.len());
        while let [first, tail @ ..] = rest {
            match escape_at(rest) {
                Some(byte) => {
                    bytes.push(byte);
                    rest = &rest[4..];
                }
                None => {
                    bytes.push(*first);
                    rest = tail;
                }
            }
        }
        Self::from_bytes(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_id_survives_its_text_form(bytes in prop::collection::vec(
            prop_oneof![any::<u8>(), prop::sample::select(b"\\\\x4fF:/\n".to_vec())],
            1..=64,
        )) {
            let id = CredentialId::from_bytes(&bytes).unwrap();
            let text = id.to_string();
            prop_assert!(!text.chars().any(char::is_control));
            prop_assert_eq!(text.parse::<CredentialId>().unwrap(), id);
        }

        #[test]
        fn ordinary_text_is_its_own_form(text in "[^\\pC\\\\]{1,16}") {
            prop_assert_eq!(CredentialId::from_bytes(text.as_bytes()).unwrap().to_string(), text);
        }

        #[test]
        fn arbitrary_text_is_an_id_or_refused(text in ".{0,80}") {
            if let Ok(id) = text.parse::<CredentialId>() {
                prop_assert!((1..=64).contains(&id.as_bytes().len()));
            }
        }
    }

    #[test]
    fn the_limit_counts_bytes_of_the_whole_id() {
        let kind = Kind::Totp {
            period: Period::from_seconds(60).unwrap(),
        };
        assert!(CredentialId::new(kind, Some("é"), &"n".repeat(58)).is_ok());
        assert_eq!(
            CredentialId::new(kind, Some("é"), &"n".repeat(59)),
            Err(InvalidName::TooLong { bytes: 65 })
        );
    }

    #[test]
    fn refusals_name_their_reason() {
        let new = |issuer, name| CredentialId::new(Kind::TOTP, issuer, name).unwrap_err();
        assert_eq!(new(Some("a"), ""), InvalidName::Empty);
        assert_eq!(new(Some("a:b"), "c"), InvalidName::ColonInIssuer);
        assert_eq!(new(None, "a\nb"), InvalidName::ControlCharacter);
        assert_eq!(new(Some("\u{9b}"), "b"), InvalidName::ControlCharacter);
    }

    #[test]
    fn foreign_bytes_are_shown_as_escapes() {
        let shown = |bytes: &[u8]| CredentialId::from_bytes(bytes).unwrap().to_string();
        assert_eq!(shown(b"a\xff\x1b[2J"), r"a\xff\x1b[2J");
        assert_eq!(shown(br"DOMAIN\user"), r"DOMAIN\user");
        assert_eq!(shown(br"DOMAIN\x41"), r"DOMAIN\x5cx41");
    }
}
