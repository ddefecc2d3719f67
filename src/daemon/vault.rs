//! Seals what is kept at rest.
//!
//! One vault key, 32 bytes, from a systemd credential or a file; HKDF-SHA256 (RFC 5869) makes one
//! subkey for each purpose, XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) seals under it. The
//! associated data binds a value to its purpose and its place: a value that was copied to another
//! place does not open.

pub(crate) mod escrow;
pub(crate) mod key;
pub(crate) mod key_file;
pub(crate) mod mark;
pub(crate) mod rekey;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use oathd_core::{AccountName, FactorId, Holding};
use zeroize::Zeroizing;

pub use escrow::EscrowError;
pub use key::KeySource;
pub(crate) use key::VaultKey;
pub use rekey::RekeyError;

use crate::{
    random::Random,
    store::{Store, StoreError},
};

/// What a value is for; each purpose has its own subkey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The key derived from an access password, remembered for a user.
    RememberedKey,
    /// The access key of a paired token.
    AccessKey,
    /// The key of the presence credential of a paired token.
    PresenceKey,
    /// The seed of a factor.
    AccountSeed,
    /// The key of the presence credential of the token of a factor.
    FactorPresence,
}

impl Purpose {
    const fn label(self) -> &'static str {
        match self {
            Purpose::RememberedKey => "remembered key",
            Purpose::AccessKey => "access key",
            Purpose::PresenceKey => "presence key",
            Purpose::AccountSeed => "account seed",
            Purpose::FactorPresence => "factor presence key",
        }
    }
}

impl From<Holding> for Purpose {
    fn from(holding: Holding) -> Purpose {
        match holding {
            Holding::Seed => Purpose::AccountSeed,
            Holding::PresenceKey => Purpose::FactorPresence,
        }
    }
}

/// The place that a value belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding<'a> {
    /// A token, as one user has it.
    Token {
        /// The user.
        uid: u32,
        /// The device id of the token's applet.
        device_id: &'a [u8],
    },
    /// A factor of an account. Its number is never given again, so nothing comes back in its place.
    Factor {
        /// The account.
        account: &'a AccountName,
        /// The factor.
        factor: FactorId,
    },
}

/// Why a value cannot be sealed or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The vault key is missing or is not the one that sealed this store.
    #[error("the vault key is not usable: {0}")]
    KeyUnavailable(String),
    /// The value is damaged, or was sealed for another place.
    #[error("a sealed value does not open")]
    Damaged,
}

/// Seals and opens; without its key it still exists, and answers
/// [`VaultError::KeyUnavailable`], so that tokens without remembered keys keep working.
pub struct Vault {
    /// The newest first. The others were replaced in the life of this process: what was read before
    /// may be opened after.
    keys: RwLock<Result<Vec<Arc<VaultKey>>, String>>,
    folder: PathBuf,
    random: Arc<dyn Random>,
    /// Held by whoever replaces the key.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Vault({:?})", self.source())
    }
}

impl Vault {
    /// Finds the vault key and checks that it belongs to `store`.
    ///
    /// The key is the file `oathd.vault-key` in `credentials` (`$CREDENTIALS_DIRECTORY`), else
    /// `vault.key` in the folder `state`. It is made there only for a store that is empty.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot be read. A key that is missing or wrong is no error here.
    pub async fn load(
        store: &Store,
        state: &Path,
        credentials: Option<&Path>,
        random: Arc<dyn Random>,
    ) -> Result<Vault, StoreError> {
        let key = key::load(store, state, credentials, random.as_ref()).await?;
        if let Err(reason) = &key {
            tracing::error!(reason, "the vault key is not usable");
        }
        let keys = key.map(|key| vec![Arc::new(key)]);
        Ok(Vault::with(keys, state, random))
    }

    fn with(
        keys: Result<Vec<Arc<VaultKey>>, String>,
        folder: &Path,
        random: Arc<dyn Random>,
    ) -> Vault {
        Vault {
            keys: RwLock::new(keys),
            folder: folder.to_owned(),
            random,
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// Where the key came from.
    ///
    /// # Errors
    ///
    /// [`VaultError::KeyUnavailable`].
    pub fn source(&self) -> Result<KeySource, VaultError> {
        Ok(self.key()?.source)
    }

    /// Seals `plain` for one purpose and place: version (1 byte), nonce (24), ciphertext, tag (16).
    ///
    /// # Errors
    ///
    /// [`VaultError::KeyUnavailable`].
    pub fn seal(
        &self,
        purpose: Purpose,
        binding: Binding<'_>,
        plain: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        self.key()?.seal(&*self.random, purpose, binding, plain)
    }

    /// Opens what [`seal`](Vault::seal) made for the same purpose and place.
    ///
    /// # Errors
    ///
    /// [`VaultError`].
    pub fn open(
        &self,
        purpose: Purpose,
        binding: Binding<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let keys = keys
            .as_ref()
            .map_err(|reason| VaultError::unavailable(reason))?;
        let opened = keys.iter().map(|key| key.open(purpose, binding, sealed));
        opened
            .into_iter()
            .find(Result::is_ok)
            .unwrap_or(Err(VaultError::Damaged))
    }

    /// The key that seals.
    pub(crate) fn key(&self) -> Result<Arc<VaultKey>, VaultError> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let keys = keys
            .as_ref()
            .map_err(|reason| VaultError::unavailable(reason))?;
        let key = keys.first().ok_or(VaultError::Damaged)?;
        Ok(Arc::clone(key))
    }

    /// Seals with `key` from now on.
    pub(crate) fn install(&self, key: Arc<VaultKey>) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        match &mut *keys {
            Ok(keys) if keys.first().is_some_and(|there| there.fits(&*key.check())) => {}
            Ok(keys) => keys.insert(0, key),
            Err(_) => *keys = Ok(vec![key]),
        }
    }

    /// Forgets a key that was installed too early.
    pub(crate) fn withdraw(&self, key: &Arc<VaultKey>) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if let Ok(keys) = &mut *keys {
            keys.retain(|there| !Arc::ptr_eq(there, key));
        }
    }
}

impl VaultError {
    fn unavailable(reason: &str) -> VaultError {
        VaultError::KeyUnavailable(reason.to_owned())
    }
}

/// The kind of place, the label with its length, and the place; what has no fixed length but the
/// last part is preceded by its length. No two places share it.
fn associated_data(purpose: Purpose, binding: Binding<'_>) -> Vec<u8> {
    let label = purpose.label().as_bytes();
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    let kind = match binding {
        Binding::Token { .. } => 1,
        Binding::Factor { .. } => 2,
    };
    let mut aad = vec![kind, length(label)];
    aad.extend_from_slice(label);
    match binding {
        Binding::Token { uid, device_id } => {
            aad.extend_from_slice(&uid.to_be_bytes());
            aad.extend_from_slice(device_id);
        }
        Binding::Factor { account, factor } => {
            let realm = account.realm().as_str().as_bytes();
            aad.extend_from_slice(&factor.0.to_be_bytes());
            aad.push(length(realm));
            aad.extend_from_slice(realm);
            aad.extend_from_slice(account.name().as_bytes());
        }
    }
    aad
}

#[cfg(test)]
mod tests;
