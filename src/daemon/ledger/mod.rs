//! Accounts in the store: read, judged and written on the store's thread, in one savepoint, with
//! the entries of the audit trail. The answer comes after the COMMIT has reached the disk.

mod decoys;
mod draft;
mod entry;
mod error;
mod grants;
mod keys;
mod seeds;
mod times;
mod trail;

use std::{
    collections::HashMap,
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use oathd_core::{Account, AccountName, MacKey, Moment, RealmName};
use rusqlite::{Connection, OptionalExtension};

pub use draft::Draft;
pub use entry::{Actor, AuditEntry, What};
pub use error::LedgerError;
pub use grants::SessionRow;

use crate::{
    clock::Clock,
    random::Random,
    store::{Abort, Store, StoreError},
};
use decoys::Decoys;
use keys::Keys;
use times::Times;
use trail::Ends;

/// The accounts. Clones share them.
#[derive(Clone)]
pub struct Ledger(Arc<Shared>);

struct Shared {
    store: Store,
    keys: Result<Keys, String>,
    times: Times,
    decoys: Mutex<Decoys>,
}

/// Why a change is not kept.
enum Undone<T> {
    Discarded(T),
    Failed(LedgerError),
}

impl<T> From<StoreError> for Undone<T> {
    fn from(error: StoreError) -> Undone<T> {
        Undone::Failed(error.into())
    }
}

impl<T, E: Into<LedgerError>> From<E> for Abort<Undone<T>> {
    fn from(error: E) -> Abort<Undone<T>> {
        Abort::Refused(Undone::Failed(error.into()))
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Ledger({:?})", self.0.store)
    }
}

impl Ledger {
    /// Opens the accounts of `store`, with the key of codes in the folder `state`. The key is made
    /// only where there are no accounts; without it every call answers
    /// [`LedgerError::KeyMissing`].
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot be used.
    pub async fn open(
        store: Store,
        state: &Path,
        random: Arc<dyn Random>,
        clock: Arc<dyn Clock>,
    ) -> Result<Ledger, StoreError> {
        let keys = Keys::load(&store, state, random.as_ref()).await?;
        if let Err(reason) = &keys {
            tracing::error!(reason, "the key of the recovery codes is not usable");
        }
        let (latest, floors) = store.write(remembered_times).await?;
        Ok(Ledger(Arc::new(Shared {
            store,
            keys,
            times: Times::new(clock, latest, floors),
            decoys: Mutex::new(Decoys::new()),
        })))
    }

    /// The key of recovery, sent and bypass codes.
    ///
    /// # Errors
    ///
    /// [`LedgerError::KeyMissing`]
    pub fn code_key(&self) -> Result<Arc<MacKey>, LedgerError> {
        Ok(Arc::clone(&self.0.keys()?.codes))
    }

    /// The key of the fingerprints of seeds.
    ///
    /// # Errors
    ///
    /// [`LedgerError::KeyMissing`]
    pub fn fingerprint_key(&self) -> Result<Arc<MacKey>, LedgerError> {
        Ok(Arc::clone(&self.0.keys()?.fingerprints))
    }

    /// What time it is for a realm, and whether that can be believed.
    pub fn moment(&self, realm: &RealmName) -> Moment {
        self.0.times.moment(realm)
    }

    /// A copy of an account, if there is one.
    ///
    /// # Errors
    ///
    /// [`LedgerError`]
    pub async fn read(&self, name: &AccountName) -> Result<Option<Account>, LedgerError> {
        self.0.keys()?;
        let name = name.clone();
        let found = self
            .0
            .store
            .write(move |connection| find(connection, &name))
            .await?;
        Ok(found
            .map(|(_, record)| oathd_core::decode(&record))
            .transpose()?)
    }

    /// Loads an account, or a decoy where there is none, runs `work` and keeps what it did with
    /// what it wrote down. `work` runs on the store's thread: it computes nothing long.
    ///
    /// # Errors
    ///
    /// [`LedgerError`]; nothing of the change is kept then, though a decoy may be charged.
    pub async fn change<T, W>(
        &self,
        name: &AccountName,
        actor: Actor,
        work: W,
    ) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        W: FnOnce(&mut Draft<'_>) -> T + Send + 'static,
    {
        self.0.keys()?;
        let (shared, name) = (Arc::clone(&self.0), name.clone());
        let work = move |connection: &Connection| shared.change(connection, &name, &actor, work);
        let after = |outcome: Result<&(T, Option<Ends>), &Undone<T>>| {
            if let Ok((_, Some(ends))) = outcome {
                trail::publish(ends);
            }
        };
        match self.0.store.transact(work, after).await {
            Ok((answer, _)) => Ok(answer),
            Err(Undone::Discarded(answer)) => Ok(answer),
            Err(Undone::Failed(error)) => Err(error),
        }
    }
}

impl Shared {
    fn keys(&self) -> Result<&Keys, LedgerError> {
        self.keys.as_ref().map_err(|_| LedgerError::KeyMissing)
    }

    /// The whole of a change, in a savepoint. Beside the answer: the head of the trail, where the
    /// journal should be told.
    fn change<T>(
        &self,
        connection: &Connection,
        name: &AccountName,
        actor: &Actor,
        work: impl FnOnce(&mut Draft<'_>) -> T,
    ) -> Result<(T, Option<Ends>), Abort<Undone<T>>> {
        let found = find(connection, name)?;
        let (row, record) = match found {
            Some((row, record)) => (Some(row), record),
            None => (None, self.decoys().record(name).map_err(failed)?),
        };
        let account = oathd_core::decode(&record).map_err(failed)?;
        let seeds = match row {
            Some(_) => seeds::of(&account),
            None => Vec::new(),
        };
        let mut draft = Draft {
            account,
            moment: self.times.moment(name.realm()),
            connection,
            row,
            happened: Vec::new(),
            discarded: false,
            failed: None,
        };
        let answer = work(&mut draft);
        if let Some(error) = draft.failed {
            return Err(Abort::Sqlite(error));
        }
        if draft.discarded {
            return Err(Abort::Refused(Undone::Discarded(answer)));
        }
        let changed = oathd_core::encode(&draft.account).map_err(failed)?;
        if changed != record {
            match draft.row {
                Some(row) => {
                    write(connection, row, &changed)?;
                    let now = seeds::of(&draft.account);
                    if !seeds::follow(connection, row, &seeds, &now)? {
                        return Err(failed(LedgerError::SeedTaken));
                    }
                }
                None => {
                    decoys::write_row(connection, name, &changed)?;
                    self.decoys().keep(name, changed);
                }
            }
        }
        let head = self.append(connection, actor, Some(name), draft.moment, draft.happened);
        Ok((answer, head?))
    }

    /// Adds entries to the trail. The head, where the journal should be told.
    fn append<T>(
        &self,
        connection: &Connection,
        actor: &Actor,
        account: Option<&AccountName>,
        moment: Moment,
        happened: Vec<What>,
    ) -> Result<Option<Ends>, Abort<Undone<T>>> {
        if happened.is_empty() {
            return Ok(None);
        }
        let keys = self.keys().map_err(failed)?;
        let mut ends = Ends::read(connection)?
            .map(|(ends, _)| ends)
            .unwrap_or_default();
        let before = ends.last;
        let alarm = happened.iter().any(What::is_alarm);
        for what in happened {
            ends.append(connection, moment.now, (actor, account, what))?;
        }
        ends.latest = ends.latest.max(self.times.latest());
        ends.write(connection, &keys.trail)?;
        Ok((alarm || trail::is_milestone(before, ends.last)).then_some(ends))
    }

    fn decoys(&self) -> std::sync::MutexGuard<'_, Decoys> {
        // Every change is one call, so a poisoned map is whole.
        self.decoys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed<T>(error: impl Into<LedgerError>) -> Abort<Undone<T>> {
    Abort::Refused(Undone::Failed(error.into()))
}

/// The row and the record of an account.
fn find(connection: &Connection, name: &AccountName) -> rusqlite::Result<Option<(i64, Vec<u8>)>> {
    connection
        .prepare_cached("SELECT id, record FROM account WHERE realm = ? AND name = ?")?
        .query_row((name.realm().as_str(), name.name()), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()
}

fn write(connection: &Connection, row: i64, record: &[u8]) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE account SET record = ? WHERE id = ?")?
        .execute((record, row))
        .map(drop)
}

/// The latest time that was believed, and the floors of the realms.
fn remembered_times(connection: &Connection) -> rusqlite::Result<(u64, HashMap<RealmName, u64>)> {
    let latest = Ends::read(connection)?.map_or(0, |(ends, _)| ends.latest);
    let mut floors = HashMap::new();
    let mut query = connection.prepare("SELECT realm, at FROM floor")?;
    let rows = query.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    for row in rows {
        let (realm, at): (String, u64) = row?;
        if let Ok(realm) = realm.parse() {
            floors.insert(realm, at);
        }
    }
    Ok((latest, floors))
}
