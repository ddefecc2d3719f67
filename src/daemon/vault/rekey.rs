//! Another vault key: everything that is sealed is opened and sealed anew, in one transaction.
//!
//! The new key is on the disk, beside the old one, before the transaction begins; which of them is
//! the right one is told by the check value in the store. So a crash at any moment leaves a store
//! and a key that fit each other.

use std::sync::Arc;

use oathd_core::{AccountName, FactorId, Holding};
use rusqlite::Connection;
use zeroize::Zeroizing;

use super::{
    Binding, KeySource, Purpose, Vault, VaultError, VaultKey,
    key::{self, FILE},
    key_file::{self, KeyBytes, LENGTH},
    mark,
};
use crate::{ledger::LedgerError, store::StoreError};

/// How many accounts are read in one go.
const STRETCH: usize = 500;

/// Why the vault key stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RekeyError {
    /// The vault has no key, or something that is sealed does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The key is a systemd credential, so the new one must be given; the credential is for its
    /// administrator to replace.
    #[error("the vault key is a systemd credential; give the new key")]
    NewKeyNeeded,
    /// The key file cannot be written.
    #[error("the new key cannot be written: {0}")]
    File(String),
    /// The accounts cannot be read or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<StoreError> for RekeyError {
    fn from(error: StoreError) -> RekeyError {
        RekeyError::Ledger(error.into())
    }
}

/// A change of the key that was begun.
pub(crate) struct Rekey {
    vault: Arc<Vault>,
    old: Arc<VaultKey>,
    new: Arc<VaultKey>,
}

impl Rekey {
    /// Makes the new key, or takes the one that is given, and writes it beside the old one.
    pub(crate) fn begin(vault: &Arc<Vault>, given: Option<KeyBytes>) -> Result<Rekey, RekeyError> {
        let old = vault.key()?;
        let bytes = match (old.source, given) {
            (_, Some(given)) => given,
            (KeySource::Credential, None) => return Err(RekeyError::NewKeyNeeded),
            (KeySource::File, None) => vault.prepared_or_new(&old),
        };
        let new = VaultKey {
            bytes,
            source: old.source,
        };
        if new.source == KeySource::File {
            key_file::prepare(&vault.folder.join(FILE), &new.bytes)
                .map_err(|error| RekeyError::File(error.to_string()))?;
        }
        Ok(Rekey {
            vault: Arc::clone(vault),
            old,
            new: Arc::new(new),
        })
    }

    /// Seals everything anew, and makes the vault seal with the new key: on the store's thread,
    /// where nothing else is sealed meanwhile. Says how many values there were.
    pub(crate) fn reseal(&self, connection: &Connection) -> Result<u64, Failed> {
        let count = self.token_keys(connection)? + self.accounts(connection)?;
        mark::keep(connection, key::CHECK, &self.new.check())?;
        self.vault.install(Arc::clone(&self.new));
        Ok(count)
    }

    /// Puts the new key in the place of the old one, or forgets it.
    pub(crate) fn finish(&self, kept: bool) {
        if !kept {
            // The file stays: should the transaction be on the disk after all, it is needed.
            return self.vault.withdraw(&self.new);
        }
        let place = self.vault.folder.join(FILE);
        if self.new.source == KeySource::File
            && let Err(error) = key_file::put_in_place(&place)
        {
            tracing::error!(%error, "the new vault key is put in its place at the next start");
        }
    }

    /// What the keyring keeps.
    fn token_keys(&self, connection: &Connection) -> Result<u64, Failed> {
        let mut count = 0;
        for (purpose, table, column) in [
            (Purpose::RememberedKey, "remembered_key", "sealed"),
            (Purpose::AccessKey, "pairing", "sealed_access_key"),
            (Purpose::PresenceKey, "pairing", "sealed_presence_key"),
        ] {
            let sql = format!("SELECT uid, device_id, {column} FROM {table}");
            let rows = connection
                .prepare(&sql)?
                .query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                .collect::<rusqlite::Result<Vec<(u32, Vec<u8>, Vec<u8>)>>>()?;
            let sql = format!("UPDATE {table} SET {column} = ? WHERE uid = ? AND device_id = ?");
            for (uid, device_id, sealed) in rows {
                let device = &device_id;
                let binding = Binding::Token {
                    uid,
                    device_id: device,
                };
                let sealed = self.anew(purpose, binding, &sealed)?;
                connection
                    .prepare_cached(&sql)?
                    .execute((sealed, uid, device))?;
                count += 1;
            }
        }
        Ok(count)
    }

    fn accounts(&self, connection: &Connection) -> Result<u64, Failed> {
        let (mut count, mut after) = (0, 0);
        loop {
            let rows = connection
                .prepare_cached(
                    "SELECT id, record FROM account
                     WHERE id > ? AND realm > '' ORDER BY id LIMIT ?",
                )?
                .query_map((after, STRETCH), |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<Vec<(i64, Vec<u8>)>>>()?;
            let Some((last, _)) = rows.last() else {
                return Ok(count);
            };
            after = *last;
            for (id, record) in rows {
                let mut account = oathd_core::decode(&record).map_err(LedgerError::from)?;
                let name = account.name().clone();
                let mut sealed = 0;
                account.reseal(|factor, holding, value| {
                    sealed += 1;
                    self.of_factor(&name, factor, holding, value)
                })?;
                if sealed > 0 {
                    let record = oathd_core::encode(&account).map_err(LedgerError::from)?;
                    connection
                        .prepare_cached("UPDATE account SET record = ? WHERE id = ?")?
                        .execute((record, id))?;
                    count += sealed;
                }
            }
        }
    }

    fn of_factor(
        &self,
        account: &AccountName,
        factor: FactorId,
        holding: Holding,
        sealed: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let binding = Binding::Factor { account, factor };
        let resealed = self.anew(holding.into(), binding, sealed);
        if resealed.is_err() {
            tracing::error!(%account, factor = factor.0, "a sealed value does not open");
        }
        resealed
    }

    fn anew(
        &self,
        purpose: Purpose,
        binding: Binding<'_>,
        sealed: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let plain = self.old.open(purpose, binding, sealed)?;
        self.new.seal(&*self.vault.random, purpose, binding, &plain)
    }
}

/// Why sealing anew was given up.
pub(crate) enum Failed {
    Sqlite(rusqlite::Error),
    Rekey(RekeyError),
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Failed {
        Failed::Sqlite(error)
    }
}

impl<E: Into<RekeyError>> From<E> for Failed {
    fn from(error: E) -> Failed {
        Failed::Rekey(error.into())
    }
}

impl Vault {
    /// The key of a change that was not kept: it may be on the disk after all, so it is used again.
    fn prepared_or_new(&self, present: &VaultKey) -> KeyBytes {
        let place = self.folder.join(FILE);
        let is_present = |bytes: &KeyBytes| present.fits(&*key::of_file(bytes.clone()).check());
        match key_file::read(&key_file::unfinished(&place), true) {
            Ok(bytes) if !is_present(&bytes) => bytes,
            _ => {
                let mut bytes = Zeroizing::new([0; LENGTH]);
                self.random.fill(bytes.as_mut_slice());
                bytes
            }
        }
    }
}
