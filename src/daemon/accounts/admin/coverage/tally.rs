//! Counting who has a second factor.

use oathd_api::wire::administration::CoverageRecord;
use oathd_core::{Account, health::UNSEEN, recovery::LOW};

/// The most users that are named as missing a factor.
const MAX_MISSING: usize = 1000;

/// A count over accounts and users. It holds no account.
#[derive(Debug, Default)]
pub(super) struct Tally(CoverageRecord);

impl Tally {
    /// Counts somebody who was never seen: a user without an account.
    pub(super) fn add_stranger(&mut self) {
        self.0.accounts += 1;
    }

    /// Counts an account as it is at `now`, in Unix seconds.
    pub(super) fn add(&mut self, account: &Account, now: u64) {
        let count = &mut self.0;
        let add = |counter: &mut u64, is_so: bool| *counter += u64::from(is_so);
        add(&mut count.accounts, true);
        add(&mut count.must_reenrol, account.must_reenrol());
        add(&mut count.locked_out, account.has_shut_way());
        if !account.is_enrolled() {
            return;
        }
        let alive = account
            .factors()
            .iter()
            .filter(|factor| factor.is_active() && !factor.has_ended(now));
        let seen = alive
            .clone()
            .map(|factor| factor.last_used.unwrap_or(factor.added));
        let unused = seen
            .max()
            .is_some_and(|last| now.saturating_sub(last) >= UNSEEN);
        let mut channels = account.channels().iter();
        let channel = channels.any(|c| c.verified.is_some() && !c.has_ended(now));
        let codes = account.recovery().filter(|set| !set.is_suspended());
        let left = codes.map_or(0, |set| set.left());
        add(&mut count.enrolled, true);
        add(&mut count.with_backup, alive.count() > 1 || channel);
        add(&mut count.with_recovery_codes, left > 0);
        add(&mut count.recovery_codes_low, left <= LOW);
        add(&mut count.unused_90_days, unused);
    }

    /// Counts somebody of whom the policy asks a factor; `name` is who has none.
    pub(super) fn require(&mut self, name: Option<&str>) {
        self.0.required += 1;
        if let Some(name) = name
            && self.0.missing.len() < MAX_MISSING
        {
            self.0.missing.push(name.to_owned());
        }
    }

    /// What was counted, in a realm.
    pub(super) fn finish(self, realm: String, not_asked: Vec<String>) -> CoverageRecord {
        let mut record = self.0;
        record.missing.sort_unstable();
        CoverageRecord {
            realm,
            not_asked,
            ..record
        }
    }
}

#[cfg(test)]
mod tests {
    use oathd_core::enrolment::Plan;
    use oathd_core::{FactorId, Generator, Mac, MacKey, Sealed, Watermark};
    use oathd_oath::{Algorithm, Digits, Kind};
    use zeroize::Zeroizing;

    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn account(name: &str, factors: u8) -> Account {
        let mut account = Account::new(name.parse().unwrap(), None);
        for factor in 0..factors {
            let plan = Plan {
                generator: Generator::of(Kind::TOTP),
                algorithm: Algorithm::default(),
                digits: Digits::default(),
                fingerprint: Mac::from_bytes([factor; 32]),
                used: Watermark::NONE,
                not_after: None,
                replaces: None,
            };
            let id = account.reserve_id();
            let added = account.import_factor(id, &plan, "", Sealed(Vec::new()), NOW);
            assert!(added.unwrap().is_some());
        }
        account
    }

    fn count<'a>(accounts: impl IntoIterator<Item = &'a Account>, now: u64) -> CoverageRecord {
        let mut tally = Tally::default();
        for account in accounts {
            tally.add(account, now);
        }
        tally.finish("shop".to_owned(), Vec::new())
    }

    #[test]
    fn each_is_counted_for_what_they_have() {
        let (none, one, mut two) = (account("a", 0), account("b", 1), account("c", 2));
        let key = MacKey::new(Zeroizing::new([1; 32]));
        let _ = two.issue_recovery_codes(&key, &[[1; 10]; 10], NOW);
        let told = count([&none, &one, &two], NOW);
        let expected = CoverageRecord {
            realm: "shop".to_owned(),
            accounts: 3,
            enrolled: 2,
            with_backup: 1,
            with_recovery_codes: 1,
            recovery_codes_low: 1,
            ..CoverageRecord::default()
        };
        assert_eq!(told, expected);
        assert_eq!(count([&two], NOW + UNSEEN - 1).unused_90_days, 0);
        assert_eq!(count([&none, &two], NOW + UNSEEN).unused_90_days, 1);
        two.suspend_factor(FactorId(1), NOW).unwrap();
        assert_eq!(count([&two], NOW).with_backup, 0);
        two.suspend_factor(FactorId(2), NOW).unwrap();
        let told = count([&two], NOW + UNSEEN);
        assert_eq!((told.must_reenrol, told.unused_90_days), (1, 0));
    }

    #[test]
    fn the_missing_are_named_as_far_as_they_fit() {
        let mut tally = Tally::default();
        tally.add_stranger();
        tally.require(None);
        for user in 0..2_000 {
            tally.require(Some(&format!("u{user:04}")));
        }
        let told = tally.finish("local".to_owned(), Vec::new());
        assert_eq!((told.accounts, told.required), (1, 2_001));
        assert_eq!(told.missing.len(), MAX_MISSING);
        assert!(told.missing.is_sorted());
    }
}
