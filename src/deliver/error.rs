//! What a caller is told when a call fails.

use oathd_api::{ErrorName, wire::ErrorDetails};
use zbus::{DBusError, Message, message::Header, names::ErrorName as BusErrorName};

use crate::{message::Unfit, text_fd::InvalidFd};

/// A failed call.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the caller may not")]
    AccessDenied,
    #[error("{0}")]
    InvalidArgs(String),
    #[error("{0}")]
    InvalidFd(#[from] InvalidFd),
    #[error("kind {0} is not set up")]
    NotSupported(&'static str),
    #[error("too many messages are under way")]
    TooMany,
    #[error("no such message")]
    NoSuchMessage,
    #[error("no random numbers")]
    NoEntropy,
}

impl From<Unfit> for Error {
    fn from(reason: Unfit) -> Error {
        Error::InvalidArgs(reason.to_string())
    }
}

impl Error {
    const fn bus_name(&self) -> &'static str {
        match self {
            Error::AccessDenied => "org.freedesktop.DBus.Error.AccessDenied",
            Error::InvalidArgs(_) => "org.freedesktop.DBus.Error.InvalidArgs",
            Error::InvalidFd(_) => ErrorName::InvalidFd.bus_name(),
            Error::NotSupported(_) => "org.freedesktop.DBus.Error.NotSupported",
            Error::TooMany => "org.freedesktop.DBus.Error.LimitsExceeded",
            Error::NoSuchMessage => "org.freedesktop.DBus.Error.UnknownObject",
            Error::NoEntropy => "org.freedesktop.DBus.Error.Failed",
        }
    }

    /// One fixed sentence a name; what varies follows it.
    const fn sentence(&self) -> &'static str {
        match self {
            Error::AccessDenied => "Only oathd and root may send messages.",
            Error::InvalidArgs(_) => "The arguments do not fit.",
            Error::InvalidFd(_) => ErrorName::InvalidFd.summary(),
            Error::NotSupported(_) => "Nothing is set up for addresses of this kind.",
            Error::TooMany => "Too many messages are under way.",
            Error::NoSuchMessage => "No such message is known.",
            Error::NoEntropy => "The system gives no random numbers.",
        }
    }

    fn message(&self) -> String {
        let detail = match self {
            Error::InvalidArgs(detail) => Some(detail.clone()),
            Error::InvalidFd(reason) => Some(reason.to_string()),
            Error::NotSupported(kind) => Some((*kind).to_owned()),
            Error::AccessDenied | Error::TooMany | Error::NoSuchMessage | Error::NoEntropy => None,
        };
        let details = ErrorDetails {
            detail,
            ..ErrorDetails::default()
        };
        details.message(self.sentence())
    }
}

impl DBusError for Error {
    fn create_reply(&self, call: &Header<'_>) -> zbus::Result<Message> {
        Message::error(call, self.name()).build(&self.message())
    }

    fn name(&self) -> BusErrorName<'_> {
        BusErrorName::from_static_str_unchecked(self.bus_name())
    }

    fn description(&self) -> Option<&str> {
        Some(self.sentence())
    }
}
