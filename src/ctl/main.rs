//! `oathctl`: the command line of oathd.

mod cli;
mod code_source;
mod command;
mod doctor;
mod failure;
mod left_out;
mod logind;
#[cfg(test)]
#[allow(dead_code, reason = "the build script writes the pages")]
mod manual;
mod output;
mod pam_stack;
mod prompt;
mod proof;
mod qr;
mod records;
mod recovery_codes;
mod search;
mod secret_file;
mod service_socket;
mod session;
mod short_cut;
mod unseen;
mod watch;
mod ways;
mod when;
mod write;

use std::process::ExitCode;

use clap::{Parser, error::ErrorKind};

use crate::failure::Failure;

fn main() -> ExitCode {
    forbid_core_dumps();
    let words = std::env::args_os().collect::<Vec<_>>();
    let cli = match short_cut::code(words.iter().cloned()) {
        Some(cli) => cli,
        None => match cli::Cli::try_parse_from(words) {
            Ok(cli) => cli,
            Err(error) => return misunderstood(&error),
        },
    };
    let json = cli.global.json;
    match start(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => end(&failure, json),
    }
}

/// Secrets and passwords pass through this process: it leaves no image of itself behind. Where the kernel
/// has no means for that, the command is done all the same.
fn forbid_core_dumps() {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
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
        return end(&Failure::usage(failure::sentence(&wrong(error))), true);
    }
    let _ = error.print();
    u8::from(oathd_client::ExitCode::Usage).into()
}

/// What is wrong with a command line, in one line: the first paragraph of what is told to people.
fn wrong(error: &clap::Error) -> String {
    if matches!(
        error.kind(),
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    ) {
        return "A command is missing".to_owned();
    }
    let text = error.to_string();
    let first = text.lines().map(str::trim).take_while(|l| !l.is_empty());
    let message = first.collect::<Vec<_>>().join(" ");
    message
        .strip_prefix("error: ")
        .unwrap_or(&message)
        .to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_command_line_is_told_in_one_line() {
        let said = |line: &str| {
            let words = line.split(' ');
            wrong(&cli::Cli::try_parse_from(words).unwrap_err())
        };
        assert!(said("oathctl code -s").ends_with("were not provided: <QUERY>"));
        assert!(said("oathctl rename a").ends_with("were not provided: <NEW>"));
        assert!(said("oathctl completions csh").ends_with("[possible values: bash, zsh, fish]"));
        for line in ["password", "--json", "password --json"] {
            let line = format!("oathctl {line}");
            assert_eq!(said(&line), "A command is missing", "{line}");
        }
        for line in ["oathctl", "oathctl nonsense", "oathctl tokens --nonsense"] {
            assert_eq!(said(line).lines().count(), 1, "{line}");
        }
    }
}
