//! Sessions and the API key of an account, which a realm's service is handed for its users.

use oathd_core::{ApiKey, Bearer, Session};
use rusqlite::OptionalExtension;
use serde::{Serialize, de::DeserializeOwned};

use super::{draft::Draft, error::LedgerError};
use oathd_core::RecordError;

/// How many sessions an account may have.
pub(super) const MAX_SESSIONS: usize = 64;

/// The version of the records here.
const VERSION: u8 = 1;

/// A session of an account, and the number by which it is ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Its number; it says nothing about the token.
    pub id: u64,
    /// The session.
    pub session: Session,
}

impl Draft<'_> {
    /// The sessions of the account, in the order in which they began. Void ones are among them.
    ///
    /// # Errors
    ///
    /// [`LedgerError`]
    pub fn sessions(&mut self) -> Result<Vec<SessionRow>, LedgerError> {
        let read = || {
            self.connection
                .prepare_cached("SELECT id, record FROM session WHERE account = ? ORDER BY id")?
                .query_map([self.row], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<Vec<(u64, Vec<u8>)>>>()
        };
        let rows = read().map_err(|error| self.fail(error))?;
        rows.into_iter()
            .map(|(id, record)| {
                let session = decode(&record)?;
                Ok(SessionRow { id, session })
            })
            .collect()
    }

    /// The session of a token, dead or alive: the caller checks it.
    ///
    /// # Errors
    ///
    /// [`LedgerError`]
    pub fn session(&mut self, bearer: &Bearer) -> Result<Option<Session>, LedgerError> {
        let read = || {
            self.connection
                .prepare_cached("SELECT record FROM session WHERE hash = ? AND account = ?")?
                .query_row((bearer.hash(), self.row), |row| row.get::<_, Vec<u8>>(0))
                .optional()
        };
        let record = read().map_err(|error| self.fail(error))?;
        record.map(|record| decode(&record)).transpose()
    }

    /// Keeps a session, new or changed. Beyond 64 of an account a void one goes, or
    /// else the oldest.
    ///
    /// # Errors
    ///
    /// [`LedgerError`]
    pub fn keep_session(&mut self, session: &Session) -> Result<(), LedgerError> {
        let Some(account) = self.row else {
            return Ok(());
        };
        let record = encode(session)?;
        let update = || {
            self.connection
                .prepare_cached("UPDATE session SET record = ? WHERE hash = ? AND account = ?")?
                .execute((&record, session.hash(), account))
        };
        if update().map_err(|error| self.fail(error))? > 0 {
            return Ok(());
        }
        let there = self.sessions()?;
        if there.len() >= MAX_SESSIONS {
            let void = there.iter().find(|row| self.is_void(&row.session));
            if let Some(row) = void.or(there.first()) {
                self.end_session(row.id)?;
            }
        }
        let insert = || {
            self.connection
                .prepare_cached("INSERT INTO session (hash, account, record) VALUES (?, ?, ?)")?
                .execute((session.hash(), account, &record))
        };
        insert().map(drop).map_err(|error| self.fail(error))
    }

    /// Ends a session of the account.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Store`]
    pub fn end_session(&mut self, id: u64) -> Result<(), LedgerError> {
        let delete = || {
            self.connection
                .prepare_cached("DELETE FROM session WHERE id = ? AND account = ?")?
                .execute((id, self.row))
        };
        delete().map(drop).map_err(|error| self.fail(error))
    }

    /// Ends all sessions of the account; says how many.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Store`]
    pub fn end_sessions(&mut self) -> Result<u32, LedgerError> {
        let delete = || {
            self.connection
                .prepare_cached("DELETE FROM session WHERE account = ?")?
                .execute([self.row])
        };
        let ended = delete().map_err(|error| self.fail(error))?;
        Ok(u32::try_from(ended).unwrap_or(u32::MAX))
    }

    /// The API key of the account.
    ///
    /// # Errors
    ///
    /// [`LedgerError`]
    pub fn api_key(&mut self) -> Result<Option<ApiKey>, LedgerError> {
        let read = || {
            self.connection
                .prepare_cached("SELECT record FROM api_key WHERE account = ?")?
                .query_row([self.row], |row| row.get::<_, Vec<u8>>(0))
                .optional()
        };
        let record = read().map_err(|error| self.fail(error))?;
        record.map(|record| decode(&record)).transpose()
    }

    /// Keeps the API key of the account in place of the one before, or takes it away.
    ///
    /// # Errors
    ///
    /// [`LedgerError`]
    pub fn set_api_key(&mut self, key: Option<&ApiKey>) -> Result<(), LedgerError> {
        let Some(account) = self.row else {
            return Ok(());
        };
        let record = key.map(encode).transpose()?;
        let set = || match &record {
            Some(record) => self
                .connection
                .prepare_cached("REPLACE INTO api_key (account, record) VALUES (?, ?)")?
                .execute((account, record)),
            None => self
                .connection
                .prepare_cached("DELETE FROM api_key WHERE account = ?")?
                .execute([account]),
        };
        set().map(drop).map_err(|error| self.fail(error))
    }

    /// Whether a session can never be used again.
    fn is_void(&self, session: &Session) -> bool {
        let now = self.moment.now;
        session.generation != self.account.generation()
            || now.saturating_sub(session.began) >= session.lifetime.absolute
            || now.saturating_sub(session.last_used) >= session.lifetime.idle
    }
}

fn encode(record: &impl Serialize) -> Result<Vec<u8>, RecordError> {
    postcard::to_extend(record, vec![VERSION]).map_err(|_| RecordError::Damaged)
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, LedgerError> {
    let damaged = LedgerError::Record(RecordError::Damaged);
    match bytes.split_first() {
        Some((&VERSION, body)) => match postcard::take_from_bytes(body) {
            Ok((record, [])) => Ok(record),
            _ => Err(damaged),
        },
        Some((&found, _)) => Err(RecordError::Version { found }.into()),
        None => Err(damaged),
    }
}
