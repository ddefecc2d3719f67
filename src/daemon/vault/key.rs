//! Where the vault key comes from, and whether it is the right one.

use std::{io, path::Path};

use rusqlite::{Connection, OptionalExtension};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::key_file::{self, LENGTH};
use crate::{
    random::Random,
    store::{Store, StoreError},
};

/// The name of the systemd credential.
const CREDENTIAL: &str = "oathd.vault-key";

/// The key file in the state folder.
const FILE: &str = "vault.key";

/// The row of `meta` that tells the right key from a wrong one.
const CHECK: &str = "vault-key-check";

/// Where the vault key came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A systemd credential, which the TPM may guard.
    Credential,
    /// A file beside the store: whoever copies the folder has both.
    File,
}

pub(super) struct VaultKey {
    pub(super) bytes: Zeroizing<[u8; LENGTH]>,
    pub(super) source: KeySource,
}

/// What the store says about its key.
enum Expected {
    /// Nothing was ever sealed.
    Any,
    /// The key with this check value.
    Check(Vec<u8>),
    /// Something was sealed, and the check value is missing.
    Unknown,
}

/// See [`Vault::load`](super::Vault::load); the inner error says what is wrong with the key.
pub(super) async fn load(
    store: &Store,
    state: &Path,
    credentials: Option<&Path>,
    random: &dyn Random,
) -> Result<Result<VaultKey, String>, StoreError> {
    let expected = store.write(expected).await?;
    let found = match find(state, credentials) {
        Ok(found) => found,
        Err(reason) => return Ok(Err(reason)),
    };
    let key = match (found, &expected) {
        (Some(key), _) => key,
        (None, Expected::Any) => match make(state, random) {
            Ok(key) => key,
            Err(error) => return Ok(Err(format!("{}: {error}", state.join(FILE).display()))),
        },
        (None, _) => {
            let reason = "there is none, and the store holds values sealed with one";
            return Ok(Err(reason.to_owned()));
        }
    };
    let check = key.subkey("check");
    match expected {
        Expected::Any => {
            let value = check.to_vec();
            store
                .write(move |connection| {
                    let row = (CHECK, value);
                    connection.execute("INSERT INTO meta (key, value) VALUES (?, ?)", row)
                })
                .await?;
            Ok(Ok(key))
        }
        Expected::Check(value) if bool::from(check.as_slice().ct_eq(&value)) => Ok(Ok(key)),
        Expected::Check(_) => Ok(Err("it is not the one that sealed this store".to_owned())),
        Expected::Unknown => Ok(Err("the store has lost the mark of its key".to_owned())),
    }
}

fn expected(connection: &Connection) -> rusqlite::Result<Expected> {
    let check = connection
        .query_row("SELECT value FROM meta WHERE key = ?", [CHECK], |row| {
            row.get(0)
        })
        .optional()?;
    if let Some(check) = check {
        return Ok(Expected::Check(check));
    }
    let sealed: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM remembered_key) OR EXISTS (SELECT 1 FROM pairing)",
        (),
        |row| row.get(0),
    )?;
    Ok(if sealed {
        Expected::Unknown
    } else {
        Expected::Any
    })
}

/// The credential wins over the file. `None`: there is neither.
fn find(state: &Path, credentials: Option<&Path>) -> Result<Option<VaultKey>, String> {
    let places = [
        credentials.map(|folder| (folder.join(CREDENTIAL), KeySource::Credential)),
        Some((state.join(FILE), KeySource::File)),
    ];
    for (path, source) in places.into_iter().flatten() {
        match key_file::read(&path, source == KeySource::File) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("{}: {error}", path.display())),
            Ok(bytes) => return Ok(Some(VaultKey { bytes, source })),
        }
    }
    Ok(None)
}

/// Makes a key file, on the disk before anything is sealed under it.
fn make(state: &Path, random: &dyn Random) -> io::Result<VaultKey> {
    let mut bytes = Zeroizing::new([0; LENGTH]);
    random.fill(bytes.as_mut_slice());
    let path = state.join(FILE);
    key_file::prepare(&path, &bytes)?;
    key_file::put_in_place(&path)?;
    Ok(VaultKey {
        bytes,
        source: KeySource::File,
    })
}
