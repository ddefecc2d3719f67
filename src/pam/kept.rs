//! What the module keeps between its calls, with the handle of PAM and no longer.

use std::cell::RefCell;

use crate::secret::Secret;

/// Wiped when the handle ends, or when something else is kept in its place.
#[derive(Default)]
pub(crate) struct Kept {
    /// The code that `collect` asked for.
    pub(crate) code: RefCell<Option<Secret>>,
    /// What let the user in.
    pub(crate) entry: RefCell<Option<Entry>>,
    /// The owner was told to enrol a factor.
    pub(crate) told_to_reenrol: bool,
}

impl Kept {
    /// The name under which it is kept.
    pub(crate) const NAME: &'static str = "pam_oathd";
}

/// The receipt of a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The id of the receipt.
    pub(crate) receipt: String,
    /// Whose it is: sudo opens a session for somebody else.
    pub(crate) user: String,
}

impl Entry {
    /// The variable of PAM's environment in which it goes from a process that asks to the one that
    /// opens the session, as sshd has them: of what a module keeps there, the environment alone
    /// comes across.
    pub(crate) const VARIABLE: &'static str = "OATHD_RECEIPT";

    /// As the variable holds it.
    pub(crate) fn to_text(&self) -> String {
        format!("{} {}", self.receipt, self.user)
    }

    /// As it was put into the variable.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let (receipt, user) = text.split_once(' ')?;
        Some(Self {
            receipt: receipt.to_owned(),
            user: user.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_put_into_the_variable_comes_out(receipt in "[0-9a-f]{0,32}", user in "\\PC{0,20}") {
            let entry = Entry { receipt, user };
            prop_assert_eq!(Entry::from_text(&entry.to_text()), Some(entry));
        }

        #[test]
        fn anything_may_be_in_it(text in "\\PC{0,40}") {
            prop_assert_eq!(Entry::from_text(&text).is_some(), text.contains(' '));
        }
    }
}
