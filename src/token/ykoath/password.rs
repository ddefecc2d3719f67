//! SET CODE and VALIDATE: the access key.

use super::tag;
use crate::{access::AccessKey, apdu::Command, error::ProtocolError, tlv};

/// The key's type in SET CODE: TOTP and SHA-1, the only one cards take.
const KEY_TYPE: u8 = 0x21;

/// Sets the access key; `challenge` is random and proves to the card that the key arrived whole.
#[must_use]
pub fn set_code(key: &AccessKey, challenge: &[u8; 8]) -> Command {
    let mut typed = zeroize::Zeroizing::new(vec![KEY_TYPE]);
    typed.extend_from_slice(key.expose());
    // Reserved whole, so that growing leaves no copy of the key behind.
    let mut data = Vec::with_capacity(64);
    tlv::push(&mut data, tag::KEY, &typed);
    tlv::push(&mut data, tag::CHALLENGE, challenge);
    tlv::push(&mut data, tag::RESPONSE, &key.prove(challenge));
    Command::new(0x03, data)
}

/// Takes the access key away.
#[must_use]
pub fn clear_code() -> Command {
    let mut data = Vec::new();
    tlv::push(&mut data, tag::KEY, &[]);
    Command::new(0x03, data)
}

/// Proves the key to the card and asks the card to prove it, too.
#[must_use]
pub fn validate(key: &AccessKey, card_challenge: &[u8], host_challenge: &[u8; 8]) -> Command {
    let mut data = Vec::new();
    tlv::push(&mut data, tag::RESPONSE, &key.prove(card_challenge));
    tlv::push(&mut data, tag::CHALLENGE, host_challenge);
    Command::new(0xa3, data)
}

/// Checks the card's own proof, in constant time.
///
/// # Errors
/// [`ProtocolError::NotMutual`] when the card does not know the key.
pub fn parse_validate(
    answer: &[u8],
    key: &AccessKey,
    host_challenge: &[u8; 8],
) -> Result<(), ProtocolError> {
    let proof = tlv::fields(answer).expect(tag::RESPONSE)?;
    if key.accepts(host_challenge, proof) {
        Ok(())
    } else {
        Err(ProtocolError::NotMutual)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn only_the_right_proof_is_taken(key: [u8; 16], challenge: [u8; 8], flip in 0usize..160) {
            let key = AccessKey::from_bytes(&key).unwrap();
            let mut answer = Vec::new();
            tlv::push(&mut answer, tag::RESPONSE, &key.prove(&challenge));
            prop_assert_eq!(parse_validate(&answer, &key, &challenge), Ok(()));
            answer[2 + flip / 8] ^= 1 << (flip % 8);
            prop_assert_eq!(parse_validate(&answer, &key, &challenge), Err(ProtocolError::NotMutual));
        }

        #[test]
        fn no_answer_panics(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let key = AccessKey::from_bytes(&[7; 16]).unwrap();
            prop_assert!(parse_validate(&bytes, &key, &[1; 8]).is_err());
        }
    }
}
