//! The applications that are switched on, as the management application counts them.

/// A set of applications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Applications(pub u16);

/// The applications with a name, by their bits (management application, tags 01, 03, 0d and 0e).
const NAMES: [(u16, &str); 7] = [
    (0x001, "otp"),
    (0x002, "u2f"),
    (0x200, "fido2"),
    (0x020, "oath"),
    (0x010, "piv"),
    (0x008, "openpgp"),
    (0x100, "hsmauth"),
];

impl Applications {
    /// Their names; bits without one are left out.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let on = NAMES.into_iter().filter(|(bit, _)| self.0 & bit != 0);
        on.map(|(_, name)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_has_one_name_and_unknown_ones_have_none() {
        let all: u16 = NAMES.iter().map(|(bit, _)| bit).sum();
        assert_eq!(Applications(all).names().len(), NAMES.len());
        assert_eq!(Applications(!all).names(), [""; 0]);
        assert_eq!(Applications(0x0220).names(), ["fido2", "oath"]);
    }
}
