//! `oathctl doctor`: what stands in the way of codes and logins on this host, and what to do about
//! it. Facts come in from [`gather`](mod@gather); the rules that make findings of them are pure, and
//! each subject has a file of its own.

mod account;
mod cards;
mod clock;
mod gather;
mod host;
mod keys;
mod logins;
mod policy;
mod scdaemon;
mod service;
mod settings;
mod ssh;
mod state;

use oathd_client::{DiagnosisRecord, StatusRecord};

pub(crate) use gather::gather;

use crate::output::harmless;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// All is well.
    Ok,
    /// Worth knowing, and nothing must be done.
    Note,
    /// Something will go wrong, or is weaker than it looks.
    Warning,
    /// Something does not work, or is open.
    Problem,
}

impl Verdict {
    /// As people and programs read it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Note => "note",
            Verdict::Warning => "warning",
            Verdict::Problem => "problem",
        }
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The check; a stable name for programs.
    pub(crate) check: &'static str,
    pub(crate) verdict: Verdict,
    /// What is so, in one sentence.
    pub(crate) finding: String,
    /// What to do about it, with the command; nothing where all is well.
    pub(crate) remedy: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, finding: impl Into<String>) -> Finding {
        Finding {
            check,
            verdict: Verdict::Ok,
            finding: finding.into(),
            remedy: None,
        }
    }

    fn new(
        check: &'static str,
        verdict: Verdict,
        finding: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Finding {
        Finding {
            check,
            verdict,
            finding: finding.into(),
            remedy: Some(remedy.into()),
        }
    }

    fn note(check: &'static str, finding: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding::new(check, Verdict::Note, finding, remedy)
    }

    fn warning(
        check: &'static str,
        finding: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Finding {
        Finding::new(check, Verdict::Warning, finding, remedy)
    }

    fn problem(
        check: &'static str,
        finding: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Finding {
        Finding::new(check, Verdict::Problem, finding, remedy)
    }
}

/// Everything that the rules judge. What is `None` could not be found out, or is not there.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Who asks.
    pub(crate) uid: u32,
    /// oathd and its unit.
    pub(crate) service: service::Service,
    /// What oathd sees.
    pub(crate) diagnosis: Option<DiagnosisRecord>,
    /// polkit; `None` where the bus is none that asks it.
    pub(crate) policy: Option<policy::Policy>,
    /// What of this host was not read in time.
    pub(crate) late: Vec<&'static str>,
    /// GnuPG's smart card daemon.
    pub(crate) scdaemon: Option<scdaemon::Scdaemon>,
    /// How `/proc` hides the processes of others, where it does.
    pub(crate) hidepid: Option<String>,
    /// What timedated says: a time service keeps the clock right.
    pub(crate) synchronised: Option<bool>,
    /// The logins of this host.
    pub(crate) logins: Option<logins::Logins>,
    /// sshd lets in by a key alone.
    pub(crate) ssh_key_suffices: bool,
    /// The account of the user who asks.
    pub(crate) status: Option<StatusRecord>,
}

/// Applies every rule, in the order in which one rests on another.
pub(crate) fn examine(facts: &Facts) -> Vec<Finding> {
    let rules: [fn(&Facts) -> Vec<Finding>; 12] = [
        host::rules,
        service::rules,
        settings::rules,
        policy::rules,
        cards::rules,
        scdaemon::rules,
        clock::rules,
        state::rules,
        keys::rules,
        account::rules,
        logins::rules,
        ssh::rules,
    ];
    rules.iter().flat_map(|rule| rule(facts)).collect()
}

/// Names in a sentence.
fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().map(harmless).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => "others".to_owned(),
    }
}

#[cfg(test)]
mod tests;
