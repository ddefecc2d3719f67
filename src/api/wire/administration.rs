//! The records of Administration.

use zbus::{DeserializeDict, OwnedFd, SerializeDict, Type};

/// Who has a second factor.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct CoverageRecord {
    /// The realm.
    pub realm: String,
    /// Accounts that are known; the users of the machine for `local`.
    pub accounts: u64,
    /// With a second factor.
    pub enrolled: u64,
    /// With a second token, or a channel.
    pub with_backup: u64,
    /// With recovery codes left.
    pub with_recovery_codes: u64,
    /// With three or fewer left.
    pub recovery_codes_low: u64,
    /// Who came in by a way back and have yet to enrol a factor.
    pub must_reenrol: u64,
    /// With a way that is shut.
    pub locked_out: u64,
    /// Whose factors were not used for 90 days.
    pub unused_90_days: u64,
    /// Of whom the policy asks a factor, at once or from a date on.
    pub required: u64,
    /// Local users of whom the policy asks a factor and who have none; at most 1000.
    pub missing: Vec<String>,
    /// The ways into this machine where no factor is asked.
    pub not_asked: Vec<String>,
}

/// Options of `Rescue` and `Approve`.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", deny_unknown_fields)]
pub struct RescueOptions {
    /// The caller's own receipt for the service `oathd-rescue`.
    pub proof: Option<String>,
}

/// How far a rescue is.
#[derive(Debug, Default, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct RescueState {
    /// `waiting` or `issued`.
    pub state: String,
    /// Approvals that are missing.
    pub approvals_missing: u32,
    /// Until when the owner can call it off, in Unix seconds.
    pub not_before: Option<u64>,
    /// When the code ends, in Unix seconds.
    pub until: Option<u64>,
    /// The bypass code, as text.
    pub bypass: Option<OwnedFd>,
}

/// Options of `Import`.
#[derive(Debug, Default, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", deny_unknown_fields)]
pub struct ImportAccountsOptions {
    /// `google_authenticator`, `pam_oath`, `pskc` or `privacyidea`; required.
    pub format: Option<String>,
    /// The realm of every row; by default the one that the file tells, or `local`.
    pub realm: Option<String>,
    /// The account, where the file names none.
    pub account: Option<String>,
    /// How far the local time that a file of pam_oath is written in is ahead of UTC, in seconds.
    pub utc_offset: Option<i32>,
    /// Of an encrypted PSKC file: a pre-shared key in hexadecimal, or a password.
    pub key: Option<OwnedFd>,
    /// Change nothing.
    pub dry_run: Option<bool>,
}

/// What became of a row of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct ImportRow {
    /// The account, or the name in the file where it is none.
    pub account: String,
    /// `imported`, `would_import`, `present` or `refused`.
    pub state: String,
    /// Why it was refused, in one sentence.
    pub reason: Option<String>,
    /// What its owner or an administrator should know.
    pub notes: Vec<String>,
    /// The number of the factor.
    pub factor: Option<u32>,
}

/// What a backup holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct BackupRecord {
    /// Its size.
    pub bytes: u64,
    /// Accounts in it.
    pub accounts: u64,
    /// Entries of the audit in it.
    pub audit_entries: u64,
}

/// Options of `Restore`.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", deny_unknown_fields)]
pub struct RestoreOptions {
    /// Check the file and change nothing.
    pub dry_run: Option<bool>,
}

/// What a restore brought.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct RestoreRecord {
    /// Accounts that were restored.
    pub accounts: u64,
    /// Sets of recovery codes that wait to be renewed.
    pub suspended: u64,
    /// Codes up to this time are refused, in Unix seconds.
    pub floor: u64,
    /// Accounts with a factor that were here before. With none, nobody can tell what the backup lacks.
    pub before: u64,
    /// Accounts and factors that were here and are not in the backup; at most 1000.
    pub left: Vec<LeftRecord>,
    /// How many there are of them.
    pub left_total: u64,
}

/// What a restore leaves behind.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct LeftRecord {
    /// The account.
    pub account: String,
    /// The name of the factor, where the rest of the account is there.
    pub factor: Option<String>,
}

/// Options of `Rekey`.
#[derive(Debug, Default, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", deny_unknown_fields)]
pub struct RekeyOptions {
    /// The new key, 32 bytes, where the key is a systemd credential.
    pub key: Option<OwnedFd>,
}

/// What a new key sealed.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct RekeyRecord {
    /// Values that were sealed anew.
    pub resealed: u64,
    /// `credential` or `file`.
    pub source: String,
}

/// An entry of the audit.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct AuditRecord {
    /// Its number.
    pub seq: u64,
    /// When, in Unix seconds.
    pub at: u64,
    /// Who.
    pub uid: u32,
    /// `console`, `remote`, `own_programs` or `realm_service`.
    pub class: Option<String>,
    /// The PAM service or program.
    pub service: Option<String>,
    /// The account.
    pub account: Option<String>,
    /// What, in a word.
    pub event: String,
    /// More of it.
    pub detail: Option<String>,
    /// A sign of an attack.
    pub alarm: bool,
}

/// Whether the audit is whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct AuditVerdict {
    /// Nothing was changed, removed or cut off.
    pub whole: bool,
    /// Entries that are kept.
    pub entries: u64,
    /// The first number.
    pub first: u64,
    /// The last number.
    pub last: u64,
    /// The last hash, in hexadecimal.
    pub head: String,
    /// The first number that does not fit.
    pub broken_at: Option<u64>,
    /// What does not fit.
    pub finding: Option<String>,
}
