//! One stored credential and what it computes (RFC 4226, RFC 6238, YKOATH PUT and CALCULATE).

use crate::algorithm::Algorithm;
use crate::key::{Key, hex};
use crate::status::Status;
use serde::{Deserialize, Serialize};

/// A credential in its slot.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credential {
    /// The id, `[period/][issuer:]name`; any bytes, the card does not read them.
    #[serde(with = "hex")]
    pub(crate) name: Vec<u8>,
    /// Time or counter.
    pub(crate) kind: Kind,
    /// The hash.
    pub(crate) algorithm: Algorithm,
    /// Digits of a code, 6 to 8; the host shortens, the card only tells.
    pub(crate) digits: u8,
    /// The key as the host sent it, padded to 14 bytes or more.
    pub(crate) key: Key,
    /// Computes only after a touch.
    pub(crate) touch: bool,
    /// The highest challenge so far, for a credential whose challenges may only rise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rising: Option<Challenge>,
}

/// What moves a credential on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// The challenge is the host's, made of the time.
    Totp,
    /// The challenge is the card's own counter; this is the next one.
    Hotp {
        /// The counter the next code is computed from.
        counter: u64,
    },
}

/// The highest challenge a credential has seen.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Challenge(#[serde(with = "hex")] Vec<u8>);

/// Which form of the HMAC is answered: P2 of CALCULATE and CALCULATE ALL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// All of it, tag 75.
    Full,
    /// The 31 bits of RFC 4226 §5.3, tag 76.
    Truncated,
}

impl Form {
    /// The form that P1 and P2 ask for.
    ///
    /// # Errors
    /// `6B00` for anything but `0000` and `0001`.
    pub(crate) fn from_p1p2(p1p2: u16) -> Result<Form, Status> {
        match p1p2 {
            0 => Ok(Form::Full),
            1 => Ok(Form::Truncated),
            _ => Err(Status::WRONG_P1P2),
        }
    }

    /// The tag of an answer in this form.
    pub(crate) fn tag(self) -> u8 {
        match self {
            Form::Full => 0x75,
            Form::Truncated => 0x76,
        }
    }
}

impl Credential {
    /// Kind and algorithm in one byte, as LIST shows them.
    pub(crate) fn type_byte(&self) -> u8 {
        let kind = match self.kind {
            Kind::Hotp { .. } => 0x10,
            Kind::Totp => 0x20,
        };
        kind | self.algorithm.nibble()
    }

    /// The digits and the response to `challenge`; nothing moves on.
    ///
    /// # Errors
    /// `6F00` when the hash fails.
    pub(crate) fn respond(&self, challenge: &[u8], form: Form) -> Result<Vec<u8>, Status> {
        let hmac = self.algorithm.hmac(self.key.bytes(), challenge)?;
        let mut value = vec![self.digits];
        match form {
            Form::Full => value.extend(hmac),
            Form::Truncated => value.extend(truncate(&hmac).to_be_bytes()),
        }
        Ok(value)
    }

    /// CALCULATE: a counter credential answers its counter and moves on, whatever the host sent.
    ///
    /// # Errors
    /// `6A80` when a time credential gets no challenge, or one below an earlier one where they
    /// may only rise; `6F00` when the hash fails or the counter is used up.
    pub(crate) fn calculate(&mut self, challenge: &[u8], form: Form) -> Result<Vec<u8>, Status> {
        match self.kind {
            Kind::Hotp { counter } => {
                let next = counter.checked_add(1).ok_or(Status::FAILED)?;
                let value = self.respond(&counter.to_be_bytes(), form)?;
                self.kind = Kind::Hotp { counter: next };
                Ok(value)
            }
            Kind::Totp => {
                if challenge.is_empty() {
                    return Err(Status::WRONG_SYNTAX);
                }
                if self
                    .rising
                    .as_ref()
                    .is_some_and(|highest| challenge < &highest.0[..])
                {
                    return Err(Status::WRONG_SYNTAX);
                }
                let value = self.respond(challenge, form)?;
                if let Some(highest) = &mut self.rising {
                    highest.0 = challenge.to_vec();
                }
                Ok(value)
            }
        }
    }
}

/// Dynamic truncation (RFC 4226 §5.3): 31 bits from where the last nibble points.
fn truncate(hmac: &[u8]) -> u32 {
    let at = usize::from(hmac.last().copied().unwrap_or(0) & 0x0F);
    let bytes = hmac
        .get(at..at + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .unwrap_or([0; 4]);
    u32::from_be_bytes(bytes) & 0x7FFF_FFFF
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn credentials() -> impl Strategy<Value = Credential> {
        let kind = prop_oneof![
            Just(Kind::Totp),
            any::<u64>().prop_map(|counter| Kind::Hotp { counter })
        ];
        let algorithm = prop_oneof![
            Just(Algorithm::Sha1),
            Just(Algorithm::Sha256),
            Just(Algorithm::Sha512)
        ];
        (
            prop::collection::vec(any::<u8>(), 1..64),
            kind,
            algorithm,
            6..=8u8,
            prop::collection::vec(any::<u8>(), 14..64),
            any::<bool>(),
            any::<bool>(),
        )
            .prop_map(
                |(name, kind, algorithm, digits, key, touch, rising)| Credential {
                    name,
                    kind,
                    algorithm,
                    digits,
                    key: Key::new(&key),
                    touch,
                    rising: rising.then(Challenge::default),
                },
            )
    }

    proptest! {
        #[test]
        fn a_counter_rises_by_one_and_a_time_credential_repeats(mut credential in credentials(), challenge in any::<u64>()) {
            let before = credential.kind;
            let challenge = challenge.to_be_bytes();
            match (before, credential.calculate(&challenge, Form::Truncated)) {
                (Kind::Hotp { counter: u64::MAX }, answer) => prop_assert_eq!(answer, Err(Status::FAILED)),
                (Kind::Hotp { counter }, answer) => {
                    prop_assert_eq!(answer.unwrap().len(), 5);
                    prop_assert_eq!(credential.kind, Kind::Hotp { counter: counter + 1 });
                }
                (Kind::Totp, answer) => {
                    prop_assert_eq!(credential.calculate(&challenge, Form::Truncated), answer);
                }
            }
        }

        #[test]
        fn rising_challenges_never_fall(mut credential in credentials(), first in any::<u64>(), second in any::<u64>()) {
            credential.kind = Kind::Totp;
            credential.rising = Some(Challenge::default());
            credential.calculate(&first.to_be_bytes(), Form::Full).unwrap();
            prop_assert_eq!(credential.calculate(&second.to_be_bytes(), Form::Full).is_ok(), second >= first);
        }
    }
}
