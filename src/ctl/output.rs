//! Writing results: text for people, JSON for programs, colours where they belong.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::cli::When;
use crate::failure::Failure;

/// Writes text to standard output.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever has closed the other end of the pipe has read enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(unwritable(&error)),
        _ => Ok(()),
    }
}

/// Writes one JSON document to standard output.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|error| unwritable(&error))?;
    print(&(text + "\n"))
}

/// Tells something beside the result: a touch to give, a token that was left out. A standard
/// error that is closed stops nothing.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn unwritable(error: &dyn std::error::Error) -> Failure {
    Failure::new(
        oathd_client::ExitCode::Refused,
        "Output",
        format!("The result cannot be written: {error}."),
        "Look at where the output goes.",
    )
}

/// Whether to colour standard output.
pub(crate) fn colours(when: When) -> bool {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb");
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto => wanted && io::stdout().is_terminal(),
    }
}

/// `text` in bold, if `colour`.
pub(crate) fn bold(text: &str, colour: bool) -> String {
    match colour {
        true => format!("\x1b[1m{text}\x1b[0m"),
        false => text.to_owned(),
    }
}

/// `text` dimmed, if `colour`.
pub(crate) fn dim(text: &str, colour: bool) -> String {
    match colour {
        true => format!("\x1b[2m{text}\x1b[0m"),
        false => text.to_owned(),
    }
}

/// A number and what it counts, such as `1 account` and `2 accounts`.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// `text` without anything that could steer a terminal.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// How many cells of a terminal `text` takes: a letter takes none, one or two.
fn cells(text: &str) -> usize {
    ratatui::text::Span::raw(text).width()
}

/// Lines of left-aligned columns, two spaces apart, with nothing at their ends.
pub(crate) fn columns(rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let texts = rows.iter().filter_map(|row| row.get(column));
        texts.map(|text| cells(text)).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..rows.iter().map(Vec::len).max().unwrap_or(0))
        .map(width)
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (text, width) in row.iter().zip(&widths) {
            line += text;
            line += &" ".repeat(width.saturating_sub(cells(text)) + 2);
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_leave_no_blanks() {
        let rows = [
            vec!["Ähre".to_owned(), "1".to_owned(), String::new()],
            vec!["b".to_owned(), "22".to_owned(), "x".to_owned()],
        ];
        assert_eq!(columns(&rows), "Ähre  1\nb     22  x\n");
        let wide = ["日本", "a\u{301}b", "c"].map(|id| vec![id.to_owned(), "1".to_owned()]);
        assert_eq!(columns(&wide), "日本  1\na\u{301}b    1\nc     1\n");
        assert_eq!(columns(&[]), "");
    }

    #[test]
    fn one_is_counted_in_the_singular() {
        let counts = [0, 1, 2].map(|count| counted(count, "entry", "entries"));
        assert_eq!(counts, ["0 entries", "1 entry", "2 entries"]);
    }

    #[test]
    fn what_steers_a_terminal_is_replaced() {
        assert_eq!(harmless("a\x1b[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    }
}
