//! The key of everything that is kept as a keyed hash: a file of its own beside the store, so that
//! codes survive the theft of the vault key and work when the vault does not.
//!
//! It has a subkey for codes, one for the fingerprints of seeds and one for the seal of the audit
//! trail.

use std::{io, path::Path, sync::Arc};

use hmac::{Hmac, KeyInit};
use oathd_core::MacKey;
use rusqlite::Connection;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    random::Random,
    store::{Store, StoreError},
    vault::{
        key_file::{self, KeyBytes, LENGTH},
        mark,
    },
};

/// The key file in the state folder.
pub(crate) const FILE: &str = "codes.key";

/// The row of `meta` that tells the right key from a wrong one.
pub(super) const CHECK: &str = "codes-key-check";

/// The subkeys.
pub(super) struct Keys {
    pub(super) codes: Arc<MacKey>,
    pub(super) fingerprints: Arc<MacKey>,
    pub(super) trail: Hmac<Sha256>,
}

impl Keys {
    /// Finds the key, or makes it for a store without accounts. The inner error says what is wrong
    /// with it.
    pub(super) async fn load(
        store: &Store,
        state: &Path,
        random: &dyn Random,
    ) -> Result<Result<Keys, String>, StoreError> {
        let path = state.join(FILE);
        let (check, accounts) = store.write(expected).await?;
        let fits = |bytes: &KeyBytes| {
            let check = check.as_ref();
            check.is_some_and(|check| bool::from(check_of(bytes).as_slice().ct_eq(check)))
        };
        key_file::settle(&path, fits);
        let failed = |error: io::Error| format!("{}: {error}", path.display());
        let bytes = match key_file::read(&path, true) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Ok(Err(failed(error))),
            Err(_) if accounts => return Ok(Err(format!("{} is missing", path.display()))),
            Err(_) => match key_file::make(&path, random) {
                Ok(bytes) => bytes,
                Err(error) => return Ok(Err(failed(error))),
            },
        };
        if !fits(&bytes) {
            if accounts {
                let reason = format!("{} is not the key of these accounts", path.display());
                return Ok(Err(reason));
            }
            let check = check_of(&bytes);
            store
                .write(move |connection| mark::keep(connection, CHECK, &check))
                .await?;
        }
        Ok(Ok(Keys::of(&bytes)))
    }

    pub(super) fn of(bytes: &KeyBytes) -> Keys {
        // A key shorter than a block is filled up with zeros (RFC 2104 section 2).
        let mut trail = Zeroizing::new([0; 64]);
        trail[..LENGTH].copy_from_slice(&*subkey(bytes, "audit"));
        Keys {
            codes: Arc::new(MacKey::new(subkey(bytes, "code"))),
            fingerprints: Arc::new(MacKey::new(subkey(bytes, "fingerprint"))),
            trail: Hmac::new((&*trail).into()),
        }
    }
}

/// The check value of a key, by which it is known again.
pub(super) fn check_of(bytes: &KeyBytes) -> KeyBytes {
    subkey(bytes, "check")
}

fn subkey(key: &KeyBytes, label: &str) -> KeyBytes {
    mark::subkey(key, "oathd codes 1 ", label)
}

/// The check value, and whether there are accounts.
fn expected(connection: &Connection) -> rusqlite::Result<(Option<Vec<u8>>, bool)> {
    let accounts = "SELECT EXISTS (SELECT 1 FROM account WHERE realm > '')";
    let accounts = connection.query_row(accounts, (), |row| row.get(0))?;
    Ok((mark::kept(connection, CHECK)?, accounts))
}
