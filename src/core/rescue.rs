//! Rescue: how administrators let in an owner who has lost everything.

use std::fmt;

use serde::{Deserialize, Serialize};
use subtle::Choice;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::caller::ClassSet;
use crate::crockford;
use crate::mac::{Mac, MacKey, Purpose};
use crate::moment::MAX_SETBACK;
use crate::name::AccountName;

/// How long a bypass code is good, in seconds.
pub const BYPASS_LIFETIME: u64 = 3_600;
/// How long a rescue may take until its code is issued, in seconds.
pub const LIFETIME: u64 = 7 * 86_400;
/// The longest reason in bytes.
pub const MAX_REASON: usize = 256;

/// A bypass code: 16 symbols (80 bits) and a check symbol. Wiped when dropped.
pub struct BypassCode(Zeroizing<[u8; 16]>);

impl BypassCode {
    /// Symbols of a code, without the dashes.
    pub const SYMBOLS: usize = 17;

    /// The code of 80 random bits.
    #[must_use]
    pub fn new(entropy: &[u8; 10]) -> Self {
        Self(crockford::spread(entropy))
    }

    pub(crate) fn from_values(values: &[u8]) -> Option<Self> {
        let (check, body) = values.split_last()?;
        let data: [u8; 16] = body.try_into().ok()?;
        (crockford::check(body) == *check).then(|| Self(Zeroizing::new(data)))
    }

    /// The code as the administrator reads it out: groups of four. The only way out.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut values = Zeroizing::new([0; Self::SYMBOLS]);
        values[..16].copy_from_slice(self.0.as_slice());
        values[16] = crockford::check(self.0.as_slice());
        crockford::grouped(values.as_slice())
    }

    fn mac(&self, key: &MacKey, account: &AccountName) -> Mac {
        key.mac(
            Purpose::Bypass,
            &[account.to_string().as_bytes(), self.0.as_slice()],
        )
    }
}

impl fmt::Debug for BypassCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BypassCode(..)")
    }
}

/// An administrator, as the service saw them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approver {
    /// The uid.
    pub uid: u32,
    /// Whether the uid is in the group of approvers.
    pub in_group: bool,
    /// Whether a factor of theirs was just given.
    pub fresh_factor: bool,
}

/// What the settings ask of a rescue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RescueRule {
    /// Whether a second administrator must approve.
    pub two_approvers: bool,
    /// Seconds in which the owner can call it off before a code is issued.
    pub cancel_window: u64,
}

impl Default for RescueRule {
    fn default() -> Self {
        Self {
            two_approvers: false,
            cancel_window: 86_400,
        }
    }
}

/// Why a step of a rescue is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RescueError {
    /// No reason, or too long a one.
    #[error("a rescue needs a reason of 1 to {MAX_REASON} bytes")]
    Reason,
    /// Neither an approver nor root.
    #[error("uid {uid} is not an approver")]
    NotAnApprover {
        /// Who asked.
        uid: u32,
    },
    /// The approver gave no factor just now.
    #[error("an approver gives a factor of their own first")]
    FactorNeeded,
    /// Nobody approves twice, root never second, and nobody rescues themselves.
    #[error("the approval must come from another administrator")]
    AnotherNeeded,
    /// A second approval is missing.
    #[error("a second administrator has to approve")]
    ApprovalMissing,
    /// The owner can still call it off.
    #[error("the owner can call it off for another {seconds} s")]
    Waiting {
        /// Seconds to wait.
        seconds: u64,
    },
    /// There is no rescue, or it ended.
    #[error("no rescue is open")]
    None,
    /// Another rescue is open.
    #[error("a rescue is open already")]
    AlreadyOpen,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Bypass {
    mac: Mac,
    issued: u64,
}

/// An open rescue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rescue {
    /// Who opened it.
    pub opened_by: u32,
    /// Why, in the administrator's words.
    pub reason: String,
    /// When, in Unix seconds.
    pub opened: u64,
    /// Who approved it second.
    pub approved_by: Option<u32>,
    /// What was asked of it when it was opened.
    pub rule: RescueRule,
    bypass: Option<Bypass>,
    pub(crate) disabled: ClassSet,
}

impl Rescue {
    /// Opens a rescue. Root may do so without group or factor; the audit trail says so. Standing
    /// at the console (`at_console`), the owner needs no time to object.
    ///
    /// # Errors
    /// [`RescueError`]
    pub fn open(
        owner: Option<u32>,
        opener: Approver,
        reason: &str,
        rule: RescueRule,
        at_console: bool,
        now: u64,
    ) -> Result<Self, RescueError> {
        if reason.trim().is_empty()
            || reason.len() > MAX_REASON
            || reason.chars().any(char::is_control)
        {
            return Err(RescueError::Reason);
        }
        if opener.uid != 0 {
            may_approve(opener, owner)?;
        }
        let cancel_window = if at_console { 0 } else { rule.cancel_window };
        Ok(Self {
            opened_by: opener.uid,
            reason: reason.to_owned(),
            opened: now,
            approved_by: None,
            rule: RescueRule {
                cancel_window,
                ..rule
            },
            bypass: None,
            disabled: ClassSet::EMPTY,
        })
    }

    /// Whether root opened it over the heads of the approvers.
    #[must_use]
    pub const fn is_overridden(&self) -> bool {
        self.opened_by == 0
    }

    /// The second approval.
    ///
    /// # Errors
    /// [`RescueError`]
    pub fn approve(
        &mut self,
        owner: Option<u32>,
        approver: Approver,
        now: u64,
    ) -> Result<(), RescueError> {
        self.still_open(now)?;
        if approver.uid == 0 || approver.uid == self.opened_by || self.approved_by.is_some() {
            return Err(RescueError::AnotherNeeded);
        }
        may_approve(approver, owner)?;
        self.approved_by = Some(approver.uid);
        Ok(())
    }

    /// Issues the bypass code, once.
    ///
    /// # Errors
    /// [`RescueError`]
    pub fn issue(
        &mut self,
        key: &MacKey,
        account: &AccountName,
        entropy: &[u8; 10],
        now: u64,
    ) -> Result<BypassCode, RescueError> {
        self.still_open(now)?;
        if self.rule.two_approvers && self.approved_by.is_none() {
            return Err(RescueError::ApprovalMissing);
        }
        match self
            .opened
            .saturating_add(self.rule.cancel_window)
            .saturating_sub(now)
        {
            0 => {}
            seconds => return Err(RescueError::Waiting { seconds }),
        }
        if self.bypass.is_some() {
            return Err(RescueError::None);
        }
        let code = BypassCode::new(entropy);
        self.bypass = Some(Bypass {
            mac: code.mac(key, account),
            issued: now,
        });
        Ok(code)
    }

    /// Whether a bypass code is good at `now`.
    #[must_use]
    pub fn has_code(&self, now: u64) -> bool {
        let good = |b: &Bypass| now >= b.issued && now - b.issued < BYPASS_LIFETIME;
        self.bypass.as_ref().is_some_and(good)
    }

    /// Whether it is over: its code was used or ended, or it took too long. One that a clock which
    /// stood ahead opened is over once that clock is right, or it would be in the way until then.
    #[must_use]
    pub fn has_ended(&self, now: u64) -> bool {
        match &self.bypass {
            Some(_) => !self.has_code(now),
            None if now.saturating_add(MAX_SETBACK) < self.opened => true,
            None => now.saturating_sub(self.opened) >= LIFETIME,
        }
    }

    pub(crate) fn matches(
        &self,
        key: &MacKey,
        account: &AccountName,
        code: &BypassCode,
        now: u64,
    ) -> Choice {
        let same = self
            .bypass
            .as_ref()
            .map(|bypass| bypass.mac.same(&code.mac(key, account)));
        same.unwrap_or(Choice::from(0)) & Choice::from(u8::from(self.has_code(now)))
    }

    fn still_open(&self, now: u64) -> Result<(), RescueError> {
        if self.has_ended(now) {
            Err(RescueError::None)
        } else {
            Ok(())
        }
    }
}

fn may_approve(approver: Approver, owner: Option<u32>) -> Result<(), RescueError> {
    if !approver.in_group {
        Err(RescueError::NotAnApprover { uid: approver.uid })
    } else if owner == Some(approver.uid) {
        Err(RescueError::AnotherNeeded)
    } else if !approver.fresh_factor {
        Err(RescueError::FactorNeeded)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> MacKey {
        MacKey::new(Zeroizing::new([5; 32]))
    }

    fn anybody() -> impl Strategy<Value = Approver> {
        (0u32..5, any::<bool>(), any::<bool>()).prop_map(|(uid, in_group, fresh_factor)| Approver {
            uid,
            in_group,
            fresh_factor,
        })
    }

    proptest! {
        /// Whoever asks in whatever order: a code needs the window, and where the rule says so
        /// two different administrators who are neither root (second) nor the owner.
        #[test]
        fn a_code_needs_what_the_rule_asks(
            opener in anybody(), second in anybody(), two_approvers: bool, console: bool,
            wait in 0u64..200,
        ) {
            let rule = RescueRule { two_approvers, cancel_window: 100 };
            let name: AccountName = "alice".parse().unwrap();
            let Ok(mut rescue) = Rescue::open(Some(4), opener, "lost all", rule, console, 1_000) else {
                prop_assert!(opener.uid != 0);
                prop_assert!(!opener.in_group || !opener.fresh_factor || opener.uid == 4);
                return Ok(());
            };
            let approved = rescue.approve(Some(4), second, 1_000).is_ok();
            prop_assert_eq!(
                approved,
                second.in_group && second.fresh_factor && ![0, 4, opener.uid].contains(&second.uid)
            );
            let issued = rescue.issue(&key(), &name, &[1; 10], 1_000 + wait);
            prop_assert_eq!(issued.is_ok(), (approved || !two_approvers) && (console || wait >= 100));
            if let Ok(code) = issued {
                let at = 1_000 + wait;
                prop_assert!(bool::from(rescue.matches(&key(), &name, &code, at)));
                prop_assert!(!bool::from(rescue.matches(&key(), &name, &code, at + BYPASS_LIFETIME)));
                prop_assert!(!bool::from(rescue.matches(&key(), &name, &BypassCode::new(&[2; 10]), at)));
                prop_assert_eq!(rescue.issue(&key(), &name, &[3; 10], at).err(), Some(RescueError::None));
            }
        }

        #[test]
        fn a_code_reads_back(entropy: [u8; 10]) {
            let code = BypassCode::new(&entropy);
            let typed = crockford::values(&code.reveal(), BypassCode::SYMBOLS).unwrap();
            let read = BypassCode::from_values(&typed).unwrap();
            prop_assert_eq!(&*read.0, &*code.0);
        }
    }

    #[test]
    fn a_rescue_needs_a_reason_and_ends() {
        let root = Approver {
            uid: 0,
            in_group: false,
            fresh_factor: false,
        };
        let open =
            |reason: &str| Rescue::open(None, root, reason, RescueRule::default(), false, 50);
        for reason in ["", "  ", "a\nb", &"a".repeat(257)] {
            assert_eq!(open(reason).unwrap_err(), RescueError::Reason);
        }
        let rescue = open("stolen bag").unwrap();
        assert!(rescue.is_overridden());
        assert!(!rescue.has_ended(50 + LIFETIME - 1) && rescue.has_ended(50 + LIFETIME));
        let ahead = Rescue {
            opened: 50 + 365 * 86_400,
            ..rescue
        };
        assert!(ahead.has_ended(50) && !ahead.has_ended(ahead.opened - MAX_SETBACK));
    }
}
