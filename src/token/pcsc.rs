//! The readers of this machine, through pcscd.

mod absence;
mod cards;
mod readers;

use std::ffi::CString;

use pcsc::{Context, Error, Scope};

use crate::transport::{Absence, Cards, ReaderWatch, Source, TransportError, Waker};

/// The system's card service. Every connection is shared, every transaction ends with the card left as
/// it is, and nothing is polled.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pcsc;

impl Pcsc {
    /// The system's card service; opens nothing yet.
    #[must_use]
    pub fn new() -> Pcsc {
        Pcsc
    }
}

impl Source for Pcsc {
    fn connect(&self) -> Result<Box<dyn Cards>, TransportError> {
        Ok(Box::new(cards::PcscCards::new(establish()?)))
    }

    fn watch(&self) -> Result<(Box<dyn ReaderWatch>, Waker), TransportError> {
        let (watch, waker) = readers::PcscReaders::new(establish()?);
        Ok((Box::new(watch), waker))
    }

    fn absence(&self) -> Result<(Box<dyn Absence>, Waker), TransportError> {
        let (absence, waker) = absence::PcscAbsence::new(|| establish().is_ok())?;
        Ok((Box::new(absence), waker))
    }
}

fn establish() -> Result<Context, TransportError> {
    Context::establish(Scope::System).map_err(unavailable)
}

/// The service, which does not answer. Its library's words for that say no more than the code does,
/// but for a refusal.
fn unavailable(error: Error) -> TransportError {
    let reason = match error {
        Error::SecurityViolation => {
            "pcscd refused this program: polkit decides that, by org.debian.pcsc-lite.access_pcsc"
                .to_owned()
        }
        error => format!("the PC/SC library answered {:08x}", error.into_raw_code()),
    };
    TransportError::Unavailable { reason }
}

/// What a PC/SC error means here.
fn failure(error: Error) -> TransportError {
    match error {
        // The last two say so of a connection that was open when the service went away.
        Error::NoService
        | Error::ServiceStopped
        | Error::SecurityViolation
        | Error::Shutdown
        | Error::CommError
        | Error::InvalidHandle => unavailable(error),
        Error::SharingViolation => TransportError::InUse,
        // A protocol that does not match is how a card answers that is just being reset.
        Error::ResetCard | Error::UnpoweredCard | Error::ProtoMismatch => TransportError::CardReset,
        // "Not transacted" is how a driver answers for a card that left during a command.
        Error::RemovedCard
        | Error::NoSmartcard
        | Error::UnknownReader
        | Error::ReaderUnavailable
        | Error::NoReadersAvailable
        | Error::NotTransacted => TransportError::Removed,
        other => TransportError::Reader {
            code: other.into_raw_code(),
        },
    }
}

/// PC/SC error codes, without their sign.
trait RawCode {
    fn into_raw_code(self) -> u32;
}

impl RawCode for Error {
    fn into_raw_code(self) -> u32 {
        self as u32
    }
}

/// A reader's name for the library. A name with a zero byte is no reader's.
fn c_name(reader: &str) -> Result<CString, TransportError> {
    CString::new(reader).map_err(|_| TransportError::Removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_went_away_is_known_by_each_of_its_codes() {
        for code in [0x8010_001du32, 0x8010_001e, 0x8010_0013, 0x8010_0003] {
            let error = [
                Error::NoService,
                Error::ServiceStopped,
                Error::CommError,
                Error::InvalidHandle,
            ]
            .into_iter()
            .find(|error| error.into_raw_code() == code)
            .unwrap();
            assert!(matches!(failure(error), TransportError::Unavailable { .. }));
        }
    }

    #[test]
    fn other_failures_keep_their_code() {
        assert_eq!(
            failure(Error::UnresponsiveCard),
            TransportError::Reader { code: 0x8010_0066 }
        );
    }
}
