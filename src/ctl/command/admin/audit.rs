//! `oathctl admin audit`.

use oathd_client::{AuditRecord, ExitCode};
use serde_json::{Value, json};

use super::pages;
use crate::cli::admin::AuditArgs;
use crate::failure::Failure;
use crate::session::Session;
use crate::{output, when};

/// Shows the audit, or checks its chain.
pub(super) async fn run(session: &Session, args: &AuditArgs) -> Result<(), Failure> {
    match args.verify {
        true => verify(session).await,
        false => show(session, args).await,
    }
}

async fn show(session: &Session, args: &AuditArgs) -> Result<(), Failure> {
    let administration = session.client.administration();
    let fetch = async |after: &u64, wanted| administration.audit(*after, wanted).await;
    let entries = pages(args.limit, args.after, fetch, |last| last.seq).await?;
    if session.global.json {
        return output::print_json(&entries.iter().map(to_json).collect::<Vec<_>>());
    }
    let rows: Vec<_> = entries.iter().map(row).collect();
    output::print(&output::columns(&rows))
}

fn row(entry: &AuditRecord) -> Vec<String> {
    let text = |value: &Option<String>| value.as_deref().map(output::harmless).unwrap_or_default();
    let by = match &entry.class {
        Some(class) => format!("uid {} ({})", entry.uid, output::harmless(class)),
        None => format!("uid {}", entry.uid),
    };
    vec![
        entry.seq.to_string(),
        when::time(entry.at),
        if entry.alarm { "!" } else { "" }.to_owned(),
        text(&entry.account),
        output::harmless(&entry.event),
        text(&entry.detail),
        by,
        text(&entry.service),
    ]
}

fn to_json(entry: &AuditRecord) -> Value {
    json!({
        "seq": entry.seq,
        "at": entry.at,
        "uid": entry.uid,
        "class": entry.class,
        "service": entry.service,
        "account": entry.account,
        "event": entry.event,
        "detail": entry.detail,
        "alarm": entry.alarm,
    })
}

async fn verify(session: &Session) -> Result<(), Failure> {
    let verdict = session.client.administration().verify_audit().await?;
    let all = json!({
        "whole": verdict.whole,
        "entries": verdict.entries,
        "first": verdict.first,
        "last": verdict.last,
        "head": verdict.head,
        "broken_at": verdict.broken_at,
        "finding": verdict.finding,
    });
    if !verdict.whole {
        let place = verdict
            .broken_at
            .map_or(String::new(), |n| format!(" at {n}"));
        let finding = output::harmless(verdict.finding.as_deref().unwrap_or("it does not fit"));
        return Err(Failure::new(
            ExitCode::Refused,
            "AuditBroken",
            format!("The audit is broken{place}: {finding}."),
            "Keep a copy of the state for whoever looks into it, then restore a backup.",
        )
        .with("verdict", all));
    }
    match session.global.json {
        true => output::print_json(&all),
        false => output::print(&format!(
            "The audit is whole: {}, {} to {}.\nHead {}; compare it with the last one in the journal \
             of oathd.service.\n",
            output::counted(verdict.entries, "entry", "entries"),
            verdict.first,
            verdict.last,
            verdict.head
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_line_with_its_alarm() {
        let entry = AuditRecord {
            seq: 7,
            account: Some("ada@local".into()),
            event: "code_replayed".into(),
            class: Some("console".into()),
            alarm: true,
            ..AuditRecord::default()
        };
        let line = output::columns(&[row(&entry)]);
        assert_eq!(
            line,
            "7  1970-01-01 00:00 UTC  !  ada@local  code_replayed    uid 0 (console)\n"
        );
        assert_eq!(to_json(&entry)["detail"], Value::Null);
    }
}
