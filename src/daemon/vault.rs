//! Seals what is kept at rest.
//!
//! One vault key, 32 bytes, from a systemd credential or a file; HKDF-SHA256 (RFC 5869) makes one
//! subkey for each purpose, XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) seals under it. The
//! associated data binds a value to its purpose and its place: a value that was copied to another
//! place does not open.

mod key;
pub(crate) mod key_file;

use std::{path::Path, sync::Arc};

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hkdf::Hkdf;
use oathd_core::{AccountName, FactorId};
use sha2::Sha256;
use zeroize::Zeroizing;

pub use key::KeySource;
use key::VaultKey;

use crate::{
    random::Random,
    store::{Store, StoreError},
};

/// The first byte of every sealed value.
const VERSION: u8 = 1;

const NONCE: usize = 24;

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
    key: Result<VaultKey, String>,
    random: Arc<dyn Random>,
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
        Ok(Vault { key, random })
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
        let cipher = self.cipher(purpose)?;
        let mut nonce = [0; NONCE];
        self.random.fill(&mut nonce);
        let aad = associated_data(purpose, binding);
        let sealed = cipher
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: plain,
                    aad: &aad,
                },
            )
            .map_err(|_| VaultError::Damaged)?;
        let mut value = Vec::with_capacity(1 + NONCE + sealed.len());
        value.push(VERSION);
        value.extend_from_slice(&nonce);
        value.extend_from_slice(&sealed);
        Ok(value)
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
        let cipher = self.cipher(purpose)?;
        let (nonce, message) = match sealed.split_first() {
            Some((&VERSION, rest)) => rest
                .split_first_chunk::<NONCE>()
                .ok_or(VaultError::Damaged)?,
            _ => return Err(VaultError::Damaged),
        };
        let aad = associated_data(purpose, binding);
        let payload = Payload {
            msg: message,
            aad: &aad,
        };
        cipher
            .decrypt(&XNonce::from(*nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| VaultError::Damaged)
    }

    fn key(&self) -> Result<&VaultKey, VaultError> {
        self.key
            .as_ref()
            .map_err(|reason| VaultError::KeyUnavailable(reason.clone()))
    }

    fn cipher(&self, purpose: Purpose) -> Result<XChaCha20Poly1305, VaultError> {
        let subkey = self.key()?.subkey(purpose.label());
        Ok(XChaCha20Poly1305::new((&*subkey).into()))
    }
}

impl VaultKey {
    /// One key a label, of a size that HKDF always gives.
    fn subkey(&self, label: &str) -> Zeroizing<[u8; 32]> {
        let mut subkey = Zeroizing::new([0; 32]);
        let info = [b"oathd vault 1 ".as_slice(), label.as_bytes()];
        let expanded =
            Hkdf::<Sha256>::new(None, &*self.bytes).expand_multi_info(&info, subkey.as_mut_slice());
        debug_assert!(expanded.is_ok(), "32 bytes are within HKDF's 8160");
        subkey
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
