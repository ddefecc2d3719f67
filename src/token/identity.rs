//! Who a token is.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use data_encoding::BASE64_NOPAD;
use sha2::{Digest, Sha256};

use crate::{
    applications::Applications,
    capability::{Capabilities, Model},
};

/// Names a token in this process from its insertion to its removal; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenKey(u64);

/// The last key given, by whichever hub.
static LAST_KEY: AtomicU64 = AtomicU64::new(0);

impl TokenKey {
    /// A key that no token had before.
    pub(crate) fn new() -> TokenKey {
        TokenKey(LAST_KEY.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// The OATH device id: unpadded base64 of the first 16 bytes of SHA-256 over the application's salt
/// (YKOATH). A reset of the application makes another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(String);

impl DeviceId {
    /// The id that belongs to a salt.
    #[must_use]
    pub fn from_salt(salt: &[u8]) -> DeviceId {
        let digest = Sha256::digest(salt);
        DeviceId(BASE64_NOPAD.encode(digest.get(..16).unwrap_or_default()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bytes of that text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A firmware or applet version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version {
    /// Major number.
    pub major: u8,
    /// Minor number.
    pub minor: u8,
    /// Patch number.
    pub patch: u8,
}

impl Version {
    /// A version from its three numbers.
    #[must_use]
    pub const fn new(major: u8, minor: u8, patch: u8) -> Version {
        Version {
            major,
            minor,
            patch,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The shape of a YubiKey (management application, tag 04).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum FormFactor {
    /// Not told, or not known here.
    #[default]
    Unknown,
    /// USB-A keychain.
    KeychainA,
    /// USB-A nano.
    NanoA,
    /// USB-C keychain.
    KeychainC,
    /// USB-C nano.
    NanoC,
    /// USB-C and Lightning.
    KeychainCi,
    /// USB-A with a fingerprint reader.
    BioA,
    /// USB-C with a fingerprint reader.
    BioC,
}

/// What is known about a token without its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenInfo {
    /// The OATH application's id; another after a reset.
    pub device_id: DeviceId,
    /// The serial number, where the token tells it.
    pub serial: Option<u32>,
    /// The firmware version.
    pub firmware: Version,
    /// The family the token belongs to.
    pub model: Model,
    /// The token's shape.
    pub form_factor: FormFactor,
    /// Whether it is a FIPS model.
    pub fips: bool,
    /// The applications that are switched on over USB, where the token tells.
    pub usb_enabled: Option<Applications>,
    /// The applications that are switched on over NFC, where the token has it and tells.
    pub nfc_enabled: Option<Applications>,
    /// The reader that holds it.
    pub reader: String,
    /// Whether an access password is set.
    pub protected: bool,
    /// What the model offers.
    pub capabilities: Capabilities,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_id_is_half_the_salts_hash() {
        let id = DeviceId::from_salt(&[0; 8]);
        assert_eq!(id.to_string(), "r1Vw9aGBC3r3jK9LxwpmDw");
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(Version::new(5, 10, 0) > Version::new(5, 9, 9));
        assert_eq!(Version::new(5, 7, 1).to_string(), "5.7.1");
    }
}
