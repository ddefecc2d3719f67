//! What can go wrong with a token, once for everybody above.

use oathd_oath::{InvalidName, InvalidSecret};

use crate::{apdu::StatusWord, transport::TransportError};

/// Why a token did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The card service (pcscd) cannot be reached.
    #[error("the card service is not available: {reason}")]
    ServiceUnavailable {
        /// What the service or its library answered.
        reason: String,
    },
    /// The token left its reader before or during the operation.
    #[error("the token was removed")]
    Removed,
    /// Another program or earlier work held the token until the deadline; nothing was sent for this request.
    #[error("the token is in use by another program")]
    Busy,
    /// The work had begun, but the token gave no answer within the deadline.
    #[error("the token did not answer in time")]
    TimedOut,
    /// Another program reset the card while an operation ran that must not be repeated blindly.
    #[error("another program interrupted the token")]
    Interrupted,
    /// No free slot.
    #[error("the token is full")]
    Full {
        /// How many credentials the token holds, where its model fixes that number.
        capacity: Option<u16>,
    },
    /// The OATH application was reset since it was last seen: every credential is gone.
    #[error("the token was reset")]
    Reset,
    /// Two readers show a token with this identity.
    #[error("two readers show this token")]
    Duplicated,
    /// The credential computes only after a touch, and the caller did not allow to wait for one.
    #[error("the credential requires a touch")]
    TouchRequired,
    /// Nobody touched the token before it gave up.
    #[error("the token was not touched in time")]
    TouchTimedOut,
    /// The token has an access password and no key was given.
    #[error("the token requires its password")]
    PasswordRequired,
    /// The given access key is not the token's.
    #[error("wrong password")]
    WrongPassword,
    /// No credential has this id.
    #[error("no such credential")]
    NoSuchCredential,
    /// A credential with this id exists.
    #[error("a credential with this name exists")]
    CredentialExists,
    /// The token reports a memory failure for this credential (6581).
    #[error("the credential is damaged")]
    CredentialDamaged,
    /// The token's model cannot do this.
    #[error("not supported by this token: {0}")]
    Unsupported(What),
    /// The name cannot be stored on a token.
    #[error(transparent)]
    InvalidName(#[from] InvalidName),
    /// The secret cannot be stored on a token.
    #[error(transparent)]
    InvalidSecret(#[from] InvalidSecret),
    /// The token's answer makes no sense.
    #[error("the token answered nonsense: {0}")]
    Protocol(#[from] ProtocolError),
}

/// What a token's model does not offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum What {
    /// Changing a credential's name.
    #[error("renaming")]
    Rename,
    /// Credentials that require a touch.
    #[error("touch")]
    Touch,
    /// The SHA-512 algorithm.
    #[error("SHA-512")]
    Sha512,
    /// Whole HMAC answers, which Steam codes are made of.
    #[error("Steam codes")]
    FullHmac,
    /// Writing over an existing credential.
    #[error("overwriting")]
    Overwrite,
    /// A name that is the beginning of a stored one: this firmware would damage the stored credential.
    #[error("a name that another name begins with")]
    PrefixName,
}

/// An answer that does not follow the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// Fewer bytes than a field announces or needs.
    #[error("answer cut short")]
    Truncated,
    /// A field where another was expected.
    #[error("tag {found:02x} where {expected:02x} was expected")]
    UnexpectedTag {
        /// The tag that the protocol asks for.
        expected: u8,
        /// The tag that came.
        found: u8,
    },
    /// A field with an impossible length or value.
    #[error("bad value in tag {tag:02x}")]
    BadValue {
        /// The field's tag.
        tag: u8,
    },
    /// More answer data, or more pieces of it, than any token has.
    #[error("answer too long")]
    TooLong,
    /// The token could not prove that it knows the access key.
    #[error("the token failed to prove that it knows the access key")]
    NotMutual,
    /// A status word that has no meaning here.
    #[error("status {0}")]
    Status(StatusWord),
    /// The reader or its driver failed.
    #[error("reader failure {code:08x}")]
    Reader {
        /// The PC/SC code.
        code: u32,
    },
}

impl From<TransportError> for TokenError {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Unavailable { reason } => TokenError::ServiceUnavailable { reason },
            TransportError::Removed => TokenError::Removed,
            TransportError::InUse => TokenError::Busy,
            TransportError::CardReset => TokenError::Interrupted,
            TransportError::Reader { code } => ProtocolError::Reader { code }.into(),
        }
    }
}
