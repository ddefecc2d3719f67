//! Where the vault key comes from, and whether it is the right one.

use std::{io, path::Path};

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use rusqlite::Connection;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{
    Binding, Purpose, VaultError, associated_data,
    key_file::{self, KeyBytes},
    mark,
};
use crate::{
    random::Random,
    store::{Store, StoreError},
};

/// The name of the systemd credential.
const CREDENTIAL: &str = "oathd.vault-key";

/// The key file in the state folder.
pub(crate) const FILE: &str = "vault.key";

/// The row of `meta` that tells the right key from a wrong one.
pub(crate) const CHECK: &str = "vault-key-check";

/// The first byte of every sealed value.
const VERSION: u8 = 1;

const NONCE: usize = 24;

/// Where the vault key came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A systemd credential, which the TPM may guard.
    Credential,
    /// A file beside the store: whoever copies the folder has both.
    File,
}

/// A vault key, and where it is from.
pub(crate) struct VaultKey {
    pub(super) bytes: KeyBytes,
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

impl VaultKey {
    /// The value by which the store knows the key again.
    pub(crate) fn check(&self) -> KeyBytes {
        self.subkey("check")
    }

    /// Whether the store's check value is that of this key.
    pub(crate) fn fits(&self, check: &[u8]) -> bool {
        self.check().as_slice().ct_eq(check).into()
    }

    /// The key itself, to be written down.
    pub(crate) fn bytes(&self) -> KeyBytes {
        self.bytes.clone()
    }

    /// See [`Vault::seal`](super::Vault::seal).
    pub(super) fn seal(
        &self,
        random: &dyn Random,
        purpose: Purpose,
        binding: Binding<'_>,
        plain: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0; NONCE];
        random.fill(&mut nonce);
        let payload = Payload {
            msg: plain,
            aad: &associated_data(purpose, binding),
        };
        let sealed = self.cipher(purpose).encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| VaultError::Damaged)?;
        Ok([&[VERSION], nonce.as_slice(), &sealed].concat())
    }

    /// See [`Vault::open`](super::Vault::open).
    pub(super) fn open(
        &self,
        purpose: Purpose,
        binding: Binding<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let (nonce, message) = match sealed.split_first() {
            Some((&VERSION, rest)) => rest
                .split_first_chunk::<NONCE>()
                .ok_or(VaultError::Damaged)?,
            _ => return Err(VaultError::Damaged),
        };
        let payload = Payload {
            msg: message,
            aad: &associated_data(purpose, binding),
        };
        self.cipher(purpose)
            .decrypt(&XNonce::from(*nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| VaultError::Damaged)
    }

    fn cipher(&self, purpose: Purpose) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.subkey(purpose.label())).into())
    }

    /// One key a label.
    pub(super) fn subkey(&self, label: &str) -> KeyBytes {
        mark::subkey(&self.bytes, "oathd vault 1 ", label)
    }
}

/// See [`Vault::load`](super::Vault::load); the inner error says what is wrong with the key.
pub(super) async fn load(
    store: &Store,
    state: &Path,
    credentials: Option<&Path>,
    random: &dyn Random,
) -> Result<Result<VaultKey, String>, StoreError> {
    let expected = store.write(expected).await?;
    if let Expected::Check(check) = &expected {
        key_file::settle(&state.join(FILE), |bytes| {
            of_file(bytes.clone()).fits(check)
        });
    }
    let found = match find(state, credentials) {
        Ok(found) => found,
        Err(reason) => return Ok(Err(reason)),
    };
    let key = match (found, &expected) {
        (Some(key), _) => key,
        (None, Expected::Any) => match key_file::make(&state.join(FILE), random) {
            Ok(bytes) => of_file(bytes),
            Err(error) => return Ok(Err(format!("{}: {error}", state.join(FILE).display()))),
        },
        (None, _) => {
            let reason = "there is none, and the store holds values sealed with one";
            return Ok(Err(reason.to_owned()));
        }
    };
    match expected {
        Expected::Any => {
            let value = key.check();
            store
                .write(move |connection| mark::keep(connection, CHECK, &value))
                .await?;
            Ok(Ok(key))
        }
        Expected::Check(value) if key.fits(&value) => Ok(Ok(key)),
        Expected::Check(_) => Ok(Err("it is not the one that sealed this store".to_owned())),
        Expected::Unknown => Ok(Err("the store has lost the mark of its key".to_owned())),
    }
}

/// A key that is in the file, or will be.
pub(crate) const fn of_file(bytes: KeyBytes) -> VaultKey {
    VaultKey {
        bytes,
        source: KeySource::File,
    }
}

/// Whether the store can hold anything that was sealed.
pub(crate) fn is_in_use(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM remembered_key) OR EXISTS (SELECT 1 FROM pairing)
            OR EXISTS (SELECT 1 FROM account WHERE realm > '')",
        (),
        |row| row.get(0),
    )
}

fn expected(connection: &Connection) -> rusqlite::Result<Expected> {
    Ok(match mark::kept(connection, CHECK)? {
        Some(check) => Expected::Check(check),
        None if is_in_use(connection)? => Expected::Unknown,
        None => Expected::Any,
    })
}

/// The credential wins over the file. `None`: there is neither. The unit hands over an empty credential
/// where there is none, and where systemd cannot open it.
fn find(state: &Path, credentials: Option<&Path>) -> Result<Option<VaultKey>, String> {
    let places = [
        credentials.map(|folder| (folder.join(CREDENTIAL), KeySource::Credential)),
        Some((state.join(FILE), KeySource::File)),
    ];
    for (path, source) in places.into_iter().flatten() {
        let error = match key_file::read(&path, source == KeySource::File) {
            Ok(bytes) => return Ok(Some(VaultKey { bytes, source })),
            Err(error) => error,
        };
        match (error.kind(), source) {
            (io::ErrorKind::NotFound, _)
            | (io::ErrorKind::UnexpectedEof, KeySource::Credential) => {}
            _ => return Err(format!("{}: {error}", path.display())),
        }
    }
    Ok(None)
}
