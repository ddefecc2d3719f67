//! polkit: whether it knows oathd's actions, and what it would say to the user who asks.

use super::{Facts, Finding};

/// What polkit tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    /// It answers.
    pub(crate) answers: bool,
    /// It knows the actions of oathd.
    pub(crate) knows_oathd: bool,
    /// Whether this user may have codes; root is not asked.
    pub(crate) codes: Option<Answer>,
    /// A program of this user that asks for passwords on behalf of polkit.
    pub(crate) has_agent: bool,
}

/// An answer of polkit's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Yes.
    Yes,
    /// After a password.
    Password,
    /// No.
    No,
}

pub(super) fn rules(facts: &Facts) -> Vec<Finding> {
    let Some(policy) = &facts.policy else {
        return Vec::new();
    };
    if !policy.answers {
        return vec![Finding::problem(
            "polkit",
            "polkit does not answer, so nobody but root may have codes or change anything.",
            "`systemctl start polkit.service`; where it is missing, `apt install polkitd`",
        )];
    }
    if !policy.knows_oathd {
        return vec![Finding::problem(
            "polkit",
            "polkit does not know the actions of oathd, and refuses them.",
            "`apt install --reinstall oathd` puts /usr/share/polkit-1/actions/org.oathd.oathd1.policy back.",
        )];
    }
    vec![match policy.codes {
        Some(Answer::No) => Finding::note(
            "polkit",
            "polkit refuses you codes: this is not the active session of a seat of this host.",
            "Ask from a session at the machine, or have a rule written: see NotAuthorized in /usr/share/doc/oathd/guide.md.",
        ),
        Some(Answer::Password) if !policy.has_agent => Finding::warning(
            "polkit",
            "polkit would ask for your password, and no program of yours is there to show the question.",
            "`pkttyagent --process $$ &` in this shell, or start the polkit agent of your desktop.",
        ),
        _ => Finding::ok("polkit", "polkit answers, and knows the actions of oathd."),
    }]
}
