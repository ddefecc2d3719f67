//! How a container is protected: AES-CBC under a pre-shared key or one of a password, and a MAC
//! over the ciphertext (RFC 6030 section 6; XML Encryption).

use aes::cipher::block_padding::Iso10126;
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use aes::{Aes128, Aes256};
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use super::xml::Element;
use crate::algorithm::Algorithm;
use crate::migrate::entry::number;
use crate::migrate::{MigrateError, Reason};

/// The most rounds of PBKDF2, about a second of work.
const MAX_ROUNDS: u32 = 2_000_000;

const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";
const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
const DSIG_MORE: &str = "http://www.w3.org/2001/04/xmldsig-more#";
const PKCS5: &str = "http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#";
const XENC11: &str = "http://www.w3.org/2009/xmlenc11#";

/// What opens an encrypted container.
pub enum ContainerKey<'a> {
    /// The AES key itself, of 16 or 32 bytes.
    PreShared(&'a [u8]),
    /// The password from which the key is derived.
    Password(&'a [u8]),
}

/// The keys of an encrypted container.
pub(super) struct Protection {
    key: Zeroizing<Vec<u8>>,
    mac_key: Zeroizing<Vec<u8>>,
    mac: Algorithm,
}

impl Protection {
    /// Takes the keys out of a container. None where it is plain, and no key was given.
    pub(super) fn unlock(
        container: &Element,
        key: Option<&ContainerKey<'_>>,
    ) -> Result<Option<Self>, MigrateError> {
        let at_container = |reason| MigrateError::from(container.refused(reason));
        let method = container.one("EncryptionKey").map_err(at_container)?;
        let (Some(method), Some(given)) = (method, key) else {
            return match (method, key) {
                (None, Some(_)) => Err(MigrateError::NotEncrypted),
                (Some(method), None) => Err(match method.one("DerivedKey") {
                    Ok(Some(_)) => MigrateError::PasswordNeeded,
                    _ => MigrateError::KeyNeeded,
                }),
                _ => Ok(None),
            };
        };
        let key = encryption_key(method, given)?;
        let mac = container.need("MACMethod").map_err(at_container)?;
        let at_mac = |reason| MigrateError::from(mac.refused(reason));
        let algorithm = hash(mac, [DSIG, DSIG_MORE]).ok_or(Reason::Unsupported("MACMethod"));
        let mac_key = match mac.one("MACKey").map_err(at_mac)? {
            Some(encrypted) => decrypt(&key, encrypted, &ciphertext(encrypted).map_err(at_mac)?)
                .map_err(at_mac)?
                .filter(|key| !key.is_empty())
                .ok_or(MigrateError::WrongKey)?,
            None => key.clone(),
        };
        Ok(Some(Self {
            key,
            mac_key,
            mac: algorithm.map_err(at_mac)?,
        }))
    }

    /// Decrypts an `EncryptedValue` whose MAC fits. Nothing is decrypted otherwise.
    pub(super) fn open(
        &self,
        value: &Element,
        mac: &Element,
    ) -> Result<Zeroizing<Vec<u8>>, Reason> {
        let ciphertext = ciphertext(value)?;
        let mac = base64(mac.text()).ok_or(Reason::Damaged("ValueMAC"))?;
        let fits = match self.mac {
            Algorithm::Sha1 => fits::<Hmac<Sha1>>(&self.mac_key, &ciphertext, &mac),
            Algorithm::Sha256 => fits::<Hmac<Sha256>>(&self.mac_key, &ciphertext, &mac),
            Algorithm::Sha512 => fits::<Hmac<Sha512>>(&self.mac_key, &ciphertext, &mac),
        };
        if !fits {
            return Err(Reason::WrongMac);
        }
        decrypt(&self.key, value, &ciphertext)?.ok_or(Reason::Damaged("CipherValue"))
    }
}

/// The key that encrypts: the one given, or the one of the password given.
fn encryption_key(
    method: &Element,
    given: &ContainerKey<'_>,
) -> Result<Zeroizing<Vec<u8>>, MigrateError> {
    let refused = |reason| MigrateError::from(method.refused(reason));
    match (method.one("DerivedKey").map_err(refused)?, given) {
        (None, ContainerKey::Password(_)) => Err(MigrateError::KeyNeeded),
        (Some(_), ContainerKey::PreShared(_)) => Err(MigrateError::PasswordNeeded),
        (Some(derived), ContainerKey::Password(password)) => {
            derive(derived, password).map_err(refused)
        }
        (None, ContainerKey::PreShared(key)) => {
            if method.one("X509Data").map_err(refused)?.is_some() {
                return Err(refused(Reason::Unsupported("X509Data")));
            }
            if !matches!(key.len(), 16 | 32) {
                return Err(MigrateError::WrongKey);
            }
            Ok(Zeroizing::new(key.to_vec()))
        }
    }
}

/// PBKDF2 with the parameters of a `DerivedKey` (RFC 8018 section 5.2).
fn derive(derived: &Element, password: &[u8]) -> Result<Zeroizing<Vec<u8>>, Reason> {
    let method = derived.need("KeyDerivationMethod")?;
    let algorithm = method.attribute("Algorithm").unwrap_or_default();
    if ![PKCS5, XENC11]
        .iter()
        .any(|ns| algorithm.strip_prefix(ns) == Some("pbkdf2"))
    {
        return Err(Reason::Unsupported("KeyDerivationMethod"));
    }
    let parameters = method.need("PBKDF2-params")?;
    let salt = base64(parameters.need("Salt")?.need("Specified")?.text());
    let salt = salt.ok_or(Reason::Damaged("Salt"))?;
    let rounds = number(parameters.need("IterationCount")?.text(), "IterationCount")?;
    if !(1..=MAX_ROUNDS).contains(&rounds) {
        return Err(Reason::Unsupported("IterationCount"));
    }
    let length = number(parameters.need("KeyLength")?.text(), "KeyLength")?;
    if !matches!(length, 16 | 32) {
        return Err(Reason::Unsupported("KeyLength"));
    }
    let prf = match parameters.one("PRF")? {
        // Without an algorithm it is HMAC-SHA-1.
        Some(prf) if prf.attribute("Algorithm").is_some() => hash(prf, [DSIG, DSIG_MORE]),
        _ => Some(Algorithm::Sha1),
    };
    let mut key = Zeroizing::new(vec![0; length]);
    match prf.ok_or(Reason::Unsupported("PRF"))? {
        Algorithm::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, &salt, rounds, &mut key),
        Algorithm::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, &salt, rounds, &mut key),
        Algorithm::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, &salt, rounds, &mut key),
    }
    Ok(key)
}

/// The hash of an element's HMAC algorithm.
fn hash(element: &Element, namespaces: [&str; 2]) -> Option<Algorithm> {
    let algorithm = element.attribute("Algorithm")?;
    let name = namespaces
        .iter()
        .find_map(|ns| algorithm.strip_prefix(ns))?;
    match name {
        "hmac-sha1" => Some(Algorithm::Sha1),
        "hmac-sha256" => Some(Algorithm::Sha256),
        "hmac-sha512" => Some(Algorithm::Sha512),
        _ => None,
    }
}

/// The bytes of an encrypted element: initialization vector and ciphertext.
fn ciphertext(encrypted: &Element) -> Result<Zeroizing<Vec<u8>>, Reason> {
    let value = encrypted.need("CipherData")?.need("CipherValue")?;
    base64(value.text()).ok_or(Reason::Damaged("CipherValue"))
}

/// Decrypts by an element's `EncryptionMethod`. `None` when the ciphertext is not that key's; its
/// padding is XML Encryption's, of which only the last byte counts.
fn decrypt(
    key: &[u8],
    encrypted: &Element,
    ciphertext: &[u8],
) -> Result<Option<Zeroizing<Vec<u8>>>, Reason> {
    let method = encrypted.need("EncryptionMethod")?.attribute("Algorithm");
    let padded = match method.and_then(|method| method.strip_prefix(XENC)) {
        Some("aes128-cbc") => cbc::<Aes128>,
        Some("aes256-cbc") => cbc::<Aes256>,
        _ => return Err(Reason::Unsupported("EncryptionMethod")),
    };
    Ok(padded(key, ciphertext))
}

fn cbc<C>(key: &[u8], ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>>
where
    cbc::Decryptor<C>: BlockModeDecrypt + KeyIvInit,
    C: aes::cipher::BlockCipherDecrypt,
{
    let (iv, blocks) = ciphertext.split_at_checked(16)?;
    let mut plain = Zeroizing::new(blocks.to_vec());
    let length = cbc::Decryptor::<C>::new_from_slices(key, iv)
        .ok()?
        .decrypt_padded::<Iso10126>(&mut plain)
        .ok()?
        .len();
    plain.truncate(length);
    Some(plain)
}

/// Compares in the same time wherever two MACs differ.
fn fits<M: Mac + KeyInit>(key: &[u8], ciphertext: &[u8], mac: &[u8]) -> bool {
    <M as KeyInit>::new_from_slice(key)
        .is_ok_and(|hmac| hmac.chain_update(ciphertext).verify_slice(mac).is_ok())
}

/// Base64 that may be broken into lines.
pub(super) fn base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut compact = Zeroizing::new(Vec::with_capacity(text.len()));
    compact.extend(text.bytes().filter(|byte| !byte.is_ascii_whitespace()));
    let mut bytes = Zeroizing::new(vec![0; BASE64.decode_len(compact.len()).ok()?]);
    let length = BASE64.decode_mut(&compact, &mut bytes).ok()?;
    bytes.truncate(length);
    Some(bytes)
}
