//! `oathctl`: the command line of oathd.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests"
    )
)]

mod cli;
mod command;
mod failure;
mod output;
mod prompt;
mod qr;
mod search;
mod session;
mod watch;
mod write;

use std::process::ExitCode;

use clap::Parser;

use crate::failure::Failure;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misunderstood(&error),
    };
    let json = cli.global.json;
    match start(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => end(&failure, json),
    }
}

/// Tells of a failure, and gives its status.
fn end(failure: &Failure, json: bool) -> ExitCode {
    if !json || output::print_json(&failure.to_json()).is_err() {
        output::tell(failure.text().trim_end());
    }
    u8::from(failure.code).into()
}

/// A command line that was not understood, or that asked for help.
fn misunderstood(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if std::env::args_os().any(|argument| argument == "--json") {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        let message = first.strip_prefix("error: ").unwrap_or(first);
        return end(&Failure::usage(failure::sentence(message)), true);
    }
    let _ = error.print();
    u8::from(oathd_client::ExitCode::Usage).into()
}

fn start(cli: cli::Cli) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(
                oathd_client::ExitCode::Unavailable,
                "Runtime",
                format!("The program cannot start: {error}."),
                "Close other programs: files or memory have run out.",
            )
        })?;
    let done = runtime.block_on(command::run(cli));
    // A read from the terminal that nobody waits for must not hold the program.
    runtime.shutdown_background();
    done
}
