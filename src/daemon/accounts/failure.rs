//! What the rules and the ledger refuse, as the caller is told. Each cause is mapped once.

use oathd_api::{ErrorName, wire::ErrorDetails};
use oathd_core::{ChannelError, InvalidAccountName, ProofRequired, receipt::ReceiptError};

use crate::{error::Error, ledger::LedgerError};

impl From<LedgerError> for Error {
    fn from(reason: LedgerError) -> Error {
        match reason {
            LedgerError::SeedTaken => Error::new(ErrorName::SeedInUse),
            reason @ (LedgerError::Store(_) | LedgerError::KeyMissing | LedgerError::Record(_)) => {
                Error::because(ErrorName::StateUnavailable, reason)
            }
        }
    }
}

impl From<InvalidAccountName> for Error {
    fn from(reason: InvalidAccountName) -> Error {
        Error::invalid_args(reason)
    }
}

impl From<ReceiptError> for Error {
    fn from(reason: ReceiptError) -> Error {
        Error::because(ErrorName::ProofRequired, reason)
    }
}

impl From<ProofRequired> for Error {
    fn from(_: ProofRequired) -> Error {
        Error::new(ErrorName::ProofRequired)
    }
}

impl From<ChannelError> for Error {
    fn from(reason: ChannelError) -> Error {
        match reason {
            ChannelError::Unknown => Error::new(ErrorName::NoSuchFactor),
            ChannelError::Unverified | ChannelError::Verified | ChannelError::Ended => {
                Error::because(ErrorName::NoSuchFactor, reason)
            }
            ChannelError::Disabled => Error::new(ErrorName::LockedOut),
            ChannelError::Throttled { retry_after } => throttled(retry_after),
            ChannelError::TooMany | ChannelError::Exists | ChannelError::InvalidAddress => {
                Error::because(ErrorName::InvalidAddress, reason)
            }
            ChannelError::WrongCode { tries_left } => Error::with(
                ErrorName::WrongCode,
                ErrorDetails {
                    tries_left: Some(tries_left.into()),
                    ..ErrorDetails::default()
                },
            ),
            ChannelError::NoCode => Error::because(ErrorName::WrongCode, reason),
        }
    }
}

/// The seconds until the next attempt.
pub(crate) fn throttled(retry_after: u64) -> Error {
    Error::with(
        ErrorName::Throttled,
        ErrorDetails {
            retry_after: Some(retry_after),
            ..ErrorDetails::default()
        },
    )
}
