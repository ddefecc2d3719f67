//! The settings of accounts: realms, the policy, rescues, the audit trail.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    str::FromStr,
};

use oathd_core::{
    InvalidAccountName, Lifetime, RealmName, RescueRule,
    policy::{Demand, Policy, Rule},
};
use serde::Deserialize;
use toml::value::Datetime;

use super::{ConfigError, conf_files, parse, read};
use crate::{accounts::passwd, ledger::Retention};

const MINUTE: u64 = 60;
const DAY: u64 = 86_400;
const WEEK: u64 = 7 * DAY;

/// The longest support contact in bytes.
const MAX_CONTACT: usize = 256;

/// The settings of accounts in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSettings {
    /// The realms of services on this host, one file each in `realms.d` beside the settings file.
    pub realms: BTreeMap<RealmName, Realm>,
    /// `[policy]` – Who of the users of this machine needs a second factor: `rule` (`optional`,
    /// `required`), `required_after` (a date), `grace_days`, and the same for the members of a
    /// group in `[policy.groups.NAME]`; the strictest counts. Default: `optional`.
    pub policy: Policy,
    /// `[rescue]` – What a rescue asks: `two_approvers` (default false) and
    /// `cancel_window_seconds`, in which the owner can call it off (default 86400).
    pub rescue: RescueRule,
    /// `rescue.approvers_group` – The group of the administrators who may rescue. Default:
    /// `oathd-approvers`.
    pub approvers_group: String,
    /// `support_contact` – Whom people ask when nothing else helps: a mail address, a number, a
    /// page. Default: none.
    pub support_contact: Option<String>,
    /// `accept_sessions_as_proof` – Whether a session that was opened with the factor proves
    /// switching off and replacing. Default: true.
    pub sessions_prove: bool,
    /// `accept_logins_as_proof_seconds` – For how long after it a login to this machine by pam_oathd
    /// with the factor proves the same to programs in its session; 60 to 604800, or 0 for never.
    /// Default: 0.
    pub logins_prove: u64,
    /// `[audit]` – How long the audit trail is kept: `keep_days`, 1 to 36500 (default 400), and
    /// `keep_entries`, at least 1000 (default 1000000), which realms and administrators share.
    pub audit: Retention,
}

/// A realm of a service on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Realm {
    /// The user as whom the service runs: `uid`, or `user` by name. `None` while there is no user
    /// of that name; root alone is served then.
    pub uid: Option<u32>,
    /// `session_idle_seconds`, `session_absolute_seconds` – How long the sessions of its accounts
    /// live. Default: 1800 and 43200.
    pub sessions: Lifetime,
}

impl Default for AccountSettings {
    fn default() -> AccountSettings {
        AccountSettings {
            realms: BTreeMap::new(),
            policy: Policy::default(),
            rescue: RescueRule::default(),
            approvers_group: "oathd-approvers".to_owned(),
            support_contact: None,
            sessions_prove: true,
            logins_prove: 0,
            audit: Retention::default(),
        }
    }
}

impl Realm {
    /// The realm of the service that runs as `uid`, with the default sessions.
    #[must_use]
    pub fn of(uid: u32) -> Realm {
        Realm {
            uid: Some(uid),
            sessions: Lifetime::default(),
        }
    }
}

/// A realm as a command line names it: `NAME=UID`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedRealm {
    /// Its name.
    pub name: RealmName,
    /// Whose it is.
    pub realm: Realm,
}

impl FromStr for NamedRealm {
    type Err = String;

    fn from_str(text: &str) -> Result<NamedRealm, String> {
        let (name, uid) = text.split_once('=').ok_or("it is not NAME=UID")?;
        let uid = uid.parse().map_err(|_| "the uid is not a number")?;
        Ok(NamedRealm {
            name: realm_name(name)?,
            realm: Realm::of(uid),
        })
    }
}

/// `[policy]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyTable {
    rule: Option<RuleWord>,
    required_after: Option<Datetime>,
    grace_days: Option<u16>,
    groups: Option<BTreeMap<String, DemandTable>>,
}

/// `[policy.groups.NAME]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DemandTable {
    rule: Option<RuleWord>,
    required_after: Option<Datetime>,
    grace_days: Option<u16>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RuleWord {
    Optional,
    Required,
}

/// `[rescue]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RescueTable {
    two_approvers: Option<bool>,
    cancel_window_seconds: Option<u64>,
    approvers_group: Option<String>,
}

/// `[audit]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditTable {
    keep_days: Option<u64>,
    keep_entries: Option<u64>,
}

/// A file of `realms.d` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RealmFile {
    realm: String,
    user: Option<String>,
    uid: Option<u32>,
    session_idle_seconds: Option<u64>,
    session_absolute_seconds: Option<u64>,
}

/// The parts of one file that are about accounts.
pub(super) struct Tables {
    pub(super) policy: Option<PolicyTable>,
    pub(super) rescue: Option<RescueTable>,
    pub(super) audit: Option<AuditTable>,
    pub(super) support_contact: Option<String>,
    pub(super) sessions_prove: Option<bool>,
    pub(super) logins_prove: Option<u64>,
}

/// A key whose value does not fit, and what would.
type Misfit = (&'static str, String);

impl AccountSettings {
    /// The groups that somebody has written down.
    pub(crate) fn groups(&self) -> Vec<String> {
        let of_policy = self.policy.groups.iter().map(|(name, _)| name);
        let usual = AccountSettings::default().approvers_group;
        let approvers = Some(&self.approvers_group).filter(|group| **group != usual);
        of_policy.chain(approvers).cloned().collect()
    }

    /// Lays the keys of one file over what was set before; a table is replaced as a whole.
    pub(super) fn apply(&mut self, tables: Tables) -> Result<(), Misfit> {
        if let Some(table) = tables.policy {
            self.policy = policy(table)?;
        }
        if let Some(table) = tables.rescue {
            let before = RescueRule::default();
            self.rescue = RescueRule {
                two_approvers: table.two_approvers.unwrap_or(before.two_approvers),
                cancel_window: table.cancel_window_seconds.unwrap_or(before.cancel_window),
            };
            if let Some(group) = table.approvers_group {
                if group.is_empty() {
                    return Err(("rescue.approvers_group", "the name is empty".to_owned()));
                }
                self.approvers_group = group;
            }
        }
        if let Some(contact) = tables.support_contact {
            if contact.len() > MAX_CONTACT || contact.chars().any(char::is_control) {
                let fits = format!("it is longer than {MAX_CONTACT} bytes, or not one line");
                return Err(("support_contact", fits));
            }
            self.support_contact = Some(contact).filter(|contact| !contact.is_empty());
        }
        if let Some(table) = tables.audit {
            self.audit = retention(&table)?;
        }
        self.sessions_prove = tables.sessions_prove.unwrap_or(self.sessions_prove);
        if let Some(seconds) = tables.logins_prove {
            if seconds != 0 && !(MINUTE..=WEEK).contains(&seconds) {
                let fits = format!("{seconds} is neither 0 nor {MINUTE} to {WEEK}");
                return Err(("accept_logins_as_proof_seconds", fits));
            }
            self.logins_prove = seconds;
        }
        Ok(())
    }

    /// Reads the realms in `folder`, which may be absent.
    pub(super) fn read_realms(&mut self, folder: PathBuf) -> Result<(), ConfigError> {
        for file in conf_files(folder)? {
            let text = read(&file)?;
            let (name, realm) = read_realm(&file, &text)?;
            if self.realms.contains_key(&name) {
                let reason = format!("{name} has a file already");
                return Err(ConfigError::value(&file, "realm", reason));
            }
            self.realms.insert(name, realm);
        }
        Ok(())
    }
}

/// The realm of one file.
pub(super) fn read_realm(path: &Path, text: &str) -> Result<(RealmName, Realm), ConfigError> {
    let file: RealmFile = parse(path, text)?;
    let misfit = |key, reason: String| ConfigError::value(path, key, reason);
    let name = realm_name(&file.realm).map_err(|reason| misfit("realm", reason))?;
    let uid = match (file.uid, file.user) {
        (Some(uid), None) => Some(uid),
        (None, Some(user)) => {
            let found = passwd::uid_of(&user);
            let reason = match &found {
                Ok(Some(_)) => None,
                Ok(None) => Some("there is no such user".to_owned()),
                Err(reason) => Some(reason.to_string()),
            };
            if let Some(reason) = reason {
                tracing::warn!(realm = %name, user, reason, "the realm serves root alone");
            }
            found.unwrap_or_default()
        }
        _ => return Err(misfit("user", "one of user and uid is needed".to_owned())),
    };
    let usual = Lifetime::default();
    let sessions = Lifetime {
        idle: file.session_idle_seconds.unwrap_or(usual.idle),
        absolute: file.session_absolute_seconds.unwrap_or(usual.absolute),
    };
    if sessions.idle == 0 || sessions.absolute == 0 {
        return Err(misfit("session_idle_seconds", "0 is no time".to_owned()));
    }
    Ok((name, Realm { uid, sessions }))
}

/// The name of a service's realm.
fn realm_name(text: &str) -> Result<RealmName, String> {
    let name: RealmName = text
        .parse()
        .map_err(|error: InvalidAccountName| error.to_string())?;
    match name.is_local() {
        true => Err("local holds the users of this machine".to_owned()),
        false => Ok(name),
    }
}

fn policy(table: PolicyTable) -> Result<Policy, Misfit> {
    let everybody = demand(table.rule, table.required_after, table.grace_days)?;
    let mut groups = Vec::new();
    for (group, table) in table.groups.unwrap_or_default() {
        let demand = demand(table.rule, table.required_after, table.grace_days)?;
        groups.push((group, demand));
    }
    Ok(Policy { everybody, groups })
}

fn retention(table: &AuditTable) -> Result<Retention, Misfit> {
    let usual = Retention::default();
    let days = table.keep_days.unwrap_or(usual.age / DAY);
    let entries = table.keep_entries.unwrap_or(usual.entries);
    if !(1..=36_500).contains(&days) {
        return Err(("audit.keep_days", format!("{days} is not 1 to 36500")));
    }
    if entries < 1000 {
        return Err(("audit.keep_entries", format!("{entries} is less than 1000")));
    }
    Ok(Retention {
        entries,
        age: days * DAY,
    })
}

fn demand(
    rule: Option<RuleWord>,
    after: Option<Datetime>,
    grace_days: Option<u16>,
) -> Result<Demand, Misfit> {
    let rule = match (rule, after) {
        (None | Some(RuleWord::Optional), None) => Rule::Optional,
        (Some(RuleWord::Required), None) => Rule::Required,
        (None | Some(RuleWord::Required), Some(date)) => match midnight(date) {
            Some(at) => Rule::RequiredAfter(at),
            None => return Err(("policy.required_after", format!("{date} is not a day"))),
        },
        (Some(RuleWord::Optional), Some(_)) => {
            let reason = "the rule is optional".to_owned();
            return Err(("policy.required_after", reason));
        }
    };
    Ok(Demand {
        rule,
        grace_days: grace_days.unwrap_or(0),
    })
}

/// The beginning of a day, UTC, in Unix seconds. The calendar is that of RFC 3339, which repeats
/// every 400 years.
fn midnight(date: Datetime) -> Option<u64> {
    let (Some(day), None, None) = (date.date, date.time, date.offset) else {
        return None;
    };
    // Years that begin in March end with the day that comes every fourth year.
    let (year, month) = (u64::from(day.year), u64::from(day.month));
    let (year, month) = match month {
        1 | 2 => (year.checked_sub(1)?, month + 9),
        _ => (year, month - 3),
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400;
    let days = days + (153 * month + 2) / 5 + u64::from(day.day);
    // 1 January 1970 so counted.
    days.checked_sub(719_469)?.checked_mul(DAY)
}

#[cfg(test)]
mod tests;
