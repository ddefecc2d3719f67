//! The commands for the second factor of an account.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ConfirmArgs;
use super::enroll::{CodesArgs, EnrollArgs, ReplaceArgs, RoleArg};

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Switch a second factor on, or add another one
    #[command(
        after_help = "On a terminal it asks for everything that the options leave open. For a \
script: name the tokens with --token, or give --uri or --show-qr, and write to standard input, one a \
line, what is needed of these: a code of the present factor, where there is one; a code of the new \
one, unless --read-code is given; with --channel the next code of the new one.

Examples:
  oathctl enroll                                 asks
  oathctl enroll --token 12345678 --token 87654321
                                                 the same seed on two tokens
  oathctl enroll --token 12345678 --read-code --recovery-codes-to . --no-channel --yes
                                                 from a script; the token is touched once
  oathctl enroll --show-qr                       for an authenticator on a telephone
  oathctl enroll --token 12345678 --verifier 11223344
                                                 the seed is in tokens alone"
    )]
    Enroll(EnrollArgs),
    /// Check a code, a recovery code or a code that was sent
    #[command(
        after_help = "The response is asked for, or read from standard input; `?` lists the \
ways that are open.

Examples:
  oathctl verify
  echo 123456 | oathctl verify --service backup && start-backup
  oathctl verify --presence                      touch the token; nothing is typed
  oathctl verify --send-code                     have a code sent, then type it

Exit status: 0 right, 1 wrong or used, 2 wait, 3 locked out, 5 touch needed, 65 no code at all."
    )]
    Verify(VerifyArgs),
    /// Sign in to a service of this host that asks oathd
    #[command(
        after_help = "Asks for e-mail, password and, if the account has a second factor, its \
code; a recovery code is typed in the place of the code. Without a terminal the three are read from \
standard input, one a line.

Example:
  oathctl login --service-socket /run/demo-service/socket"
    )]
    Login(LoginArgs),
    /// Show what an account has, and what its owner should look after
    Status(AccountArg),
    /// Show the ways in that are open at this moment, in the order to try
    LockedOut(AccountArg),
    /// Put a new token or device in the place of the old one, without a gap
    #[command(
        after_help = "Recovery codes and channels stay. The old one works until the new one is \
confirmed.

Examples:
  oathctl replace --token 12345678
  oathctl replace 2 --show-qr"
    )]
    Replace(ReplaceArgs),
    /// Switch the second factor off
    Disable(DisableArgs),
    /// Look after recovery codes
    #[command(subcommand)]
    Recovery(RecoveryCommand),
    /// Look after the channels for codes and notices
    #[command(subcommand)]
    Channel(ChannelCommand),
    /// Look after factors: label, role, end, loss
    #[command(subcommand)]
    Factor(FactorCommand),
    /// List or end your sessions
    Sessions(SessionsArgs),
    /// Look after the API key of a service's account
    #[command(subcommand)]
    ApiKey(ApiKeyCommand),
}

/// The account, where nothing else stands on the command line.
#[derive(Debug, Args)]
pub(crate) struct AccountArg {
    /// The account, `NAME` or `NAME@REALM`; yours by default
    #[arg(value_name = "ACCOUNT", default_value = "", hide_default_value = true)]
    pub(crate) account: String,
}

/// The account, as an option.
#[derive(Debug, Args)]
pub(crate) struct AccountOption {
    /// The account, `NAME` or `NAME@REALM`; yours by default
    #[arg(
        long,
        value_name = "ACCOUNT",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) account: String,
}

/// Options of `verify`.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct VerifyArgs {
    /// The account.
    #[command(flatten)]
    pub(crate) account: AccountArg,
    /// The PAM service or program on whose behalf it is asked; the receipt is bound to it
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,
    /// Where the login comes from; root alone
    #[arg(long, value_name = "HOST")]
    pub(crate) remote_host: Option<String>,
    /// Prove by a touch of the token that it is here; nothing is typed
    #[arg(long)]
    pub(crate) presence: bool,
    /// Have a code sent first, to the channel of this number or the first one
    #[arg(long, value_name = "CHANNEL", num_args = 0..=1, conflicts_with = "presence")]
    pub(crate) send_code: Option<Option<u32>>,
}

/// Options of `login`.
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// The name at the service, such as an e-mail address; asked for by default
    pub(crate) email: Option<String>,
    /// The socket of the service
    #[arg(long, value_name = "PATH")]
    pub(crate) service_socket: PathBuf,
    /// Have a code sent to your channel
    #[arg(long)]
    pub(crate) send_code: bool,
    /// Keep the session in a new file that you alone can read
    #[arg(long, value_name = "FILE")]
    pub(crate) session_to: Option<PathBuf>,
}

/// What to do with recovery codes.
#[derive(Debug, Subcommand)]
pub(crate) enum RecoveryCommand {
    /// Show which codes are used; the codes themselves are kept as hashes alone
    Show(AccountArg),
    /// Make a new set and show it once; the old set is void
    New(NewCodesArgs),
    /// Make a new set as a sheet to print; the old set is void
    #[command(after_help = "Example:
  oathctl recovery print | lp

A print spool keeps files for a while, and a network printer gets them in the clear: print where
you trust both, or write the codes down by hand.")]
    Print(PrintArgs),
}

/// Options of `recovery new`.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct NewCodesArgs {
    /// The account.
    #[command(flatten)]
    pub(crate) account: AccountArg,
    /// Where they go.
    #[command(flatten)]
    pub(crate) codes: CodesArgs,
    /// Whether to ask.
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
}

/// Options of `recovery print`.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct PrintArgs {
    /// The account.
    #[command(flatten)]
    pub(crate) account: AccountArg,
    /// Whether to ask.
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
}

/// What to do with channels.
#[derive(Debug, Subcommand)]
pub(crate) enum ChannelCommand {
    /// List the channels
    List(AccountArg),
    /// Add a channel; a code is sent to it, which `channel confirm` takes
    #[command(after_help = "Examples:
  oathctl channel add sms +436641234567
  oathctl channel add email ada@example.org

A text message is the weakest of all ways: whoever takes over the number, or the web page of the
carrier, has the code. Numbers of VoIP services are refused. A second token is better.")]
    Add(ChannelAddArgs),
    /// Confirm a channel by the code that was sent to it
    Confirm(ChannelIdArgs),
    /// Remove a channel
    Remove(ChannelIdArgs),
    /// Send a code: to sign in, or the first one of a channel once more
    Send(ChannelIdArgs),
}

/// Options of `channel add`.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct ChannelAddArgs {
    /// How codes get there
    #[arg(value_parser = ["sms", "email", "command", "file"])]
    pub(crate) kind: String,
    /// Where to
    pub(crate) address: String,
    /// The last day on which the channel counts, such as 2027-12-31
    #[arg(long, value_name = "DATE", value_parser = crate::when::end_of)]
    pub(crate) until: Option<u64>,
    /// The account.
    #[command(flatten)]
    pub(crate) account: AccountOption,
}

/// A channel of an account.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct ChannelIdArgs {
    /// The number of the channel, as `oathctl channel list` shows it
    pub(crate) channel: u32,
    /// The account.
    #[command(flatten)]
    pub(crate) account: AccountOption,
}

/// Options of `sessions`.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct SessionsArgs {
    /// The account.
    #[command(flatten)]
    pub(crate) account: AccountArg,
    /// End them all; of a user of this host, all but the one that you are in
    #[arg(long)]
    pub(crate) end: bool,
    /// End all but the one that you are in, or that `--session-file` holds
    #[arg(long, conflicts_with = "end")]
    pub(crate) end_others: bool,
    /// The session of a service that goes on, as `oathctl login` has kept it
    #[arg(long, value_name = "FILE", requires = "end_others")]
    pub(crate) session_file: Option<PathBuf>,
}

/// What to do with the API key.
#[derive(Debug, Subcommand)]
pub(crate) enum ApiKeyCommand {
    /// Make a new key and print it once; the one before is void
    New(AccountArg),
    /// Void the key
    Remove(AccountArg),
}

/// Options of `disable`.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct DisableArgs {
    /// The account.
    #[command(flatten)]
    pub(crate) account: AccountArg,
    /// Ask the service at this socket, for an account of its own
    #[arg(long, value_name = "PATH", requires = "session_file")]
    pub(crate) service_socket: Option<PathBuf>,
    /// The open session that proves it, as `oathctl login` has kept it
    #[arg(long, value_name = "FILE")]
    pub(crate) session_file: Option<PathBuf>,
    /// Whether to ask.
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
}

/// What to do with factors.
#[derive(Debug, Subcommand)]
pub(crate) enum FactorCommand {
    /// List the factors
    List(AccountArg),
    /// Take a factor away
    Remove(FactorArgs),
    /// Refuse a factor from now on, because its token is lost or in doubt
    Suspend(FactorArgs),
    /// Give a factor another label
    Label(FactorLabelArgs),
    /// Say what a factor is for
    Role(FactorRoleArgs),
    /// Say when a factor ends
    End(FactorEndArgs),
}

/// A factor of an account.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct FactorArgs {
    /// The number of the factor, as `oathctl status` shows it
    pub(crate) factor: u32,
    /// The account.
    #[command(flatten)]
    pub(crate) account: AccountOption,
}

/// Options of `factor label`.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct FactorLabelArgs {
    /// The factor.
    #[command(flatten)]
    pub(crate) factor: FactorArgs,
    /// The label
    pub(crate) label: String,
}

/// Options of `factor role`.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct FactorRoleArgs {
    /// The factor.
    #[command(flatten)]
    pub(crate) factor: FactorArgs,
    /// The role
    #[arg(value_enum)]
    pub(crate) role: RoleArg,
}

/// Options of `factor end`.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct FactorEndArgs {
    /// The factor.
    #[command(flatten)]
    pub(crate) factor: FactorArgs,
    /// Its last day, such as 2027-12-31, or `never`
    #[arg(value_parser = end_or_never)]
    pub(crate) end: u64,
}

fn end_or_never(text: &str) -> Result<u64, String> {
    match text {
        "never" => Ok(0),
        date => crate::when::end_of(date),
    }
}
