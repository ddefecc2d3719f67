//! The commands of administrators.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ConfirmArgs;
use super::account::AccountArg;

/// What administrators do for accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// List the accounts of a realm
    Accounts(ListAccountsArgs),
    /// Show who has a second factor, who lacks one, and which logins do not ask for it
    Coverage(RealmArgs),
    /// Let an owner in who has lost every way, by one bypass code
    #[command(
        after_help = "Make sure first that it is the owner who asks. The code is good once, \
within the hour, and ends in a new enrolment; the owner's channels are told.

Example:
  oathctl admin rescue ada \"lost her bag, came to my desk with her passport\""
    )]
    Rescue(RescueArgs),
    /// Approve a rescue of another administrator, or fetch its code
    Approve(WhoArgs),
    /// Call a rescue off
    CancelRescue(AccountArg),
    /// Lift the waits of an account that others have slowed
    Unlock(WhoArgs),
    /// Take over the factors of another verifier
    #[command(after_help = "Examples:
  oathctl admin import --format google-authenticator --user ada ~ada/.google_authenticator
  oathctl admin import --format pam-oath --dry-run /etc/users.oath
  oathctl admin import --format pskc --key-file key.txt tokens.xml")]
    Import(ImportAccountsArgs),
    /// Write a copy of the state to a new file; the keys are not in it
    Backup(BackupArgs),
    /// Replace the accounts by those of a backup
    Restore(RestoreArgs),
    /// Check the whole state
    Check,
    /// Say that the clock is right, after it stood in the future or was set by hand
    TrustClock,
    /// Seal everything under a new vault key
    Rekey(RekeyArgs),
    /// Print the keys, to lock the sheet away; root alone
    Escrow(EscrowArgs),
    /// Put the keys of a printed escrow in place; root alone
    RestoreKeys(RestoreKeysArgs),
    /// Show the audit, or check its chain
    Audit(AuditArgs),
}

/// A realm.
#[derive(Debug, Args)]
pub(crate) struct RealmArgs {
    /// The realm; `local` holds the users of this host
    #[arg(long, default_value = "local")]
    pub(crate) realm: String,
}

/// Options of `admin accounts`.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct ListAccountsArgs {
    /// The realm.
    #[command(flatten)]
    pub(crate) realm: RealmArgs,
    /// Begin after this name
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) after: String,
    /// The most that are shown
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
}

/// An account that must be named.
#[derive(Debug, Args)]
pub(crate) struct WhoArgs {
    /// The account, `NAME` or `NAME@REALM`
    pub(crate) account: String,
}

/// Options of `admin rescue`.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct RescueArgs {
    /// The account.
    #[command(flatten)]
    pub(crate) who: WhoArgs,
    /// Why, and how you made sure that it is the owner; written into the audit
    pub(crate) reason: String,
}

/// Options of `admin import`.
#[derive(Debug, Args)]
pub(crate) struct ImportAccountsArgs {
    /// The file; `-` is standard input
    pub(crate) file: PathBuf,
    /// Its format
    #[arg(long, value_parser = ["google-authenticator", "pam-oath", "pskc", "privacyidea"])]
    pub(crate) format: String,
    /// The realm of every entry; by default the one that the file tells, or `local`
    #[arg(long)]
    pub(crate) realm: Option<String>,
    /// The account of entries that name none
    #[arg(long = "user", value_name = "ACCOUNT")]
    pub(crate) account: Option<String>,
    /// A file with the key of an encrypted PSKC file: hexadecimal digits, or a password
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// How far the local time in a pam-oath file is ahead of UTC
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true)]
    pub(crate) utc_offset: Option<i32>,
    /// Show what would be taken over, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Options of `admin backup`.
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The file to make
    pub(crate) file: PathBuf,
}

/// Options of `admin restore`.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct RestoreArgs {
    /// The backup
    pub(crate) file: PathBuf,
    /// Check the file and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Whether to ask.
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
}

/// Options of `admin rekey`.
#[derive(Debug, Args)]
pub(crate) struct RekeyArgs {
    /// The new key, 32 bytes, where the key is a systemd credential that you have replaced
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}

/// Options of `admin escrow`.
#[derive(Debug, Args)]
pub(crate) struct EscrowArgs {
    /// Write it to a new file that you alone can read
    #[arg(long, value_name = "FILE")]
    pub(crate) to: Option<PathBuf>,
}

/// Options of `admin restore-keys`.
#[derive(Debug, Args)]
pub(crate) struct RestoreKeysArgs {
    /// The text of the sheet; `-` is standard input
    pub(crate) file: PathBuf,
}

/// Options of `admin audit`.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Check that nothing was changed, removed or cut off
    #[arg(long)]
    pub(crate) verify: bool,
    /// Begin after this number
    #[arg(long, value_name = "N", default_value = "0", conflicts_with = "verify")]
    pub(crate) after: u64,
    /// The most that are shown
    #[arg(long, value_name = "N", default_value = "1000", conflicts_with = "verify",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
}
