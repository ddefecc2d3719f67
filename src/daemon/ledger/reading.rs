//! Accounts and entries in numbers, for administrators.

use std::ops::ControlFlow;

use oathd_core::{Account, RealmName};
use rusqlite::Connection;

use super::{Ledger, entry, entry::AuditEntry, error::LedgerError};

/// How many rows are read in one go: the writer's journal cannot begin anew meanwhile.
const STRETCH: usize = 1000;

impl Ledger {
    /// Accounts of a realm in the order of their names, those after `after`.
    ///
    /// # Errors
    ///
    /// [`LedgerError`]
    pub async fn list(
        &self,
        realm: &RealmName,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<Account>, LedgerError> {
        let place = (realm.as_str().to_owned(), after.unwrap_or_default());
        let read = move |connection: &mut Connection| stretch(connection, &place, limit);
        let records = self.0.store.inspect(read).await?;
        let decode = |(_, record): (_, Vec<u8>)| Ok(oathd_core::decode(&record)?);
        records.into_iter().map(decode).collect()
    }

    /// Shows every account of a realm, or of all, to `show`; the writer goes on meanwhile, so an
    /// account that comes or changes during the walk may be shown as it was. `show` runs in a
    /// thread of its own and can end the walk.
    ///
    /// # Errors
    ///
    /// [`LedgerError`]; accounts may have been shown before.
    pub async fn for_each<F>(
        &self,
        realm: Option<&RealmName>,
        mut show: F,
    ) -> Result<(), LedgerError>
    where
        F: FnMut(&Account) -> ControlFlow<()> + Send + 'static,
    {
        let realm = realm.map(|realm| realm.as_str().to_owned());
        let walk = move |connection: &mut Connection| {
            let mut place = (realm.clone().unwrap_or_default(), String::new());
            loop {
                let records = match &realm {
                    Some(_) => stretch(connection, &place, STRETCH)?,
                    None => stretch_of_all(connection, &place, STRETCH)?,
                };
                let Some((last, _)) = records.last() else {
                    return Ok(Ok(()));
                };
                place.clone_from(last);
                for (_, record) in records {
                    let shown = match oathd_core::decode(&record) {
                        Ok(account) => show(&account),
                        Err(error) => return Ok(Err(error)),
                    };
                    if shown.is_break() {
                        return Ok(Ok(()));
                    }
                }
            }
        };
        Ok(self.0.store.inspect(walk).await??)
    }

    /// Entries of the audit trail, those after number `after`; an entry that cannot be read is
    /// left out.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Store`]
    pub async fn audit(&self, after: u64, limit: usize) -> Result<Vec<AuditEntry>, LedgerError> {
        let read = move |connection: &mut Connection| {
            // Gaps begin with a zero.
            let sql = "SELECT seq, at, entry FROM audit
                       WHERE seq > ? AND substr(entry, 1, 1) <> x'00' ORDER BY seq LIMIT ?";
            let mut query = connection.prepare(sql)?;
            let rows = query.query_map((after, limit), |row| {
                let bytes: Vec<u8> = row.get(2)?;
                Ok(entry::decode(row.get(0)?, row.get(1)?, &bytes))
            })?;
            rows.filter_map(Result::transpose).collect()
        };
        Ok(self.0.store.inspect(read).await?)
    }
}

/// Where an account is in the order: its realm, and its name within.
type Place = (String, String);

/// Records of one realm, after a place.
fn stretch(
    connection: &Connection,
    (realm, name): &Place,
    limit: usize,
) -> rusqlite::Result<Vec<(Place, Vec<u8>)>> {
    let sql = "SELECT realm, name, record FROM account
               WHERE realm = ? AND name > ? ORDER BY name LIMIT ?";
    records(connection, sql, (realm, name, limit))
}

/// Records of all realms, after a place. The realm '' is nobody's.
fn stretch_of_all(
    connection: &Connection,
    (realm, name): &Place,
    limit: usize,
) -> rusqlite::Result<Vec<(Place, Vec<u8>)>> {
    let sql = "SELECT realm, name, record FROM account
               WHERE (realm, name) > (?, ?) AND realm > '' ORDER BY realm, name LIMIT ?";
    records(connection, sql, (realm, name, limit))
}

fn records(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> rusqlite::Result<Vec<(Place, Vec<u8>)>> {
    let mut query = connection.prepare_cached(sql)?;
    let rows = query.query_map(parameters, |row| {
        Ok(((row.get(0)?, row.get(1)?), row.get(2)?))
    })?;
    rows.collect()
}
