//! The clock, which codes are made from.

use super::{Facts, Finding};

pub(super) fn rules(facts: &Facts) -> Vec<Finding> {
    const SYNCHRONISE: &str = "`timedatectl set-ntp true`";
    let trusted = facts.diagnosis.as_ref().map(|seen| seen.clock_trusted);
    let finding = match (trusted, facts.synchronised) {
        (Some(false), _) => Finding::problem(
            "clock",
            "oathd does not believe the clock of this host, and refuses codes that are made from time.",
            format!("{SYNCHRONISE}; once `date` is right, `oathctl admin trust-clock`."),
        ),
        (_, Some(false)) => Finding::warning(
            "clock",
            "No time service keeps the clock right: once it is 30 seconds off, codes are refused.",
            SYNCHRONISE,
        ),
        (_, Some(true)) => Finding::ok("clock", "A time service keeps the clock right."),
        (Some(true), None) => Finding::note(
            "clock",
            "oathd believes the clock, but nobody says whether a time service keeps it right.",
            "`timedatectl` needs systemd-timedated; compare `date` with another clock.",
        ),
        (None, None) => return Vec::new(),
    };
    vec![finding]
}
