//! `oathctl status`.

use std::collections::HashMap;

use oathd_client::{
    AccountRecord, ChannelRecord, FactorRecord, RecoveryRecord, StatusRecord, VerifyOptions,
};
use serde_json::Value;

use crate::cli::account::AccountArg;
use crate::failure::Failure;
use crate::session::Session;
use crate::{output, records, ways, when};

/// Shows what an account has.
pub(crate) async fn run(session: &Session, args: &AccountArg) -> Result<(), Failure> {
    let (client, name) = (&session.client, args.account.as_str());
    let options = VerifyOptions::default();
    let status = client.verifier().status(name, &options).await?;
    let account = client.accounts().describe(name).await?;
    let deprecated = match &account.recovery {
        Some(set) if set.codes.iter().any(|code| code.legacy) => client.deprecated().await?,
        _ => HashMap::new(),
    };
    if session.global.json {
        let mut all = records::account(&account);
        if let (Some(all), Value::Object(more)) = (all.as_object_mut(), records::status(&status)) {
            all.extend(more);
        }
        return output::print_json(&all);
    }
    let mut text = text(&status, &account, session.colour);
    if let Some(new) = deprecated.get("legacy_recovery") {
        text += &deprecated_line(new);
    }
    output::print(&text)
}

fn deprecated_line(new: &str) -> String {
    format!(
        "Recovery codes that were imported are weak and will go; {} codes replace them: \
         `oathctl recovery new`.\n",
        output::harmless(new)
    )
}

fn text(status: &StatusRecord, account: &AccountRecord, colour: bool) -> String {
    let mut text = output::bold(&output::harmless(&status.account), colour);
    text += match status.enrolled {
        true => ": the second factor is on\n",
        false => ": the second factor is off\n",
    };
    let mut add = |rows: &[Vec<String>]| text += &indented(&output::columns(rows));
    add(&account.factors.iter().map(factor_row).collect::<Vec<_>>());
    add(&account.channels.iter().map(channel_row).collect::<Vec<_>>());
    if let Some(set) = &account.recovery {
        text += &format!("  {}\n", recovery_line(set));
    }
    if let Some(issued) = account.api_key_issued {
        text += &format!("  API key of {}\n", when::date(issued));
    }
    match account.sessions {
        0 => {}
        1 => text += "  one session\n",
        several => text += &format!("  {several} sessions\n"),
    }
    if let Some(rescue) = &account.rescue {
        text += &format!(
            "An administrator (uid {}) opened a rescue on {}: {}\nIf you did not ask for it: \
             `oathctl admin cancel-rescue`.\n",
            rescue.by,
            when::time(rescue.opened),
            output::harmless(&rescue.reason)
        );
    }
    if let Some(line) = requirement(status) {
        text += &format!("{line}\n");
    }
    for concern in &status.concerns {
        text += &format!("{}\n", ways::concern(concern));
    }
    text
}

/// What the policy asks, where it is not plain from the rest.
fn requirement(status: &StatusRecord) -> Option<String> {
    match (status.requirement.as_str(), status.requirement_until) {
        ("enrol_first", _) => Some("A second factor is asked of you: `oathctl enroll`.".to_owned()),
        ("not_asked_until", Some(until)) => Some(format!(
            "From {} on a second factor is asked of you: `oathctl enroll`.",
            when::time(until)
        )),
        ("not_asked", _) if !status.enrolled => Some("`oathctl enroll` switches it on.".to_owned()),
        _ => None,
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// A factor in a line of columns.
pub(super) fn factor_row(factor: &FactorRecord) -> Vec<String> {
    let place = match factor.custody.as_str() {
        "token" => "on token",
        _ => "sealed",
    };
    let kind = match factor.kind.as_str() {
        "hotp" => format!("HOTP, {} digits", factor.digits),
        "clocked" => format!("a token with a clock, {} digits", factor.digits),
        _ => format!("TOTP, {} digits", factor.digits),
    };
    let mut notes = vec![factor.role.clone()];
    if factor.state != "active" {
        notes.push(output::harmless(&factor.state));
    }
    if factor.presence {
        notes.push("proves presence".to_owned());
    }
    notes.push(match factor.last_used {
        Some(used) => format!("last used {}", when::date(used)),
        None => "not used yet".to_owned(),
    });
    notes.extend(end(factor.not_after));
    vec![
        factor.id.to_string(),
        match factor.label.as_str() {
            "" => "–".to_owned(),
            label => output::harmless(label),
        },
        place.to_owned(),
        kind,
        notes.join(", "),
    ]
}

/// A channel in a line of columns.
pub(super) fn channel_row(channel: &ChannelRecord) -> Vec<String> {
    let mut notes = vec![match channel.verified {
        Some(verified) => format!("verified {}", when::date(verified)),
        None => format!("not verified: `oathctl channel confirm {}`", channel.id),
    }];
    notes.extend(end(channel.not_after));
    vec![
        channel.id.to_string(),
        output::harmless(&channel.kind),
        output::harmless(&channel.address),
        notes.join(", "),
    ]
}

fn end(not_after: Option<u64>) -> Option<String> {
    not_after.map(|end| format!("ends {}", when::time(end)))
}

/// A set of recovery codes in a line.
pub(super) fn recovery_line(set: &RecoveryRecord) -> String {
    let mut line = format!(
        "{} of {} recovery codes left, made on {}",
        set.left,
        set.codes.len(),
        when::date(set.created)
    );
    if set.suspended {
        line += ", waiting to be renewed";
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use oathd_client::ConcernRecord;

    #[test]
    fn the_status_names_what_is_there_and_what_to_do() {
        let status = StatusRecord {
            account: "ada@local".into(),
            enrolled: true,
            requirement: "asked".into(),
            concerns: vec![ConcernRecord {
                kind: "single_factor".into(),
                ..Default::default()
            }],
            ..Default::default()
        };
        let account = AccountRecord {
            factors: vec![FactorRecord {
                id: 1,
                label: "red\x1bkey".into(),
                custody: "sealed".into(),
                kind: "totp".into(),
                digits: 6,
                role: "primary".into(),
                state: "suspended".into(),
                ..Default::default()
            }],
            channels: vec![ChannelRecord {
                id: 2,
                kind: "sms".into(),
                address: "+43…67".into(),
                ..Default::default()
            }],
            recovery: Some(RecoveryRecord {
                left: 3,
                ..Default::default()
            }),
            ..Default::default()
        };
        let shown = text(&status, &account, false);
        assert_eq!(
            shown,
            "ada@local: the second factor is on\n  \
             1  red\u{fffd}key  sealed  TOTP, 6 digits  primary, suspended, not used yet\n  \
             2  sms  +43…67  not verified: `oathctl channel confirm 2`\n  \
             3 of 0 recovery codes left, made on 1970-01-01\n\
             One factor is all there is: enrol a second token with `oathctl enroll --role backup`.\n"
        );
    }

    #[test]
    fn what_will_go_says_what_replaces_it() {
        let said = deprecated_line("recovery");
        assert!(said.contains("will go; recovery codes replace them: `oathctl recovery new`"));
    }

    #[test]
    fn what_the_policy_asks_is_said_where_it_matters() {
        let status = |requirement: &str, until| StatusRecord {
            requirement: requirement.into(),
            requirement_until: until,
            ..Default::default()
        };
        for (asked, until) in [("enrol_first", None), ("not_asked_until", Some(86_400))] {
            let said = requirement(&status(asked, until)).unwrap();
            assert!(said.contains("asked of you"), "{said}");
        }
        assert_eq!(requirement(&status("asked", None)), None);
    }
}
