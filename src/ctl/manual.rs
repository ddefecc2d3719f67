//! The manual pages of `oathctl`, from what its command line says of itself.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use clap::Command;
use clap_mangen::Man;

/// When the command line was last described anew.
const DATE: &str = "2026-11-24";

/// Writes the page of `command` and those of its subcommands into `directory`.
pub(crate) fn write(command: Command, directory: &Path) -> io::Result<()> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    pages(&command, directory)
}

fn pages(command: &Command, directory: &Path) -> io::Result<()> {
    for subcommand in command.get_subcommands() {
        pages(subcommand, directory)?;
    }
    let name = Man::new(command.clone()).get_filename();
    fs::write(directory.join(name), page(command)?)
}

/// The page of one command.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    let source = concat!("oathd ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).date(DATE).source(source);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    let usage = command.clone().render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage);
    verbatim(&mut page, "SYNOPSIS", usage)?;
    man.render_description_section(&mut page)?;
    let more = command.get_after_help().map(ToString::to_string);
    let mut parts: Vec<Part<'_>> = more.iter().flat_map(|more| parts(more)).collect();
    parts.sort();
    for part in &parts {
        if let Part::Text(text) = part {
            writeln!(page, ".PP\n{}", escaped(text))?;
        }
    }
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    for part in parts {
        match part {
            Part::Text(_) => {}
            Part::ExitStatus(text) => writeln!(page, ".SH \"EXIT STATUS\"\n{}", escaped(text))?,
            Part::Examples(lines) => verbatim(&mut page, "EXAMPLES", lines)?,
        }
    }
    let others = match command.get_name() {
        "oathctl" => "oathd(8), oathd.conf(5), org.oathd.Oathd1(5), pam_oathd(8)",
        _ => "oathctl(1), oathd(8)",
    };
    writeln!(page, ".SH \"SEE ALSO\"\n{others}")?;
    Ok(page)
}

/// A part of what is said after the options, in the order of a page.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    Text(&'a str),
    ExitStatus(&'a str),
    Examples(&'a str),
}

fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    text.split("\n\n").map(|part| {
        let examples = part.strip_prefix("Examples:\n");
        let examples = examples.or_else(|| part.strip_prefix("Example:\n"));
        match (examples, part.strip_prefix("Exit status: ")) {
            (Some(lines), _) => Part::Examples(lines),
            (None, Some(status)) => Part::ExitStatus(status),
            (None, None) => Part::Text(part),
        }
    })
}

/// A section whose lines stay as they are.
fn verbatim(page: &mut Vec<u8>, title: &str, lines: &str) -> io::Result<()> {
    writeln!(page, ".SH {title}\n.nf\n{}\n.fi", escaped(lines))
}

/// `text` with nothing in it that is taken for a request.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let lines = text
        .lines()
        .map(|line| match line.starts_with(['.', '\'']) {
            true => format!("\\&{line}"),
            false => line.to_owned(),
        });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_stay_as_they_are_and_text_describes() {
        let more = "Examples:\n  x code   a code\n           of one\n\n.It is\nso.\n\nExit status: 0 done.";
        let command = Command::new("x").about("Does it").after_help(more);
        let page = String::from_utf8(page(&command).unwrap()).unwrap();
        let (before, after) = page.split_once(".SH OPTIONS").unwrap();
        assert!(before.contains(".SH SYNOPSIS\n.nf\nx\n.fi\n"), "{page}");
        let description = ".SH DESCRIPTION\nDoes it\n.PP\n\\&.It is\nso.\n";
        assert!(before.contains(description), "{page}");
        let examples = ".SH EXAMPLES\n.nf\n  x code   a code\n           of one\n.fi\n";
        let status = ".SH \"EXIT STATUS\"\n0 done.\n";
        assert!(after.contains(&format!("{status}{examples}.SH")), "{page}");
    }
}
