//! The key that opens a protected token.

use std::{fmt, sync::Arc};

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::settings::Entropy;

/// The key a request comes with, if any.
pub type Access = Option<Arc<AccessKey>>;

/// A 16-byte access key (YKOATH SET CODE, VALIDATE). Wiped when dropped, never shown.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct AccessKey {
    bytes: [u8; AccessKey::LEN],
    insists: bool,
}

impl AccessKey {
    /// The length in bytes.
    pub const LEN: usize = 16;

    const fn zero() -> AccessKey {
        AccessKey {
            bytes: [0; Self::LEN],
            insists: false,
        }
    }

    /// The same key for a token that is known to have it: one that opens without asking for it is
    /// a stranger that shows the token's public id, and is refused.
    #[must_use]
    pub fn insisting(&self) -> AccessKey {
        AccessKey {
            bytes: self.bytes,
            insists: true,
        }
    }

    pub(crate) fn insists(&self) -> bool {
        self.insists
    }

    /// The key that a password makes on a token with this salt: PBKDF2-HMAC-SHA1, 1000 rounds.
    #[must_use]
    pub fn derive(password: &[u8], salt: &[u8]) -> AccessKey {
        let mut key = AccessKey::zero();
        pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, 1000, &mut key.bytes);
        key
    }

    /// A key out of a store. `None` when there are not 16 bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<AccessKey> {
        let mut key = AccessKey::zero();
        if bytes.len() != Self::LEN {
            return None;
        }
        key.bytes.copy_from_slice(bytes);
        Some(key)
    }

    /// A random key, which no password makes.
    #[must_use]
    pub fn random(entropy: &Entropy) -> AccessKey {
        let mut key = AccessKey::zero();
        entropy(&mut key.bytes);
        key
    }

    /// The bytes, for the one who seals them.
    #[must_use]
    pub fn expose(&self) -> &[u8; Self::LEN] {
        &self.bytes
    }

    /// The proof of knowing the key: HMAC-SHA1 of the other side's challenge.
    pub(crate) fn prove(&self, challenge: &[u8]) -> [u8; 20] {
        let mut proof = [0; 20];
        if let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(&self.bytes) {
            mac.update(challenge);
            proof.copy_from_slice(&mac.finalize().into_bytes());
        }
        proof
    }

    /// Whether `proof` is the answer to `challenge`, in constant time.
    pub(crate) fn accepts(&self, challenge: &[u8], proof: &[u8]) -> bool {
        self.prove(challenge).as_slice().ct_eq(proof).into()
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessKey(..)")
    }
}

impl PartialEq for AccessKey {
    fn eq(&self, other: &Self) -> bool {
        self.bytes.ct_eq(&other.bytes).into()
    }
}

impl Eq for AccessKey {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_passwords_make_known_keys() {
        let hex = |key: AccessKey| data_encoding::HEXLOWER.encode(key.expose());
        assert_eq!(
            hex(AccessKey::derive(b"foobar", &[0; 8])),
            "b07da1e7de87f89a87a2b598eaa2188c"
        );
        assert_eq!(
            hex(AccessKey::derive("Hallå världen!".as_bytes(), b"12345678")),
            "da818e6b2cf0a2d0bf19b3ddd34b83f5"
        );
    }

    #[test]
    fn debug_shows_nothing() {
        let key = AccessKey::derive(b"x", b"y");
        assert_eq!(format!("{key:?}"), "AccessKey(..)");
    }

    #[test]
    fn a_proof_answers_its_own_challenge_and_key_only() {
        let (key, other) = (AccessKey::derive(b"a", b"s"), AccessKey::derive(b"b", b"s"));
        assert!(key.accepts(b"12345678", &key.prove(b"12345678")));
        assert!(!key.accepts(b"12345678", &key.prove(b"12345679")));
        assert!(!key.accepts(b"12345678", &other.prove(b"12345678")));
        assert!(!key.accepts(b"12345678", &key.prove(b"12345678")[..19]));
    }
}
