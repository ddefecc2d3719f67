//! The ways into an account and what its owner should look after, as sentences.

use oathd_client::{ConcernRecord, StatusRecord, WayRecord};

use crate::{output, when};

/// The ways that are open, a line each, in the order to try.
pub(crate) fn lines(status: &StatusRecord) -> Vec<String> {
    status
        .ways
        .iter()
        .map(|way| {
            let mut line = sentence(way, &status.account);
            if way.wait > 0 {
                line += &format!(" – in {}", when::duration(way.wait));
            }
            if let Some(end) = way.not_after {
                line += &format!(" (until {})", when::date(end));
            }
            line
        })
        .collect()
}

fn sentence(way: &WayRecord, account: &str) -> String {
    let label = way.label.as_deref().filter(|label| !label.is_empty());
    let of = label.map_or_else(
        || match way.id {
            Some(id) => format!("factor {id}"),
            None => "your token".to_owned(),
        },
        output::harmless,
    );
    match way.kind.as_str() {
        "code" => format!("a code of {of}"),
        "presence" => format!("a touch of {of}: `oathctl verify --presence`"),
        "recovery" => {
            let left = way.left.map(|n| format!(" ({n} left)")).unwrap_or_default();
            format!("a recovery code{left}, typed in the place of a code")
        }
        "out_of_band" => {
            let id = way.id.map(|id| id.to_string()).unwrap_or_default();
            format!("a code sent to {of}: `oathctl channel send {id}`")
        }
        "session" => "an open session that your second factor opened: `oathctl replace` or \
             `oathctl disable` in it"
            .to_owned(),
        "bypass" => "the bypass code that an administrator has given you".to_owned(),
        "administrator" => {
            format!(
                "an administrator, who makes sure that it is you: `oathctl admin rescue {account} REASON`"
            )
        }
        other => output::harmless(other),
    }
}

/// What an owner should look after, in a sentence that ends with what to do.
pub(crate) fn concern(concern: &ConcernRecord) -> String {
    let id = concern.id.map(|id| id.to_string()).unwrap_or_default();
    let left = concern.left.unwrap_or_default();
    match concern.kind.as_str() {
        "must_reenrol" => "You came in by a way back: enrol a factor with `oathctl enroll`.".into(),
        "clock_untrusted" => {
            "The clock of this host cannot be trusted: codes made from time are refused until it is set.".into()
        }
        "no_recovery_codes" => "No recovery code is left: `oathctl recovery new`.".into(),
        "renew_recovery_codes" => {
            format!("Recovery codes should be renewed ({left} left): `oathctl recovery new`.")
        }
        "unacknowledged_recovery_codes" => {
            "Nobody has typed a recovery code back: if they are not written down, `oathctl recovery new`.".into()
        }
        "single_factor" => {
            "One factor is all there is: enrol a second token with `oathctl enroll --role backup`.".into()
        }
        "unseen" => format!("Factor {id} was not used for long: see whether its token is still there."),
        "stale_address" => format!("See whether the address of channel {id} is still yours."),
        "ends" => {
            let days = concern.within_days.unwrap_or_default();
            format!("Factor or channel {id} ends within {days} days.")
        }
        other => output::harmless(other),
    }
}

/// What to say beside the ways when somebody cannot get in.
pub(crate) fn advice(status: &StatusRecord) -> Vec<String> {
    let mut lines = vec![
        "Do not reset the password: a new one opens none of these ways, and the old one is not what is missing."
            .to_owned(),
    ];
    if !status.clock_trusted {
        lines.push("Codes made from time are refused until the clock of this host is set.".into());
    }
    if let Some(contact) = &status.support_contact {
        lines.push(format!("Help: {}", output::harmless(contact)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(kind: &str) -> WayRecord {
        WayRecord {
            kind: kind.into(),
            id: Some(3),
            ..WayRecord::default()
        }
    }

    #[test]
    fn every_way_is_a_sentence_of_its_own() {
        let kinds = [
            "code",
            "presence",
            "recovery",
            "out_of_band",
            "session",
            "bypass",
            "administrator",
        ];
        let status = StatusRecord {
            account: "ada@local".into(),
            ways: kinds.map(way).into(),
            ..StatusRecord::default()
        };
        let lines = lines(&status);
        for (line, kind) in lines.iter().zip(kinds) {
            assert!(line.contains(' ') && line != kind, "{line}");
            assert_eq!(lines.iter().filter(|other| *other == line).count(), 1);
        }
        assert_eq!(
            lines[3],
            "a code sent to factor 3: `oathctl channel send 3`"
        );
    }

    #[test]
    fn a_way_tells_how_long_to_wait_and_steers_no_terminal() {
        let mut code = way("code");
        code.label = Some("my\x1bkey".into());
        code.wait = 90;
        code.not_after = Some(0);
        let status = StatusRecord {
            ways: vec![code],
            ..StatusRecord::default()
        };
        assert_eq!(
            lines(&status),
            ["a code of my\u{fffd}key – in 1 min 30 s (until 1970-01-01)"]
        );
    }

    #[test]
    fn who_is_locked_out_is_told_to_leave_the_password_alone() {
        let mut status = StatusRecord {
            clock_trusted: true,
            support_contact: Some("desk 7".into()),
            ..StatusRecord::default()
        };
        assert!(advice(&status)[0].starts_with("Do not reset the password"));
        assert_eq!(advice(&status)[1], "Help: desk 7");
        status.clock_trusted = false;
        assert_eq!(advice(&status).len(), 3);
    }

    #[test]
    fn every_concern_says_what_to_do() {
        for kind in [
            "must_reenrol",
            "clock_untrusted",
            "no_recovery_codes",
            "renew_recovery_codes",
            "unacknowledged_recovery_codes",
            "single_factor",
            "unseen",
            "stale_address",
            "ends",
        ] {
            let record = ConcernRecord {
                kind: kind.into(),
                ..ConcernRecord::default()
            };
            let said = concern(&record);
            assert!(said.ends_with('.') && said.len() > kind.len(), "{said}");
        }
    }
}
