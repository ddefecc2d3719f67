//! Asking the user, and reading secrets from where they may come.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::Path;

use oathd_client::ExitCode;
use zeroize::Zeroizing;

use crate::cli::Global;
use crate::failure::Failure;
use crate::unseen;

/// The most bytes of a line that holds a secret.
const MAX_LINE: usize = 4096;

/// Whether somebody is there to be asked: prompts are read from the terminal and shown on
/// standard error, wherever standard input and output go.
pub(crate) fn somebody_is_there() -> bool {
    io::stderr().is_terminal() && File::open("/dev/tty").is_ok()
}

/// Whether questions can be asked: the user is at the terminal and standard input is it.
pub(crate) fn can_ask(global: &Global) -> bool {
    !global.no_interaction && io::stdin().is_terminal() && somebody_is_there()
}

/// A line that the user types and may see: on the terminal, else the next one of standard input,
/// without blanks around it. Empty where there is none.
pub(crate) fn typed(global: &Global, question: &str) -> Result<Zeroizing<String>, Failure> {
    if !io::stdin().is_terminal() {
        return Ok(Zeroizing::new(stdin_line()?.trim().to_owned()));
    }
    match can_ask(global) {
        true => visible(question),
        false => Ok(Zeroizing::default()),
    }
}

/// Asks for a secret without showing it. Empty where none is typed.
pub(crate) fn hidden(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    let mut typed = unseen::read(prompt).map_err(|error| unreadable("The terminal", &error))?;
    text(std::mem::take(&mut *typed))
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
    match yes(&format!("{question} [y/N] "), false)? {
        true => Ok(()),
        false => Err(Failure::new(
            ExitCode::Refused,
            "Declined",
            "Nothing was changed.",
            "Answer y to go on.",
        )),
    }
}

/// Asks a question on the terminal. An empty answer is `otherwise`.
pub(crate) fn yes(question: &str, otherwise: bool) -> Result<bool, Failure> {
    Ok(match visible(question)?.as_str() {
        "" => otherwise,
        answer => matches!(answer, "y" | "Y" | "yes"),
    })
}

/// Asks on the terminal for a line that may be seen, without blanks around it.
pub(crate) fn visible(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    let unreadable = |error: &io::Error| unreadable("The terminal", error);
    write!(io::stderr(), "{prompt}").map_err(|error| unreadable(&error))?;
    let terminal = File::open("/dev/tty").map_err(|error| unreadable(&error))?;
    let typed = line(&mut io::BufReader::new(terminal))?;
    Ok(Zeroizing::new(typed.trim().to_owned()))
}

/// The next line of standard input, without its end. What follows stays for the next reader.
pub(crate) fn stdin_line() -> Result<Zeroizing<String>, Failure> {
    line(&mut io::stdin().lock())
}

/// The next line of `input`, without its end.
pub(crate) fn line(input: &mut impl BufRead) -> Result<Zeroizing<String>, Failure> {
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

/// The file of a path on the command line, where `-` stands for standard input.
pub(crate) fn source(path: &Path) -> Option<&Path> {
    (path != Path::new("-")).then_some(path)
}

/// The text of all of standard input, or of a file.
pub(crate) fn read_all(file: Option<&Path>) -> Result<Zeroizing<String>, Failure> {
    text(std::mem::take(&mut *read_bytes(file, 1)?))
}

/// All of standard input, or of a file; `most` is how much that may be, in MiB.
pub(crate) fn read_bytes(file: Option<&Path>, most: u64) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut bytes = Zeroizing::new(Vec::new());
    let limit = most << 20;
    let read = match file {
        None => io::stdin().lock().take(limit + 1).read_to_end(&mut bytes),
        Some(path) => open(path)?.take(limit + 1).read_to_end(&mut bytes),
    };
    let name = file.map_or("Standard input".into(), |path| path.display().to_string());
    read.map_err(|error| unreadable(&name, &error))?;
    if bytes.len() as u64 > limit {
        return Err(Failure::input(
            "InputTooLarge",
            format!("{name} is larger than {most} MiB."),
            "Give a smaller file.",
        ));
    }
    Ok(bytes)
}

/// A file that is to be read.
pub(crate) fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| unreadable(&path.display().to_string(), &error))
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

/// What cannot be read, and why.
pub(crate) fn unreadable(what: &str, error: &io::Error) -> Failure {
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
