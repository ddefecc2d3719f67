//! What the module keeps between its calls, with the handle of PAM and no longer.

use std::cell::RefCell;

use crate::secret::Secret;

/// Wiped when the handle ends, or when something else is kept in its place.
#[derive(Default)]
pub(crate) struct Kept {
    /// The code that `collect` asked for.
    pub(crate) code: RefCell<Option<Secret>>,
    /// The id of the receipt that let the user in.
    pub(crate) receipt: RefCell<Option<String>>,
    /// The owner was told to enrol a factor.
    pub(crate) told_to_reenrol: bool,
}

impl Kept {
    /// The name under which it is kept.
    pub(crate) const NAME: &'static str = "pam_oathd";
}
