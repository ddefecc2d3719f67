//! The account of the user who asks: whether its owner would come in again.

use oathd_client::{ConcernRecord, StatusRecord};

use super::{Facts, Finding};
use crate::output::harmless;

pub(super) fn rules(facts: &Facts) -> Vec<Finding> {
    let Some(status) = &facts.status else {
        return Vec::new();
    };
    let mut found = vec![factor(status)];
    if status.enrolled {
        found.push(recovery(status));
        found.extend(status.concerns.iter().filter_map(concern));
    }
    found
}

fn factor(status: &StatusRecord) -> Finding {
    let account = harmless(&status.account);
    let enroll = "`oathctl enroll`";
    match (status.enrolled, status.requirement.as_str()) {
        (true, _) if status.must_reenrol => Finding::warning(
            "factor",
            format!("{account} was entered by a way back, and has no factor that counts since."),
            enroll,
        ),
        (true, _) => Finding::ok("factor", format!("{account} has a second factor.")),
        (false, "enrol_first") => Finding::problem(
            "factor",
            format!(
                "{account} has no second factor, and the policy lets it in nowhere without one."
            ),
            enroll,
        ),
        (false, "not_asked_until") => Finding::warning(
            "factor",
            format!("{account} has no second factor, and the policy will ask for one."),
            enroll,
        ),
        (false, _) => Finding::note("factor", format!("{account} has no second factor."), enroll),
    }
}

fn recovery(status: &StatusRecord) -> Finding {
    let renew = "`oathctl recovery new`";
    match status.recovery_codes_left.unwrap_or(0) {
        0 => Finding::warning(
            "recovery_codes",
            "No recovery code is left: whoever loses the token stays outside.",
            renew,
        ),
        1 => Finding::warning("recovery_codes", "One recovery code is left.", renew),
        few @ 2..=3 => Finding::warning(
            "recovery_codes",
            format!("{few} recovery codes are left."),
            renew,
        ),
        left => Finding::ok("recovery_codes", format!("{left} recovery codes are left.")),
    }
}

/// What else its owner should look after. Codes, clock and re-enrolment are told above.
fn concern(concern: &ConcernRecord) -> Option<Finding> {
    let id = concern.id.unwrap_or_default();
    Some(match concern.kind.as_str() {
        "single_factor" => Finding::note(
            "factor",
            "One factor is all there is.",
            "`oathctl enroll --role backup` with a second token.",
        ),
        "unacknowledged_recovery_codes" => Finding::note(
            "recovery_codes",
            "Nobody has typed a recovery code back, so perhaps they are not written down.",
            "`oathctl recovery new`",
        ),
        "unseen" => Finding::note(
            "factor",
            format!("Factor {id} was not used for long."),
            format!(
                "See whether its token is still there: `oathctl verify`; else `oathctl factor suspend {id}`."
            ),
        ),
        "stale_address" => Finding::note(
            "factor",
            format!("Nobody has looked at the address of channel {id} for long."),
            format!("`oathctl channel send {id}`"),
        ),
        "ends" => Finding::warning(
            "factor",
            format!(
                "Factor or channel {id} ends within {} days.",
                concern.within_days.unwrap_or_default()
            ),
            "`oathctl replace`, or `oathctl channel add`",
        ),
        _ => return None,
    })
}
