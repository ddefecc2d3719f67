//! What of this host could not be looked at.

use super::{Facts, Finding};

pub(super) fn rules(facts: &Facts) -> Vec<Finding> {
    let hangs = |what: &&str| {
        Finding::problem(
            "host",
            format!("{what} cannot be read: whoever tries hangs, and so may a login."),
            "`journalctl --dmesg --lines=50` names a disk or a server that is gone; `findmnt` shows what is mounted.",
        )
    };
    facts.late.iter().map(hangs).collect()
}
