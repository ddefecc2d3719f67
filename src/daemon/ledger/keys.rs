//! The key of everything that is kept as a keyed hash: a file of its own beside the store, so that
//! codes survive the theft of the vault key and work when the vault does not.
//!
//! HKDF-SHA256 (RFC 5869) makes a subkey for codes, one for the fingerprints of seeds and one for
//! the seal of the audit trail.

use std::{io, path::Path, sync::Arc};

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit};
use oathd_core::MacKey;
use rusqlite::{Connection, OptionalExtension};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    random::Random,
    store::{Store, StoreError},
    vault::key_file::{self, KeyBytes, LENGTH},
};

/// The key file in the state folder.
pub(crate) const FILE: &str = "codes.key";

/// The row of `meta` that tells the right key from a wrong one.
pub(crate) const CHECK: &str = "codes-key-check";

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
        let (expected, accounts) = store.write(expected).await?;
        let failed = |error: io::Error| format!("{}: {error}", path.display());
        let found = match key_file::read(&path, true) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        };
        let bytes = match found {
            Ok(Some(bytes)) => bytes,
            Ok(None) if accounts => return Ok(Err(format!("{} is missing", path.display()))),
            Ok(None) => match make(&path, random) {
                Ok(bytes) => bytes,
                Err(error) => return Ok(Err(failed(error))),
            },
            Err(reason) => return Ok(Err(reason)),
        };
        let check = subkey(&bytes, "check");
        let fits = |value: &Vec<u8>| bool::from(check.as_slice().ct_eq(value));
        if !expected.as_ref().is_some_and(fits) {
            if accounts {
                let reason = format!("{} is not the key of these accounts", path.display());
                return Ok(Err(reason));
            }
            keep_check(store, check.to_vec()).await?;
        }
        Ok(Ok(Keys::of(&bytes)))
    }

    fn of(bytes: &KeyBytes) -> Keys {
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
pub(crate) fn check_of(bytes: &KeyBytes) -> KeyBytes {
    subkey(bytes, "check")
}

fn subkey(key: &KeyBytes, label: &str) -> KeyBytes {
    let mut subkey = Zeroizing::new([0; LENGTH]);
    let info = [b"oathd codes 1 ".as_slice(), label.as_bytes()];
    let expanded =
        Hkdf::<Sha256>::new(None, key.as_slice()).expand_multi_info(&info, subkey.as_mut_slice());
    debug_assert!(expanded.is_ok(), "32 bytes are within HKDF's 8160");
    subkey
}

fn make(path: &Path, random: &dyn Random) -> io::Result<KeyBytes> {
    let mut bytes = Zeroizing::new([0; LENGTH]);
    random.fill(bytes.as_mut_slice());
    key_file::prepare(path, &bytes)?;
    key_file::put_in_place(path)?;
    Ok(bytes)
}

/// The check value, and whether there are accounts.
fn expected(connection: &Connection) -> rusqlite::Result<(Option<Vec<u8>>, bool)> {
    let check = connection
        .query_row("SELECT value FROM meta WHERE key = ?", [CHECK], |row| {
            row.get(0)
        })
        .optional()?;
    let accounts = "SELECT EXISTS (SELECT 1 FROM account WHERE realm > '')";
    Ok((check, connection.query_row(accounts, (), |row| row.get(0))?))
}

async fn keep_check(store: &Store, value: Vec<u8>) -> Result<(), StoreError> {
    store
        .write(move |connection| {
            let row = (CHECK, value);
            connection.execute("REPLACE INTO meta (key, value) VALUES (?, ?)", row)
        })
        .await
        .map(drop)
}
