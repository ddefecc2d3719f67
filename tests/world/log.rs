//! What the programs of a world printed.

use std::fs;
use std::path::Path;

/// Lines of each log shown when a test fails.
const SHOWN: usize = 150;

/// The text of `log`, empty when there is none.
pub(super) fn read(log: &Path) -> String {
    fs::read(log)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

/// Prints the end of every log in `folder` to stderr, where the test runner shows it.
#[expect(
    clippy::print_stderr,
    reason = "the test runner captures it and shows it with the failure"
)]
pub(super) fn print_all(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut logs: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    logs.sort();
    for log in logs {
        let text = read(&log);
        let lines: Vec<&str> = text.lines().collect();
        let start = lines.len().saturating_sub(SHOWN);
        eprintln!(
            "---- {} ({} lines)",
            log.file_name().unwrap_or_default().display(),
            lines.len()
        );
        for line in lines.get(start..).unwrap_or_default() {
            eprintln!("{line}");
        }
    }
}
