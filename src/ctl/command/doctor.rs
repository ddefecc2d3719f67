//! `oathctl doctor`.

use oathd_client::ExitCode;
use serde_json::{Value, json};

use crate::cli::{DoctorArgs, Global};
use crate::doctor::{self, Finding, Verdict};
use crate::failure::Failure;
use crate::output;

/// The width of the longest verdict, and a gap.
const INDENT: usize = 9;

/// Shows what is found; fails where there is a problem.
pub(crate) async fn run(global: &Global, args: &DoctorArgs) -> Result<(), Failure> {
    let (in_json, colour) = (global.json, output::colours(global.color));
    let facts = doctor::gather(global.clone()).await;
    let mut found = doctor::examine(&facts);
    let problems = found
        .iter()
        .filter(|finding| finding.verdict == Verdict::Problem)
        .count();
    if args.quiet {
        found.retain(|finding| finding.verdict > Verdict::Ok);
    }
    let checks: Vec<_> = found.iter().map(record).collect();
    if !in_json {
        let text: String = found.iter().map(|finding| lines(finding, colour)).collect();
        output::print(&text)?;
    } else if problems == 0 {
        output::print_json(&json!({ "checks": checks }))?;
    }
    match problems {
        0 => Ok(()),
        _ => Err(failure(problems).with("checks", checks)),
    }
}

fn failure(problems: usize) -> Failure {
    let message = match problems {
        1 => "One problem was found.".to_owned(),
        several => format!("{several} problems were found."),
    };
    Failure::new(
        ExitCode::Refused,
        "ProblemsFound",
        message,
        "What to do about each is told with it.",
    )
}

fn record(finding: &Finding) -> Value {
    json!({
        "check": finding.check,
        "verdict": finding.verdict.word(),
        "finding": finding.finding,
        "remedy": finding.remedy,
    })
}

fn lines(finding: &Finding, colour: bool) -> String {
    let word = format!("{:INDENT$}", finding.verdict.word());
    let word = match finding.verdict {
        Verdict::Ok => output::dim(&word, colour),
        Verdict::Note => word,
        Verdict::Warning | Verdict::Problem => output::bold(&word, colour),
    };
    let remedy = finding.remedy.as_ref();
    let remedy = remedy.map(|remedy| format!("{:INDENT$}{remedy}\n", ""));
    format!("{word}{}\n{}", finding.finding, remedy.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_told_to_people_and_programs() {
        let problem = Finding {
            check: "pcscd",
            verdict: Verdict::Problem,
            finding: "It hangs.".to_owned(),
            remedy: Some("`systemctl restart pcscd.service`".to_owned()),
        };
        let shown = "problem  It hangs.\n         `systemctl restart pcscd.service`\n";
        assert_eq!(lines(&problem, false), shown);
        let well = Finding {
            verdict: Verdict::Ok,
            remedy: None,
            ..problem.clone()
        };
        assert_eq!(lines(&well, false), "ok       It hangs.\n");
        assert_eq!(record(&well)["remedy"], Value::Null);
        assert_eq!(record(&problem)["verdict"], "problem");
        assert_eq!(failure(1).message, "One problem was found.");
        assert_eq!(u8::from(failure(2).code), 1);
    }
}
