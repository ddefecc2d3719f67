//! CALCULATE and CALCULATE ALL.

use oathd_oath::{CredentialId, Digits};
use zeroize::Zeroizing;

use super::tag;
use crate::{apdu::Command, error::ProtocolError, tlv};

const WHOLE: u8 = 0;
const TRUNCATED: u8 = 1;

/// A truncated HMAC: the number a decimal code is made of, and how long that code is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Computed {
    /// The code's length; `None` for a length that no code has.
    pub digits: Option<Digits>,
    /// The 31-bit number.
    pub value: u32,
}

/// What CALCULATE ALL tells about one credential.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// A time-based credential, computed.
    Computed(Computed),
    /// An HOTP credential: never computed here.
    Counter(Option<Digits>),
    /// A credential that wants a touch: not computed here.
    Touch(Option<Digits>),
}

/// The challenge of a time step: eight bytes, big-endian (RFC 6238 section 4.2).
#[must_use]
pub fn step_challenge(step: u64) -> [u8; 8] {
    step.to_be_bytes()
}

/// Computes one credential's truncated HMAC. HOTP takes an empty challenge and moves its counter on.
#[must_use]
pub fn calculate(id: &CredentialId, challenge: &[u8]) -> Command {
    one(id, challenge, TRUNCATED)
}

/// Computes one credential's whole HMAC.
#[must_use]
pub fn calculate_full(id: &CredentialId, challenge: &[u8]) -> Command {
    one(id, challenge, WHOLE)
}

fn one(id: &CredentialId, challenge: &[u8], form: u8) -> Command {
    let mut data = Vec::new();
    tlv::push(&mut data, tag::NAME, id.as_bytes());
    tlv::push(&mut data, tag::CHALLENGE, challenge);
    Command::with(0xa2, 0x00, form, data)
}

/// Computes every credential that is neither HOTP nor wants a touch, over one challenge.
#[must_use]
pub fn calculate_all(challenge: &[u8]) -> Command {
    let mut data = Vec::new();
    tlv::push(&mut data, tag::CHALLENGE, challenge);
    Command::with(0xa4, 0x00, TRUNCATED, data)
}

/// Reads the answer to [`calculate`].
///
/// # Errors
/// When the answer is not one truncated HMAC.
pub fn parse_calculate(answer: &[u8]) -> Result<Computed, ProtocolError> {
    computed(tlv::fields(answer).expect(tag::TRUNCATED)?)
}

/// Reads the answer to [`calculate_full`]: the HMAC.
///
/// # Errors
/// When the answer is not an HMAC of one of the three algorithms.
pub fn parse_calculate_full(answer: &[u8]) -> Result<Zeroizing<Vec<u8>>, ProtocolError> {
    match tlv::fields(answer).expect(tag::RESPONSE)? {
        [_, mac @ ..] if matches!(mac.len(), 20 | 32 | 64) => Ok(Zeroizing::new(mac.to_vec())),
        _ => Err(ProtocolError::BadValue { tag: tag::RESPONSE }),
    }
}

/// Reads the answer to [`calculate_all`], in the token's order.
///
/// # Errors
/// When a field is cut short, out of place or has an impossible value.
pub fn parse_calculate_all(answer: &[u8]) -> Result<Vec<(CredentialId, Listing)>, ProtocolError> {
    let mut fields = tlv::fields(answer);
    let mut entries = Vec::new();
    while let Some(field) = fields.next() {
        let id = match field? {
            (tag::NAME, value) => CredentialId::from_bytes(value)
                .map_err(|_| ProtocolError::BadValue { tag: tag::NAME })?,
            (found, _) => {
                let expected = tag::NAME;
                return Err(ProtocolError::UnexpectedTag { expected, found });
            }
        };
        let listing = match fields.next().ok_or(ProtocolError::Truncated)?? {
            (tag::TRUNCATED, value) => Listing::Computed(computed(value)?),
            (tag::COUNTER, value) => Listing::Counter(digits(value)),
            (tag::TOUCH, value) => Listing::Touch(digits(value)),
            (found, _) => {
                let expected = tag::TRUNCATED;
                return Err(ProtocolError::UnexpectedTag { expected, found });
            }
        };
        entries.push((id, listing));
    }
    Ok(entries)
}

fn computed(value: &[u8]) -> Result<Computed, ProtocolError> {
    match *value {
        [length, a, b, c, d] => Ok(Computed {
            digits: Digits::try_from(length).ok(),
            value: u32::from_be_bytes([a, b, c, d]) & 0x7fff_ffff,
        }),
        _ => Err(ProtocolError::BadValue {
            tag: tag::TRUNCATED,
        }),
    }
}

fn digits(value: &[u8]) -> Option<Digits> {
    Digits::try_from(*value.first()?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(entries: &[(CredentialId, u8, [u8; 5])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (id, tag, value) in entries {
            tlv::push(&mut bytes, tag::NAME, id.as_bytes());
            let length = if *tag == tag::TRUNCATED { 5 } else { 1 };
            tlv::push(&mut bytes, *tag, &value[..length]);
        }
        bytes
    }

    fn entry() -> impl Strategy<Value = (CredentialId, u8, [u8; 5])> {
        let id = prop::collection::vec(any::<u8>(), 1..=64)
            .prop_map(|bytes| CredentialId::from_bytes(&bytes).unwrap());
        let tag = prop::sample::select(vec![tag::TRUNCATED, tag::COUNTER, tag::TOUCH]);
        (id, tag, any::<[u8; 5]>())
    }

    proptest! {
        #[test]
        fn every_entry_is_read_in_order(entries in prop::collection::vec(entry(), 0..20)) {
            let read = parse_calculate_all(&encode(&entries)).unwrap();
            prop_assert_eq!(read.len(), entries.len());
            for ((id, listing), (expected, tag, value)) in read.iter().zip(&entries) {
                prop_assert_eq!(id, expected);
                let told = match listing {
                    Listing::Computed(computed) => {
                        prop_assert!(computed.value <= 0x7fff_ffff);
                        computed.digits
                    }
                    Listing::Counter(digits) | Listing::Touch(digits) => *digits,
                };
                prop_assert_eq!(told.is_some(), (6..=8).contains(&value[0]));
                prop_assert_eq!(matches!(listing, Listing::Touch(_)), *tag == tag::TOUCH);
                prop_assert_eq!(matches!(listing, Listing::Counter(_)), *tag == tag::COUNTER);
            }
        }

        #[test]
        fn a_cut_answer_is_refused_or_ends_between_entries(entries in prop::collection::vec(entry(), 1..6), cut: prop::sample::Index) {
            let bytes = encode(&entries);
            let kept = cut.index(bytes.len());
            if let Ok(read) = parse_calculate_all(&bytes[..kept]) {
                prop_assert_eq!(encode(&entries[..read.len()]).len(), kept);
            }
        }

        #[test]
        fn no_answer_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_calculate_all(&bytes);
            let _ = parse_calculate(&bytes);
            if let Ok(mac) = parse_calculate_full(&bytes) {
                prop_assert!(mac.len() >= 20);
            }
        }
    }
}
