//! The keys that oathd keeps for its users: remembered access keys and pairings.
//!
//! Each belongs to the uid that made it and to one token, known by the device id of its applet.

mod kept;

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

/// What pairing leaves with oathd.
pub struct PairingKeys {
    /// The serial of the token, where it has one; to recognize it after a reset.
    pub serial: Option<u32>,
    /// The access key that locks the token.
    pub access: Zeroizing<[u8; ACCESS_KEY]>,
    /// The key of the presence credential.
    pub presence: Zeroizing<Vec<u8>>,
    /// The id of the presence credential on the token.
    pub credential_id: String,
}

impl std::fmt::Debug for PairingKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PairingKeys")
            .field("serial", &self.serial)
            .field("credential_id", &self.credential_id)
            .finish_non_exhaustive()
    }
}

/// A row of `pairing` as it is kept.
type SealedPairing = (Option<u32>, Vec<u8>, Vec<u8>, String);

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

    /// Keeps what pairing made, in place of the pairing before.
    ///
    /// # Errors
    ///
    /// [`KeyringError`]; the pairing before stays.
    pub async fn pair(
        &self,
        uid: u32,
        device_id: &[u8],
        keys: PairingKeys,
    ) -> Result<(), KeyringError> {
        let (vault, created, device) =
            (Arc::clone(&self.vault), self.created(), device_id.to_vec());
        self.keep(move |connection| {
            let binding = Binding::Token {
                uid,
                device_id: &device,
            };
            let access = vault.seal(Purpose::AccessKey, binding, keys.access.as_slice());
            let presence = vault.seal(Purpose::PresenceKey, binding, &keys.presence);
            let row = (
                uid,
                &device,
                keys.serial,
                access.map_err(refused)?,
                presence.map_err(refused)?,
                keys.credential_id,
                created,
            );
            connection.execute(
                "INSERT OR REPLACE INTO pairing (uid, device_id, serial, sealed_access_key,
                     sealed_presence_key, presence_credential, created)
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )?;
            Ok(())
        })
        .await?;
        self.confirmed().remove(&(uid, device_id.to_vec()));
        Ok(())
    }

    /// The pairing of a user with a token, if there is one.
    ///
    /// # Errors
    ///
    /// [`KeyringError`]; the vault is asked only if there is something to open.
    pub async fn pairing(
        &self,
        uid: u32,
        device_id: &[u8],
    ) -> Result<Option<PairingKeys>, KeyringError> {
        let place = (uid, device_id.to_vec());
        let row: Option<SealedPairing> = self
            .store
            .write(move |connection| {
                connection
                    .query_row(
                        "SELECT serial, sealed_access_key, sealed_presence_key, presence_credential
                         FROM pairing WHERE uid = ? AND device_id = ?",
                        place,
                        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
                    )
                    .optional()
            })
            .await?;
        let Some((serial, access, presence, credential_id)) = row else {
            return Ok(None);
        };
        let binding = Binding::Token { uid, device_id };
        Ok(Some(PairingKeys {
            serial,
            access: self.open_access_key(Purpose::AccessKey, binding, &access)?,
            presence: self.vault.open(Purpose::PresenceKey, binding, &presence)?,
            credential_id,
        }))
    }

    /// Whether a token has the key of the user's pairing for certain.
    pub fn is_confirmed(&self, uid: u32, device_id: &[u8]) -> bool {
        self.confirmed().contains(&(uid, device_id.to_vec()))
    }

    /// Notes that a token has taken the key of the user's pairing.
    ///
    /// # Errors
    ///
    /// [`KeyringError::Store`].
    pub async fn confirm(&self, uid: u32, device_id: &[u8]) -> Result<(), KeyringError> {
        let place = (uid, device_id.to_vec());
        let row = place.clone();
        let sql = "UPDATE pairing SET confirmed = 1 WHERE uid = ? AND device_id = ?";
        let noted = self
            .store
            .write(move |connection| connection.execute(sql, row))
            .await?;
        if noted > 0 {
            self.confirmed().insert(place);
        }
        Ok(())
    }

    /// Notes that a token is about to lose the key of its pairing.
    ///
    /// # Errors
    ///
    /// [`KeyringError::Store`].
    pub async fn loosen(&self, device_id: &[u8]) -> Result<(), KeyringError> {
        let device = device_id.to_vec();
        let sql = "UPDATE pairing SET confirmed = 0 WHERE device_id = ?";
        self.store
            .write(move |connection| connection.execute(sql, [device]))
            .await?;
        self.confirmed().retain(|(_, held)| held != device_id);
        Ok(())
    }

    fn confirmed(&self) -> MutexGuard<'_, Places> {
        // Every change is one call of the set, so a poisoned set is whole.
        self.confirmed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a pairing; says whether there was one.
    ///
    /// # Errors
    ///
    /// [`KeyringError::Store`].
    pub async fn unpair(&self, uid: u32, device_id: &[u8]) -> Result<bool, KeyringError> {
        let place = (uid, device_id.to_vec());
        let row = place.clone();
        let sql = "DELETE FROM pairing WHERE uid = ? AND device_id = ?";
        let gone = self
            .store
            .write(move |connection| connection.execute(sql, row))
            .await?;
        self.confirmed().remove(&place);
        Ok(gone > 0)
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
