//! The settings: whether oathd could start with them, and whom they name that is not there.

use super::{Facts, Finding, listed};
use crate::output::harmless;

const RELOAD: &str = "`systemctl reload oathd.service`";

pub(super) fn rules(facts: &Facts) -> Vec<Finding> {
    let Some(seen) = facts.diagnosis.as_ref().filter(|seen| seen.complete) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if let Some(detail) = &seen.settings_detail {
        found.push(Finding::problem(
            "settings",
            format!(
                "The settings on the disk cannot be read ({}): oathd goes on with those before, and would not start again.",
                harmless(detail)
            ),
            format!("Mend the file, then {RELOAD}."),
        ));
    }
    let groups = seen.unknown_groups.as_deref().unwrap_or_default();
    if let Some(first) = groups.first() {
        found.push(Finding::warning(
            "settings",
            format!(
                "The settings ask something of members of {}, and this host has no such group: it is asked of nobody.",
                listed(groups.iter().map(String::as_str))
            ),
            format!(
                "`groupadd --system {}`, or mend the name in the settings, then {RELOAD}.",
                harmless(first)
            ),
        ));
    }
    let realms = seen.unserved_realms.as_deref().unwrap_or_default();
    if !realms.is_empty() {
        found.push(Finding::warning(
            "settings",
            format!(
                "The accounts of {} are served to root alone: this host has no user of the name in the file of the realm.",
                listed(realms.iter().map(String::as_str))
            ),
            format!("Make the user, or mend the file in /etc/oathd/realms.d, then {RELOAD}."),
        ));
    }
    if found.is_empty() {
        found.push(Finding::ok(
            "settings",
            "The settings can be read, and whom they name is there.",
        ));
    }
    found
}
