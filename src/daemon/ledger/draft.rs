//! An account while it is changed.

use std::sync::{Mutex, PoisonError};

use oathd_core::{Account, Event, Mac, Moment};
use rusqlite::Connection;

use super::{decoys::Decoys, entry::What, error::LedgerError, seeds};
use crate::store::StoreError;

/// An account, or a decoy in its place, in the hands of a [`change`](super::Ledger::change).
pub struct Draft<'a> {
    /// The account, to be changed in place.
    pub account: Account,
    /// When this happens.
    pub moment: Moment,
    pub(super) connection: &'a Connection,
    /// The row of the account; `None` for a decoy.
    pub(super) row: Option<i64>,
    /// The row of an account that was disowned.
    pub(super) stale: Option<i64>,
    pub(super) decoys: &'a Mutex<Decoys>,
    pub(super) happened: Vec<What>,
    pub(super) discarded: bool,
    /// The first failure of SQLite: nothing of the change is kept then.
    pub(super) failed: Option<rusqlite::Error>,
}

impl Draft<'_> {
    /// Whether there is such an account; `account` is a decoy otherwise.
    pub fn is_known(&self) -> bool {
        self.row.is_some()
    }

    /// Makes an unknown account a real one, without a factor. A local one is bound to its uid.
    pub fn create(&mut self, uid: Option<u32>) {
        if self.is_known() {
            return;
        }
        let name = self.account.name().clone();
        if let Some(row) = self.stale.take() {
            self.row = Some(row);
            self.account = Account::new(name, uid);
            return;
        }
        let insert = || {
            self.connection
                .prepare_cached("INSERT INTO account (realm, name, record) VALUES (?, ?, x'')")?
                .insert((name.realm().as_str(), name.name()))
        };
        match insert() {
            Ok(row) => {
                self.row = Some(row);
                self.account = Account::new(name, uid);
            }
            Err(error) => drop(self.fail(error)),
        }
    }

    /// Treats the account as one that does not exist: its name was given to another user since.
    /// [`create`](Draft::create) then begins it anew, and nothing of it is left.
    pub fn disown(&mut self) {
        let name = self.account.name().clone();
        let mut decoys = self.decoys.lock().unwrap_or_else(PoisonError::into_inner);
        let charged = decoys.record(&name);
        let charged = charged.and_then(|record| oathd_core::decode(&record));
        self.account = charged.unwrap_or_else(|_| Account::decoy(name));
        self.stale = self.row.take();
    }

    /// Writes down what happened, with the change and in its commit.
    pub fn record(&mut self, events: impl IntoIterator<Item = Event>) {
        self.happened.extend(events.into_iter().map(What::Event));
    }

    /// Writes down something that is no event of the rules.
    pub fn note(&mut self, what: What) {
        self.happened.push(what);
    }

    /// Takes the change back: nothing of it is kept, events neither.
    pub fn discard(&mut self) {
        self.discarded = true;
    }

    /// Whether another account holds a seed with this fingerprint.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Store`].
    pub fn seed_is_taken(&mut self, fingerprint: &Mac) -> Result<bool, LedgerError> {
        let holder = seeds::holder(self.connection, fingerprint.as_bytes());
        let holder = holder.map_err(|error| self.fail(error))?;
        Ok(holder.is_some_and(|holder| Some(holder) != self.row))
    }

    /// Remembers that SQLite failed.
    pub(super) fn fail(&mut self, error: rusqlite::Error) -> LedgerError {
        let path = self.connection.path().unwrap_or_default();
        let reason = StoreError::unavailable(path.as_ref(), &error);
        self.failed.get_or_insert(error);
        LedgerError::Store(reason)
    }
}
