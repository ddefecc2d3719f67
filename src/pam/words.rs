//! Sentences that are put together.

use zeroize::Zeroizing;

use crate::outcome::{Receipt, Status, Way};

/// Recovery codes at which their owner is warned.
const FEW_CODES: u32 = 3;

/// What is told at the prompt to whoever asks for help before anything is known of the account.
pub(crate) const STRANGERS_HELP: &str = "Type the code that your authenticator or token shows, or a \
recovery code. `send` has a code sent to you, and nothing but Enter lets you touch your token, \
where that is set up.";

/// A day, as `2026-11-24`, in UTC.
pub(crate) fn date(unix_seconds: u64) -> String {
    // Days are counted from 0000-03-01, so that the leap day ends a year (Gregorian calendar,
    // 400 years are 146,097 days).
    let days = unix_seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    format!(
        "{:04}-{month:02}-{day_of_month:02}",
        era * 400 + year + next
    )
}

/// A span, as `1 second` or `125 seconds`.
pub(crate) fn seconds(count: u64) -> String {
    match count {
        1 => "1 second".to_owned(),
        count => format!("{count} seconds"),
    }
}

/// The ways that are open, in one sentence, and whom to ask.
pub(crate) fn ways(status: &Status, may_touch: bool) -> String {
    let open: Vec<String> = status
        .ways
        .iter()
        .filter(|way| way.kind != "presence" || may_touch)
        .filter_map(way)
        .collect();
    let mut text = if open.is_empty() {
        "No way in is open: ask an administrator.".to_owned()
    } else {
        format!("Open: {}.", open.join("; "))
    };
    if let Some(contact) = &status.support_contact {
        text.push_str(&format!(" Support: {contact}"));
    }
    text
}

fn way(way: &Way) -> Option<String> {
    let label = way.label.as_deref().filter(|label| !label.is_empty());
    let named = |words: &str| match label {
        Some(label) => format!("{words} ({label})"),
        None => words.to_owned(),
    };
    let text = match way.kind.as_str() {
        "code" => named("a code"),
        "presence" => named("Enter, and a touch of the token"),
        "recovery" => match way.left {
            Some(left) => format!("a recovery code ({left} left)"),
            None => "a recovery code".to_owned(),
        },
        "out_of_band" => match way.id {
            Some(id) => named(&format!("`send {id}` for a code")),
            None => named("`send` for a code"),
        },
        "bypass" => "the code that an administrator gave you".to_owned(),
        "administrator" => "an administrator, with `oathctl admin rescue`".to_owned(),
        // A session is no way in at a prompt, and a kind that is unknown cannot be explained.
        _ => return None,
    };
    Some(match way.wait {
        0 => text,
        wait => format!("{text} in {}", seconds(wait)),
    })
}

/// What the owner has to know after being let in; one text a line, wiped as a code may be in it.
pub(crate) fn after_success(receipt: &Receipt) -> Vec<Zeroizing<String>> {
    let mut texts = Vec::new();
    if let Some(replacement) = &receipt.replacement {
        texts.push(Zeroizing::new([USED_UP, replacement.reveal()].concat()));
    } else if let Some(left) = receipt
        .recovery_codes_left
        .filter(|left| *left <= FEW_CODES)
    {
        texts.push(Zeroizing::new(format!(
            "Recovery codes left: {left}. Make new ones with `oathctl recovery new`."
        )));
    }
    if receipt.must_reenrol {
        texts.push(Zeroizing::new(REENROL.to_owned()));
    }
    texts
}

/// Before the replacement of a recovery code.
const USED_UP: &str = "That recovery code is used up. Write down the one that takes its place: ";

/// For the owner who came in by a way back.
pub(crate) const REENROL: &str =
    "You came in by a way back. Enrol your new factor with `oathctl replace`.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Requirement;
    use crate::secret::Secret;
    use proptest::prelude::*;

    #[test]
    fn days_have_their_dates() {
        for (at, day) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_798_761_599, "2026-12-31"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(date(at), day);
        }
    }

    proptest! {
        #[test]
        fn later_days_have_later_dates(day in 0u64..2_900_000) {
            prop_assert!(date(day * 86_400) < date((day + 1) * 86_400));
            prop_assert_eq!(date(day * 86_400), date(day * 86_400 + 86_399));
        }
    }

    fn open(kind: &str) -> Way {
        Way {
            kind: kind.to_owned(),
            ..Way::default()
        }
    }

    #[test]
    fn a_touch_is_offered_to_those_alone_who_can_give_it() {
        let status = Status {
            requirement: Requirement::Asked,
            must_reenrol: false,
            ways: vec![open("code"), open("presence"), open("unheard of")],
            support_contact: Some("help@example.org".to_owned()),
        };
        assert_eq!(
            ways(&status, true),
            "Open: a code; Enter, and a touch of the token. Support: help@example.org"
        );
        assert_eq!(
            ways(&status, false),
            "Open: a code. Support: help@example.org"
        );
    }

    #[test]
    fn whoever_used_a_recovery_code_is_given_its_replacement() {
        let receipt = Receipt {
            replacement: Some(Secret::new("9ZZZ-ZZZZ-ZZZZ-ZZZZ-ZG")),
            recovery_codes_left: Some(10),
            must_reenrol: true,
            ..Receipt::default()
        };
        let texts = after_success(&receipt);
        assert!(texts[0].ends_with("9ZZZ-ZZZZ-ZZZZ-ZZZZ-ZG"));
        assert_eq!(*texts[1], REENROL);
        assert!(after_success(&Receipt::default()).is_empty());
    }
}
