//! What keeps a code from being accepted twice.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::mac::Mac;

/// The highest counter of a seed that was ever accepted (RFC 4226 section 7.2, RFC 6238
/// section 5.2: "accepted once"). It can only rise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watermark(Option<u64>);

/// The counter is not above the watermark.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a code of counter {counter} or a later one was accepted before")]
pub struct NotAbove {
    /// The counter that was refused.
    pub counter: u64,
}

impl Watermark {
    /// Nothing was accepted yet.
    pub const NONE: Self = Self(None);

    /// `counter` and everything below it count as used.
    #[must_use]
    pub const fn used_up_to(counter: u64) -> Self {
        Self(Some(counter))
    }

    /// The highest counter that was accepted.
    #[must_use]
    pub const fn counter(self) -> Option<u64> {
        self.0
    }

    /// The lowest counter that could still be accepted; `None` when there is none left.
    #[must_use]
    pub const fn next(self) -> Option<u64> {
        match self.0 {
            None => Some(0),
            Some(counter) => counter.checked_add(1),
        }
    }

    /// Whether `counter` was not used and is above everything that was.
    #[must_use]
    pub fn allows(self, counter: u64) -> bool {
        self.0.is_none_or(|mark| counter > mark)
    }

    /// Accepts `counter`.
    ///
    /// # Errors
    /// [`NotAbove`]; the watermark stays.
    pub fn rise(&mut self, counter: u64) -> Result<(), NotAbove> {
        if self.allows(counter) {
            self.0 = Some(counter);
            Ok(())
        } else {
            Err(NotAbove { counter })
        }
    }

    /// Raises it to at least `other`.
    pub fn merge(&mut self, other: Self) {
        self.0 = self.0.max(other.0);
    }
}

/// The watermark of a seed, known by the seed's keyed fingerprint.
///
/// It outlives the factor: a seed that is taken away and comes back finds its watermark again.
/// Counters are what a code is computed from, so the mark holds whatever period, length or kind
/// the seed comes back with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedMark {
    /// The seed's fingerprint.
    pub fingerprint: Mac,
    /// The highest counter accepted.
    pub watermark: Watermark,
}

/// The watermarks of every seed that an account ever had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedMarks(Vec<SeedMark>);

/// The account has had as many seeds as it can remember.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the account has had {max} seeds, and none of them may be forgotten", max = SeedMarks::MAX)]
pub struct TooManySeeds;

impl SeedMarks {
    /// How many seeds an account may have in its life. A forgotten mark would let a used code
    /// back in, so the end is an error and nothing is dropped.
    pub const MAX: usize = 256;

    /// The watermark of a seed; [`Watermark::NONE`] for one that was never here.
    #[must_use]
    pub fn of(&self, fingerprint: &Mac) -> Watermark {
        let found = self.0.iter().find(|mark| mark.fingerprint == *fingerprint);
        found.map_or(Watermark::NONE, |mark| mark.watermark)
    }

    /// Takes up a seed, at `watermark` or where it stood before, whichever is higher.
    ///
    /// # Errors
    /// [`TooManySeeds`]
    pub fn remember(&mut self, fingerprint: Mac, watermark: Watermark) -> Result<(), TooManySeeds> {
        let full = self.0.len() >= Self::MAX;
        match self
            .0
            .iter_mut()
            .find(|mark| mark.fingerprint == fingerprint)
        {
            Some(mark) => mark.watermark.merge(watermark),
            None if full => return Err(TooManySeeds),
            None => self.0.push(SeedMark {
                fingerprint,
                watermark,
            }),
        }
        Ok(())
    }

    /// Accepts `counter` of a seed that is remembered.
    ///
    /// # Errors
    /// [`NotAbove`], also for a seed that is not remembered: what cannot be written down as used
    /// is not accepted.
    pub fn rise(&mut self, fingerprint: &Mac, counter: u64) -> Result<(), NotAbove> {
        match self
            .0
            .iter_mut()
            .find(|mark| mark.fingerprint == *fingerprint)
        {
            Some(mark) => mark.watermark.rise(counter),
            None => Err(NotAbove { counter }),
        }
    }

    /// The marks, in the order in which the seeds came.
    pub fn iter(&self) -> impl Iterator<Item = &SeedMark> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_counter_is_accepted_twice_and_accepted_ones_rise(
            counters in prop::collection::vec(0u64..50, 0..200),
        ) {
            let mut mark = Watermark::NONE;
            let accepted: Vec<u64> =
                counters.into_iter().filter(|counter| mark.rise(*counter).is_ok()).collect();
            prop_assert!(accepted.is_sorted_by(|a, b| a < b));
        }

        #[test]
        fn a_seed_that_comes_back_finds_its_mark(
            first: Option<u32>, second: Option<u32>, seed: [u8; 32],
        ) {
            let mark = |value: Option<u32>| value.map_or(Watermark::NONE, |v| Watermark::used_up_to(v.into()));
            let mut marks = SeedMarks::default();
            marks.remember(Mac::from_bytes(seed), mark(first)).unwrap();
            marks.remember(Mac::from_bytes(seed), mark(second)).unwrap();
            prop_assert_eq!(marks.of(&Mac::from_bytes(seed)), mark(first.max(second)));
            prop_assert_eq!(marks.iter().count(), 1);
        }
    }

    #[test]
    fn the_last_counter_has_no_next() {
        assert_eq!(Watermark::NONE.next(), Some(0));
        assert_eq!(Watermark::used_up_to(u64::MAX).next(), None);
        assert!(!Watermark::used_up_to(u64::MAX).allows(u64::MAX));
    }

    #[test]
    fn nothing_is_forgotten_and_nothing_unknown_is_accepted() {
        let mut marks = SeedMarks::default();
        for seed in 0..=255 {
            marks
                .remember(Mac::from_bytes([seed; 32]), Watermark::NONE)
                .unwrap();
        }
        let new = Mac::from_bytes([1; 32].map(|b: u8| b.wrapping_sub(2)));
        assert!(
            marks.remember(new.clone(), Watermark::NONE).is_ok(),
            "255 is known"
        );
        let mut other = [7; 32];
        other[0] = 8;
        let other = Mac::from_bytes(other);
        assert_eq!(
            marks.remember(other.clone(), Watermark::NONE),
            Err(TooManySeeds)
        );
        assert_eq!(marks.rise(&other, 5), Err(NotAbove { counter: 5 }));
    }
}
