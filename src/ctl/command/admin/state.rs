//! Copies of the state, and whether it is whole.

use oathd_client::{ExitCode, RestoreOptions, RestoreRecord};
use serde_json::json;

use crate::cli::admin::{BackupArgs, RestoreArgs};
use crate::failure::Failure;
use crate::session::Session;
use crate::{output, prompt, secret_file, when};

/// Writes a backup.
pub(super) async fn backup(session: &Session, args: &BackupArgs) -> Result<(), Failure> {
    let file = secret_file::place(&args.file, "oathd-backup")?.make()?;
    let into = file.handle()?;
    let written = session.client.administration().backup(into).await?;
    let path = file.keep();
    if session.global.json {
        return output::print_json(&json!({
            "file": path,
            "bytes": written.bytes,
            "accounts": written.accounts,
            "audit_entries": written.audit_entries,
        }));
    }
    output::print(&format!(
        "{} holds {} and {} of the audit. The keys are not in it: `oathctl admin escrow` prints \
         them.\n",
        path.display(),
        accounts(written.accounts),
        output::counted(written.audit_entries, "entry", "entries"),
    ))
}

/// Replaces the accounts by those of a backup.
pub(super) async fn restore(session: &Session, args: &RestoreArgs) -> Result<(), Failure> {
    let from = prompt::open(&args.file)?;
    if !args.dry_run && !args.confirm.yes {
        prompt::confirm("Replace all accounts by those of the backup? Sessions end.")?;
    }
    let options = RestoreOptions {
        dry_run: args.dry_run.then_some(true),
    };
    let restored = session.client.administration();
    let restored = restored.restore(from, &options).await?;
    if session.global.json {
        return output::print_json(&json!({
            "accounts": restored.accounts,
            "suspended": restored.suspended,
            "floor": restored.floor,
            "before": restored.before,
            "left": restored.left.iter().map(|left| json!({
                "account": left.account,
                "factor": left.factor,
            })).collect::<Vec<_>>(),
            "left_total": restored.left_total,
        }));
    }
    let mut text = match args.dry_run {
        true => format!("The backup is whole: {}.\n", accounts(restored.accounts)),
        false => format!(
            "Restored: {}. Codes up to {} are refused; to be renewed: {}.\n",
            accounts(restored.accounts),
            when::time(restored.floor),
            output::counted(
                restored.suspended,
                "set of recovery codes",
                "sets of recovery codes"
            ),
        ),
    };
    text.push_str(&left_behind(&restored));
    output::print(&text)
}

fn accounts(count: u64) -> String {
    output::counted(count, "account", "accounts")
}

/// What was here and is not in the backup.
fn left_behind(restored: &RestoreRecord) -> String {
    if restored.before == 0 {
        return "No account here had a factor before: who enrolled after the backup was made cannot \
                be told.\n"
            .to_owned();
    }
    if restored.left_total == 0 {
        return "Every factor that was here is in the backup.\n".to_owned();
    }
    let mut text =
        "These were here and are not in the backup; their owners enrol anew:\n".to_owned();
    for left in &restored.left {
        let account = output::harmless(&left.account);
        text.push_str(&match &left.factor {
            Some(factor) => format!("  {account}: {}\n", output::harmless(factor)),
            None => format!("  {account}\n"),
        });
    }
    let named = u64::try_from(restored.left.len()).unwrap_or(u64::MAX);
    match restored.left_total.saturating_sub(named) {
        0 => text,
        more => text + &format!("  and {more} more\n"),
    }
}

/// Has the clock of the host believed.
pub(super) async fn trust_clock(session: &Session) -> Result<(), Failure> {
    let now = session.client.administration().trust_clock().await?;
    match session.global.json {
        true => output::print_json(&json!({ "now": now })),
        false => output::print(&format!(
            "It is {}, and oathd believes it.\n",
            when::time(now)
        )),
    }
}

/// Checks the whole state.
pub(super) async fn check(session: &Session) -> Result<(), Failure> {
    let findings = session.client.administration().check().await?;
    if findings.is_empty() {
        return match session.global.json {
            true => output::print_json(&json!({ "findings": findings })),
            false => output::print("All is well.\n"),
        };
    }
    let mut failure = Failure::new(
        ExitCode::Refused,
        "StateDamaged",
        format!("The state has {} faults.", findings.len()),
        "Restore a backup with `oathctl admin restore`.",
    );
    failure.lines = findings.iter().map(|line| output::harmless(line)).collect();
    Err(failure.with("findings", findings))
}
