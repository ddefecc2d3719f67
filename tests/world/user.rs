//! The people of a world.

/// Who runs a program. All but root exist in the world's own user database alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum User {
    /// The administrator.
    Root,
    /// The user that oathd runs as.
    Oathd,
    /// Somebody.
    Alice,
    /// Somebody else.
    Bob,
}

impl User {
    /// Those that are added to the user database.
    pub(super) const ADDED: [Self; 3] = [Self::Oathd, Self::Alice, Self::Bob];

    /// The user's uid, and the gid of the group of the same name.
    #[must_use]
    pub const fn uid(self) -> u32 {
        match self {
            Self::Root => 0,
            Self::Oathd => 20_100,
            Self::Alice => 20_101,
            Self::Bob => 20_102,
        }
    }

    /// The name in the user database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Oathd => "oathd",
            Self::Alice => "alice",
            Self::Bob => "bob",
        }
    }

    /// The user's home inside the world.
    #[must_use]
    pub fn home(self) -> String {
        format!("/run/home/{}", self.name())
    }
}
