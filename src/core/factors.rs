//! Changes to the factors of an account that need no code: by their owner, or by an import.

use thiserror::Error;

use crate::account::{Account, MAX_FACTORS, Standing};
use crate::candidate::SKEW;
use crate::charge::Family;
use crate::enrolment::Plan;
use crate::event::Event;
use crate::factor::{Custody, Factor, FactorId, Holding, MAX_LABEL, Role, Sealed, State};
use crate::watermark::{TooManySeeds, Watermark};

/// Why a factor is not changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FactorError {
    /// The account has no such factor.
    #[error("the account has no such factor")]
    Unknown,
    /// It is the last way in: switching off is another act.
    #[error("it is the last usable factor")]
    Last,
    /// The account has as many factors as it can.
    #[error("an account has at most {MAX_FACTORS} factors")]
    TooMany,
    /// The label is too long or holds a control character.
    #[error("the label takes at most {MAX_LABEL} bytes, without control characters")]
    InvalidLabel,
    /// The account has had too many seeds.
    #[error(transparent)]
    TooManySeeds(#[from] TooManySeeds),
}

/// Whether a label can be kept.
pub(crate) fn valid_label(label: &str) -> bool {
    label.len() <= MAX_LABEL && !label.chars().any(char::is_control)
}

impl Account {
    /// Refuses a factor that was lost. When none is left, the owner must enrol another.
    ///
    /// # Errors
    /// [`FactorError::Unknown`]
    pub fn suspend_factor(&mut self, id: FactorId, now: u64) -> Result<Event, FactorError> {
        self.factor_mut(id)?.state = State::Suspended { since: now };
        self.must_reenrol |= !self.factors.iter().any(Factor::is_active);
        self.end_grants();
        Ok(Event::FactorSuspended { factor: id })
    }

    /// Takes a factor away. Its watermark stays.
    ///
    /// # Errors
    /// [`FactorError`]
    pub fn remove_factor(&mut self, id: FactorId) -> Result<Event, FactorError> {
        let factor = self.factor(id).ok_or(FactorError::Unknown)?;
        let others = || self.factors.iter().filter(|f| f.id != id);
        // One that is suspended still holds the account shut until another is enrolled.
        if others().next().is_none() || (factor.is_active() && !others().any(Factor::is_active)) {
            return Err(FactorError::Last);
        }
        self.factors.retain(|f| f.id != id);
        self.end_grants();
        Ok(Event::FactorRemoved { factor: id })
    }

    /// Names a factor and says which is asked for first.
    ///
    /// # Errors
    /// [`FactorError::Unknown`], [`FactorError::InvalidLabel`]
    pub fn describe_factor(
        &mut self,
        id: FactorId,
        label: &str,
        role: Role,
    ) -> Result<(), FactorError> {
        if !valid_label(label) {
            return Err(FactorError::InvalidLabel);
        }
        let factor = self.factor_mut(id)?;
        label.clone_into(&mut factor.label);
        factor.role = role;
        Ok(())
    }

    /// Replaces every sealed value by what `seal_anew` makes of it, under another key.
    ///
    /// # Errors
    /// The first error of `seal_anew`; some values may have been replaced.
    pub fn reseal<E>(
        &mut self,
        mut seal_anew: impl FnMut(FactorId, Holding, &[u8]) -> Result<Vec<u8>, E>,
    ) -> Result<(), E> {
        for factor in &mut self.factors {
            let (holding, sealed) = match &mut factor.custody {
                Custody::Sealed(seed) => (Holding::Seed, seed),
                Custody::OnToken {
                    presence: Some(key),
                    ..
                } => (Holding::PresenceKey, key),
                Custody::OnToken { presence: None, .. } => continue,
            };
            sealed.0 = seal_anew(factor.id, holding, &sealed.0)?;
        }
        Ok(())
    }

    /// Sets when a factor ends. A date that would end the last usable one is kept, and waits
    /// until there is another.
    ///
    /// # Errors
    /// [`FactorError::Unknown`]
    pub fn set_factor_end(
        &mut self,
        id: FactorId,
        not_after: Option<u64>,
    ) -> Result<(), FactorError> {
        self.factor_mut(id)?.not_after = not_after;
        Ok(())
    }

    /// Takes a factor over from another verifier, where its codes were confirmed long ago. What
    /// was used there stays used; for time-based seeds that is everything up to the codes of
    /// `now`, whatever the other verifier remembered. Importing again adds nothing.
    ///
    /// # Errors
    /// [`FactorError`]; the account is as it was.
    pub fn import_factor(
        &mut self,
        id: FactorId,
        plan: &Plan,
        label: &str,
        seed: Sealed,
        now: u64,
    ) -> Result<Option<Event>, FactorError> {
        if !valid_label(label) {
            return Err(FactorError::InvalidLabel);
        }
        let there = self
            .factors
            .iter()
            .any(|f| f.fingerprint == plan.fingerprint);
        let mut used = plan.used;
        if !there {
            if self.factors.len() >= MAX_FACTORS {
                return Err(FactorError::TooMany);
            }
            let present = plan
                .generator
                .step(now)
                .map(|step| Watermark::used_up_to(step.saturating_add(SKEW)));
            used.merge(present.unwrap_or(Watermark::NONE));
        }
        self.marks.remember(plan.fingerprint.clone(), used)?;
        if there {
            return Ok(None);
        }
        self.factors.push(Factor {
            state: State::Active,
            added: now,
            ..plan.pending(id, label, Role::Primary, Custody::Sealed(seed), now)
        });
        if self.standing != Standing::Decoy {
            self.standing = Standing::Open;
        }
        self.ledger.reopen(Family::Codes);
        Ok(Some(Event::FactorAdded { factor: id }))
    }

    fn factor_mut(&mut self, id: FactorId) -> Result<&mut Factor, FactorError> {
        self.factors
            .iter_mut()
            .find(|f| f.id == id)
            .ok_or(FactorError::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::CallerClass;
    use crate::factor::Generator;
    use crate::judge::Outcome;
    use crate::mac::fingerprint;
    use crate::stand::{START, Stand, TOTP, clocked, key, seed};
    use proptest::prelude::*;

    fn import(stand: &mut Stand, plan: &Plan, now: u64) -> Option<FactorId> {
        let id = stand.account.reserve_id();
        stand.seeds.insert(id, seed(1));
        let added = stand
            .account
            .import_factor(id, plan, "imported", Sealed(vec![1]), now)
            .unwrap();
        added.map(|_| id)
    }

    proptest! {
        /// However often it is imported, what was used stays used and one factor is there.
        #[test]
        fn importing_is_idempotent(
            generator in prop_oneof![Just(TOTP), Just(Generator::Hotp), (-5i32..5).prop_map(clocked)],
            used in prop::option::of(0u64..100), times in 1usize..5,
        ) {
            let mut stand = Stand::new(1000);
            let used = used.map_or(Watermark::NONE, Watermark::used_up_to);
            let plan = Plan { used, ..stand.plan(1, generator, None) };
            let id = import(&mut stand, &plan, START).unwrap();
            let account = stand.account.clone();
            for _ in 1..times {
                prop_assert_eq!(import(&mut stand, &plan, START + 900), None);
            }
            prop_assert_eq!(stand.account.factors(), account.factors());
            let mark = stand.account.watermark(&fingerprint(&key(), &seed(1)));
            prop_assert_eq!(mark, account.watermark(&fingerprint(&key(), &seed(1))));
            // The other verifier may have accepted any code of that moment.
            let present = generator.step(START).map_or(0..0, |step| step.saturating_sub(SKEW)..step + SKEW + 1);
            for counter in present.chain(mark.counter()) {
                let text = stand.code(id, counter);
                prop_assert!(!stand.accepts(CallerClass::Console, &text, START));
            }
            let (next, now) = match generator.step(START + 60) {
                Some(step) => (step, START + 60),
                None => (mark.next().unwrap(), START),
            };
            let text = stand.code(id, next);
            prop_assert!(stand.accepts(CallerClass::Console, &text, now));
        }
    }

    #[test]
    fn what_is_taken_away_comes_back_used() {
        let mut stand = Stand::enrolled(1000);
        let first = stand.account.factors()[0].id;
        let second = stand.enrol(2, TOTP, None, START).unwrap();
        let text = stand.code(first, START / 30);
        assert!(stand.accepts(CallerClass::Console, &text, START));
        let granted = stand.account.generation();
        stand.account.remove_factor(first).unwrap();
        assert!(stand.account.generation() > granted);
        let remembers = |number| {
            let seed = fingerprint(&key(), &seed(number));
            stand.account.remembers_seed(&seed)
        };
        assert!(remembers(1) && remembers(2) && !remembers(3));
        assert_eq!(stand.account.remove_factor(second), Err(FactorError::Last));
        let plan = stand.plan(1, TOTP, None);
        import(&mut stand, &plan, START - 300).unwrap();
        assert!(matches!(
            stand.attempt(CallerClass::Console, &text, START),
            Outcome::CodeUsed
        ));
    }

    #[test]
    fn a_lost_factor_is_refused_and_the_last_one_asks_for_another() {
        let mut stand = Stand::enrolled(1000);
        let id = stand.account.factors()[0].id;
        assert_eq!(
            stand.account.suspend_factor(FactorId(9), START),
            Err(FactorError::Unknown)
        );
        let granted = stand.account.generation();
        stand.account.suspend_factor(id, START).unwrap();
        assert!(stand.account.generation() > granted);
        assert!(stand.account.must_reenrol() && stand.account.is_enrolled());
        let text = stand.code(id, START / 30);
        assert!(!stand.accepts(CallerClass::Console, &text, START));
        assert_eq!(stand.account.remove_factor(id), Err(FactorError::Last));
    }

    #[test]
    fn guesses_at_an_account_without_a_factor_do_not_shut_one_that_is_imported() {
        let mut stand = Stand::new(1000);
        let mut now = START;
        for _ in 0..=crate::charge::CAP {
            now += crate::charge::LONGEST_WAIT;
            stand.attempt(CallerClass::Remote, "000000", now);
        }
        let plan = stand.plan(1, TOTP, None);
        let id = import(&mut stand, &plan, now).unwrap();
        now += crate::charge::LONGEST_WAIT;
        let text = stand.code(id, now / 30);
        assert!(stand.accepts(CallerClass::Remote, &text, now));
    }

    #[test]
    fn labels_are_bounded() {
        let mut stand = Stand::enrolled(1000);
        let id = stand.account.factors()[0].id;
        for label in ["a\nb", &"a".repeat(65)] {
            let refused = stand.account.describe_factor(id, label, Role::Backup);
            assert_eq!(refused, Err(FactorError::InvalidLabel));
        }
        stand
            .account
            .describe_factor(id, "drawer", Role::Backup)
            .unwrap();
        assert_eq!(stand.account.factors()[0].role, Role::Backup);
    }
}
