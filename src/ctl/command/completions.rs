//! `oathctl completions`.

use crate::cli::{CompletionsArgs, ShellArg};
use crate::failure::Failure;
use crate::output;

/// Prints the completions that the build script made.
pub(crate) fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    output::print(match args.shell {
        ShellArg::Bash => include_str!(concat!(env!("OUT_DIR"), "/oathctl.bash")),
        ShellArg::Zsh => include_str!(concat!(env!("OUT_DIR"), "/_oathctl")),
        ShellArg::Fish => include_str!(concat!(env!("OUT_DIR"), "/oathctl.fish")),
    })
}
