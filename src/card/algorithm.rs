//! HMAC with the hash functions a credential can have (RFC 2104, YKOATH algorithm nibble).

use crate::status::Status;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

/// The hash function of a credential or access code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Algorithm {
    /// SHA-1, nibble 1.
    Sha1,
    /// SHA-256, nibble 2.
    Sha256,
    /// SHA-512, nibble 3.
    Sha512,
}

impl Algorithm {
    /// The algorithm with this nibble.
    pub(crate) fn from_nibble(nibble: u8) -> Option<Algorithm> {
        match nibble {
            1 => Some(Algorithm::Sha1),
            2 => Some(Algorithm::Sha256),
            3 => Some(Algorithm::Sha512),
            _ => None,
        }
    }

    /// The nibble of this algorithm.
    pub(crate) fn nibble(self) -> u8 {
        match self {
            Algorithm::Sha1 => 1,
            Algorithm::Sha256 => 2,
            Algorithm::Sha512 => 3,
        }
    }

    /// The longest key a host may send, in bytes: a longer one has to be hashed by the host.
    pub(crate) fn block_len(self) -> usize {
        match self {
            Algorithm::Sha1 | Algorithm::Sha256 => 64,
            Algorithm::Sha512 => 128,
        }
    }

    /// HMAC of `message` under `key`: 20, 32 or 64 bytes.
    ///
    /// # Errors
    /// `6F00` for a key the hash refuses; HMAC takes keys of any length, so there is none.
    pub(crate) fn hmac(self, key: &[u8], message: &[u8]) -> Result<Vec<u8>, Status> {
        match self {
            Algorithm::Sha1 => mac::<Hmac<Sha1>>(key, message),
            Algorithm::Sha256 => mac::<Hmac<Sha256>>(key, message),
            Algorithm::Sha512 => mac::<Hmac<Sha512>>(key, message),
        }
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Result<Vec<u8>, Status> {
    let mut mac = <M as KeyInit>::new_from_slice(key).map_err(|_| Status::FAILED)?;
    mac.update(message);
    Ok(mac.finalize().into_bytes().to_vec())
}
