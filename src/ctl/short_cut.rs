//! The command line of the commonest command, read without the descriptions of the others: building
//! those takes longer than the code.

use std::ffi::{OsStr, OsString};

use clap::{Parser, Subcommand};

use crate::cli::{Cli, CodeArgs, Command, Global};

#[derive(Parser)]
#[command(name = "oathctl", version)]
struct Short {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Only,
}

#[derive(Subcommand)]
enum Only {
    Code(CodeArgs),
}

/// Reads a command line of `oathctl code`. `None` for any other, and for one that is wrong or asks for
/// help.
pub(crate) fn code(words: impl Iterator<Item = OsString> + Clone) -> Option<Cli> {
    if !words.clone().any(|word| word == OsStr::new("code")) {
        return None;
    }
    let Short { global, command } = Short::try_parse_from(words).ok()?;
    let Only::Code(args) = command;
    Some(Cli {
        global,
        command: Command::Code(args),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of command lines of every kind.
    const WORDS: &[&str] = &[
        "code",
        "list",
        "help",
        "github",
        "-s",
        "--single",
        "-H",
        "--json",
        "--help",
        "-h",
        "-V",
        "--",
        "-",
        "--token",
        "--token=7",
        "--bus",
        "--color",
        "never",
        "--min-left",
        "3",
        "--min-left=3",
        "--no-touch",
        "--nonsense",
        "--password-stdin",
        "admin",
        "",
    ];

    #[test]
    fn it_reads_what_the_whole_command_line_reads() {
        let mut read = 0;
        for one in WORDS {
            for other in WORDS {
                for words in [
                    ["code", one, other],
                    [one, "code", other],
                    [one, other, "code"],
                ] {
                    let line = ["oathctl"].into_iter().chain(words).map(OsString::from);
                    let whole = Cli::try_parse_from(line.clone()).ok();
                    let whole = whole.filter(|cli| matches!(cli.command, Command::Code(_)));
                    read += u32::from(whole.is_some());
                    assert_eq!(
                        format!("{:?}", code(line)),
                        format!("{whole:?}"),
                        "{words:?}"
                    );
                }
            }
        }
        assert!(read > 100, "{read}");
    }
}
