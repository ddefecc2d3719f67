//! Asking the user, and reading secrets from where they may come.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read, Write};

use oathd_client::ExitCode;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// The most bytes of a file that holds secrets.
const MAX_INPUT: u64 = 1 << 20;

/// The most bytes of a line that holds a secret.
const MAX_LINE: usize = 4096;

/// Whether somebody is there to be asked: prompts are read from the terminal and shown on
/// standard error, wherever standard input and output go.
pub(crate) fn somebody_is_there() -> bool {
    io::stderr().is_terminal() && File::open("/dev/tty").is_ok()
}

/// Asks for a secret without showing it.
pub(crate) fn hidden(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    rpassword::prompt_password(prompt)
        .map(Zeroizing::new)
        .map_err(|error| unreadable("The terminal", &error))
}

/// Asks for a new password, twice.
pub(crate) fn new_password() -> Result<Zeroizing<String>, Failure> {
    let first = hidden("New password: ")?;
    if *first != *hidden("New password, again: ")? {
        return Err(Failure::input(
            "PasswordsDiffer",
            "The two passwords differ.",
            "Repeat the command and type the same password twice.",
        ));
    }
    Ok(first)
}

/// Asks whether to go on. Anything but yes ends the command.
pub(crate) fn confirm(question: &str) -> Result<(), Failure> {
    if !somebody_is_there() {
        return Err(Failure::new(
            ExitCode::Usage,
            "ConfirmationRequired",
            "This must be confirmed, and there is no terminal to ask on.",
            "Give --yes if you mean it.",
        ));
    }
    let answer = || -> io::Result<String> {
        write!(io::stderr(), "{question} [y/N] ")?;
        let mut line = String::new();
        io::BufReader::new(File::open("/dev/tty")?)
            .take(64)
            .read_line(&mut line)?;
        Ok(line)
    };
    let answer = answer().map_err(|error| unreadable("The terminal", &error))?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::new(
            ExitCode::Refused,
            "Declined",
            "Nothing was changed.",
            "Answer y to go on.",
        )),
    }
}

/// The next line of standard input, without its end. What follows stays for the next reader.
pub(crate) fn stdin_line() -> Result<Zeroizing<String>, Failure> {
    line(&mut io::stdin().lock())
}

fn line(input: &mut impl BufRead) -> Result<Zeroizing<String>, Failure> {
    // Reserved whole, so that growing leaves no copy behind.
    const ROOM: usize = MAX_LINE + b"\r\n".len();
    let mut bytes = Zeroizing::new(Vec::with_capacity(ROOM));
    input
        .take(ROOM as u64)
        .read_until(b'\n', &mut bytes)
        .map_err(|error| unreadable("Standard input", &error))?;
    if bytes.pop_if(|byte| *byte == b'\n').is_some() {
        bytes.pop_if(|byte| *byte == b'\r');
    }
    if bytes.len() > MAX_LINE {
        return Err(Failure::input(
            "InputTooLarge",
            format!("A line of standard input is longer than {MAX_LINE} bytes."),
            "Give a line for each secret.",
        ));
    }
    text(std::mem::take(&mut *bytes))
}

/// All of standard input, or of a file.
pub(crate) fn read_all(file: Option<&std::path::Path>) -> Result<Zeroizing<String>, Failure> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = match file {
        None => io::stdin()
            .lock()
            .take(MAX_INPUT + 1)
            .read_to_end(&mut bytes),
        Some(path) => {
            File::open(path).and_then(|file| file.take(MAX_INPUT + 1).read_to_end(&mut bytes))
        }
    };
    let name = file.map_or("Standard input".into(), |path| path.display().to_string());
    read.map_err(|error| unreadable(&name, &error))?;
    if bytes.len() as u64 > MAX_INPUT {
        return Err(Failure::input(
            "InputTooLarge",
            format!("{name} is larger than 1 MiB."),
            "Give a smaller file.",
        ));
    }
    text(std::mem::take(&mut *bytes))
}

fn text(bytes: Vec<u8>) -> Result<Zeroizing<String>, Failure> {
    String::from_utf8(bytes)
        .map(Zeroizing::new)
        .map_err(|error| {
            drop(Zeroizing::new(error.into_bytes()));
            Failure::input(
                "InvalidText",
                "The input is not UTF-8 text.",
                "Give a text.",
            )
        })
}

fn unreadable(what: &str, error: &io::Error) -> Failure {
    Failure::input(
        "Unreadable",
        format!("{what} cannot be read: {error}."),
        "Look whether it is there and may be read.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_whole_or_refused() {
        for end in ["\n", "\r\n"] {
            for length in [0, 1, MAX_LINE - 1, MAX_LINE] {
                let first = "x".repeat(length);
                let text = format!("{first}{end}next");
                let mut input = text.as_bytes();
                assert_eq!(line(&mut input).unwrap().as_str(), first);
                assert_eq!(line(&mut input).unwrap().as_str(), "next");
                assert_eq!(line(&mut input).unwrap().as_str(), "");
            }
            for length in MAX_LINE + 1..MAX_LINE + 4 {
                let text = format!("{}{end}next", "x".repeat(length));
                let refused = line(&mut text.as_bytes()).unwrap_err();
                assert_eq!(
                    (refused.name, refused.code),
                    ("InputTooLarge", ExitCode::BadInput)
                );
            }
        }
    }
}
