//! What a realm's service is handed for its users: sessions and API keys. 256 random bits each,
//! so that a plain hash keeps them.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

/// A session token or API key: 32 bytes, wiped when dropped.
pub struct Bearer(Zeroizing<[u8; 32]>);

impl Bearer {
    /// Takes over 32 random bytes, or those that a client presents.
    #[must_use]
    pub const fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// The bytes, for the one who gets them.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash under which it is kept and found.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_slice()).into()
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(..)")
    }
}

/// Why a session or key is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// It is another one.
    #[error("it is not this one")]
    Mismatch,
    /// It was not used for too long.
    #[error("it was idle for too long")]
    Idle,
    /// It reached its end.
    #[error("it has ended")]
    Ended,
    /// The account was changed since; whatever was granted before is void.
    #[error("the account was changed since")]
    Revoked,
}

/// How long a session lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifetime {
    /// Seconds without use.
    pub idle: u64,
    /// Seconds in all.
    pub absolute: u64,
}

impl Default for Lifetime {
    fn default() -> Self {
        Self {
            idle: 30 * 60,
            absolute: 12 * 3_600,
        }
    }
}

/// A session, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    hash: [u8; 32],
    /// When it began, in Unix seconds.
    pub began: u64,
    /// When it was last used, in Unix seconds.
    pub last_used: u64,
    /// How long it lives.
    pub lifetime: Lifetime,
    /// The account's generation when it began.
    pub generation: u32,
    /// Whether the factor opened it, so that it can stand for one when switching off.
    pub by_factor: bool,
}

impl Session {
    /// A session that begins.
    #[must_use]
    pub fn begin(
        bearer: &Bearer,
        lifetime: Lifetime,
        generation: u32,
        by_factor: bool,
        now: u64,
    ) -> Self {
        Self {
            hash: bearer.hash(),
            began: now,
            last_used: now,
            lifetime,
            generation,
            by_factor,
        }
    }

    /// The hash under which it is kept and found.
    #[must_use]
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// Whether `bearer` is this session and alive; that counts as use.
    ///
    /// # Errors
    /// [`Refusal`]; nothing is changed.
    pub fn check(&mut self, bearer: &Bearer, generation: u32, now: u64) -> Result<(), Refusal> {
        if !bool::from(self.hash.ct_eq(&bearer.hash())) {
            return Err(Refusal::Mismatch);
        }
        self.is_good(generation, now)?;
        self.last_used = self.last_used.max(now);
        Ok(())
    }

    /// Whether it can still be used.
    #[must_use]
    pub fn is_alive(&self, generation: u32, now: u64) -> bool {
        self.is_good(generation, now).is_ok()
    }

    fn is_good(&self, generation: u32, now: u64) -> Result<(), Refusal> {
        if self.generation != generation {
            Err(Refusal::Revoked)
        } else if now < self.began || now - self.began >= self.lifetime.absolute {
            Err(Refusal::Ended)
        } else if now.saturating_sub(self.last_used) >= self.lifetime.idle {
            Err(Refusal::Idle)
        } else {
            Ok(())
        }
    }

    /// The session that is spared when the account's others end.
    pub const fn carry_over(&mut self, generation: u32) {
        self.generation = generation;
    }
}

/// The API key of an account, as it is kept. There is one; a new one replaces it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    hash: [u8; 32],
    /// When it was issued, in Unix seconds.
    pub issued: u64,
    /// The account's generation when it was issued.
    pub generation: u32,
}

impl ApiKey {
    /// A key that is issued.
    #[must_use]
    pub fn issue(bearer: &Bearer, generation: u32, now: u64) -> Self {
        Self {
            hash: bearer.hash(),
            issued: now,
            generation,
        }
    }

    /// Whether `bearer` is this key, and the account was not changed since.
    ///
    /// # Errors
    /// [`Refusal::Mismatch`], [`Refusal::Revoked`]
    pub fn check(&self, bearer: &Bearer, generation: u32) -> Result<(), Refusal> {
        if !bool::from(self.hash.ct_eq(&bearer.hash())) {
            Err(Refusal::Mismatch)
        } else if self.generation != generation {
            Err(Refusal::Revoked)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bearer(byte: u8) -> Bearer {
        Bearer::new(Zeroizing::new([byte; 32]))
    }

    proptest! {
        #[test]
        fn a_session_lives_while_it_is_used_and_no_longer(gaps in prop::collection::vec(0u64..70, 0..60)) {
            let lifetime = Lifetime { idle: 60, absolute: 1_000 };
            let mut session = Session::begin(&bearer(1), lifetime, 7, true, 5_000);
            let (mut now, mut last) = (5_000, 5_000);
            for gap in gaps {
                now += gap;
                let alive = session.check(&bearer(1), 7, now).is_ok();
                prop_assert_eq!(alive, now - last < 60 && now - 5_000 < 1_000);
                if !alive {
                    break;
                }
                last = now;
            }
        }
    }

    #[test]
    fn refusals_are_named_and_one_session_can_be_spared() {
        let mut session = Session::begin(&bearer(1), Lifetime::default(), 7, true, 5_000);
        assert_eq!(session.check(&bearer(2), 7, 5_000), Err(Refusal::Mismatch));
        assert_eq!(session.check(&bearer(1), 8, 5_000), Err(Refusal::Revoked));
        assert_eq!(
            session.check(&bearer(1), 7, 5_000 + 1_800),
            Err(Refusal::Idle)
        );
        assert_eq!(
            session.check(&bearer(1), 7, 5_000 + 43_200),
            Err(Refusal::Ended)
        );
        assert_eq!(session.check(&bearer(1), 7, 4_999), Err(Refusal::Ended));
        session.carry_over(8);
        assert_eq!(session.check(&bearer(1), 8, 5_000), Ok(()));
        let key = ApiKey::issue(&bearer(3), 7, 5);
        assert_eq!(key.check(&bearer(3), 7), Ok(()));
        assert_eq!(key.check(&bearer(4), 7), Err(Refusal::Mismatch));
        assert_eq!(key.check(&bearer(3), 8), Err(Refusal::Revoked));
        assert_eq!(format!("{:?}", bearer(3)), "Bearer(..)");
    }
}
