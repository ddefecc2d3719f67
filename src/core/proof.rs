//! What must be shown before an account is changed, besides the password.

use thiserror::Error;

use crate::account::Account;
use crate::factor::{Factor, State};
use crate::way::Way;

/// A change that an owner asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A factor more.
    AddFactor,
    /// A factor in place of another, or of all that were lost.
    ReplaceFactor,
    /// A factor less.
    RemoveFactor,
    /// A channel more, less, or verified.
    Channels,
    /// A new set of recovery codes.
    RecoveryCodes,
    /// No second factor.
    SwitchOff,
    /// A session of a realm's account.
    Session,
    /// The API key of a realm's account.
    ApiKey,
}

impl Change {
    /// Whether a session that was opened with the factor can stand for the factor: that is the way
    /// out when device and codes are both lost.
    #[must_use]
    pub const fn is_proved_by_session(self) -> bool {
        matches!(self, Self::ReplaceFactor | Self::SwitchOff)
    }
}

/// What was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Nothing.
    None,
    /// A verification that has just succeeded.
    Verified(Way),
    /// A live session that was itself opened with the factor.
    Session,
}

/// How long an owner who came in by a rescue can enrol a factor without another proof, in seconds.
const REENROLMENT: u64 = 3_600;

/// A change needs a proof that was not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the change needs a code of a factor or a recovery code first")]
pub struct ProofRequired;

impl Account {
    /// Whether `proof` is enough for `change`. An account without a factor needs none; otherwise a
    /// program in its owner's session could plant a factor of its own. A session stands for a
    /// factor only to replace one or to switch off, where `session_counts`: that is the way out
    /// when device and codes are both lost. A code from a channel or a rescue lets its owner in and
    /// leads to a new factor, and to nothing else. A rescue whose code went into the login that it
    /// was for leaves nothing to show: a factor can be enrolled for an hour (`now` is Unix seconds)
    /// after that.
    ///
    /// # Errors
    /// [`ProofRequired`]
    pub fn may_change(
        &self,
        change: Change,
        proof: Proof,
        session_counts: bool,
        now: u64,
    ) -> Result<(), ProofRequired> {
        let enough = match proof {
            Proof::None => change == Change::AddFactor && self.was_just_let_in(now),
            Proof::Verified(
                Way::Code(_) | Way::Presence(_) | Way::Recovery | Way::LegacyRecovery,
            ) => true,
            Proof::Verified(Way::OutOfBand(_) | Way::Bypass) => {
                matches!(
                    change,
                    Change::AddFactor | Change::ReplaceFactor | Change::Session
                )
            }
            Proof::Session => session_counts && change.is_proved_by_session(),
        };
        if enough || !self.is_enrolled() {
            Ok(())
        } else {
            Err(ProofRequired)
        }
    }

    /// Whether its owner came in by a rescue within the hour, and no factor is left to show. Factors
    /// that their owner suspended open nothing: whoever knows the password alone would follow.
    fn was_just_let_in(&self, now: u64) -> bool {
        let left = |factor: &Factor| match factor.state {
            State::LeftBehind { since } => since <= now && now - since < REENROLMENT,
            State::Pending | State::Active | State::Suspended { .. } => false,
        };
        self.must_reenrol
            && !self.factors.iter().any(Factor::is_active)
            && self.factors.iter().any(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::factor::FactorId;
    use crate::stand::Stand;

    const CHANGES: [Change; 8] = [
        Change::AddFactor,
        Change::ReplaceFactor,
        Change::RemoveFactor,
        Change::Channels,
        Change::RecoveryCodes,
        Change::SwitchOff,
        Change::Session,
        Change::ApiKey,
    ];

    #[test]
    fn a_stolen_session_can_plant_nothing() {
        let account = Stand::enrolled(1000).account;
        let allowed = |proof, session_counts| -> Vec<Change> {
            let may = |change: &Change| {
                account
                    .may_change(*change, proof, session_counts, 1_000)
                    .is_ok()
            };
            CHANGES.into_iter().filter(may).collect()
        };
        assert_eq!(allowed(Proof::None, true), []);
        assert_eq!(
            allowed(Proof::Session, true),
            [Change::ReplaceFactor, Change::SwitchOff]
        );
        assert_eq!(allowed(Proof::Session, false), []);
        for way in [Way::OutOfBand(FactorId(1)), Way::Bypass] {
            let way_in = [Change::AddFactor, Change::ReplaceFactor, Change::Session];
            assert_eq!(allowed(Proof::Verified(way), false), way_in);
        }
        for way in [
            Way::Code(FactorId(1)),
            Way::Presence(FactorId(1)),
            Way::Recovery,
        ] {
            assert_eq!(allowed(Proof::Verified(way), false), CHANGES);
        }
    }

    #[test]
    fn an_account_without_a_factor_needs_no_proof() {
        let mut account = Stand::enrolled(1000).account;
        account.switch_off(5);
        for change in CHANGES {
            assert_eq!(
                account.may_change(change, Proof::None, false, 1_000),
                Ok(())
            );
        }
    }

    #[test]
    fn who_was_let_in_can_enrol_for_an_hour_and_do_nothing_else() {
        let mut account = Stand::enrolled(1000).account;
        account.must_reenrol = true;
        let may = |account: &Account, change, now| {
            account.may_change(change, Proof::None, true, now).is_ok()
        };
        assert!(!may(&account, Change::AddFactor, 5_000), "a factor is left");
        for factor in &mut account.factors {
            factor.state = State::LeftBehind { since: 5_000 };
        }
        for change in CHANGES {
            let adds = change == Change::AddFactor;
            assert_eq!(may(&account, change, 5_000), adds);
            assert_eq!(may(&account, change, 5_000 + REENROLMENT - 1), adds);
            assert!(!may(&account, change, 5_000 + REENROLMENT));
            assert!(!may(&account, change, 4_999));
        }
        account.must_reenrol = false;
        assert!(!may(&account, Change::AddFactor, 5_000));
    }

    #[test]
    fn suspending_a_factor_lets_nobody_enrol_another_by_the_password_alone() {
        let mut account = Stand::enrolled(1000).account;
        let id = account.factors[0].id;
        account.suspend_factor(id, 5_000).unwrap();
        assert!(account.must_reenrol());
        for change in CHANGES {
            let may = account.may_change(change, Proof::None, true, 5_001);
            assert_eq!(may, Err(ProofRequired), "{change:?}");
        }
    }
}
