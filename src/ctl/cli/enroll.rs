//! The options of enrolling a factor.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::KindArg;
use super::account::{AccountArg, AccountOption};

/// Options of `enroll`.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct EnrollArgs {
    /// The account.
    #[command(flatten)]
    pub(crate) account: AccountArg,
    /// `primary`, or `backup` for a second token; the default follows from what there is
    #[arg(long, value_enum, value_name = "ROLE")]
    pub(crate) role: Option<RoleArg>,
    /// How the factor is made and kept.
    #[command(flatten)]
    pub(crate) factor: NewFactorArgs,
    /// Make no recovery codes
    #[arg(long)]
    pub(crate) no_recovery_codes: bool,
    /// Add a channel for codes and notices: `sms:+436641234567`, `email:ada@example.org`
    #[arg(long, value_name = "KIND:ADDRESS")]
    pub(crate) channel: Option<String>,
    /// Do not ask for a channel
    #[arg(long, conflicts_with = "channel")]
    pub(crate) no_channel: bool,
    /// End your other sessions on this host without asking
    #[arg(long)]
    pub(crate) end_sessions: bool,
    /// Leave your other sessions alone without asking
    #[arg(long, conflicts_with = "end_sessions")]
    pub(crate) keep_sessions: bool,
}

/// How a factor is made and kept.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct NewFactorArgs {
    /// Keep the seed at oathd, sealed, besides the token or device that shows codes (the default)
    #[arg(long, conflicts_with_all = ["custody", "verifier"])]
    pub(crate) sealed: bool,
    /// Where oathd checks codes against: its own sealed copy, or a token that stays at this host
    #[arg(long, value_enum, value_name = "WHERE")]
    pub(crate) custody: Option<CustodyArg>,
    /// The paired token that stays at this host and checks codes; may be given twice
    #[arg(long, value_name = "TOKEN")]
    pub(crate) verifier: Vec<String>,
    /// Show a QR code for an authenticator that scans it
    #[arg(long)]
    pub(crate) show_qr: bool,
    /// Print the otpauth address of the seed
    #[arg(long)]
    pub(crate) uri: bool,
    /// What moves the code on: time or use
    #[arg(short = 'o', long = "type", value_enum, default_value = "totp")]
    pub(crate) kind: KindArg,
    /// Length of a code: 6, 7 or 8
    #[arg(short, long, value_parser = clap::value_parser!(u32).range(6..=8))]
    pub(crate) digits: Option<u32>,
    /// The hash
    #[arg(short, long, ignore_case = true, value_parser = ["SHA1", "SHA256", "SHA512"])]
    pub(crate) algorithm: Option<String>,
    /// Seconds for which a code is valid; TOTP only
    #[arg(short = 'P', long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) period: Option<u32>,
    /// What you call the factor
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Option<String>,
    /// How authenticators name this host or service
    #[arg(long, value_name = "NAME")]
    pub(crate) issuer: Option<String>,
    /// The last day on which the factor counts, such as 2027-12-31
    #[arg(long, value_name = "DATE", value_parser = crate::when::end_of)]
    pub(crate) until: Option<u64>,
    /// Let the token give codes without a touch
    #[arg(long)]
    pub(crate) no_touch: bool,
    /// Replace a credential of the same name on the token
    #[arg(short, long, visible_alias = "overwrite")]
    pub(crate) force: bool,
    /// Read the codes that are asked for from the token that was written
    #[arg(long)]
    pub(crate) read_code: bool,
    /// Where recovery codes go.
    #[command(flatten)]
    pub(crate) codes: CodesArgs,
    /// Do not ask before it begins
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// Where recovery codes go.
#[derive(Debug, Args)]
pub(crate) struct CodesArgs {
    /// Write recovery codes to a new file that you alone can read, or into a directory
    #[arg(long, value_name = "FILE")]
    pub(crate) recovery_codes_to: Option<PathBuf>,
}

/// What a factor is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleArg {
    /// For every day.
    Primary,
    /// For when the other is lost.
    Backup,
}

impl RoleArg {
    /// The word on the bus.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            RoleArg::Primary => "primary",
            RoleArg::Backup => "backup",
        }
    }
}

/// What codes are checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CustodyArg {
    /// A seed that oathd keeps sealed.
    Sealed,
    /// A slot of a token that stays at this host.
    Token,
}

/// Options of `replace`.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct ReplaceArgs {
    /// The number of the factor, as `oathctl status` shows it; the only one by default
    pub(crate) factor: Option<u32>,
    /// The account.
    #[command(flatten)]
    pub(crate) account: AccountOption,
    /// How the new factor is made and kept.
    #[command(flatten)]
    pub(crate) new: NewFactorArgs,
}
