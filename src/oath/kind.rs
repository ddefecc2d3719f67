//! What a credential counts: time or uses.

use std::fmt;
use std::num::NonZeroU32;

/// The length of a TOTP time step in seconds (`X` in RFC 6238 section 4.1); never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Period(pub NonZeroU32);

impl Period {
    /// Thirty seconds: what RFC 6238 recommends and an id without a prefix means.
    pub const DEFAULT: Self = Self(NonZeroU32::MIN.saturating_add(29));

    /// A period of `seconds`, or `None` for zero.
    #[must_use]
    pub fn from_seconds(seconds: u32) -> Option<Self> {
        NonZeroU32::new(seconds).map(Self)
    }

    /// The period in seconds.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        self.0.get()
    }

    /// The time step that holds `at` (Unix seconds): `T` in RFC 6238 section 4.2, with `T0` = 0.
    #[must_use]
    pub fn step(self, at: u64) -> u64 {
        at / u64::from(self.seconds())
    }

    /// The Unix seconds `(from, until)` between which the code of `at` holds; `until` is
    /// exclusive.
    #[must_use]
    pub fn window(self, at: u64) -> (u64, u64) {
        let seconds = u64::from(self.seconds());
        let from = at - at % seconds;
        (from, from.saturating_add(seconds))
    }
}

impl Default for Period {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What moves a credential on to its next code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Time (RFC 6238).
    Totp {
        /// The length of a time step.
        period: Period,
    },
    /// Use: every code moves a counter (RFC 4226).
    Hotp,
}

impl Kind {
    /// TOTP with the default period.
    pub const TOTP: Self = Self::Totp {
        period: Period::DEFAULT,
    };

    /// The type that a token stores for this kind; the period is part of the id.
    #[must_use]
    pub const fn on_card(self) -> TypeOnCard {
        match self {
            Self::Totp { .. } => TypeOnCard::Totp,
            Self::Hotp => TypeOnCard::Hotp,
        }
    }
}

/// The type that a token stores beside an id. It decides how the id is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TypeOnCard {
    /// The id may begin with a period.
    Totp,
    /// The id has no period.
    Hotp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_window_holds_its_time_and_one_step(at: u64, seconds in 1u32..) {
            let period = Period::from_seconds(seconds).unwrap();
            let (from, until) = period.window(at);
            prop_assert!(from <= at);
            prop_assert_eq!(period.step(from), period.step(at));
            if let Some(end) = from.checked_add(u64::from(seconds)) {
                prop_assert_eq!(until, end);
                prop_assert_eq!(period.step(until), period.step(at) + 1);
            }
        }
    }

    #[test]
    fn the_default_is_thirty_seconds() {
        assert_eq!(Period::DEFAULT.seconds(), 30);
        assert_eq!(Period::from_seconds(0), None);
    }
}
