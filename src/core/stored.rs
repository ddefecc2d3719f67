//! How an account is kept: a version byte, then postcard. No secret is in it in plain: seeds are
//! sealed by the service and codes are keyed hashes.

use std::num::NonZeroU32;

use oathd_oath::{Algorithm, Digits, Period};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::account::Account;

/// The version that is written.
const VERSION: u8 = 1;

/// The longest record in bytes.
pub const MAX_RECORD: usize = 64 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(remote = "Period")]
pub(crate) struct PeriodDef(NonZeroU32);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Algorithm")]
pub(crate) enum AlgorithmDef {
    Sha1,
    Sha256,
    Sha512,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Digits")]
pub(crate) enum DigitsDef {
    Six,
    Seven,
    Eight,
}

/// Why bytes are not an account, or an account cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// A newer oathd wrote it.
    #[error("the record has version {found}; this oathd knows version {VERSION}")]
    Version {
        /// The version that was found.
        found: u8,
    },
    /// It is longer than any account.
    #[error("the record takes {bytes} bytes; {MAX_RECORD} fit")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It is empty, cut off, or does not hold together.
    #[error("the record is damaged")]
    Damaged,
}

/// The bytes of an account.
///
/// # Errors
/// [`RecordError::TooLong`]
pub fn encode(account: &Account) -> Result<Vec<u8>, RecordError> {
    let bytes = postcard::to_extend(account, vec![VERSION]).map_err(|_| RecordError::Damaged)?;
    match bytes.len() {
        0..=MAX_RECORD => Ok(bytes),
        bytes => Err(RecordError::TooLong { bytes }),
    }
}

/// The account of bytes from the store.
///
/// # Errors
/// [`RecordError`]
pub fn decode(bytes: &[u8]) -> Result<Account, RecordError> {
    if bytes.len() > MAX_RECORD {
        return Err(RecordError::TooLong { bytes: bytes.len() });
    }
    match bytes.split_first() {
        None => Err(RecordError::Damaged),
        Some((&VERSION, body)) => match postcard::take_from_bytes(body) {
            Ok((account, [])) => Ok(account),
            _ => Err(RecordError::Damaged),
        },
        Some((&found, _)) => Err(RecordError::Version { found }),
    }
}
