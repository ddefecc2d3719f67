//! What must be on a token, and what may be.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use oathd_client::{AddOptions, CodeRecord, Token};
use oathd_oath::{Secret, code as compute};

use crate::dice::Dice;

/// A credential that its program has written, or tried to.
#[derive(Clone, Debug)]
pub(super) struct Held {
    seed: Vec<u8>,
    algorithm: &'static str,
    digits: u32,
    /// Seconds; none for a counter.
    pub(super) period: Option<u32>,
    /// Where the counter may stand.
    counter: RangeInclusive<u64>,
    /// The last change was reported as done; otherwise it may not have happened.
    pub(super) sure: bool,
}

/// The code of a seed, computed on the host.
pub(super) fn code(seed: &[u8], algorithm: &str, digits: u32, moving: u64) -> String {
    let secret = Secret::new(seed.to_vec()).unwrap();
    let digits = u8::try_from(digits).unwrap().try_into().unwrap();
    compute::hotp(&secret, algorithm.parse().unwrap(), digits, moving)
}

impl Held {
    pub(super) fn random(dice: &mut Dice) -> Held {
        let length = 10 + dice.below(30);
        Held {
            seed: dice.bytes(length),
            algorithm: ["SHA1", "SHA256", "SHA512"][dice.below(3)],
            digits: [6, 7, 8][dice.below(3)],
            period: [None, Some(15), Some(30), Some(30), Some(60)][dice.below(5)],
            counter: 0..=0,
            sure: false,
        }
    }

    pub(super) fn seed(&self) -> &[u8] {
        &self.seed
    }

    pub(super) fn options(&self, name: &str) -> AddOptions {
        AddOptions {
            name: Some(name.to_owned()),
            kind: Some(self.period.map_or("hotp", |_| "totp").to_owned()),
            algorithm: Some(self.algorithm.to_owned()),
            digits: Some(self.digits),
            period: self.period,
            ..AddOptions::default()
        }
    }

    /// The id of that name on a token.
    pub(super) fn id(&self, name: &str) -> String {
        match self.period {
            None | Some(30) => name.to_owned(),
            Some(period) => format!("{period}/{name}"),
        }
    }

    /// A call for a code failed: its count may be spent.
    pub(super) fn may_have_counted(&mut self) {
        self.counter = *self.counter.start()..=self.counter.end() + 1;
    }

    /// The code is the right one, at a moment between two readings of the clock.
    pub(super) fn check(&mut self, id: &str, answer: &CodeRecord, moment: RangeInclusive<u64>) {
        let compute = |moving| code(&self.seed, self.algorithm, self.digits, moving);
        let Some(period) = self.period.map(u64::from) else {
            let counted = self.counter.clone().find(|&at| compute(at) == answer.code);
            let counted = counted.unwrap_or_else(|| panic!("{id}: {answer:?} of {self:?}"));
            self.counter = counted + 1..=counted + 1;
            return;
        };
        assert_eq!(
            answer.code,
            compute(answer.from / period),
            "{id}: {answer:?}"
        );
        assert_eq!(answer.from % period, 0, "{id}: {answer:?}");
        assert_eq!(answer.until, Some(answer.from + period), "{id}: {answer:?}");
        assert!(
            answer.from <= *moment.end() && answer.from + period > *moment.start(),
            "{id}: {answer:?} at {moment:?}"
        );
    }
}

/// The credentials of a program, or of all, on one token, by id.
#[derive(Debug, Default)]
pub(super) struct Ledger(pub(super) BTreeMap<String, Held>);

impl Ledger {
    pub(super) fn take_over(&mut self, other: Ledger) {
        self.0.extend(other.0);
    }

    /// The token holds everything of which it is sure, nothing that nobody wrote, and the right
    /// seeds. Removes it all.
    pub(super) async fn audit(mut self, token: &Token) {
        let listed = token.credentials(true).await.unwrap();
        for record in &listed {
            let held = self.0.get_mut(&record.id);
            let held = held.unwrap_or_else(|| panic!("{record:?} is nobody's"));
            let before = super::program::now();
            let answer = token.code(&record.id, true).await.unwrap();
            held.check(&record.id, &answer, before..=super::program::now());
            held.sure = false;
            token.remove(&record.id).await.unwrap();
        }
        let missing: Vec<_> = self.0.iter().filter(|(_, held)| held.sure).collect();
        assert!(missing.is_empty(), "{missing:?} of {listed:?}");
    }
}
