//! How a code is computed and how long it is.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The hash under the HMAC (RFC 6238 section 1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// HMAC-SHA-1, the default everywhere.
    #[default]
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

/// A name of an algorithm that OATH tokens do not have.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the algorithm is not one of SHA1, SHA256 and SHA512")]
pub struct UnknownAlgorithm;

impl Algorithm {
    /// The hash's block in bytes; a longer HMAC key is replaced by its hash (RFC 2104 section 2).
    #[must_use]
    pub const fn block_len(self) -> usize {
        match self {
            Self::Sha1 | Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }

    /// The HMAC's length in bytes.
    #[must_use]
    pub const fn output_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// The name as otpauth URIs write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// Reads `SHA1` and `SHA-1`, in any case.
    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        match text.to_ascii_uppercase().as_str() {
            "SHA1" | "SHA-1" => Ok(Self::Sha1),
            "SHA256" | "SHA-256" => Ok(Self::Sha256),
            "SHA512" | "SHA-512" => Ok(Self::Sha512),
            _ => Err(UnknownAlgorithm),
        }
    }
}

/// The length of a code in decimal digits. RFC 4226 section 5.3 asks for at least six, and tokens
/// stop at eight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Digits {
    /// Six digits, the default everywhere.
    #[default]
    Six,
    /// Seven digits.
    Seven,
    /// Eight digits.
    Eight,
}

/// A code length that OATH tokens do not have.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a code has 6, 7 or 8 digits, not {0}")]
pub struct UnsupportedDigits(
    /// The length that was asked for.
    pub u8,
);

impl TryFrom<u8> for Digits {
    type Error = UnsupportedDigits;

    fn try_from(digits: u8) -> Result<Self, UnsupportedDigits> {
        match digits {
            6 => Ok(Self::Six),
            7 => Ok(Self::Seven),
            8 => Ok(Self::Eight),
            other => Err(UnsupportedDigits(other)),
        }
    }
}

impl From<Digits> for u8 {
    fn from(digits: Digits) -> Self {
        match digits {
            Digits::Six => 6,
            Digits::Seven => 7,
            Digits::Eight => 8,
        }
    }
}
