//! The commands for logins through PAM.

use clap::{Args, Subcommand};

/// What is done to the logins of this host.
#[derive(Debug, Subcommand)]
pub(crate) enum PamCommand {
    /// Ask for the second factor wherever a password is asked for
    #[command(
        after_help = "Keep a root shell open meanwhile, and enrol a factor of your own first. \
With --try it is taken back after five minutes, or when the machine starts, unless you say \
`oathctl pam confirm`: log in somewhere else before you do.

Whoever is in the group oathd-exempt is never asked.

Example:
  oathctl pam enable --try"
    )]
    Enable(EnableArgs),
    /// Keep what is on trial
    Confirm,
    /// Ask for the second factor at no login
    Disable,
    /// Show which logins ask, and what lets in without being asked
    Status,
}

/// Options of `pam enable`.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct EnableArgs {
    /// Take it back after five minutes unless it is confirmed
    #[arg(long = "try")]
    pub(crate) on_trial: bool,
}
