//! What a caller is told when a call fails: one name on the bus for every cause, mapped here once.

use oathd_api::{
    ErrorName,
    wire::{Candidate, ErrorDetails},
};
use oathd_oath::{InvalidName, InvalidSecret, UriError};
use oathd_token::{TokenError, What};
use zbus::{DBusError, Message, message::Header, names::ErrorName as BusErrorName};

use crate::{
    authority::{Denied, Obstacle},
    identity::UnknownCaller,
    keyring::KeyringError,
    secret_fd::InvalidFd,
    vault::VaultError,
};

/// A failed call: its name on the bus and what it is about.
#[derive(Debug)]
pub struct Error {
    name: Name,
    details: Box<ErrorDetails>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Oathd(ErrorName),
    InvalidArgs,
    InteractiveAuthorizationRequired,
    UnknownObject,
    Disconnected,
    LimitsExceeded,
}

impl Error {
    /// An error of oathd's own, without details.
    pub fn new(name: ErrorName) -> Error {
        Error::with(name, ErrorDetails::default())
    }

    /// An error of oathd's own.
    pub fn with(name: ErrorName, details: ErrorDetails) -> Error {
        Error {
            name: Name::Oathd(name),
            details: Box::new(details),
        }
    }

    /// An error whose cause a developer can use.
    pub fn because(name: ErrorName, cause: impl ToString) -> Error {
        Error::with(name, detail(cause))
    }

    /// The arguments do not fit the method.
    pub fn invalid_args(cause: impl ToString) -> Error {
        Error {
            name: Name::InvalidArgs,
            details: Box::new(detail(cause)),
        }
    }

    /// The caller's user could be asked, if the caller allowed it.
    pub fn interactive_authorization_required() -> Error {
        Error {
            name: Name::InteractiveAuthorizationRequired,
            details: Box::default(),
        }
    }

    /// The caller has used up what it is granted.
    pub fn limits_exceeded(cause: impl ToString) -> Error {
        Error {
            name: Name::LimitsExceeded,
            details: Box::new(detail(cause)),
        }
    }

    /// The token object has gone.
    pub fn unknown_object() -> Error {
        Error {
            name: Name::UnknownObject,
            details: Box::default(),
        }
    }

    /// Nobody is left to be answered.
    pub fn disconnected() -> Error {
        Error {
            name: Name::Disconnected,
            details: Box::default(),
        }
    }

    /// The name among oathd's own, if it is one.
    pub fn oathd_name(&self) -> Option<ErrorName> {
        match self.name {
            Name::Oathd(name) => Some(name),
            _ => None,
        }
    }

    /// Whether the caller's user can help by typing the token's password.
    pub(crate) fn asks_for_password(&self) -> bool {
        self.oathd_name().is_some_and(ErrorName::asks_for_password)
    }

    /// Whether what oathd keeps cannot be had at the moment.
    pub(crate) fn is_of_the_state(&self) -> bool {
        matches!(
            self.oathd_name(),
            Some(ErrorName::StateUnavailable | ErrorName::VaultKeyUnavailable)
        )
    }

    /// The name without prefix, as answers carry it in place of a code or a list.
    pub fn word(&self) -> &'static str {
        let name = self.bus_name();
        name.rsplit('.').next().unwrap_or(name)
    }

    /// Adds to the detail.
    pub fn noting(mut self, note: String) -> Error {
        self.details.detail = Some(match self.details.detail.take() {
            Some(detail) => format!("{detail}; {note}"),
            None => note,
        });
        self
    }

    fn bus_name(&self) -> &'static str {
        match self.name {
            Name::Oathd(name) => name.bus_name(),
            Name::InvalidArgs => "org.freedesktop.DBus.Error.InvalidArgs",
            Name::InteractiveAuthorizationRequired => {
                "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"
            }
            Name::UnknownObject => "org.freedesktop.DBus.Error.UnknownObject",
            Name::Disconnected => "org.freedesktop.DBus.Error.Disconnected",
            Name::LimitsExceeded => "org.freedesktop.DBus.Error.LimitsExceeded",
        }
    }

    /// What happened, for logs and generic tools; programs use the name and the details.
    fn sentence(&self) -> &'static str {
        match self.name {
            Name::Oathd(name) => name.summary(),
            Name::InvalidArgs => "The arguments do not fit.",
            Name::InteractiveAuthorizationRequired => "Interactive authorization is required.",
            Name::UnknownObject => "The token is not here any more.",
            Name::Disconnected => "The caller has left the bus.",
            Name::LimitsExceeded => "The caller has used up what it is granted.",
        }
    }

    /// Names the credentials that the error is about.
    pub(crate) fn concerning(mut self, credentials: Vec<Candidate>) -> Error {
        self.details.credentials = Some(credentials);
        self
    }

    /// Whether the caller's user could be asked, if the caller allowed it.
    pub(crate) fn asks_for_dialogue(&self) -> bool {
        self.name == Name::InteractiveAuthorizationRequired
    }

    /// Names the tokens that the error is about, where it names none yet.
    pub fn about(mut self, token: String) -> Error {
        self.details.tokens.get_or_insert_with(|| vec![token]);
        self
    }
}

fn detail(cause: impl ToString) -> ErrorDetails {
    ErrorDetails {
        detail: Some(cause.to_string()),
        ..ErrorDetails::default()
    }
}

impl DBusError for Error {
    fn create_reply(&self, call: &Header<'_>) -> zbus::Result<Message> {
        Message::error(call, self.name()).build(&self.details.message(self.sentence()))
    }

    fn name(&self) -> BusErrorName<'_> {
        BusErrorName::from_static_str_unchecked(self.bus_name())
    }

    fn description(&self) -> Option<&str> {
        Some(self.sentence())
    }
}

impl From<TokenError> for Error {
    fn from(error: TokenError) -> Error {
        let cause = error.to_string();
        match error {
            TokenError::ServiceUnavailable { reason } => {
                Error::because(ErrorName::ServiceUnavailable, reason)
            }
            TokenError::Removed => Error::new(ErrorName::TokenRemoved),
            TokenError::Busy => Error::new(ErrorName::TokenBusy),
            TokenError::Interrupted => Error::because(ErrorName::TokenBusy, cause),
            TokenError::TimedOut => Error::because(ErrorName::TokenFault, cause),
            TokenError::Full { capacity } => Error::with(
                ErrorName::TokenFull,
                ErrorDetails {
                    capacity: capacity.map(u32::from),
                    ..ErrorDetails::default()
                },
            ),
            TokenError::Reset => Error::new(ErrorName::TokenReset),
            TokenError::Duplicated => Error::new(ErrorName::TokenDuplicated),
            TokenError::TouchRequired => Error::new(ErrorName::TouchRequired),
            TokenError::TouchTimedOut => Error::new(ErrorName::TouchTimedOut),
            TokenError::PasswordRequired => Error::new(ErrorName::PasswordRequired),
            TokenError::WrongPassword => Error::new(ErrorName::WrongPassword),
            TokenError::NoSuchCredential => Error::new(ErrorName::NoSuchCredential),
            TokenError::CredentialExists => Error::new(ErrorName::CredentialExists),
            TokenError::CredentialDamaged => Error::new(ErrorName::CredentialDamaged),
            TokenError::Unsupported(what) => Error::with(
                ErrorName::Unsupported,
                ErrorDetails {
                    detail: Some(cause),
                    feature: Some(feature(what).to_owned()),
                    ..ErrorDetails::default()
                },
            ),
            TokenError::InvalidName(reason) => reason.into(),
            TokenError::InvalidSecret(reason) => reason.into(),
            TokenError::Protocol(reason) => Error::because(ErrorName::TokenFault, reason),
        }
    }
}

/// The stable word for what a token cannot do; the first three are those of `capabilities`.
fn feature(what: What) -> &'static str {
    match what {
        What::Rename => "rename",
        What::Touch => "touch",
        What::Sha512 => "sha512",
        What::FullHmac => "full_hmac",
        What::Overwrite => "overwrite",
        What::PrefixName => "prefix_name",
    }
}

impl From<InvalidName> for Error {
    fn from(reason: InvalidName) -> Error {
        Error::because(ErrorName::InvalidName, reason)
    }
}

impl From<InvalidSecret> for Error {
    fn from(reason: InvalidSecret) -> Error {
        Error::because(ErrorName::InvalidSecret, reason)
    }
}

impl From<UriError> for Error {
    fn from(reason: UriError) -> Error {
        match reason {
            UriError::Name(reason) => reason.into(),
            UriError::Secret(reason) => reason.into(),
            reason => Error::because(ErrorName::InvalidUri, reason),
        }
    }
}

impl From<InvalidFd> for Error {
    fn from(reason: InvalidFd) -> Error {
        Error::because(ErrorName::InvalidFd, reason)
    }
}

impl From<UnknownCaller> for Error {
    fn from(reason: UnknownCaller) -> Error {
        match reason {
            UnknownCaller::TooMany => Error::limits_exceeded(reason),
            UnknownCaller::Absent { .. } | UnknownCaller::NoUser(_) => Error::disconnected(),
        }
    }
}

impl From<KeyringError> for Error {
    fn from(reason: KeyringError) -> Error {
        match reason {
            KeyringError::Store(reason) => Error::because(ErrorName::StateUnavailable, reason),
            KeyringError::Vault(reason) => reason.into(),
        }
    }
}

impl From<VaultError> for Error {
    fn from(reason: VaultError) -> Error {
        match reason {
            VaultError::Damaged => Error::because(ErrorName::StateUnavailable, reason),
            VaultError::KeyUnavailable(_) => Error::because(ErrorName::VaultKeyUnavailable, reason),
        }
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Error {
        let detail = match denied.obstacle {
            Obstacle::NoQuestions => return Error::interactive_authorization_required(),
            Obstacle::Refusal => None,
            Obstacle::NoAgent => Some(
                "polkit has a question, and no agent of it is here to ask: `pkttyagent --process $$ &` \
                 starts one in a shell",
            ),
            Obstacle::Silence => Some("polkit did not decide; `oathctl doctor` looks into it"),
        };
        Error::with(
            ErrorName::NotAuthorized,
            ErrorDetails {
                action: Some(denied.action.id().to_owned()),
                detail: detail.map(str::to_owned),
                ..ErrorDetails::default()
            },
        )
    }
}
