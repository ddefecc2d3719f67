//! PUT: a new credential.

use oathd_oath::{Algorithm, CredentialId, Kind, NewCredential};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroizing;

use super::tag;
use crate::{apdu::Command, tlv};

/// Cards take keys of at least this length; shorter ones are padded with zeros, which HMAC does anyway.
const SHORTEST_KEY: usize = 14;

const REQUIRE_TOUCH: u8 = 0x02;

/// Writes a credential. A credential of the same id is overwritten without a question.
#[must_use]
pub fn put(id: &CredentialId, credential: &NewCredential, touch: bool) -> Command {
    let kind = match credential.kind {
        Kind::Hotp => 0x10,
        Kind::Totp { .. } => 0x20,
    };
    let algorithm = match credential.algorithm {
        Algorithm::Sha1 => 0x01,
        Algorithm::Sha256 => 0x02,
        Algorithm::Sha512 => 0x03,
    };
    let key = card_key(credential.algorithm, credential.secret.expose());
    let mut value = Zeroizing::new(Vec::with_capacity(2 + key.len()));
    value.extend_from_slice(&[kind | algorithm, credential.digits.into()]);
    value.extend_from_slice(&key);

    // Reserved whole, so that growing leaves no copy of the key behind.
    let mut data = Vec::with_capacity(256);
    tlv::push(&mut data, tag::NAME, id.as_bytes());
    tlv::push(&mut data, tag::KEY, &value);
    if touch {
        // The one field without a length.
        data.extend_from_slice(&[tag::PROPERTY, REQUIRE_TOUCH]);
    }
    if credential.kind == Kind::Hotp && credential.counter > 0 {
        tlv::push(
            &mut data,
            tag::INITIAL_COUNTER,
            &credential.counter.to_be_bytes(),
        );
    }
    Command::new(0x01, data)
}

/// The key as cards take it: no longer than the hash's block (RFC 2104 section 2), no shorter than
/// [`SHORTEST_KEY`].
fn card_key(algorithm: Algorithm, secret: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(algorithm.block_len()));
    if secret.len() <= algorithm.block_len() {
        key.extend_from_slice(secret);
    } else {
        match algorithm {
            Algorithm::Sha1 => key.extend_from_slice(&Sha1::digest(secret)),
            Algorithm::Sha256 => key.extend_from_slice(&Sha256::digest(secret)),
            Algorithm::Sha512 => key.extend_from_slice(&Sha512::digest(secret)),
        }
    }
    if key.len() < SHORTEST_KEY {
        key.resize(SHORTEST_KEY, 0);
    }
    key
}

#[cfg(test)]
mod tests {
    use oathd_oath::{Digits, Secret, code};
    use proptest::prelude::*;

    use super::*;

    fn algorithms() -> impl Strategy<Value = Algorithm> {
        prop::sample::select(vec![Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512])
    }

    proptest! {
        /// Hashing and padding leave every code as it was.
        #[test]
        fn the_cards_key_computes_the_same(secret in prop::collection::vec(any::<u8>(), 2..=256), algorithm in algorithms(), counter: u64) {
            let key = card_key(algorithm, &secret);
            prop_assert!((SHORTEST_KEY..=algorithm.block_len()).contains(&key.len()));
            let (secret, key) = (Secret::new(secret).unwrap(), Secret::new(key.to_vec()).unwrap());
            prop_assert_eq!(code::mac(&secret, algorithm, counter), code::mac(&key, algorithm, counter));
        }

        #[test]
        fn it_always_fits_one_short_apdu(secret in prop::collection::vec(any::<u8>(), 2..=256), algorithm in algorithms(), name in "[a-z]{1,64}", counter: u32, touch: bool) {
            let credential = NewCredential {
                issuer: None,
                name,
                kind: Kind::Hotp,
                algorithm,
                digits: Digits::Eight,
                counter,
                secret: Secret::new(secret).unwrap(),
            };
            let command = put(&credential.id().unwrap(), &credential, touch);
            prop_assert!(command.data.len() <= 255, "{}", command.data.len());
        }
    }

    #[test]
    fn the_fields_come_in_the_cards_order() {
        let credential = NewCredential {
            issuer: Some("i".into()),
            name: "n".into(),
            kind: Kind::Hotp,
            algorithm: Algorithm::Sha256,
            digits: Digits::Seven,
            counter: 0x0102_0304,
            secret: Secret::new(vec![0xaa, 0xbb]).unwrap(),
        };
        let command = put(&credential.id().unwrap(), &credential, true);
        let mut expected = vec![0x71, 3, b'i', b':', b'n', 0x73, 16, 0x12, 7, 0xaa, 0xbb];
        expected.extend_from_slice(&[0; 12]);
        expected.extend_from_slice(&[0x78, 2, 0x7a, 4, 1, 2, 3, 4]);
        assert_eq!(*command.data, expected);
    }
}
