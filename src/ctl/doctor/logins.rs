//! The logins of this host: where the second factor is asked for, and what lets in without it.

use std::collections::BTreeMap;

use super::{Facts, Finding, Verdict, listed, ssh};
use crate::output::harmless;
use crate::pam_stack::Line;
use crate::pam_stack::run::{self, is_first_factor};

/// The logins of this host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Logins {
    /// The services of PAM.
    pub(crate) services: Vec<Login>,
    /// The file of pam_oathd is there.
    pub(crate) has_module: bool,
    /// The profile is on trial.
    pub(crate) on_trial: bool,
}

/// A service of PAM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) name: String,
    /// Its auth stack.
    pub(crate) lines: Vec<Line>,
}

/// The services by which people come in or become somebody else. Others, such as that of cron, let
/// in nobody who types something.
const WAYS_IN: [&str; 19] = [
    "cockpit",
    "gdm-fingerprint",
    "gdm-password",
    "gdm-smartcard",
    "greetd",
    "i3lock",
    "kde",
    "lightdm",
    "login",
    "lxdm",
    "polkit-1",
    "sddm",
    "sshd",
    "su",
    "su-l",
    "sudo",
    "sudo-i",
    "swaylock",
    "xscreensaver",
];

const MANUAL: &str = "the stacks that hold are in `man pam_oathd`; `oathctl pam status` shows all";

pub(super) fn rules(facts: &Facts) -> Vec<Finding> {
    let Some(logins) = &facts.logins else {
        return Vec::new();
    };
    let asks = |login: &&Login| login.lines.iter().any(Line::is_oathds);
    let (asking, silent): (Vec<_>, Vec<_>) = logins.services.iter().partition(asks);
    if asking.is_empty() {
        let enrolled = facts.status.as_ref().is_some_and(|status| status.enrolled);
        let what = "No login of this host asks for the second factor.";
        return vec![match enrolled {
            true => Finding::note("pam", what, "`sudo oathctl pam enable --try`"),
            false => Finding::ok("pam", what),
        }];
    }
    let mut found = Vec::new();
    if !logins.has_module {
        found.push(Finding::problem(
            "pam",
            format!(
                "{} cannot let anybody in: pam_oathd.so is not installed.",
                listed(asking.iter().map(|login| login.name.as_str()))
            ),
            "`apt install libpam-oathd`, or `oathctl pam disable`",
        ));
    }
    found.extend(weaknesses(&asking));
    let open = silent.iter().map(|login| login.name.as_str());
    let open: Vec<_> = open.filter(|name| WAYS_IN.contains(name)).collect();
    if !open.is_empty() {
        found.push(Finding::note(
            "pam",
            format!(
                "Without the second factor one comes in by {}.",
                listed(open)
            ),
            format!("Add pam_oathd.so to /etc/pam.d of each; {MANUAL}."),
        ));
    }
    if logins.on_trial {
        found.push(Finding::warning(
            "pam",
            "The second factor at logins is on trial, and is taken back by itself.",
            "`oathctl pam confirm` keeps it.",
        ));
    }
    if found.iter().all(|finding| finding.verdict == Verdict::Note) {
        let names = asking.iter().map(|login| login.name.as_str());
        let names = names.filter(|name| WAYS_IN.contains(name));
        let passed = ssh::suffices_where_it_should_not(facts);
        let names = names.filter(|name| !passed || *name != "sshd");
        found.insert(
            0,
            Finding::ok(
                "pam",
                format!("Nobody comes past the second factor at {}.", listed(names)),
            ),
        );
    }
    found
}

/// What is weak in the stacks, each told once with all services that share it.
fn weaknesses(asking: &[&Login]) -> Vec<Finding> {
    let mut shared: BTreeMap<(Verdict, String, String), Vec<&str>> = BTreeMap::new();
    for login in asking {
        for weakness in of_stack(&login.name, &login.lines) {
            shared.entry(weakness).or_default().push(&login.name);
        }
    }
    let found = shared.into_iter().rev();
    found
        .map(|((verdict, what, remedy), services)| {
            let what = format!("{}: {what}", listed(services));
            Finding::new("pam", verdict, what, remedy)
        })
        .collect()
}

fn of_stack(service: &str, lines: &[Line]) -> Vec<(Verdict, String, String)> {
    let verdict = run::examine(lines);
    let order =
        format!("Put the line of pam_oathd.so before it, or let it jump to that line; {MANUAL}.");
    let mut found = Vec::new();
    for line in &verdict.bypasses {
        let shown = harmless(&line.named());
        let kind = match line.module.rsplit('/').next().unwrap_or_default() {
            // Root becomes anybody anyway, and the group is there to be exempt.
            "pam_rootok.so" => continue,
            "pam_succeed_if.so" if line.arguments.contains("oathd-exempt") => continue,
            _ if is_first_factor(line) => Verdict::Problem,
            _ => Verdict::Warning,
        };
        let what = format!("`{shown}` lets in without the second factor.");
        found.push((kind, what, order.clone()));
    }
    if verdict.toothless {
        found.push((
            Verdict::Problem,
            "a second factor that is refused, or cannot be checked, does not stop the login."
                .to_owned(),
            format!("Make the control of pam_oathd.so `required`; {MANUAL}."),
        ));
    }
    if verdict.alone {
        found.push((
            Verdict::Problem,
            "a code lets in although the password is wrong.".to_owned(),
            format!("Make the line of the password `requisite`; {MANUAL}."),
        ));
    }
    if verdict.unguarded {
        // What sshd asked for before, such as a key, is not seen here.
        let (kind, first) = match service {
            "sshd" => (
                Verdict::Note,
                "See that `sshd -T` shows `AuthenticationMethods publickey,keyboard-interactive`",
            ),
            _ => (Verdict::Problem, "Put the line of the password before"),
        };
        found.push((
            kind,
            "whoever has no second factor is asked for nothing.".to_owned(),
            format!("{first}, or write `pam_oathd.so deny_unenrolled`; {MANUAL}."),
        ));
    }
    if verdict.shut {
        found.push((
            Verdict::Problem,
            "nobody is let in, whatever is typed.".to_owned(),
            format!("Keep a root shell open and `oathctl pam disable`; {MANUAL}."),
        ));
    }
    found
}
