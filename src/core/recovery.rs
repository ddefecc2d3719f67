//! The recovery codes of an account: ten that a person prints and keeps, each good for one login.

use serde::{Deserialize, Serialize};
use subtle::{Choice, ConditionallySelectable};

use crate::caller::ClassSet;
use crate::mac::{Mac, MacKey, Purpose};
use crate::name::AccountName;
use crate::recovery_code::{INDEXES, RecoveryCode};
use crate::response::TypedDigits;

/// Codes of a new set.
pub const SET_SIZE: usize = 10;
/// At this many left, the owner is warned.
pub const LOW: usize = 3;
/// Imported codes that a set may hold.
pub const MAX_LEGACY: usize = 16;

/// What is kept of a code. A used one stays, so that its return is recognised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredCode {
    /// Its index; imported codes have none.
    pub index: Option<u8>,
    /// When it was issued or imported, in Unix seconds.
    pub issued: u64,
    /// When it was used, in Unix seconds.
    pub used: Option<u64>,
    mac: Mac,
}

/// What a set says about a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is code number `.0` of the list and was not used.
    Fresh(usize),
    /// It was used before.
    Used,
    /// It is none of them.
    Wrong,
}

/// The recovery codes of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoverySet {
    generation: u32,
    codes: Vec<StoredCode>,
    suspended: bool,
    acknowledged: bool,
    pub(crate) disabled: ClassSet,
}

impl RecoverySet {
    /// A new set; the codes are shown to their owner once. `generation` differs from that of
    /// every earlier set of the account, and `entropy` is random.
    #[must_use]
    pub fn issue(
        key: &MacKey,
        account: &AccountName,
        generation: u32,
        entropy: &[[u8; 10]; SET_SIZE],
        now: u64,
    ) -> (Vec<RecoveryCode>, Self) {
        let codes: Vec<_> = (0..INDEXES)
            .zip(entropy)
            .map(|(i, e)| RecoveryCode::new(i, e))
            .collect();
        let mut set = Self::empty(generation);
        for code in &codes {
            set.store(key, account, code, now);
        }
        (codes, set)
    }

    /// A set without codes, to import into.
    #[must_use]
    pub const fn empty(generation: u32) -> Self {
        Self {
            generation,
            codes: Vec::new(),
            suspended: false,
            acknowledged: false,
            disabled: ClassSet::EMPTY,
        }
    }

    fn store(&mut self, key: &MacKey, account: &AccountName, code: &RecoveryCode, now: u64) {
        self.codes.push(StoredCode {
            index: Some(code.index()),
            issued: now,
            used: None,
            mac: code.mac(key, account, self.generation),
        });
    }

    /// Takes over an eight-digit code of another verifier: weak (26 bits), and marked so. A code
    /// that is there already stays as it is, so that importing twice revives nothing. `false` when
    /// there is no room.
    #[must_use]
    pub fn import_legacy(
        &mut self,
        key: &MacKey,
        account: &AccountName,
        code: &TypedDigits,
        used: bool,
        now: u64,
    ) -> bool {
        let mac = legacy_mac(key, account, code);
        if let Some(there) = self
            .codes
            .iter_mut()
            .find(|c| c.index.is_none() && c.mac == mac)
        {
            there.used = there.used.or(used.then_some(now));
            return true;
        }
        let room = self.codes.iter().filter(|c| c.index.is_none()).count() < MAX_LEGACY;
        if room {
            self.codes.push(StoredCode {
                index: None,
                issued: now,
                used: used.then_some(now),
                mac,
            });
        }
        room
    }

    /// What is kept of the codes.
    #[must_use]
    pub fn codes(&self) -> &[StoredCode] {
        &self.codes
    }

    /// How many are not used.
    #[must_use]
    pub fn left(&self) -> usize {
        self.codes.iter().filter(|code| code.used.is_none()).count()
    }

    /// Whether the owner should make a new set: few are left, or weak ones are among them.
    #[must_use]
    pub fn needs_renewal(&self) -> bool {
        self.suspended || self.left() <= LOW || self.has_legacy()
    }

    /// Whether imported weak codes can still be used.
    #[must_use]
    pub fn has_legacy(&self) -> bool {
        self.codes
            .iter()
            .any(|code| code.index.is_none() && code.used.is_none())
    }

    /// Whether the set waits to be renewed, after a restore that may have revived used codes.
    #[must_use]
    pub const fn is_suspended(&self) -> bool {
        self.suspended
    }

    /// Refuses every code until a new set is issued.
    pub const fn suspend(&mut self) {
        self.suspended = true;
    }

    /// The owner types one code back, which shows that the codes were written down. It stays good.
    /// `false` when it is none of them.
    pub fn acknowledge(
        &mut self,
        key: &MacKey,
        account: &AccountName,
        code: &RecoveryCode,
    ) -> bool {
        let known = matches!(self.find(key, account, code), Verdict::Fresh(_));
        self.acknowledged |= known;
        known
    }

    /// Whether the owner has shown that the codes were written down.
    #[must_use]
    pub const fn is_acknowledged(&self) -> bool {
        self.acknowledged
    }

    /// Looks a code up; every stored hash is compared.
    pub(crate) fn find(&self, key: &MacKey, account: &AccountName, code: &RecoveryCode) -> Verdict {
        self.find_mac(&code.mac(key, account, self.generation))
    }

    /// Looks an imported code up.
    pub(crate) fn find_legacy(
        &self,
        key: &MacKey,
        account: &AccountName,
        code: &TypedDigits,
    ) -> Verdict {
        self.find_mac(&legacy_mac(key, account, code))
    }

    fn find_mac(&self, mac: &Mac) -> Verdict {
        let (mut hit, mut found) = (Choice::from(0), 0u64);
        for (at, code) in (0u64..).zip(&self.codes) {
            let same = code.mac.same(mac);
            found.conditional_assign(&at, same);
            hit |= same;
        }
        if !bool::from(hit) {
            return Verdict::Wrong;
        }
        let at = usize::try_from(found).unwrap_or(usize::MAX);
        match self.codes.get(at) {
            Some(code) if code.used.is_none() => Verdict::Fresh(at),
            _ => Verdict::Used,
        }
    }

    /// Marks a code as used.
    pub(crate) fn consume(&mut self, at: usize, now: u64) {
        if let Some(code) = self.codes.get_mut(at) {
            code.used = code.used.or(Some(now));
        }
    }

    /// Issues one code more, in place of a used one. It has an index that no other code of the
    /// set has; the oldest used code makes room when all are taken.
    pub(crate) fn replace(
        &mut self,
        key: &MacKey,
        account: &AccountName,
        entropy: &[u8; 10],
        now: u64,
    ) -> Option<RecoveryCode> {
        let free =
            |codes: &[StoredCode]| (0..INDEXES).find(|i| codes.iter().all(|c| c.index != Some(*i)));
        if free(&self.codes).is_none() {
            let used = |c: &(usize, &StoredCode)| c.1.index.is_some() && c.1.used.is_some();
            let oldest = self
                .codes
                .iter()
                .enumerate()
                .filter(used)
                .min_by_key(|(_, c)| c.used)?
                .0;
            self.codes.remove(oldest);
        }
        let code = RecoveryCode::new(free(&self.codes)?, entropy);
        self.store(key, account, &code, now);
        Some(code)
    }
}

fn legacy_mac(key: &MacKey, account: &AccountName, code: &TypedDigits) -> Mac {
    key.mac(
        Purpose::LegacyRecovery,
        &[account.to_string().as_bytes(), code.bytes()],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    fn key() -> MacKey {
        MacKey::new(Zeroizing::new([3; 32]))
    }

    fn alice() -> AccountName {
        "alice".parse().unwrap()
    }

    proptest! {
        #[test]
        fn each_code_is_found_until_it_is_used(entropy: [[u8; 10]; SET_SIZE], order in Just((0..SET_SIZE).collect::<Vec<_>>()).prop_shuffle()) {
            let (codes, mut set) = RecoverySet::issue(&key(), &alice(), 1, &entropy, 5);
            for (used, at) in order.into_iter().enumerate() {
                prop_assert_eq!(set.left(), SET_SIZE - used);
                prop_assert_eq!(set.find(&key(), &alice(), &codes[at]), Verdict::Fresh(at));
                set.consume(at, 9);
                prop_assert_eq!(set.find(&key(), &alice(), &codes[at]), Verdict::Used);
            }
            prop_assert!(set.needs_renewal());
        }

        #[test]
        fn a_code_fits_its_account_key_and_set_alone(entropy: [[u8; 10]; SET_SIZE]) {
            let (codes, set) = RecoverySet::issue(&key(), &alice(), 1, &entropy, 5);
            let (_, next) = RecoverySet::issue(&key(), &alice(), 2, &entropy.map(|e| e.map(|b| !b)), 5);
            let other = MacKey::new(Zeroizing::new([4; 32]));
            for code in &codes {
                prop_assert_eq!(set.find(&key(), &"bob".parse().unwrap(), code), Verdict::Wrong);
                prop_assert_eq!(set.find(&other, &alice(), code), Verdict::Wrong);
                prop_assert_eq!(next.find(&key(), &alice(), code), Verdict::Wrong);
            }
        }

        /// However many are used and replaced, the set stays bounded and its indexes distinct.
        #[test]
        fn replacing_goes_on(seeds in prop::collection::vec(any::<[u8; 10]>(), 0..100)) {
            let (mut codes, mut set) = RecoverySet::issue(&key(), &alice(), 1, &[[0; 10]; SET_SIZE], 5);
            for (now, seed) in (10..).zip(&seeds) {
                let code = codes.remove(0);
                let Verdict::Fresh(at) = set.find(&key(), &alice(), &code) else {
                    return Err(TestCaseError::fail("a fresh code was refused"));
                };
                set.consume(at, now);
                codes.push(set.replace(&key(), &alice(), seed, now).unwrap());
                prop_assert_eq!(set.left(), SET_SIZE);
                let mut indexes: Vec<_> = set.codes().iter().map(|c| c.index).collect();
                indexes.sort_unstable();
                indexes.dedup();
                prop_assert_eq!(indexes.len(), set.codes().len());
            }
        }

        #[test]
        fn importing_twice_revives_nothing(code in "[0-9]{8}", first: bool, second: bool) {
            let code = TypedDigits::parse(&code).unwrap();
            let mut set = RecoverySet::empty(1);
            prop_assert!(set.import_legacy(&key(), &alice(), &code, first, 1));
            prop_assert!(set.import_legacy(&key(), &alice(), &code, second, 2));
            prop_assert_eq!(set.codes().len(), 1);
            let expected = if first || second { Verdict::Used } else { Verdict::Fresh(0) };
            prop_assert_eq!(set.find_legacy(&key(), &alice(), &code), expected);
        }
    }

    #[test]
    fn typing_one_back_shows_that_they_were_written_down() {
        let (codes, mut set) = RecoverySet::issue(&key(), &alice(), 1, &[[1; 10]; SET_SIZE], 5);
        assert!(!set.acknowledge(&key(), &alice(), &RecoveryCode::new(0, &[2; 10])));
        assert!(!set.is_acknowledged());
        assert!(set.acknowledge(&key(), &alice(), &codes[4]));
        assert!(set.is_acknowledged());
        assert_eq!(set.left(), SET_SIZE);
    }

    #[test]
    fn imported_codes_are_bounded() {
        let mut set = RecoverySet::empty(1);
        let imported = (0..40).filter(|n| {
            let code = TypedDigits::parse(&format!("{n:08}")).unwrap();
            set.import_legacy(&key(), &alice(), &code, false, 1)
        });
        assert_eq!(imported.count(), MAX_LEGACY);
        assert!(set.has_legacy());
        let (_, mut set) = RecoverySet::issue(&key(), &alice(), 1, &[[1; 10]; SET_SIZE], 5);
        assert!(!set.has_legacy() && !set.needs_renewal());
        let code = TypedDigits::parse("12345678").unwrap();
        assert!(set.import_legacy(&key(), &alice(), &code, false, 5));
        assert!(
            set.has_legacy() && set.needs_renewal(),
            "one weak one is enough"
        );
    }
}
