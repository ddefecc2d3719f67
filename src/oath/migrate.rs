//! What other verifiers keep about their users, read so that a change of verifier changes nothing
//! for them: secrets, counters, codes that were used already, scratch codes.
//!
//! Reading is pure. Whether anything is written – a dry run, an entry that is there already – is
//! for the caller to say. Nothing that a file holds becomes part of an error, because in a damaged
//! file a secret may stand anywhere; errors name lines and fields.
//!
//! Files rarely tell everything that was used ([`Note::UsedCodesUnknown`]). Whoever takes over a
//! TOTP credential therefore refuses the codes around the moment of the import as well, and keeps
//! the higher of two watermarks when one secret comes twice.

mod date;
mod entry;
pub mod google_authenticator;
pub mod pam_oath;
pub mod privacyidea;
pub mod pskc;
mod scratch;

use thiserror::Error;

use crate::credential::NewCredential;
use crate::id::InvalidName;
use crate::secret::InvalidSecret;

pub use scratch::Scratch;

/// The most entries in one file.
pub const MAX_ENTRIES: usize = 100_000;

/// One credential with its state.
#[derive(Debug, PartialEq, Eq)]
pub struct Imported {
    /// The line where it begins, from 1.
    pub line: usize,
    /// Whose it is, where the file tells.
    pub account: Option<Account>,
    /// The credential. Its name is the account's in files of users, and the serial's in files of
    /// tokens. For HOTP its counter is the next one that is good.
    pub credential: NewCredential,
    /// The serial of the token that computes the codes.
    pub serial: Option<String>,
    /// The highest time step or counter of which a code was used, as far as the file tells. Steps
    /// are counted by the token's clock, like the codes themselves.
    pub watermark: Option<u64>,
    /// How many steps the token's clock is ahead of the verifier's; negative when it is behind.
    pub skew_steps: i32,
    /// Unix seconds before which no code is good.
    pub not_before: Option<u64>,
    /// Unix seconds after which no code is good.
    pub not_after: Option<u64>,
    /// Codes that are each good once.
    pub scratch: Vec<Scratch>,
    /// What an administrator should know before taking the credential over.
    pub notes: Vec<Note>,
}

/// An account as another verifier knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user's name, or a distinguished name.
    pub user: String,
    /// The realm of a user who is not one of the machine's.
    pub realm: Option<String>,
}

/// What does not come over as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Note {
    /// The file does not say which codes were used.
    #[error("the file does not tell which codes were used")]
    UsedCodesUnknown,
    /// More codes were good at a time than here.
    #[error("{0} codes were good at a time; here they are 3")]
    WindowNarrowed(
        /// How many there were.
        u32,
    ),
    /// A PIN was asked for besides the code, and is left behind.
    #[error("the PIN is not taken over")]
    PinDropped,
    /// The hash is not told, and the secret is as long as another hash's output.
    #[error("the hash is not told; SHA1 is assumed")]
    HashAssumed,
    /// The file is signed, and nobody checked by whom.
    #[error("the signature is not checked")]
    SignatureNotChecked,
}

/// Why a whole file is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MigrateError {
    /// More bytes than the format's limit.
    #[error("the file is larger than {0} bytes")]
    TooLarge(
        /// The limit.
        usize,
    ),
    /// More than [`MAX_ENTRIES`].
    #[error("the file holds more than {MAX_ENTRIES} entries")]
    TooMany,
    /// A version of the format that is not known.
    #[error("the version of the format is unknown")]
    UnknownVersion,
    /// XML that is not well-formed, has a DTD, or is nested or adorned beyond reason.
    #[error("the XML is damaged, or has a DTD, at line {line}")]
    Xml {
        /// The line, from 1.
        line: usize,
    },
    /// XML that is no PSKC container.
    #[error("the file is not a PSKC container (RFC 6030)")]
    NotPskc,
    /// The container is encrypted under a key that was not given.
    #[error("the container is encrypted; its pre-shared key is needed")]
    KeyNeeded,
    /// The container is encrypted under a password that was not given.
    #[error("the container is encrypted; its password is needed")]
    PasswordNeeded,
    /// A key or password was given, and the container is not encrypted: somebody may have put it
    /// in the place of one that is.
    #[error("the container is not encrypted, although a key was given for it")]
    NotEncrypted,
    /// The key or the password does not open the container.
    #[error("the key or password does not open the container")]
    WrongKey,
    /// Something that concerns the whole file.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// One entry that is refused, while others may be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {reason}")]
pub struct Refused {
    /// The line where it begins, from 1.
    pub line: usize,
    /// Why it is refused.
    pub reason: Reason,
}

/// Why an entry is refused. The names are those of the format's fields.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// A field that is needed.
    #[error("{0} is missing")]
    Missing(
        /// The field.
        &'static str,
    ),
    /// A field that is there more than once, so that nobody can say which one counts.
    #[error("there is more than one {0}")]
    Repeated(
        /// The field.
        &'static str,
    ),
    /// A field that cannot be read.
    #[error("{0} is damaged")]
    Damaged(
        /// The field.
        &'static str,
    ),
    /// A field that says something of which tokens and verifiers here know nothing.
    #[error("{0} is not supported")]
    Unsupported(
        /// The field.
        &'static str,
    ),
    /// Its secret is refused.
    #[error(transparent)]
    Secret(#[from] InvalidSecret),
    /// Its issuer and name do not make an id.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// Several entries have its serial. None of them is taken.
    #[error("the serial occurs more than once in the file")]
    DuplicateSerial,
    /// The secret is not encrypted, unlike its container.
    #[error("the secret is not encrypted, unlike its container")]
    NotEncrypted,
    /// The MAC does not fit.
    #[error("the MAC is wrong: the container was altered, or the key is another one")]
    WrongMac,
}

/// What a file gives: each entry, or why that one is refused.
pub type Migration = Vec<Result<Imported, Refused>>;
