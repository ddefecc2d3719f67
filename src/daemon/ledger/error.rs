//! Why the ledger gives no answer.

use oathd_core::RecordError;

use crate::store::StoreError;

/// Why an account cannot be read or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The state cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key of codes and fingerprints is missing or is not the one of these accounts.
    #[error("the key of the recovery codes is not usable")]
    KeyMissing,
    /// The record of the account does not hold together, or is too long to be kept.
    #[error("the account cannot be read or kept: {0}")]
    Record(#[from] RecordError),
    /// Another account holds the same seed.
    #[error("another account holds the same seed")]
    SeedTaken,
}
