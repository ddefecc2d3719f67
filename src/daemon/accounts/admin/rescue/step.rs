//! How far a rescue can go at a moment: opened, approved, its code issued.

use oathd_api::{
    ErrorName,
    wire::{ErrorDetails, administration::RescueState},
};
use oathd_core::rescue::{BYPASS_LIFETIME, Rescue};
use oathd_core::{Account, Approver, Event, MacKey, RescueError, RescueRule};
use zeroize::Zeroizing;

use crate::{accounts::change::handed_out, error::Error};

/// What an administrator asks for.
pub(super) enum Wish {
    /// Open a rescue.
    Open {
        /// Why, in the administrator's words.
        reason: String,
        /// The administrator stands at the machine.
        at_console: bool,
    },
    /// Approve what another opened, or fetch the code.
    Approve,
}

/// How far a rescue is.
pub(super) enum Step {
    /// An approval is missing, or the owner can still call it off.
    Waiting {
        /// Approvals that are missing.
        approvals: u32,
        /// Until when the owner can, in Unix seconds.
        not_before: u64,
    },
    /// It has its code.
    Issued {
        /// The code, as text.
        code: Zeroizing<String>,
        /// When it ends, in Unix seconds.
        until: u64,
    },
}

impl Step {
    /// The step as the bus carries it.
    ///
    /// # Errors
    /// `StateUnavailable` where the kernel gives no memory for the code, which is lost then: the
    /// rescue is to be cancelled and opened again.
    pub(super) fn state(self) -> Result<RescueState, Error> {
        match self {
            Step::Waiting {
                approvals,
                not_before,
            } => Ok(RescueState {
                state: "waiting".to_owned(),
                approvals_missing: approvals,
                not_before: Some(not_before),
                ..RescueState::default()
            }),
            Step::Issued { code, until } => Ok(RescueState {
                state: "issued".to_owned(),
                until: Some(until),
                bypass: Some(handed_out(code.as_bytes())?),
                ..RescueState::default()
            }),
        }
    }
}

/// What a rescue is judged by.
pub(super) struct Circumstances<'a> {
    /// What the settings ask of it.
    pub(super) rule: RescueRule,
    /// Of bypass codes.
    pub(super) key: &'a MacKey,
    /// 80 random bits.
    pub(super) entropy: &'a [u8; 10],
    /// Unix seconds.
    pub(super) now: u64,
}

/// Goes as far with the rescue of an account as nothing is missing: opens or approves it, and issues
/// its code. After a refusal the account must not be kept.
///
/// # Errors
/// `NotEnrolled`, and those of [`RescueError`].
pub(super) fn advance(
    account: &mut Account,
    wish: &Wish,
    by: Approver,
    circumstances: &Circumstances<'_>,
) -> Result<(Step, Vec<Event>), Error> {
    let now = circumstances.now;
    if !account.is_enrolled() {
        return Err(Error::new(ErrorName::NotEnrolled));
    }
    let mut events = Vec::new();
    match wish {
        Wish::Open { reason, at_console } => {
            let rule = circumstances.rule;
            events.push(account.open_rescue(by, reason, rule, *at_console, now)?);
        }
        Wish::Approve => {
            let rescue = account.rescue().filter(|rescue| !rescue.has_ended(now));
            let rescue = rescue.ok_or(RescueError::None)?;
            if rescue.has_code(now) {
                return Err(refused("its code was handed out; cancel it to begin again"));
            }
            match takes_part(rescue, by.uid) {
                true => may_go_on(by)?,
                false => events.push(account.approve_rescue(by, now)?),
            }
        }
    }
    let step = match account.issue_bypass(circumstances.key, circumstances.entropy, now) {
        Ok((code, event)) => {
            events.push(event);
            Step::Issued {
                code: code.reveal(),
                until: now.saturating_add(BYPASS_LIFETIME),
            }
        }
        Err(RescueError::ApprovalMissing | RescueError::Waiting { .. }) => waiting(account)?,
        Err(other) => return Err(other.into()),
    };
    Ok((step, events))
}

fn takes_part(rescue: &Rescue, uid: u32) -> bool {
    rescue.opened_by == uid || rescue.approved_by == Some(uid)
}

/// Whoever takes part already gives a factor again. Root goes without, which the trail tells.
fn may_go_on(by: Approver) -> Result<(), RescueError> {
    match by {
        Approver { uid: 0, .. } => Ok(()),
        Approver {
            uid,
            in_group: false,
            ..
        } => Err(RescueError::NotAnApprover { uid }),
        Approver { fresh_factor, .. } if !fresh_factor => Err(RescueError::FactorNeeded),
        Approver { .. } => Ok(()),
    }
}

fn waiting(account: &Account) -> Result<Step, RescueError> {
    let rescue = account.rescue().ok_or(RescueError::None)?;
    let approvals = u32::from(rescue.rule.two_approvers && rescue.approved_by.is_none());
    let not_before = rescue.opened.saturating_add(rescue.rule.cancel_window);
    Ok(Step::Waiting {
        approvals,
        not_before,
    })
}

fn refused(detail: &str) -> Error {
    Error::because(ErrorName::RescueRefused, detail)
}

impl From<RescueError> for Error {
    fn from(reason: RescueError) -> Error {
        let name = match reason {
            RescueError::Reason => return Error::invalid_args(reason),
            RescueError::NotAnApprover { .. } => ErrorName::NotAuthorized,
            RescueError::FactorNeeded => ErrorName::ProofRequired,
            RescueError::AnotherNeeded
            | RescueError::ApprovalMissing
            | RescueError::Waiting { .. }
            | RescueError::AlreadyOpen => ErrorName::RescueRefused,
            RescueError::None => ErrorName::NoRescue,
        };
        let retry_after = match reason {
            RescueError::Waiting { seconds } => Some(seconds),
            _ => None,
        };
        Error::with(
            name,
            ErrorDetails {
                detail: Some(reason.to_string()),
                retry_after,
                ..ErrorDetails::default()
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use oathd_core::enrolment::Plan;
    use oathd_core::{Generator, Mac, Sealed, Watermark};
    use oathd_oath::{Algorithm, Digits, Kind};
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_700_000_000;
    const OWNER: u32 = 9;

    fn owner() -> Account {
        let mut account = Account::new("alice".parse().unwrap(), Some(OWNER));
        let plan = Plan {
            generator: Generator::of(Kind::TOTP),
            algorithm: Algorithm::default(),
            digits: Digits::default(),
            fingerprint: Mac::from_bytes([1; 32]),
            used: Watermark::NONE,
            not_after: None,
            replaces: None,
        };
        let id = account.reserve_id();
        let _ = account.import_factor(id, &plan, "", Sealed(Vec::new()), NOW);
        account
    }

    fn approver(uid: u32) -> Approver {
        Approver {
            uid,
            in_group: true,
            fresh_factor: true,
        }
    }

    fn step(
        account: &mut Account,
        wish: &Wish,
        by: Approver,
        rule: RescueRule,
        now: u64,
    ) -> Result<Step, Error> {
        let circumstances = Circumstances {
            rule,
            key: &MacKey::new(Zeroizing::new([1; 32])),
            entropy: &[7; 10],
            now,
        };
        let mut changed = account.clone();
        let (step, _events) = advance(&mut changed, wish, by, &circumstances)?;
        *account = changed;
        Ok(step)
    }

    fn open() -> Wish {
        Wish::Open {
            reason: "lost all".to_owned(),
            at_console: false,
        }
    }

    fn name<T>(outcome: Result<T, Error>) -> Option<ErrorName> {
        outcome.err().and_then(|error| error.oathd_name())
    }

    proptest! {
        /// Whoever asks in whatever order: one code comes out at most, not before the window is
        /// over, and where two must approve, not before two different ones have asked.
        #[test]
        fn one_code_comes_out_when_nothing_is_missing(
            two_approvers: bool,
            asking in prop::collection::vec((0u32..4, any::<bool>(), any::<bool>(), 0u64..60), 1..12),
        ) {
            let rule = RescueRule { two_approvers, cancel_window: 100 };
            let (mut account, mut now, mut issued) = (owner(), NOW, 0);
            let mut asked = Vec::new();
            let opened = step(&mut account, &open(), approver(1), rule, now);
            prop_assert!(matches!(opened, Ok(Step::Waiting { .. })), "opened");
            for (uid, in_group, fresh_factor, later) in asking {
                now += later;
                let by = Approver { uid, in_group, fresh_factor };
                let good = in_group && fresh_factor;
                match step(&mut account, &Wish::Approve, by, rule, now) {
                    Ok(Step::Issued { .. }) => {
                        issued += 1;
                        let others = asked.iter().chain([&uid]).any(|uid| ![0, 1].contains(uid));
                        prop_assert!(now >= NOW + 100 && good && (!two_approvers || others));
                    }
                    Ok(Step::Waiting { approvals, not_before }) => {
                        prop_assert!(good);
                        prop_assert!(approvals > 0 || now < not_before);
                    }
                    Err(_) => continue,
                }
                asked.push(uid);
            }
            prop_assert!(issued <= 1);
        }
    }

    #[test]
    fn a_refusal_says_what_is_missing() {
        let rule = RescueRule {
            two_approvers: true,
            cancel_window: 0,
        };
        let mut account = owner();
        let mut ask = |wish, by| name(step(&mut account, &wish, by, rule, NOW));
        assert_eq!(ask(Wish::Approve, approver(1)), Some(ErrorName::NoRescue));
        let stranger = Approver {
            in_group: false,
            ..approver(1)
        };
        assert_eq!(ask(open(), stranger), Some(ErrorName::NotAuthorized));
        let bare = Approver {
            fresh_factor: false,
            ..approver(1)
        };
        assert_eq!(ask(open(), bare), Some(ErrorName::ProofRequired));
        assert_eq!(ask(open(), approver(OWNER)), Some(ErrorName::RescueRefused));
        assert_eq!(ask(open(), approver(1)), None);
        assert_eq!(ask(open(), approver(2)), Some(ErrorName::RescueRefused));
        let root = Approver {
            in_group: false,
            ..approver(0)
        };
        assert_eq!(ask(Wish::Approve, root), Some(ErrorName::RescueRefused));
        assert_eq!(ask(Wish::Approve, bare), Some(ErrorName::ProofRequired));
        assert_eq!(ask(Wish::Approve, approver(2)), None);
        assert_eq!(
            ask(Wish::Approve, approver(2)),
            Some(ErrorName::RescueRefused)
        );
        let mut nobody = Account::new("bob".parse().unwrap(), None);
        let refused = step(&mut nobody, &open(), root, rule, NOW);
        assert_eq!(name(refused), Some(ErrorName::NotEnrolled));
    }

    #[test]
    fn at_the_console_root_needs_no_window_and_the_code_opens_its_own_account() {
        let mut account = owner();
        let root = Approver {
            in_group: false,
            fresh_factor: false,
            uid: 0,
        };
        let wish = Wish::Open {
            reason: "lost all".to_owned(),
            at_console: true,
        };
        let Ok(Step::Issued { code, until }) =
            step(&mut account, &wish, root, RescueRule::default(), NOW)
        else {
            panic!("no code");
        };
        assert_eq!(until, NOW + BYPASS_LIFETIME);
        let typed = oathd_core::Response::classify(&code);
        assert!(matches!(typed, oathd_core::Response::Bypass(_)));
    }
}
