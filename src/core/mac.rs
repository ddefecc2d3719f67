//! Keyed hashes: how codes are kept without keeping them.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use oathd_oath::Secret;

/// A key for [`Mac`]s: 32 bytes, wiped when dropped. The store keeps it apart from the records.
pub struct MacKey(Zeroizing<[u8; 32]>);

impl MacKey {
    /// Takes over a key.
    #[must_use]
    pub fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// HMAC-SHA-256 over the purpose and the parts; each carries its length, so that no two lists
    /// of parts are one message.
    pub(crate) fn mac(&self, purpose: Purpose, parts: &[&[u8]]) -> Mac {
        // HMAC takes a key of any length, so the error cannot occur; the refusal is a value that
        // no comparison accepts as anything else.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.as_slice()) else {
            return Mac([0; 32]);
        };
        for part in [purpose.label().as_bytes()].iter().chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        Mac(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(..)")
    }
}

/// What a hash is for; one made for one purpose fits no other.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Seed,
    Recovery,
    LegacyRecovery,
    OutOfBand,
    Bypass,
    Login,
}

impl Purpose {
    const fn label(self) -> &'static str {
        match self {
            Self::Seed => "oathd seed",
            Self::Recovery => "oathd recovery code",
            Self::LegacyRecovery => "oathd imported recovery code",
            Self::OutOfBand => "oathd out-of-band code",
            Self::Bypass => "oathd bypass code",
            Self::Login => "oathd login",
        }
    }
}

/// A keyed hash. Equality takes the same time wherever two differ.
#[derive(Clone, Serialize, Deserialize)]
pub struct Mac([u8; 32]);

impl Mac {
    /// A hash from the store.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the store's index.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn same(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl PartialEq for Mac {
    fn eq(&self, other: &Self) -> bool {
        self.same(other).into()
    }
}

impl Eq for Mac {}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mac(..)")
    }
}

/// The fingerprint by which a seed is known again without being kept: under a key of its own.
#[must_use]
pub fn fingerprint(key: &MacKey, seed: &Secret) -> Mac {
    key.mac(Purpose::Seed, &[seed.expose()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(byte: u8) -> MacKey {
        MacKey::new(Zeroizing::new([byte; 32]))
    }

    proptest! {
        #[test]
        fn parts_purpose_and_key_all_count(a in prop::collection::vec(any::<u8>(), 0..9), b in prop::collection::vec(any::<u8>(), 1..9)) {
            let mac = key(1).mac(Purpose::Bypass, &[&a, &b]);
            prop_assert!(mac == key(1).mac(Purpose::Bypass, &[&a, &b]));
            prop_assert!(mac != key(2).mac(Purpose::Bypass, &[&a, &b]));
            prop_assert!(mac != key(1).mac(Purpose::Recovery, &[&a, &b]));
            prop_assert!(mac != key(1).mac(Purpose::Bypass, &[&[a.clone(), b.clone()].concat()]));
        }
    }

    #[test]
    fn debug_hides_key_and_hash() {
        assert_eq!(
            format!("{:?} {:?}", key(1), Mac::from_bytes([7; 32])),
            "MacKey(..) Mac(..)"
        );
    }
}
