//! The command line: every command, option and help text.

pub(crate) mod account;
pub(crate) mod admin;
pub(crate) mod enroll;
pub(crate) mod pam;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The heading of the options that every command has.
const GENERAL: &str = "General options";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "oathctl",
    version,
    about = "Codes from your hardware tokens, and the second factor of your accounts",
    after_help = "Examples:
  oathctl code github          the code of the credential that fits `github`
  oathctl code -s github       the code alone, for a script
  oathctl add GitHub:me        asks for the secret and stores it on the token
  oathctl watch                all codes, live
  oathctl enroll               a second factor for your account on this host
  oathctl status               what your account has
  oathctl locked-out           the ways in that are open

oathctl talks to oathd on the system bus. Secrets and passwords are asked for or read from
standard input, never taken from the command line.

Exit status: 0 done, 1 refused, 2 wait, 3 locked out, 4 none or several fit, 5 touch, password or
proof needed, 64 wrong usage, 65 bad input, 69 unavailable, 75 busy, 77 not authorized."
)]
pub(crate) struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// The token, by its serial or the start of its id; `add`, `import` and `enroll` take several
    #[arg(long, global = true, help_heading = GENERAL, value_name = "TOKEN")]
    pub(crate) token: Vec<String>,
    /// Answer in JSON on standard output, errors included
    #[arg(long, global = true, help_heading = GENERAL)]
    pub(crate) json: bool,
    /// The message bus: `system`, `session` or a D-Bus address
    #[arg(long, global = true, help_heading = GENERAL, value_name = "BUS", default_value = "system")]
    pub(crate) bus: String,
    /// Colours
    #[arg(
        long,
        global = true, help_heading = GENERAL,
        value_enum,
        value_name = "WHEN",
        default_value = "auto"
    )]
    pub(crate) color: When,
    /// Read passwords from standard input, one a line, in the order in which they are needed
    #[arg(long, global = true, help_heading = GENERAL)]
    pub(crate) password_stdin: bool,
    /// Let nobody be asked: fail where polkit or a password would be needed
    #[arg(long, global = true, help_heading = GENERAL)]
    pub(crate) no_interaction: bool,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the tokens that are plugged in
    Tokens,
    /// List the credentials on the tokens
    List(ListArgs),
    /// Compute codes
    #[command(after_help = "Examples:
  oathctl code                       all codes that need no touch
  oathctl code github                the codes of what fits `github`; one that needs a touch
                                     is computed if it is the only one that fits
  oathctl code -s GitHub:me          the code alone; several that fit are an error
  oathctl code -s --min-left 10 aws  a code that is valid for 10 more seconds at least

A query is an exact id, or a part of ids in any case. A code of HOTP is spent by asking for it.")]
    Code(CodeArgs),
    /// Store a new credential
    #[command(after_help = "Examples:
  oathctl add GitHub:me                        asks for the secret
  oathctl add --issuer GitHub me < secret.txt  reads it from standard input
  oathctl add --uri - < uri.txt                an otpauth address
  oathctl add --qr screenshot.png              the QR code of an account's page
  oathctl add --generate -i Lab door           makes a secret and shows it once
  oathctl add GitHub:me --token 12345678 --token 87654321
                                               the same secret on two tokens, or on none")]
    Add(AddArgs),
    /// Store the credentials of another authenticator's export
    #[command(
        after_help = "Known exports: otpauth lines, Google's otpauth-migration lines, and \
plain JSON from Aegis and 2FAS.

Examples:
  oathctl import --dry-run aegis.json
  zbarimg --quiet --raw photo.png | oathctl import -"
    )]
    Import(ImportArgs),
    /// Give a credential another name
    #[command(after_help = "Example:
  oathctl rename github GitHub:work

The new name is `ISSUER:NAME`, or a name alone.")]
    Rename(RenameArgs),
    /// Remove a credential for good
    Remove(RemoveArgs),
    /// Manage the access password of a token
    #[command(subcommand)]
    Password(PasswordCommand),
    /// Bind a token to this host and user
    #[command(
        after_help = "oathd sets an access key that it alone knows, so that nobody else can \
read codes from the token and no other token can stand in for it."
    )]
    Pair,
    /// Wipe a token: its credentials and its access password
    Reset(ConfirmArgs),
    /// Show all codes, live
    #[command(
        after_help = "Keys: up and down select, Enter computes a code that needs a touch \
or is spent by use, / filters, r asks again, q quits."
    )]
    Watch,
    /// Answer for your programs on this terminal: show touches, ask for passwords
    Agent,
    /// Show what a token is and can do
    Info,
    /// What concerns accounts.
    #[command(flatten)]
    Account(account::AccountCommand),
    /// What administrators do for accounts
    #[command(subcommand)]
    Admin(admin::AdminCommand),
    /// Ask for the second factor at the logins of this host
    #[command(subcommand)]
    Pam(pam::PamCommand),
    /// Look for what stands in the way of codes and logins on this host, and tell what to do
    #[command(
        after_help = "Looks at oathd, polkit, pcscd, GnuPG, the clock, the vault key, the state, \
the keys that are kept for tokens, the stacks of PAM and your account. It spends no code, makes no \
token blink and changes nothing; as root it sees more.

Examples:
  oathctl doctor
  sudo oathctl doctor --quiet

Exit status: 0 no problem, 1 a problem was found; notes and warnings are none."
    )]
    Doctor(DoctorArgs),
    /// Print the completions of a shell
    #[command(after_help = "Example:
  oathctl completions bash > ~/.local/share/bash-completion/completions/oathctl")]
    Completions(CompletionsArgs),
}

/// Options of `list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only what fits: an exact id, or a part of ids in any case
    pub(crate) query: Option<String>,
    /// Show kind, algorithm, digits, period and touch as well
    #[arg(short, long)]
    pub(crate) long: bool,
    /// Show credentials of the issuer `_hidden` too
    #[arg(short = 'H', long)]
    pub(crate) hidden: bool,
}

/// Options of `code`.
#[derive(Debug, Args)]
pub(crate) struct CodeArgs {
    /// Which: an exact id, or a part of ids in any case
    pub(crate) query: Option<String>,
    /// Demand that one credential fits, and print its code alone
    #[arg(short, long, requires = "query")]
    pub(crate) single: bool,
    /// Wait for a code that stays valid for so long
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) min_left: u64,
    /// Show credentials of the issuer `_hidden` too
    #[arg(short = 'H', long)]
    pub(crate) hidden: bool,
    /// Fail where a touch is needed
    #[arg(long)]
    pub(crate) no_touch: bool,
}

/// Options of `add`.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct AddArgs {
    /// The account, as `NAME` or `ISSUER:NAME`
    #[arg(required_unless_present_any = ["uri", "qr"], conflicts_with_all = ["uri", "qr"])]
    pub(crate) name: Option<String>,
    /// Read otpauth addresses from standard input, one a line
    #[arg(long, value_name = "-", value_parser = ["-"], conflicts_with = "qr")]
    pub(crate) uri: Option<String>,
    /// Read QR codes from pictures (PNG, JPEG)
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) qr: Vec<std::path::PathBuf>,
    /// Who the account is with
    #[arg(short, long, conflicts_with_all = ["uri", "qr"])]
    pub(crate) issuer: Option<String>,
    /// What moves the code on: time or use
    #[arg(short = 'o', long = "type", value_enum, default_value = "totp", conflicts_with_all = ["uri", "qr"])]
    pub(crate) kind: KindArg,
    /// Length of a code: 6, 7 or 8
    #[arg(short, long, default_value = "6", value_parser = clap::value_parser!(u8).range(6..=8), conflicts_with_all = ["uri", "qr"])]
    pub(crate) digits: u8,
    /// The hash
    #[arg(
        short,
        long,
        default_value = "SHA1",
        ignore_case = true,
        value_parser = ["SHA1", "SHA256", "SHA512"],
        conflicts_with_all = ["uri", "qr"]
    )]
    pub(crate) algorithm: String,
    /// Seconds for which a code is valid; TOTP only
    #[arg(short = 'P', long, default_value = "30", value_parser = clap::value_parser!(u32).range(1..), conflicts_with_all = ["uri", "qr"])]
    pub(crate) period: u32,
    /// First counter; HOTP only
    #[arg(short, long, default_value = "0", conflicts_with_all = ["uri", "qr"])]
    pub(crate) counter: u32,
    /// Make a random secret, store it and show it once
    #[arg(short, long, conflicts_with_all = ["uri", "qr"])]
    pub(crate) generate: bool,
    /// How it is written.
    #[command(flatten)]
    pub(crate) write: WriteArgs,
}

/// How a credential is written.
#[derive(Debug, Args)]
pub(crate) struct WriteArgs {
    /// Ask for a touch at every code; cannot be changed later
    #[arg(short, long)]
    pub(crate) touch: bool,
    /// Replace a credential of the same id
    #[arg(short, long, visible_alias = "overwrite")]
    pub(crate) force: bool,
}

/// What moves a credential on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindArg {
    /// Time.
    Totp,
    /// Use.
    Hotp,
}

/// Options of `import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The export; `-` is standard input
    pub(crate) file: std::path::PathBuf,
    /// How they are written.
    #[command(flatten)]
    pub(crate) write: WriteArgs,
    /// Show what would be added, and add nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// Options of `rename`.
#[derive(Debug, Args)]
pub(crate) struct RenameArgs {
    /// Which: an exact id, or a part of one id in any case
    pub(crate) query: String,
    /// The new name, as `NAME` or `ISSUER:NAME`
    pub(crate) new: String,
}

/// Options of `remove`.
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// Which: an exact id, or a part of one id in any case
    pub(crate) query: String,
    /// Whether to ask.
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
}

/// Whether to ask before something is lost.
#[derive(Debug, Args)]
pub(crate) struct ConfirmArgs {
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// What to do with the access password.
#[derive(Debug, Subcommand)]
pub(crate) enum PasswordCommand {
    /// Protect a token with a password
    Set(RememberArgs),
    /// Change the password of a token
    Change(RememberArgs),
    /// Remove the password of a token, and a pairing with it
    Clear,
    /// Unlock a token for you until oathd ends
    Unlock(RememberArgs),
    /// Unlock a token for you, over restarts too
    Remember,
    /// Lock a token again and drop what is remembered of its password
    Forget,
}

/// Whether to keep the password.
#[derive(Debug, Args)]
pub(crate) struct RememberArgs {
    /// Let oathd remember it, sealed, so that it is not asked for again
    #[arg(long)]
    pub(crate) remember: bool,
}

/// Options of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Leave out what is well
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Options of `completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: ShellArg,
}

/// A shell that completions exist for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShellArg {
    /// GNU bash.
    Bash,
    /// zsh.
    Zsh,
    /// fish.
    Fish,
}
