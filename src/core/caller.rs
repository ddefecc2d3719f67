//! Where an attempt comes from.

use serde::{Deserialize, Serialize};

/// The class of a caller. Failures are counted for each class alone, so that a stranger in one
/// cannot lock the owner out of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CallerClass {
    /// A login at the machine itself.
    Console,
    /// A login from elsewhere, such as ssh.
    Remote,
    /// Programs of the account's own user.
    OwnPrograms,
    /// The service that owns the realm.
    RealmService,
}

impl CallerClass {
    /// Every class.
    pub const ALL: [Self; 4] = [
        Self::Console,
        Self::Remote,
        Self::OwnPrograms,
        Self::RealmService,
    ];

    /// Whether the person may stand before this machine, so that a touch here can be theirs. A
    /// service is believed to ask for a touch where it makes sense.
    #[must_use]
    pub const fn can_touch(self) -> bool {
        !matches!(self, Self::Remote)
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Console => 1,
            Self::Remote => 2,
            Self::OwnPrograms => 4,
            Self::RealmService => 8,
        }
    }
}

/// A set of classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassSet(u8);

impl ClassSet {
    /// No class.
    pub const EMPTY: Self = Self(0);

    /// Whether `class` is in the set.
    #[must_use]
    pub const fn contains(self, class: CallerClass) -> bool {
        self.0 & class.bit() != 0
    }

    /// Adds `class`.
    pub const fn insert(&mut self, class: CallerClass) {
        self.0 |= class.bit();
    }

    /// Whether no class is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_in_the_set_once_it_was_added() {
        for class in CallerClass::ALL {
            let mut set = ClassSet::EMPTY;
            assert!(set.is_empty());
            set.insert(class);
            for other in CallerClass::ALL {
                assert_eq!(set.contains(other), other == class);
            }
        }
    }
}
