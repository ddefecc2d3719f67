//! oathd itself: whether it runs, and as what.

use super::{Facts, Finding};

/// oathd and its unit.
#[derive(Debug, Default)]
pub(crate) struct Service {
    /// Why oathd could not be asked: what happened, and what to do.
    pub(crate) failure: Option<(String, String)>,
    /// The version of the oathd that runs.
    pub(crate) version: Option<String>,
    /// The unit of oathd.
    pub(crate) unit: Option<Unit>,
    /// The socket by which pcscd is started.
    pub(crate) pcscd_socket: Option<Unit>,
}

/// A unit, as systemd tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unit {
    /// `loaded`, `not-found`, `masked`, …
    pub(crate) load: String,
    /// `active`, `inactive`, `failed`, …
    pub(crate) active: String,
    /// Its file was changed since it was read.
    pub(crate) needs_reload: bool,
    /// How often it was started again after a failure.
    pub(crate) restarts: u32,
}

const OWN: &str = env!("CARGO_PKG_VERSION");
const JOURNAL: &str = "`journalctl --unit=oathd.service --lines=50` says why.";

pub(super) fn rules(facts: &Facts) -> Vec<Finding> {
    let service = &facts.service;
    let mut found = Vec::new();
    if let Some((what, remedy)) = &service.failure {
        found.push(match &service.unit {
            Some(unit) if unit.load == "masked" => Finding::problem(
                "service",
                "oathd cannot be started: its unit is masked.",
                "`systemctl unmask oathd.service`",
            ),
            Some(unit) if unit.load == "not-found" => Finding::problem(
                "service",
                "oathd is not installed here.",
                "`apt install oathd`",
            ),
            Some(unit) if unit.active == "failed" => Finding::problem(
                "service",
                "oathd was started and ended by itself.",
                format!("{JOURNAL} `/usr/libexec/oathd --check` reads its settings alone."),
            ),
            _ => Finding::problem("service", what, remedy),
        });
    }
    match service.version.as_deref() {
        Some(OWN) if service.failure.is_none() => {
            found.push(Finding::ok("service", format!("oathd {OWN} runs.")));
        }
        Some(version) if version != OWN => found.push(Finding::warning(
            "service",
            format!(
                "oathctl is {OWN}, and the oathd that runs is {}.",
                crate::output::harmless(version)
            ),
            "`systemctl restart oathd.service`",
        )),
        _ => {}
    }
    if let Some(unit) = &service.unit {
        if unit.needs_reload {
            found.push(Finding::warning(
                "service",
                "The unit of oathd was changed and not read again.",
                "`systemctl daemon-reload && systemctl restart oathd.service`",
            ));
        }
        if unit.restarts > 0 {
            found.push(Finding::warning(
                "service",
                format!(
                    "oathd failed and was started again ({} times).",
                    unit.restarts
                ),
                JOURNAL,
            ));
        }
    }
    found
}
