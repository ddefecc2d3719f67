//! Why a call failed.

use std::io;

use oathd_api::wire::ErrorDetails;
use oathd_api::{ErrorName, ExitCode};
use thiserror::Error;
use zbus::fdo;

use crate::secret::InvalidLength;

/// Why a call failed: what oathd said, or why it could not be asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// oathd refused, and says why.
    #[error("{}", name.summary())]
    Oathd {
        /// The cause.
        name: ErrorName,
        /// What it is about.
        details: Box<ErrorDetails>,
    },
    /// The bus runs, but oathd is not on it and could not be started.
    #[error("oathd is not running.")]
    NotRunning,
    /// The message bus cannot be reached.
    #[error("The message bus cannot be reached.")]
    NoBus(#[source] zbus::Error),
    /// polkit wants to ask the user, and the client did not allow it.
    #[error("Permission must be asked for, and that was not allowed.")]
    InteractiveAuthorizationRequired,
    /// The policy of the bus does not let this program talk to oathd.
    #[error("The message bus does not let you talk to oathd.")]
    AccessDenied(
        /// What the bus says.
        String,
    ),
    /// The arguments do not fit the method.
    #[error("oathd does not take what it was given.")]
    InvalidArgs(
        /// What does not fit.
        String,
    ),
    /// oathd, or the bus, grants this user no more at a time.
    #[error("Your programs have too much under way with oathd.")]
    LimitsExceeded(
        /// What there is too much of.
        String,
    ),
    /// oathd did not answer in time.
    #[error("oathd did not answer in time.")]
    TimedOut,
    /// A secret that does not fit into a sealed memory file.
    #[error(transparent)]
    SecretLength(#[from] InvalidLength),
    /// The kernel gave no memory file for a secret.
    #[error("A secret could not be handed over.")]
    Memory(#[source] io::Error),
    /// Anything else that D-Bus can answer.
    #[error("The call failed on the message bus.")]
    Bus(#[source] zbus::Error),
}

impl Error {
    /// Whether oathd gave this very cause.
    #[must_use]
    pub fn is(&self, cause: ErrorName) -> bool {
        matches!(self, Error::Oathd { name, .. } if *name == cause)
    }

    /// Whether the token's password is what is missing.
    #[must_use]
    pub fn asks_for_password(&self) -> bool {
        matches!(self, Error::Oathd { name, .. } if name.asks_for_password())
    }

    /// A stable name for programs: that of oathd, or one of this crate's own.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Error::Oathd { name, .. } => name.as_str(),
            Error::NotRunning => "NotRunning",
            Error::NoBus(_) => "NoBus",
            Error::InteractiveAuthorizationRequired => "InteractiveAuthorizationRequired",
            Error::AccessDenied(_) => "AccessDenied",
            Error::InvalidArgs(_) => "InvalidArgs",
            Error::LimitsExceeded(_) => "LimitsExceeded",
            Error::TimedOut => "TimedOut",
            Error::SecretLength(_) => "SecretLength",
            Error::Memory(_) => "Memory",
            Error::Bus(_) => "Bus",
        }
    }

    /// What the user can do about it, in one sentence.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Error::Oathd { name, .. } => name.remedy(),
            Error::NotRunning => {
                "Start it with `systemctl start oathd`; its journal says why it ended."
            }
            Error::NoBus(_) => "Start the bus, or name another one.",
            Error::InteractiveAuthorizationRequired => {
                "Repeat the call and allow the question, or ask an administrator for the permission."
            }
            Error::AccessDenied(_) => {
                "Ask an administrator for the policy of org.oathd.Oathd1 in /usr/share/dbus-1/system.d."
            }
            Error::InvalidArgs(_) => {
                "Change what does not fit; if nothing of it was yours, check that client and \
                 service are of the same release."
            }
            Error::LimitsExceeded(_) => {
                "Wait until other programs are done, or end some that use oathd."
            }
            Error::TimedOut => "Try again; if it persists, look at the journal of oathd.service.",
            Error::SecretLength(_) => "Give at least 1 and at most 4096 bytes.",
            Error::Memory(_) => "Close other programs: files or memory have run out.",
            Error::Bus(_) => "Check that client and service are of the same release.",
        }
    }

    /// The particulars, where there are any: for a developer or a log.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        match self {
            Error::Oathd { details, .. } => details.detail.clone(),
            Error::AccessDenied(text) | Error::InvalidArgs(text) | Error::LimitsExceeded(text) => {
                Some(text.clone())
            }
            Error::NoBus(source) | Error::Bus(source) => Some(source.to_string()),
            Error::Memory(source) => Some(source.to_string()),
            Error::NotRunning
            | Error::InteractiveAuthorizationRequired
            | Error::TimedOut
            | Error::SecretLength(_) => None,
        }
    }

    /// The status with which `oathctl` ends.
    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Error::Oathd { name, .. } => name.exit_code(),
            Error::NotRunning | Error::NoBus(_) | Error::TimedOut | Error::Memory(_) => {
                ExitCode::Unavailable
            }
            Error::InteractiveAuthorizationRequired | Error::AccessDenied(_) => {
                ExitCode::NotAuthorized
            }
            Error::InvalidArgs(_) => ExitCode::Usage,
            Error::LimitsExceeded(_) => ExitCode::Busy,
            Error::SecretLength(_) => ExitCode::BadInput,
            Error::Bus(_) => ExitCode::Refused,
        }
    }

    /// An error met while connecting, before there is anybody to ask.
    pub(crate) fn connecting(error: zbus::Error) -> Error {
        match Error::from(error) {
            Error::Bus(source) => Error::NoBus(source),
            other => other,
        }
    }
}

impl From<ErrorName> for Error {
    fn from(name: ErrorName) -> Error {
        Error::Oathd {
            name,
            details: Box::default(),
        }
    }
}

impl From<zbus::Error> for Error {
    fn from(error: zbus::Error) -> Error {
        match error {
            zbus::Error::MethodError(ref name, ref message, _) => match ErrorName::parse(name) {
                Some(name) => Error::Oathd {
                    name,
                    details: Box::new(ErrorDetails::from_message(
                        message.as_deref().unwrap_or_default(),
                    )),
                },
                None => Error::Bus(error),
            },
            zbus::Error::FDO(inner) => Error::from(*inner),
            zbus::Error::Connection(..) | zbus::Error::Handshake(_) | zbus::Error::Address(_) => {
                Error::NoBus(error)
            }
            other => Error::Bus(other),
        }
    }
}

/// What oathd says in detail, or all that the bus says.
fn detail_of(text: String) -> String {
    ErrorDetails::from_message(&text).detail.unwrap_or(text)
}

impl From<fdo::Error> for Error {
    fn from(error: fdo::Error) -> Error {
        use fdo::Error as Fdo;
        match error {
            Fdo::ServiceUnknown(_)
            | Fdo::NameHasNoOwner(_)
            | Fdo::SpawnExecFailed(_)
            | Fdo::SpawnForkFailed(_)
            | Fdo::SpawnChildExited(_)
            | Fdo::SpawnChildSignaled(_)
            | Fdo::SpawnFailed(_)
            | Fdo::SpawnFailedToSetup(_)
            | Fdo::SpawnConfigInvalid(_)
            | Fdo::SpawnServiceNotValid(_)
            | Fdo::SpawnServiceNotFound(_)
            | Fdo::SpawnPermissionsInvalid(_)
            | Fdo::SpawnFileInvalid(_)
            | Fdo::SpawnNoMemory(_) => Error::NotRunning,
            // The bus answers so when the service ends before it has answered.
            Fdo::NoReply(_) => Error::NotRunning,
            Fdo::Timeout(_) | Fdo::TimedOut(_) => Error::TimedOut,
            // Objects of oathd that come and go are tokens, and a handle outlives its token.
            Fdo::UnknownObject(_) => ErrorName::TokenRemoved.into(),
            Fdo::InteractiveAuthorizationRequired(_) => Error::InteractiveAuthorizationRequired,
            Fdo::AccessDenied(text) => Error::AccessDenied(text),
            Fdo::InvalidArgs(text) => Error::InvalidArgs(detail_of(text)),
            Fdo::LimitsExceeded(text) => Error::LimitsExceeded(detail_of(text)),
            Fdo::ZBus(inner) => match inner {
                zbus::Error::FDO(_) => Error::Bus(inner),
                inner => Error::from(inner),
            },
            other => Error::Bus(other.into()),
        }
    }
}
