//! Single-use codes of other verifiers.

use std::fmt;

use zeroize::Zeroizing;

/// A code of eight digits that is good once, wiped when dropped.
///
/// It is weak: nine tenths of 10⁸ codes are 26.4 bits, where NIST SP 800-63B-4 section 4.2.1.1
/// asks for 64. Whoever stores it marks it as such, and replaces it when it is used.
#[derive(PartialEq, Eq)]
pub struct Scratch(Zeroizing<String>);

impl Scratch {
    /// Reads eight digits of which the first is not zero.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
        (digits && !text.starts_with('0')).then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The digits, for the one who hashes them.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scratch(..)")
    }
}
