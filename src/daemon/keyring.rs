//! The keys that oathd keeps for its users: remembered access keys and pairings.
//!
//! Each belongs to the uid that made it and to one token, known by the device id of its applet.

mod kept;
mod pairing;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::{Connection, OptionalExtension};
use zeroize::Zeroizing;

use crate::{
    clock::Clock,
    store::{Abort, Extent, Store, StoreError},
    vault::{Binding, Purpose, Vault, VaultError},
};

pub use kept::KeptKey;
pub use pairing::PairingKeys;

/// Bytes of a YKOATH access key (PBKDF2 of the password, cut to 16).
pub const ACCESS_KEY: usize = 16;

/// Why a key cannot be kept or had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The vault cannot be used, or a value does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// Keeps keys. Clones share it.
#[derive(Clone)]
pub struct Keyring {
    store: Store,
    vault: Arc<Vault>,
    clock: Arc<dyn Clock>,
    /// The confirmed pairings, so that a call on an open token costs no look at the store.
    confirmed: Arc<Mutex<Places>>,
}

/// Users and the device ids of their tokens.
type Places = HashSet<(u32, Vec<u8>)>;

impl std::fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Keyring({:?})", self.vault)
    }
}

impl Keyring {
    /// Keeps keys in `store`, sealed by `vault`, dated by `clock`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot be read.
    pub async fn open(
        store: Store,
        vault: Arc<Vault>,
        clock: Arc<dyn Clock>,
    ) -> Result<Keyring, StoreError> {
        let keyring = Keyring {
            store,
            vault,
            clock,
            confirmed: Arc::default(),
        };
        keyring.read().await?;
        Ok(keyring)
    }

    /// Learns of the pairings in the store, after somebody else has written them.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; what was known stays.
    pub async fn read(&self) -> Result<(), StoreError> {
        let confirmed = self.store.write(|connection| {
            let sql = "SELECT uid, device_id FROM pairing WHERE confirmed";
            let mut rows = connection.prepare(sql)?;
            let places = rows.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
            places.collect::<Result<Places, _>>()
        });
        let confirmed = confirmed.await?;
        *self.confirmed() = confirmed;
        Ok(())
    }

    /// Remembers the access key of a token for a user, in place of the one before.
    ///
    /// # Errors
    ///
    /// [`KeyringError`]; what was remembered before stays.
    pub async fn remember(
        &self,
        uid: u32,
        device_id: &[u8],
        key: &[u8; ACCESS_KEY],
    ) -> Result<(), KeyringError> {
        let (vault, created) = (Arc::clone(&self.vault), self.created());
        let (device, key) = (device_id.to_vec(), Zeroizing::new(*key));
        self.keep(move |connection| {
            let binding = Binding::Token {
                uid,
                device_id: &device,
            };
            let sealed = vault.seal(Purpose::RememberedKey, binding, &*key);
            connection.execute(
                "INSERT OR REPLACE INTO remembered_key (uid, device_id, sealed, created)
                 VALUES (?, ?, ?, ?)",
                (uid, &device, sealed.map_err(refused)?, created),
            )?;
            Ok(())
        })
        .await
    }

    /// The remembered access key, if there is one.
    ///
    /// # Errors
    ///
    /// [`KeyringError`]; the vault is asked only if there is something to open.
    pub async fn remembered(
        &self,
        uid: u32,
        device_id: &[u8],
    ) -> Result<Option<Zeroizing<[u8; ACCESS_KEY]>>, KeyringError> {
        let place = (uid, device_id.to_vec());
        let sealed: Option<Vec<u8>> = self
            .store
            .write(move |connection| {
                connection
                    .query_row(
                        "SELECT sealed FROM remembered_key WHERE uid = ? AND device_id = ?",
                        place,
                        |row| row.get(0),
                    )
                    .optional()
            })
            .await?;
        let binding = Binding::Token { uid, device_id };
        sealed
            .map(|sealed| self.open_access_key(Purpose::RememberedKey, binding, &sealed))
            .transpose()
    }

    /// Forgets a remembered access key; says whether there was one.
    ///
    /// # Errors
    ///
    /// [`KeyringError::Store`].
    pub async fn forget(&self, uid: u32, device_id: &[u8]) -> Result<bool, KeyringError> {
        let place = (uid, device_id.to_vec());
        let sql = "DELETE FROM remembered_key WHERE uid = ? AND device_id = ?";
        let gone = self
            .store
            .write(move |connection| connection.execute(sql, place))
            .await?;
        Ok(gone > 0)
    }

    fn confirmed(&self) -> MutexGuard<'_, Places> {
        // Every change is one call of the set, so a poisoned set is whole.
        self.confirmed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds out, before a token takes another key, whether what must follow can be written down:
    /// the token takes nothing back. `remember` says that the other key is to be remembered.
    ///
    /// # Errors
    ///
    /// [`KeyringError`]; nothing is changed.
    pub async fn rehearse(&self, device_id: &[u8], remember: bool) -> Result<(), KeyringError> {
        if remember {
            self.vault.source()?;
        }
        let row = (remember, device_id.to_vec());
        self.store
            .write(move |connection| {
                // Random, because SQLite does not write what is there already.
                connection.execute(
                    "INSERT OR REPLACE INTO meta (key, value)
                     SELECT 'rehearsal', randomblob(8)
                     WHERE ?1 OR EXISTS (SELECT 1 FROM remembered_key WHERE device_id = ?2)
                         OR EXISTS (SELECT 1 FROM pairing WHERE device_id = ?2)",
                    row,
                )
            })
            .await?;
        Ok(())
    }

    /// Forgets everything about a token, of every user: it was reset, or its password changed.
    ///
    /// # Errors
    ///
    /// [`KeyringError::Store`]; nothing is forgotten then.
    pub async fn drop_device(&self, device_id: &[u8]) -> Result<(), KeyringError> {
        let device = device_id.to_vec();
        self.store
            .write(move |connection| {
                connection.execute("DELETE FROM remembered_key WHERE device_id = ?", [&device])?;
                connection.execute("DELETE FROM pairing WHERE device_id = ?", [&device])
            })
            .await?;
        self.confirmed().retain(|(_, held)| held != device_id);
        Ok(())
    }

    /// Seals and writes on the store's thread: the vault key does not change in between.
    async fn keep<W>(&self, work: W) -> Result<(), KeyringError>
    where
        W: FnOnce(&Connection) -> Result<(), Abort<KeyringError>> + Send + 'static,
    {
        self.store.transact(Extent::Rows, work, |_| ()).await
    }

    fn created(&self) -> i64 {
        i64::try_from(self.clock.now()).unwrap_or(i64::MAX)
    }

    fn open_access_key(
        &self,
        purpose: Purpose,
        binding: Binding<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<[u8; ACCESS_KEY]>, KeyringError> {
        let plain = self.vault.open(purpose, binding, sealed)?;
        let mut key = Zeroizing::new([0; ACCESS_KEY]);
        if plain.len() != ACCESS_KEY {
            return Err(VaultError::Damaged.into());
        }
        key.copy_from_slice(&plain);
        Ok(key)
    }
}

fn refused(error: VaultError) -> Abort<KeyringError> {
    Abort::Refused(error.into())
}

#[cfg(test)]
mod tests;
