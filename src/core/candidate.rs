//! The codes that a response is compared with: which are wanted, and which were computed.

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::factor::{Factor, FactorId, Generator, Source};
use crate::moment::Moment;
use crate::response::TypedDigits;
use crate::watermark::Watermark;

/// Steps before and after the present one whose codes are accepted (RFC 6238 section 5.2).
pub const SKEW: u64 = 1;
/// Counters after the watermark that HOTP looks at (RFC 4226 section 7.4).
pub const LOOK_AHEAD: u64 = 10;
/// Counters after the watermark that two codes in a row may come from.
pub const RESYNC_COUNTERS: u64 = 100;
/// Steps before and after the expected one that two codes in a row may come from.
pub const RESYNC_STEPS: u64 = 40;

/// Codes to compute, on the token or from the seed. At most 101.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// For which factor.
    pub factor: FactorId,
    /// Where they must come from.
    pub source: Source,
    /// The first counter.
    pub first: u64,
    /// The last counter.
    pub last: u64,
}

/// A computed code.
#[derive(Debug)]
pub struct Candidate {
    /// For which factor.
    pub factor: FactorId,
    /// Of which counter.
    pub counter: u64,
    /// Where it came from.
    pub source: Source,
    /// The code.
    pub code: TypedDigits,
}

impl Wanted {
    /// The codes that one typed code is compared with; `None` when the clock it needs cannot be
    /// believed.
    pub(crate) fn for_one(factor: &Factor, mark: Watermark, moment: Moment) -> Option<Self> {
        let (first, last) = match factor.generator.step(moment.now) {
            Some(_) if moment.clock == crate::moment::Trust::Doubtful => return None,
            Some(step) => (step.saturating_sub(SKEW), step.saturating_add(SKEW)),
            // From the last one used, so that its return is recognised.
            None => {
                let next = mark.next().unwrap_or(u64::MAX);
                (
                    mark.counter().unwrap_or(next),
                    next.saturating_add(LOOK_AHEAD - 1),
                )
            }
        };
        Some(Self::of(factor, first, last))
    }

    /// The codes that two typed codes are looked for in. Tokens without a clock need no resync.
    pub(crate) fn for_pair(factor: &Factor, mark: Watermark, moment: Moment) -> Option<Self> {
        let (first, last) = match (factor.generator, factor.generator.step(moment.now)) {
            (Generator::Totp { .. }, _) => return None,
            (_, Some(_)) if moment.clock == crate::moment::Trust::Doubtful => return None,
            (_, Some(step)) => (
                step.saturating_sub(RESYNC_STEPS),
                step.saturating_add(RESYNC_STEPS),
            ),
            (_, None) => {
                let next = mark.next().unwrap_or(u64::MAX);
                (next, next.saturating_add(RESYNC_COUNTERS))
            }
        };
        Some(Self::of(factor, first, last))
    }

    fn of(factor: &Factor, first: u64, last: u64) -> Self {
        Self {
            factor: factor.id,
            source: factor.custody.source(),
            first,
            last,
        }
    }
}

/// What comparing found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// The highest counter that matched and may be accepted.
    pub(crate) fresh: Option<u64>,
    /// Whether one matched that was used before.
    pub(crate) used: bool,
    /// Whether one matched that nobody used, but that is below the realm's floor.
    pub(crate) below: bool,
}

/// Compares one code with every candidate of `factor`, to the end whatever matches. The highest
/// match counts, so that a code which two steps share is used up whole.
pub(crate) fn find_one(
    factor: &Factor,
    mark: Watermark,
    floor: u64,
    typed: &TypedDigits,
    candidates: &[Candidate],
) -> Found {
    let mut best = Best::default();
    for candidate in candidates {
        let same = matches(factor, typed, candidate);
        let below = factor.generator.is_below(candidate.counter, floor);
        best.note(
            candidate.counter,
            same,
            mark.allows(candidate.counter),
            below,
        );
    }
    best.found()
}

/// The same for two codes in a row; the counter found is that of the second.
pub(crate) fn find_pair(
    factor: &Factor,
    mark: Watermark,
    floor: u64,
    typed: (&TypedDigits, &TypedDigits),
    candidates: &[Candidate],
) -> Found {
    let mut best = Best::default();
    for two in candidates.windows(2) {
        let [first, second] = two else { continue };
        let row = first.counter.checked_add(1) == Some(second.counter);
        let same = matches(factor, typed.0, first)
            & matches(factor, typed.1, second)
            & Choice::from(u8::from(row));
        let below = factor.generator.is_below(first.counter, floor);
        best.note(second.counter, same, mark.allows(first.counter), below);
    }
    best.found()
}

/// Whether the code is the candidate's, which is this factor's and comes from where it should.
fn matches(factor: &Factor, typed: &TypedDigits, candidate: &Candidate) -> Choice {
    let ours = candidate.factor == factor.id && candidate.source == factor.custody.source();
    typed.bytes().ct_eq(candidate.code.bytes()) & Choice::from(u8::from(ours))
}

struct Best {
    hit: Choice,
    counter: u64,
    used: Choice,
    below: Choice,
}

impl Default for Best {
    fn default() -> Self {
        Self {
            hit: Choice::from(0),
            counter: 0,
            used: Choice::from(0),
            below: Choice::from(0),
        }
    }
}

impl Best {
    fn note(&mut self, counter: u64, same: Choice, unused: bool, below: bool) {
        let unused = Choice::from(u8::from(unused));
        let below = Choice::from(u8::from(below));
        let higher = Choice::from(u8::from(counter >= self.counter));
        let fresh = same & unused & !below;
        self.counter
            .conditional_assign(&counter, fresh & (higher | !self.hit));
        self.hit |= fresh;
        self.used |= same & !unused;
        self.below |= same & unused & below;
    }

    fn found(self) -> Found {
        Found {
            fresh: bool::from(self.hit).then_some(self.counter),
            used: self.used.into(),
            below: self.below.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn candidates(codes: &[(u64, u8)]) -> Vec<Candidate> {
        let candidate = |(counter, code): &(u64, u8)| Candidate {
            factor: FactorId::DECOY,
            counter: *counter,
            source: Source::Seed,
            code: typed(*code),
        };
        codes.iter().map(candidate).collect()
    }

    fn typed(code: u8) -> TypedDigits {
        TypedDigits::parse(&format!("{code:06}")).unwrap()
    }

    proptest! {
        /// Of few codes many are the same: the highest that may be accepted is found, so that
        /// accepting it uses up the others.
        #[test]
        fn the_highest_match_is_found(
            codes in prop::collection::vec(0u8..4, 0..12), guess in 0u8..4, mark in prop::option::of(0u64..12),
        ) {
            let codes: Vec<(u64, u8)> = (0..).zip(codes).collect();
            let mark = mark.map_or(Watermark::NONE, Watermark::used_up_to);
            let found = find_one(&Factor::decoy(), mark, 0, &typed(guess), &candidates(&codes));
            let hits = || codes.iter().filter(|(_, code)| *code == guess).map(|(counter, _)| *counter);
            prop_assert_eq!(found.fresh, hits().filter(|c| mark.allows(*c)).max());
            prop_assert_eq!(found.used, hits().any(|c| !mark.allows(c)));
        }

        /// Two codes count only for two counters in a row.
        #[test]
        fn a_pair_is_found_in_a_row_alone(
            codes in prop::collection::vec((0u64..3, 0u8..3), 0..12), first in 0u8..3, second in 0u8..3, mark in prop::option::of(0u64..12),
        ) {
            let mut at = 0;
            let codes: Vec<(u64, u8)> = codes.into_iter().map(|(gap, code)| { at += gap + 1; (at, code) }).collect();
            let mark = mark.map_or(Watermark::NONE, Watermark::used_up_to);
            let pair = (&typed(first), &typed(second));
            let found = find_pair(&Factor::decoy(), mark, 0, pair, &candidates(&codes));
            let code_of = |counter| codes.iter().find(|(c, _)| *c == counter).map(|(_, code)| *code);
            let hits = |c: &u64| code_of(*c) == Some(first) && code_of(*c + 1) == Some(second);
            let expected = (0..40).filter(hits).filter(|c| mark.allows(*c)).max().map(|c| c + 1);
            prop_assert_eq!(found.fresh, expected);
        }
    }
}
