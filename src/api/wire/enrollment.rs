//! The records of an Enrollment.

use zbus::{DeserializeDict, OwnedFd, SerializeDict, Type};

/// What `Describe` tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct EnrollmentRecord {
    /// The account, `name@realm`.
    pub account: String,
    /// When the enrollment ends, in Unix seconds.
    pub until: u64,
    /// `sealed` or `token`.
    pub custody: String,
    /// `totp` or `hotp`.
    pub kind: String,
    /// `SHA1`, `SHA256` or `SHA512`.
    pub algorithm: String,
    /// 6 to 8.
    pub digits: u32,
    /// Seconds; TOTP only.
    pub period: Option<u32>,
    /// Wrong codes that are left.
    pub tries_left: u32,
    /// The address of the seed was handed out.
    pub revealed: bool,
    /// The slots that were written.
    pub written: Vec<WrittenRecord>,
}

/// A slot that was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct WrittenRecord {
    /// The token's serial, else its id.
    pub token: String,
    /// `authenticator` or `verifier`.
    pub role: String,
    /// The id on the token.
    pub credential: String,
}

/// Options of `Write`.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", deny_unknown_fields)]
pub struct WriteOptions {
    /// `authenticator` (default) or `verifier`.
    pub role: Option<String>,
    /// Ask for a touch at every code; not for a verifier.
    pub touch: Option<bool>,
    /// Replace a credential of the same id.
    pub overwrite: Option<bool>,
}

/// Options of `Confirm`.
#[derive(Debug, Default, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", deny_unknown_fields)]
pub struct ConfirmOptions {
    /// The session that goes on.
    pub keep: Option<OwnedFd>,
    /// Make a set of recovery codes; the default where the account has none.
    pub recovery_codes: Option<bool>,
}

/// What a confirmed enrollment brought.
#[derive(Debug, Default, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct ConfirmedRecord {
    /// The numbers of the factors.
    pub factors: Vec<u32>,
    /// Ten lines of text.
    pub recovery_codes: Option<OwnedFd>,
    /// The API key that replaces the one before, 32 bytes.
    pub api_key: Option<OwnedFd>,
    /// Sessions that were ended.
    pub ended_sessions: u32,
}
