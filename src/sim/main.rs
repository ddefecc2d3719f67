//! `oathd-sim`: simulated tokens for tests.

mod card_command;
mod child;
mod clock_choice;
mod forwarding;
mod private_bus;
mod run_command;
mod world;

use clap::{CommandFactory, Parser, Subcommand};
use clap_mangen::Man;
use std::{
    fmt::Display,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

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
    Run(run_command::Arguments),
    #[command(hide = true)]
    Tied(child::Tied),
    /// Writes the manual pages of the commands, for packages.
    #[command(hide = true)]
    ManPages {
        folder: PathBuf,
    },
}

fn main() -> ExitCode {
    let command_line = match CommandLine::try_parse() {
        Ok(command_line) => command_line,
        Err(error) => return usage(&error),
    };
    match command_line.command {
        Command::Card(arguments) => card_command::run(arguments),
        Command::Run(arguments) => run_command::run(arguments),
        Command::Tied(tied) => child::become_tied(tied),
        Command::ManPages { folder } => match man_pages(&folder) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(oathd_api::ExitCode::BadInput, &error),
        },
    }
}

/// Writes the manual pages into `folder`.
fn man_pages(folder: &Path) -> io::Result<()> {
    let mut command = CommandLine::command().disable_help_subcommand(true);
    command.build();
    let shown = command.get_subcommands().filter(|one| !one.is_hide_set());
    for page in shown.chain([&command]) {
        let source = concat!("oathd-sim ", env!("CARGO_PKG_VERSION"));
        let page = Man::new(page.clone()).date("2026-11-24").source(source);
        page.generate_to(folder)?;
    }
    Ok(())
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

/// Says what is wrong.
fn complain(what: &dyn Display) {
    // Nobody listening is no reason to end.
    let _ = writeln!(io::stderr(), "oathd-sim: {what}");
}

/// Says what is wrong, and gives the status to end with.
fn fail(status: oathd_api::ExitCode, error: &dyn Display) -> ExitCode {
    complain(error);
    ExitCode::from(u8::from(status))
}

#[cfg(test)]
mod tests {
    use super::{CommandFactory, CommandLine};

    #[test]
    fn the_command_line_is_sound() {
        CommandLine::command().debug_assert();
    }
}
