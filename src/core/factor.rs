//! The factors of an account: what makes its codes, and where the seed is kept.

use std::fmt;

use oathd_oath::{Algorithm, Digits, Kind, Period};
use serde::{Deserialize, Serialize};

use crate::caller::{CallerClass, ClassSet};
use crate::mac::Mac;
use crate::moment::{MAX_SETBACK, Moment};
use crate::stored;
use crate::watermark::Watermark;

/// The longest label in bytes.
pub const MAX_LABEL: usize = 64;

/// The number of a factor or a channel within its account; never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FactorId(pub u32);

impl FactorId {
    /// Stands in for a factor where there is none: its codes are computed from any seed and
    /// match nothing.
    pub const DECOY: Self = Self(0);
}

/// What moves a factor on to its next code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Generator {
    /// This host's time: tokens here have no clock.
    Totp {
        /// The time step.
        #[serde(with = "stored::PeriodDef")]
        period: Period,
    },
    /// Use.
    Hotp,
    /// A clock in the token itself, imported from another verifier.
    Clocked {
        /// The time step.
        #[serde(with = "stored::PeriodDef")]
        period: Period,
        /// How many steps its clock is ahead of ours. Set by import and resync, never learned.
        skew: i32,
    },
}

impl Generator {
    /// The generator of a new credential.
    #[must_use]
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Totp { period } => Self::Totp { period },
            Kind::Hotp => Self::Hotp,
        }
    }

    /// Whether its codes depend on the time.
    #[must_use]
    pub const fn needs_clock(self) -> bool {
        !matches!(self, Self::Hotp)
    }

    /// The counter that belongs to `now`; `None` for HOTP.
    pub(crate) fn step(self, now: u64) -> Option<u64> {
        match self {
            Self::Totp { period } => Some(period.step(now)),
            Self::Clocked { period, skew } => {
                Some(period.step(now).saturating_add_signed(skew.into()))
            }
            Self::Hotp => None,
        }
    }

    /// Whether the step of `counter` began at or before `floor` (Unix seconds), on this host's clock.
    pub(crate) fn is_below(self, counter: u64, floor: u64) -> bool {
        let (period, step) = match self {
            Self::Totp { period } => (period, counter),
            Self::Clocked { period, skew } => {
                (period, counter.saturating_add_signed(-i64::from(skew)))
            }
            Self::Hotp => return false,
        };
        floor > 0 && step.saturating_mul(period.seconds().into()) <= floor
    }

    /// Seconds until the code of the present is above the watermark and the floor; 0 for HOTP.
    pub(crate) fn used_for(self, mark: Watermark, moment: Moment) -> u64 {
        let (period, skew) = match self {
            Self::Totp { period } => (period, 0),
            Self::Clocked { period, skew } => (period, skew),
            Self::Hotp => return 0,
        };
        let seconds = u64::from(period.seconds());
        let unused = mark.next().unwrap_or(u64::MAX);
        let unused = unused.saturating_add_signed(-i64::from(skew));
        let above = match moment.floor {
            0 => 0,
            floor => floor / seconds + 1,
        };
        let first = unused.max(above).saturating_mul(seconds);
        first.saturating_sub(moment.now)
    }

    /// Whether the watermark is further ahead than a clock that is believed can have gone back since:
    /// it stood ahead then.
    pub(crate) fn is_ahead(self, mark: Watermark, moment: Moment) -> bool {
        let period = match self {
            Self::Totp { period } | Self::Clocked { period, .. } => period,
            Self::Hotp => return false,
        };
        // The step after the present one may be used up.
        let usual = 2 * u64::from(period.seconds()) + MAX_SETBACK;
        self.used_for(mark, Moment { floor: 0, ..moment }) > usual
    }
}

/// Bytes that the service sealed. They mean nothing here, and are not shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed(pub Vec<u8>);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// What a sealed value of a factor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// The seed.
    Seed,
    /// The key of the token's presence credential.
    PresenceKey,
}

/// A slot of a token.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Slot {
    /// The device id of the token's applet.
    pub device: Vec<u8>,
    /// The id under which the token keeps the credential.
    pub credential: Vec<u8>,
}

/// Where the seed is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Custody {
    /// In a slot of a token and nowhere else.
    OnToken {
        /// The verifier slot.
        slot: Slot,
        /// The key of the token's presence credential.
        presence: Option<Sealed>,
    },
    /// With the service.
    Sealed(Sealed),
}

impl Custody {
    /// Where a code of this factor must come from.
    #[must_use]
    pub fn source(&self) -> Source {
        match self {
            Self::OnToken { slot, .. } => Source::Slot(slot.clone()),
            Self::Sealed(_) => Source::Seed,
        }
    }

    /// Whether a touch of the token can be proved by challenge.
    #[must_use]
    pub const fn proves_presence(&self) -> bool {
        matches!(
            self,
            Self::OnToken {
                presence: Some(_),
                ..
            }
        )
    }
}

/// Where a computed code came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A slot of a token.
    Slot(Slot),
    /// The seed that the service sealed.
    Seed,
}

/// Which factor is asked for first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// The one for every day.
    Primary,
    /// The one in the drawer.
    Backup,
}

/// Whether a factor is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Enrolled, but no code of it was seen.
    Pending,
    /// Accepted.
    Active,
    /// Lost or in doubt since then (Unix seconds); only a new enrolment brings the account on.
    Suspended {
        /// Since when.
        since: u64,
    },
    /// The same, since its owner came in by a rescue without it.
    LeftBehind {
        /// Since when, in Unix seconds.
        since: u64,
    },
}

/// A factor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Factor {
    /// Its number.
    pub id: FactorId,
    /// What its owner calls it, at most [`MAX_LABEL`] bytes.
    pub label: String,
    /// Time or use.
    pub generator: Generator,
    /// The hash.
    #[serde(with = "stored::AlgorithmDef")]
    pub algorithm: Algorithm,
    /// The code's length.
    #[serde(with = "stored::DigitsDef")]
    pub digits: Digits,
    /// Where the seed is.
    pub custody: Custody,
    /// Which is asked for first.
    pub role: Role,
    /// Whether it is accepted.
    pub state: State,
    /// When it ends, in Unix seconds, unless it is the last usable one.
    pub not_after: Option<u64>,
    /// The seed's fingerprint, under which its watermark is kept.
    pub fingerprint: Mac,
    /// When it was enrolled, in Unix seconds.
    pub added: u64,
    /// When a code of it was last accepted, in Unix seconds.
    pub last_used: Option<u64>,
    /// The classes in which typed codes are refused for good, after too many failures.
    pub codes_disabled: ClassSet,
    /// The same for challenges.
    pub presence_disabled: ClassSet,
}

impl Factor {
    /// A factor that nobody has: the usual kind, so that it takes the usual path.
    pub(crate) fn decoy() -> Self {
        Self {
            id: FactorId::DECOY,
            label: String::new(),
            generator: Generator::of(Kind::TOTP),
            algorithm: Algorithm::default(),
            digits: Digits::default(),
            custody: Custody::Sealed(Sealed(Vec::new())),
            role: Role::Primary,
            state: State::Active,
            not_after: None,
            fingerprint: Mac::from_bytes([0; 32]),
            added: 0,
            last_used: None,
            codes_disabled: ClassSet::EMPTY,
            presence_disabled: ClassSet::EMPTY,
        }
    }

    /// Sets the clock of a clocked token by a step that it just showed.
    pub(crate) fn set_clock(&mut self, step: u64, now: u64) {
        if let Generator::Clocked { period, skew } = &mut self.generator {
            let ahead = i128::from(step) - i128::from(period.step(now));
            *skew = i32::try_from(ahead).unwrap_or(*skew);
        }
    }

    /// Whether it is accepted at all.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.state == State::Active
    }

    /// Whether its end has come.
    #[must_use]
    pub fn has_ended(&self, now: u64) -> bool {
        self.not_after.is_some_and(|end| now >= end)
    }

    /// Whether it must be bound anew before typed codes of `class` are accepted.
    #[must_use]
    pub const fn must_rebind(&self, class: CallerClass) -> bool {
        self.codes_disabled.contains(class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A code whose step is above the floor belongs to a time after it, and the other way
        /// round, whatever the token's clock shows.
        #[test]
        fn the_floor_is_in_our_time(now in 1_000_000u64..5_000_000_000, floor in 1u64..5_000_000_000, skew in -40i32..40) {
            let period = Period::DEFAULT;
            for generator in [Generator::Totp { period }, Generator::Clocked { period, skew }] {
                let step = generator.step(now).unwrap();
                prop_assert_eq!(generator.is_below(step, floor), period.window(now).0 <= floor);
                prop_assert!(!generator.is_below(step, 0));
            }
        }
    }

    #[test]
    fn sealed_bytes_are_not_shown() {
        assert_eq!(format!("{:?}", Sealed(vec![1, 2, 3])), "Sealed(3 bytes)");
    }
}
