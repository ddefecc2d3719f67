//! `oathctl admin accounts` and `oathctl admin coverage`.

use oathd_client::{AccountRecord, CoverageRecord};
use serde_json::json;

use super::pages;
use crate::cli::admin::{ListAccountsArgs, RealmArgs};
use crate::failure::Failure;
use crate::session::Session;
use crate::{output, records};

/// Lists accounts.
pub(super) async fn list(session: &Session, args: &ListAccountsArgs) -> Result<(), Failure> {
    let administration = session.client.administration();
    let realm = args.realm.realm.as_str();
    let fetch = async |after: &String, wanted| administration.accounts(realm, after, wanted).await;
    let place = |last: &AccountRecord| name(&last.account).to_owned();
    let all = pages(args.limit, args.after.clone(), fetch, place).await?;
    if session.global.json {
        return output::print_json(&all.iter().map(records::account).collect::<Vec<_>>());
    }
    let rows: Vec<_> = all.iter().map(row).collect();
    output::print(&output::columns(&rows))
}

/// An account without its realm.
fn name(account: &str) -> &str {
    account.rsplit_once('@').map_or(account, |(name, _)| name)
}

fn row(account: &AccountRecord) -> Vec<String> {
    let mut notes = Vec::new();
    if account.must_reenrol {
        notes.push("must enrol anew".to_owned());
    }
    if account.rescue.is_some() {
        notes.push("rescue open".to_owned());
    }
    let count = |n: usize, one: &str| output::counted(n as u64, one, &format!("{one}s"));
    let left = account.recovery.as_ref().map_or(0, |set| set.left);
    vec![
        output::harmless(&account.account),
        if account.enrolled { "on" } else { "off" }.to_owned(),
        count(account.factors.len(), "factor"),
        count(account.channels.len(), "channel"),
        count(left as usize, "recovery code"),
        notes.join(", "),
    ]
}

/// Shows who has a second factor.
pub(super) async fn coverage(session: &Session, args: &RealmArgs) -> Result<(), Failure> {
    let coverage = session
        .client
        .administration()
        .coverage(&args.realm)
        .await?;
    if session.global.json {
        return output::print_json(&json!({
            "realm": coverage.realm,
            "accounts": coverage.accounts,
            "enrolled": coverage.enrolled,
            "with_backup": coverage.with_backup,
            "with_recovery_codes": coverage.with_recovery_codes,
            "recovery_codes_low": coverage.recovery_codes_low,
            "must_reenrol": coverage.must_reenrol,
            "locked_out": coverage.locked_out,
            "unused_90_days": coverage.unused_90_days,
            "required": coverage.required,
            "missing": coverage.missing,
            "not_asked": coverage.not_asked,
        }));
    }
    output::print(&text(&coverage))
}

fn text(coverage: &CoverageRecord) -> String {
    let rows: Vec<_> = [
        ("Accounts", coverage.accounts),
        ("With a second factor", coverage.enrolled),
        ("With a backup", coverage.with_backup),
        ("With recovery codes", coverage.with_recovery_codes),
        ("Three codes or fewer", coverage.recovery_codes_low),
        ("Must enrol anew", coverage.must_reenrol),
        ("Locked out of a way", coverage.locked_out),
        ("Unused for 90 days", coverage.unused_90_days),
        ("Asked by the policy", coverage.required),
    ]
    .into_iter()
    .map(|(name, count)| vec![format!("{name}:"), count.to_string()])
    .collect();
    let mut text = output::columns(&rows);
    if !coverage.missing.is_empty() {
        let names: Vec<_> = coverage
            .missing
            .iter()
            .map(|n| output::harmless(n))
            .collect();
        text += &format!("Asked and without one: {}\n", names.join(", "));
    }
    if !coverage.not_asked.is_empty() {
        let ways: Vec<_> = coverage.not_asked.iter().map(|way| login(way)).collect();
        text += &format!("Not asked at: {}\n", ways.join(", "));
    }
    text
}

fn login(way: &str) -> String {
    match way {
        "sshd_publickey" => "SSH with a key".to_owned(),
        "cron" => "cron jobs".to_owned(),
        "su_by_root" => "su by root".to_owned(),
        other => output::harmless(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coverage_names_who_lacks_one_and_where_none_is_asked() {
        let coverage = CoverageRecord {
            accounts: 2,
            missing: vec!["ada".into()],
            not_asked: vec!["sshd_publickey".into(), "cron".into()],
            ..CoverageRecord::default()
        };
        let said = text(&coverage);
        assert!(said.starts_with("Accounts:              2\n"), "{said}");
        assert!(
            said.ends_with("Asked and without one: ada\nNot asked at: SSH with a key, cron jobs\n")
        );
    }

    #[test]
    fn a_page_goes_on_after_the_name_without_its_realm() {
        assert_eq!(name("ada@example.org@demo"), "ada@example.org");
        assert_eq!(name("ada"), "ada");
    }
}
