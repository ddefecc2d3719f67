//! The records of Accounts.

use zbus::{DeserializeDict, OwnedFd, SerializeDict, Type};

/// Options of a change: its proof.
#[derive(Debug, Default, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", deny_unknown_fields)]
pub struct ChangeOptions {
    /// The id of a receipt for the service `oathd-change`.
    pub proof: Option<String>,
    /// The token of a session that the factor opened; it proves switching off and replacing.
    pub session: Option<OwnedFd>,
}

/// Options of `BeginEnrollment` and `BeginReplacement`.
#[derive(Debug, Default, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", deny_unknown_fields)]
pub struct EnrollOptions {
    /// The id of a receipt for the service `oathd-change`.
    pub proof: Option<String>,
    /// The token of a session that the factor opened; it proves a replacement.
    pub session: Option<OwnedFd>,
    /// `sealed` (default) or `token`.
    pub custody: Option<String>,
    /// `totp` (default) or `hotp`.
    pub kind: Option<String>,
    /// `SHA1` (default), `SHA256` or `SHA512`.
    pub algorithm: Option<String>,
    /// 6 (default), 7 or 8.
    pub digits: Option<u32>,
    /// Seconds, 30 by default; TOTP only.
    pub period: Option<u32>,
    /// What its owner calls the factor, at most 64 bytes.
    pub label: Option<String>,
    /// `primary` (default) or `backup`.
    pub role: Option<String>,
    /// When the factor ends, in Unix seconds.
    pub not_after: Option<u64>,
    /// How authenticators name this host or service.
    pub issuer: Option<String>,
}

/// Options of `ChangeFactor`: what is not given stays.
#[derive(Debug, Default, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", deny_unknown_fields)]
pub struct FactorOptions {
    /// The id of a receipt for the service `oathd-change`.
    pub proof: Option<String>,
    /// Refused here: a session proves switching off and replacing alone.
    pub session: Option<OwnedFd>,
    /// What its owner calls the factor, at most 64 bytes.
    pub label: Option<String>,
    /// `primary` or `backup`.
    pub role: Option<String>,
    /// When it ends, in Unix seconds; 0 for no end.
    pub not_after: Option<u64>,
}

/// Options of `AddChannel`.
#[derive(Debug, Default, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", deny_unknown_fields)]
pub struct ChannelOptions {
    /// The id of a receipt for the service `oathd-change`.
    pub proof: Option<String>,
    /// Refused here: a session proves switching off and replacing alone.
    pub session: Option<OwnedFd>,
    /// When the channel ends, in Unix seconds.
    pub not_after: Option<u64>,
}

/// Options of `EndSessions`.
#[derive(Debug, Default, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", deny_unknown_fields)]
pub struct EndOptions {
    /// End this one alone.
    pub session: Option<OwnedFd>,
    /// End all but this one.
    pub keep: Option<OwnedFd>,
}

/// What is known of an account, without secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct AccountRecord {
    /// The account, `name@realm`.
    pub account: String,
    /// The uid of a local account.
    pub uid: Option<u32>,
    /// It has a second factor.
    pub enrolled: bool,
    /// The owner came in by a way back and has yet to enrol a factor.
    pub must_reenrol: bool,
    /// When the second factor was switched off, in Unix seconds.
    pub switched_off: Option<u64>,
    /// Its factors.
    pub factors: Vec<FactorRecord>,
    /// Its channels.
    pub channels: Vec<ChannelRecord>,
    /// Its recovery codes.
    pub recovery: Option<RecoveryRecord>,
    /// Its open rescue.
    pub rescue: Option<RescueRecord>,
    /// When its API key was made, in Unix seconds.
    pub api_key_issued: Option<u64>,
    /// Sessions that are alive.
    pub sessions: u32,
}

/// A factor.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct FactorRecord {
    /// Its number in the account; never given twice.
    pub id: u32,
    /// What its owner calls it.
    pub label: String,
    /// `token` or `sealed`.
    pub custody: String,
    /// `totp`, `hotp`, or `clocked` for a token with a clock of its own.
    pub kind: String,
    /// `SHA1`, `SHA256` or `SHA512`.
    pub algorithm: String,
    /// 6 to 8.
    pub digits: u32,
    /// Seconds; not for HOTP.
    pub period: Option<u32>,
    /// `primary` or `backup`.
    pub role: String,
    /// `active` or `suspended`.
    pub state: String,
    /// When, in Unix seconds.
    pub added: u64,
    /// When, in Unix seconds.
    pub last_used: Option<u64>,
    /// When it ends, in Unix seconds.
    pub not_after: Option<u64>,
    /// Its token can prove that it was touched.
    pub presence: bool,
}

/// A channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct ChannelRecord {
    /// Its number in the account; factors and channels share the numbers.
    pub id: u32,
    /// `sms`, `email`, `command`, `file` or `operator`.
    pub kind: String,
    /// Where to, masked.
    pub address: String,
    /// When its code came back, in Unix seconds.
    pub verified: Option<u64>,
    /// When it ends, in Unix seconds.
    pub not_after: Option<u64>,
}

/// A set of recovery codes.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct RecoveryRecord {
    /// Codes that are left.
    pub left: u32,
    /// When the set was made, in Unix seconds.
    pub created: u64,
    /// One was typed back, so they were written down.
    pub acknowledged: bool,
    /// They wait to be renewed after a restore.
    pub suspended: bool,
    /// The codes, by index.
    pub codes: Vec<RecoveryCodeRecord>,
}

/// A recovery code, without the code.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct RecoveryCodeRecord {
    /// The symbol that it begins with.
    pub index: String,
    /// When it was used, in Unix seconds.
    pub used: Option<u64>,
    /// It was imported and is weak.
    pub legacy: bool,
}

/// A rescue that is open.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct RescueRecord {
    /// When, in Unix seconds.
    pub opened: u64,
    /// The uid of the administrator.
    pub by: u32,
    /// In the administrator's words.
    pub reason: String,
    /// The uid of the administrator who approved it second.
    pub approved_by: Option<u32>,
    /// A bypass code is good at this moment.
    pub code_issued: bool,
}
