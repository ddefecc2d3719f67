//! Receipts: what a caller shows to prove that a verification has just succeeded.

use thiserror::Error;

use crate::account::Account;
use crate::caller::CallerClass;
use crate::judge::Accepted;
use crate::name::AccountName;
use crate::way::Way;

/// How long a receipt is good, in seconds.
pub const LIFETIME: u64 = 60;

/// Why a receipt is not accepted. It is used up all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReceiptError {
    /// It is too old.
    #[error("the receipt has ended")]
    Ended,
    /// It was given to another uid or for another service.
    #[error("the receipt belongs to another caller")]
    Foreign,
    /// The account was changed since.
    #[error("the account was changed since")]
    Void,
}

/// To whom a receipt belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The uid that asked for the verification.
    pub uid: u32,
    /// The PAM service or the program, as the caller named it.
    pub service: String,
}

/// A receipt. It cannot be copied, and redeeming takes it: one use.
#[derive(Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The account.
    pub account: AccountName,
    /// Where the attempt came from.
    pub class: CallerClass,
    /// By what it was accepted.
    pub way: Way,
    /// To whom it belongs.
    pub holder: Holder,
    /// When it was given, in Unix seconds.
    pub issued: u64,
    /// The account's generation then.
    pub generation: u32,
    /// Whether the owner has yet to enrol a factor.
    pub must_reenrol: bool,
}

impl Receipt {
    /// The receipt of an accepted attempt.
    #[must_use]
    pub fn issue(
        account: &Account,
        class: CallerClass,
        accepted: &Accepted,
        holder: Holder,
        now: u64,
    ) -> Self {
        Self {
            account: account.name().clone(),
            class,
            way: accepted.way,
            holder,
            issued: now,
            generation: accepted.generation,
            must_reenrol: accepted.must_reenrol,
        }
    }

    /// Whether it was given for a way back rather than a factor.
    #[must_use]
    pub const fn is_recovery(&self) -> bool {
        self.way.is_recovery()
    }

    /// Redeems it; `generation` is the account's present one.
    ///
    /// # Errors
    /// [`ReceiptError`]
    pub fn redeem(self, holder: &Holder, generation: u32, now: u64) -> Result<Self, ReceiptError> {
        if self.holder != *holder {
            Err(ReceiptError::Foreign)
        } else if self.generation != generation {
            Err(ReceiptError::Void)
        } else if now < self.issued || now - self.issued >= LIFETIME {
            Err(ReceiptError::Ended)
        } else {
            Ok(self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_receipt_is_for_its_holder_for_a_minute(after in 0u64..120, uid in 0u32..2, generation in 0u32..2) {
            let account = Account::new("alice".parse().unwrap(), Some(1));
            let accepted = Accepted { way: Way::Recovery, generation: 0, must_reenrol: true, replacement: None };
            let holder = |uid| Holder { uid, service: "sudo".to_owned() };
            let receipt = Receipt::issue(&account, CallerClass::Console, &accepted, holder(0), 500);
            prop_assert!(receipt.is_recovery());
            let redeemed = receipt.redeem(&holder(uid), generation, 500 + after);
            prop_assert_eq!(redeemed.is_ok(), uid == 0 && generation == 0 && after < LIFETIME);
        }
    }

    #[test]
    fn refusals_are_named() {
        let receipt = |way| Receipt {
            account: "alice".parse().unwrap(),
            class: CallerClass::Remote,
            way,
            holder: Holder {
                uid: 1,
                service: "sshd".to_owned(),
            },
            issued: 100,
            generation: 3,
            must_reenrol: false,
        };
        let (mine, other) = (
            receipt(Way::Bypass).holder,
            Holder {
                uid: 1,
                service: "su".to_owned(),
            },
        );
        assert_eq!(
            receipt(Way::Bypass).redeem(&other, 3, 100),
            Err(ReceiptError::Foreign)
        );
        assert_eq!(
            receipt(Way::Bypass).redeem(&mine, 4, 100),
            Err(ReceiptError::Void)
        );
        assert_eq!(
            receipt(Way::Bypass).redeem(&mine, 3, 99),
            Err(ReceiptError::Ended)
        );
        assert_eq!(
            receipt(Way::Bypass).redeem(&mine, 3, 160),
            Err(ReceiptError::Ended)
        );
    }
}
