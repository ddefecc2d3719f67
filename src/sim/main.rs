//! `oathd-sim`: simulated tokens for tests.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests"
    )
)]

mod card_command;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Simulated hardware tokens, for tests without hardware.
///
/// Nothing here protects a secret: simulated tokens are for seeds made for tests.
#[derive(Parser)]
#[command(name = "oathd-sim", version, max_term_width = 100)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Card(card_command::Arguments),
}

fn main() -> ExitCode {
    let command_line = match CommandLine::try_parse() {
        Ok(command_line) => command_line,
        Err(error) => return usage(&error),
    };
    match command_line.command {
        Command::Card(arguments) => card_command::run(arguments),
    }
}

/// Prints help, or what is wrong with the command line.
fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() {
        ExitCode::from(u8::from(oathd_api::ExitCode::Usage))
    } else {
        ExitCode::SUCCESS
    }
}

#[cfg(test)]
mod tests {
    use super::CommandLine;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        CommandLine::command().debug_assert();
    }
}
