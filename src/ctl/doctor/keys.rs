//! The keys that oathd keeps for tokens: those that their tokens take no more.

use oathd_client::KeptKeyRecord;

use super::{Facts, Finding};
use crate::output::harmless;

pub(super) fn rules(facts: &Facts) -> Vec<Finding> {
    let Some(seen) = &facts.diagnosis else {
        return Vec::new();
    };
    let found: Vec<_> = seen
        .keys
        .iter()
        .filter_map(|key| stale(facts, key))
        .collect();
    match (found.is_empty(), seen.keys.len()) {
        (false, _) => found,
        (true, 0) => Vec::new(),
        (true, 1) => vec![Finding::ok(
            "kept_keys",
            "The key that is kept for a token is none that it refuses.",
        )],
        (true, count) => vec![Finding::ok(
            "kept_keys",
            format!("The {count} keys that are kept for tokens are none that they refuse."),
        )],
    }
}

fn stale(facts: &Facts, key: &KeptKeyRecord) -> Option<Finding> {
    let (token, paired) = (harmless(&key.token), key.kind == "paired");
    let whose = match key.uid == facts.uid {
        true => "you".to_owned(),
        false => format!("the user {}", key.uid),
    };
    let what = match paired {
        true => format!("the pairing of {token} with {whose}"),
        false => format!("the password of {token} that is remembered for {whose}"),
    };
    let forget = format!("`oathctl password forget --token {token}`");
    let pair = format!("`oathctl pair --token {token}`");
    let (sentence, remedy) = match (key.state.as_str(), paired) {
        ("refused", false) => (
            format!("The token has another password than {what}."),
            format!("`oathctl password remember --token {token}`, or {forget}"),
        ),
        ("refused", true) => (
            format!(
                "The token does not have the key of {what}: it was changed elsewhere, or this is another token."
            ),
            format!("`oathctl password unlock --token {token}` with its password, then {pair}"),
        ),
        ("open", false) => (
            format!("The token has no password any more, beside {what}."),
            forget,
        ),
        ("open", true) => (
            format!("The token has lost the key of {what}, and opens for everybody."),
            pair,
        ),
        ("reset", _) => (format!("The token was reset, which ended {what}."), pair),
        ("unreadable", _) => (
            format!("What is sealed of {what} does not open."),
            format!("{forget}, and unlock it anew; if it concerns every token, see the vault key."),
        ),
        _ => return None,
    };
    Some(Finding::warning("kept_keys", sentence, remedy))
}
