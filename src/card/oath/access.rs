//! The access code: SELECT asks for it, VALIDATE shows it, SET CODE changes it.

use super::{ALGORITHM, CHALLENGE, KEY, NAME, Oath, RESPONSE, VERSION};
use crate::algorithm::Algorithm;
use crate::entropy::Entropy;
use crate::key::Key;
use crate::state::AccessCode;
use crate::status::{Reply, Status};
use crate::tlv::{self, Reader};
use subtle::ConstantTimeEq;

impl Oath {
    /// SELECT: a new session, locked when there is an access code.
    pub(crate) fn select(&mut self, entropy: &mut dyn Entropy) -> Reply {
        self.deselect();
        let mut answer = Vec::new();
        tlv::put(&mut answer, VERSION, &self.profile.applet_version());
        tlv::put(&mut answer, NAME, &self.state.salt);
        if let Some(access) = &self.state.access {
            let challenge = entropy.eight().ok_or(Status::FAILED)?;
            tlv::put(&mut answer, CHALLENGE, &challenge);
            tlv::put(&mut answer, ALGORITHM, &[access.algorithm.nibble()]);
            self.challenge = Some(challenge);
        } else {
            self.unlocked = true;
        }
        Ok(answer)
    }

    /// VALIDATE: host and card show each other that they know the key. A challenge serves once.
    pub(super) fn validate(&mut self, data: &[u8]) -> Reply {
        let mut reader = Reader::new(data);
        let response = reader.take(RESPONSE)?;
        let host_challenge = reader.take(CHALLENGE)?;
        reader.end()?;
        if host_challenge.len() != 8 {
            return Err(Status::WRONG_SYNTAX);
        }
        let access = self.state.access.as_ref().ok_or(Status::NO_SUCH_OBJECT)?;
        let challenge = self
            .challenge
            .take()
            .ok_or(Status::CONDITIONS_NOT_SATISFIED)?;
        let expected = access.algorithm.hmac(access.key.bytes(), &challenge)?;
        if !bool::from(expected.ct_eq(response)) {
            return Err(Status::WRONG_SYNTAX);
        }
        self.unlocked = true;
        let mut answer = Vec::new();
        tlv::put(
            &mut answer,
            RESPONSE,
            &access.algorithm.hmac(access.key.bytes(), host_challenge)?,
        );
        Ok(answer)
    }

    /// SET CODE: an empty key clears; another one comes with a proof that the host has it.
    pub(super) fn set_code(&mut self, data: &[u8]) -> Reply {
        let mut reader = Reader::new(data);
        let key = reader.take(KEY)?;
        let Some((&type_byte, key)) = key.split_first() else {
            reader.end()?;
            self.state.access = None;
            self.changed = true;
            return Ok(Vec::new());
        };
        let challenge = reader.take(CHALLENGE)?;
        let response = reader.take(RESPONSE)?;
        reader.end()?;
        let algorithm = Algorithm::from_nibble(type_byte & 0x0F)
            .filter(|algorithm| self.profile.allows(*algorithm))
            .ok_or(Status::WRONG_SYNTAX)?;
        if challenge.is_empty() || !(14..=algorithm.block_len()).contains(&key.len()) {
            return Err(Status::WRONG_SYNTAX);
        }
        if !bool::from(algorithm.hmac(key, challenge)?.ct_eq(response)) {
            return Err(Status::NO_SUCH_OBJECT);
        }
        self.state.access = Some(AccessCode {
            algorithm,
            key: Key::new(key),
        });
        self.changed = true;
        if self.profile.set_code_locks() {
            self.unlocked = false;
        }
        Ok(Vec::new())
    }
}
