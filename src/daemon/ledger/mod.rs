//! Accounts in the store: read, judged and written on the store's thread, in one savepoint, with
//! the entries of the audit trail. The answer comes after the COMMIT has reached the disk.

mod backup;
mod check;
mod clock;
mod condition;
mod decoys;
mod draft;
mod entry;
mod error;
mod escrow;
mod gaps;
mod grants;
mod keys;
mod left;
mod noting;
mod reading;
mod rekey;
mod replace;
mod restore;
mod retention;
mod seeds;
mod shares;
mod times;
mod trail;
mod verdict;
mod writing;

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use oathd_core::{Account, AccountName, MacKey, Moment, RealmName};
use rusqlite::Connection;

pub use backup::BackupReport;
pub use condition::Condition;
pub use draft::Draft;
pub use entry::{Actor, AuditEntry, What};
pub use error::LedgerError;
pub use grants::SessionRow;
pub use left::{Left, LeftBehind};
pub use restore::{RestoreError, RestoreReport};
pub use retention::Retention;
pub use verdict::{AuditFault, AuditVerdict};

use crate::{
    clock::Clock,
    random::Random,
    store::{Store, StoreError},
};
use decoys::Decoys;
use keys::Keys;
use times::Times;
use trail::Ends;
use writing::find;

/// The accounts. Clones share them.
#[derive(Clone)]
pub struct Ledger(Arc<Shared>);

struct Shared {
    store: Store,
    /// The state folder.
    folder: PathBuf,
    keys: RwLock<Result<Arc<Keys>, String>>,
    times: Times,
    decoys: Mutex<Decoys>,
    retention: Mutex<Retention>,
    /// The trail as it is on the disk.
    ends: Mutex<Ends>,
    /// Held by whoever copies the store out or in.
    copying: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Ledger({:?})", self.0.store)
    }
}

impl Ledger {
    /// Opens the accounts of `store`, with the key of codes in the folder `state`. The key is made
    /// only where there are no accounts; without it every call answers
    /// [`LedgerError::KeyMissing`]. From then on the file is looked through for damage, beside the
    /// work: a start with a million accounts does not wait for it.
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
        let (ends, floors) = store.write(remembered).await?;
        let usable = keys.is_ok();
        let shared = Arc::new(Shared {
            store,
            folder: state.to_owned(),
            keys: RwLock::new(keys.map(Arc::new)),
            times: Times::new(clock, ends.latest, floors),
            decoys: Mutex::new(Decoys::new()),
            retention: Mutex::default(),
            ends: Mutex::new(ends),
            copying: tokio::sync::Mutex::new(()),
        });
        if usable {
            shared.check_end().await?;
        }
        trail::publish(&lock(&shared.ends));
        shared.store.look_for_damage()?;
        Ok(Ledger(shared))
    }

    /// Sets how long entries of the audit trail are kept.
    pub fn set_retention(&self, retention: Retention) {
        *lock(&self.0.retention) = retention;
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
        let name = name.clone();
        self.0
            .transact(move |shared, connection| shared.change(connection, &name, &actor, work))
            .await
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        trail::publish(&lock(&self.ends));
    }
}

/// Every change under these locks is one call, so what a panic left is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The ends of the trail, and the floors of the realms.
fn remembered(connection: &Connection) -> rusqlite::Result<(Ends, HashMap<RealmName, u64>)> {
    let ends = Ends::read(connection)?.map_or_else(Ends::default, |(ends, _)| ends);
    let mut floors = HashMap::new();
    let mut query = connection.prepare("SELECT realm, at FROM floor")?;
    let rows = query.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    for row in rows {
        let (realm, at): (String, u64) = row?;
        if let Ok(realm) = realm.parse() {
            floors.insert(realm, at);
        }
    }
    Ok((ends, floors))
}

#[cfg(test)]
mod copy_tests;
#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod rekey_tests;
#[cfg(test)]
mod share_tests;
#[cfg(test)]
mod stand;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trail_tests;
