//! The shared secret of a credential.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

/// The shared secret (`K` in RFC 4226): 2 to 256 bytes, wiped when dropped.
///
/// There is no `Clone`, `Display` or serialization, and `Debug` hides the bytes. Equality takes
/// the same time wherever two secrets of one length differ.
pub struct Secret(Zeroizing<Vec<u8>>);

/// Why bytes or text are not a secret. The text itself is never part of the error.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidSecret {
    /// Shorter than tokens and their tools accept.
    #[error("the secret is too short ({0} bytes); it needs at least {min}", min = Secret::MIN_LEN)]
    TooShort(
        /// The length in bytes.
        usize,
    ),
    /// Longer than any hash's block by far.
    #[error("the secret is longer than {max} bytes", max = Secret::MAX_LEN)]
    TooLong,
    /// A character outside the base32 alphabet (RFC 4648 section 6).
    #[error("the secret is not base32: character {position} is none of A-Z and 2-7")]
    Symbol {
        /// The position of the character, from 1.
        position: usize,
    },
    /// A number of base32 characters that no number of bytes encodes to.
    #[error("the secret is not base32: a character is missing or surplus at its end")]
    Incomplete,
}

impl Secret {
    /// The shortest secret in bytes.
    pub const MIN_LEN: usize = 2;
    /// The longest secret in bytes.
    pub const MAX_LEN: usize = 256;

    /// Takes over raw bytes. They are wiped when they are refused, too.
    ///
    /// # Errors
    /// When there are fewer than [`Secret::MIN_LEN`] or more than [`Secret::MAX_LEN`] bytes.
    pub fn new(bytes: Vec<u8>) -> Result<Self, InvalidSecret> {
        let bytes = Zeroizing::new(bytes);
        match bytes.len() {
            len if len < Self::MIN_LEN => Err(InvalidSecret::TooShort(len)),
            len if len > Self::MAX_LEN => Err(InvalidSecret::TooLong),
            _ => Ok(Self(bytes)),
        }
    }

    /// Reads base32 as people and web sites write it: in any case, grouped by spaces or dashes,
    /// with or without padding, and with whatever is left in the last character's unused bits.
    ///
    /// # Errors
    /// When a character is foreign, characters are missing, or the length is out of bounds.
    pub fn from_base32(text: &str) -> Result<Self, InvalidSecret> {
        // Reserved whole, so that growing leaves no copy behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(Self::MAX_LEN + 1));
        let (mut bits, mut held) = (0u32, 0u32);
        let mut padded = false;
        for (index, symbol) in text.chars().enumerate() {
            let value = match symbol {
                'A'..='Z' if !padded => u32::from(symbol) - u32::from('A'),
                'a'..='z' if !padded => u32::from(symbol) - u32::from('a'),
                '2'..='7' if !padded => u32::from(symbol) - u32::from('2') + 26,
                '=' => {
                    padded = true;
                    continue;
                }
                '-' => continue,
                _ if symbol.is_whitespace() => continue,
                _ => {
                    return Err(InvalidSecret::Symbol {
                        position: index + 1,
                    });
                }
            };
            bits = (bits << 5 | value) & 0xfff;
            held += 5;
            if held >= 8 {
                held -= 8;
                if bytes.len() == Self::MAX_LEN {
                    return Err(InvalidSecret::TooLong);
                }
                bytes.push((bits >> held & 0xff) as u8);
            }
        }
        if held >= 5 {
            return Err(InvalidSecret::Incomplete);
        }
        Self::new(std::mem::take(&mut *bytes))
    }

    /// Base32 in upper case, without padding: what an otpauth URI holds.
    #[must_use]
    pub fn to_base32(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE32_NOPAD.encode(&self.0))
    }

    /// The bytes, for the one who computes with them or writes them to a token.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// A second copy, for writing one secret to several tokens. Spelled out, so that a copy is
    /// never made by accident.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(Zeroizing::new(self.0.to_vec()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn base32_comes_back(bytes in prop::collection::vec(any::<u8>(), 2..=256)) {
            let secret = Secret::new(bytes).unwrap();
            prop_assert_eq!(Secret::from_base32(&secret.to_base32()).unwrap(), secret);
        }

        #[test]
        fn grouping_case_and_padding_are_forgiven(bytes in prop::collection::vec(any::<u8>(), 2..=64)) {
            let padded = data_encoding::BASE32.encode(&bytes).to_lowercase();
            let grouped: String = padded
                .chars()
                .enumerate()
                .flat_map(|(index, c)| [Some(c), [None, Some(' '), Some('-')][index % 3]])
                .flatten()
                .collect();
            let read = Secret::from_base32(&grouped).unwrap();
            prop_assert_eq!(read.expose(), &bytes);
        }

        #[test]
        fn arbitrary_text_is_read_or_refused(text in ".{0,600}") {
            if let Ok(secret) = Secret::from_base32(&text) {
                prop_assert!((2..=256).contains(&secret.expose().len()));
            }
        }
    }

    #[test]
    fn refusals_name_their_reason() {
        let refusal = |text: &str| Secret::from_base32(text).unwrap_err();
        assert_eq!(refusal(""), InvalidSecret::TooShort(0));
        assert_eq!(refusal("GE"), InvalidSecret::TooShort(1));
        assert_eq!(refusal("GEZD1"), InvalidSecret::Symbol { position: 5 });
        assert_eq!(refusal("GEZD=GEZD"), InvalidSecret::Symbol { position: 6 });
        assert_eq!(refusal("GEZDGN"), InvalidSecret::Incomplete);
        assert_eq!(refusal(&"A".repeat(412)), InvalidSecret::TooLong);
        assert_eq!(Secret::new(vec![0; 257]), Err(InvalidSecret::TooLong));
    }

    #[test]
    fn unused_bits_do_not_matter() {
        let plain = Secret::from_base32("GEZA").unwrap();
        assert_eq!(Secret::from_base32("GEZB").unwrap(), plain);
    }

    #[test]
    fn debug_hides_the_bytes() {
        let secret = Secret::new(b"12345678901234567890".to_vec()).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }
}
