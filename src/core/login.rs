//! Logins to this machine: what stands for one as a token stands for a session of a service.

use zeroize::Zeroizing;

use crate::bearer::Bearer;
use crate::mac::{MacKey, Purpose};

/// A session of the machine's login manager. Ids begin anew with each boot; no two sessions have the
/// id and both times in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// What the login manager calls it.
    pub id: String,
    /// When it began, in microseconds of Unix time.
    pub began: u64,
    /// The same in the monotonic time of its boot.
    pub began_monotonic: u64,
}

impl Login {
    /// The token under which it is kept. Nobody holds it: it is computed anew each time, and without
    /// the key nobody can.
    #[must_use]
    pub fn bearer(&self, key: &MacKey) -> Bearer {
        let times = [self.began, self.began_monotonic].map(u64::to_be_bytes);
        let parts = [self.id.as_bytes(), &times[0], &times[1]];
        let mac = key.mac(Purpose::Login, &parts);
        Bearer::new(Zeroizing::new(*mac.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn login() -> impl Strategy<Value = Login> {
        ("c?[0-9]{1,2}", 0u64..3, 0u64..3).prop_map(|(id, began, began_monotonic)| Login {
            id,
            began,
            began_monotonic,
        })
    }

    proptest! {
        #[test]
        fn each_session_has_its_own_token_and_each_key(one in login(), other in login()) {
            let key = |byte| MacKey::new(Zeroizing::new([byte; 32]));
            let same = one.bearer(&key(1)).hash() == other.bearer(&key(1)).hash();
            prop_assert_eq!(same, one == other);
            prop_assert_ne!(one.bearer(&key(1)).hash(), one.bearer(&key(2)).hash());
        }
    }
}
