//! The whole check of the store, for `oathctl admin check`.

use std::collections::HashSet;

use rusqlite::Connection;

use super::{Ledger, error::LedgerError, seeds, verdict};

/// How many findings are told.
const MOST: usize = 100;

impl Ledger {
    /// Looks at every page, record and entry. What is wrong, in words; empty when nothing is.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] if the look cannot be had.
    pub async fn check(&self) -> Result<Vec<String>, LedgerError> {
        let key = self.0.keys()?.trail.clone();
        let look = move |connection: &mut Connection| {
            let snapshot = connection.transaction()?;
            let mut findings = pages(&snapshot)?;
            if findings.is_empty() {
                accounts(&snapshot, &mut findings)?;
                let verdict = verdict::walk(&snapshot, &key)?;
                findings.extend(verdict.fault.map(|fault| fault.to_string()));
            }
            findings.truncate(MOST);
            Ok(findings)
        };
        Ok(self.0.store.examine(look).await?)
    }
}

/// What SQLite finds in its pages. Some damage ends its search.
pub(super) fn pages(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut query = connection.prepare(&format!("PRAGMA integrity_check({MOST})"))?;
    let rows = query.query_map((), |row| row.get::<_, String>(0))?;
    let found = rows.map(|line| line.unwrap_or_else(|error| error.to_string()));
    Ok(found.filter(|line| line != "ok").collect())
}

/// Reads every record, and compares the index of seeds with what the accounts hold.
pub(super) fn accounts(
    connection: &Connection,
    findings: &mut Vec<String>,
) -> rusqlite::Result<()> {
    let sql = "SELECT id, realm, name, record FROM account WHERE realm > ''";
    let mut query = connection.prepare(sql)?;
    let mut rows = query.query(())?;
    let mut held = 0u64;
    while let Some(row) = rows.next()? {
        let (id, realm, name): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if findings.len() >= MOST {
            return Ok(());
        }
        let account = match oathd_core::decode(row.get_ref(3)?.as_blob().unwrap_or_default()) {
            Ok(account) => account,
            Err(error) => {
                findings.push(format!("account {name}@{realm}: {error}"));
                continue;
            }
        };
        let itself = account.name();
        if (itself.realm().as_str(), itself.name()) != (&realm, &name) {
            findings.push(format!("account {name}@{realm}: the record is another's"));
        }
        let seeds: HashSet<_> = seeds::of(&account).into_iter().collect();
        for seed in &seeds {
            if seeds::holder(connection, seed)? != Some(id) {
                findings.push(format!(
                    "account {name}@{realm}: a seed is not in the index"
                ));
            }
        }
        held += seeds.len() as u64;
    }
    let count = |sql| connection.query_row(sql, (), |row| row.get::<_, u64>(0));
    if findings.is_empty() && count("SELECT count(*) FROM seed")? != held {
        findings.push("the index holds seeds that no account has".to_owned());
    }
    let orphans = "SELECT count(*) FROM (
                       SELECT account FROM session UNION ALL SELECT account FROM api_key
                   ) WHERE account NOT IN (SELECT id FROM account)";
    if count(orphans)? > 0 {
        findings.push("there are sessions or API keys of no account".to_owned());
    }
    Ok(())
}
