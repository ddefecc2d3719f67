//! Whether a caller may do what it asks for.

mod polkit;

use std::collections::BTreeSet;

pub use polkit::{CardPolicy, Polkit};

use crate::identity::Caller;

/// What the policy decides about. `polkit/org.oathd.oathd1.policy` carries messages and defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// See what is on a token: its serial, names of accounts, never codes.
    ListCredentials,
    /// Read codes.
    GenerateCode,
    /// Write a seed into a free slot.
    AddCredential,
    /// Rename, overwrite or remove a credential.
    ChangeCredential,
    /// Set, change or clear the access password, pair, remember a key.
    ManageAccess,
    /// Wipe a token.
    ResetToken,
    /// Change one's own account: factors, channels, recovery codes.
    ChangeAccount,
    /// See and manage the accounts of others, and the state of the service.
    Administer,
    /// Let somebody in who has lost every way.
    RescueAccount,
}

impl Action {
    /// Every action.
    pub const ALL: &'static [Action] = &[
        Action::ListCredentials,
        Action::GenerateCode,
        Action::AddCredential,
        Action::ChangeCredential,
        Action::ManageAccess,
        Action::ResetToken,
        Action::ChangeAccount,
        Action::Administer,
        Action::RescueAccount,
    ];

    /// The id that polkit and its rules know.
    pub const fn id(self) -> &'static str {
        match self {
            Action::ListCredentials => "org.oathd.oathd1.list-credentials",
            Action::GenerateCode => "org.oathd.oathd1.generate-code",
            Action::AddCredential => "org.oathd.oathd1.add-credential",
            Action::ChangeCredential => "org.oathd.oathd1.change-credential",
            Action::ManageAccess => "org.oathd.oathd1.manage-access",
            Action::ResetToken => "org.oathd.oathd1.reset-token",
            Action::ChangeAccount => "org.oathd.oathd1.change-account",
            Action::Administer => "org.oathd.oathd1.administer",
            Action::RescueAccount => "org.oathd.oathd1.rescue-account",
        }
    }
}

/// The caller may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not allowed: {}", action.id())]
pub struct Denied {
    /// What was asked for.
    pub action: Action,
    /// What stands in the way.
    pub obstacle: Obstacle,
}

/// Why somebody may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The policy, or who was asked, said no.
    Refusal,
    /// Somebody would have to be asked, and the call did not allow that: the answer on the bus is
    /// `org.freedesktop.DBus.Error.InteractiveAuthorizationRequired`.
    NoQuestions,
    /// Somebody would have to be asked, and no agent of polkit was there to do it.
    NoAgent,
    /// Nobody decided in time.
    Silence,
}

/// Who decides; chosen by the kind of bus.
#[derive(Debug)]
pub enum Authorizer {
    /// The system's policy, on the system bus. Root passes unasked.
    Polkit(Polkit),
    /// This user and root, on a session or private bus.
    Owner {
        /// The user, usually the one that runs oathd.
        uid: u32,
    },
    /// Just these actions, for everybody, root not excepted; for tests.
    Fixed(BTreeSet<Action>),
}

impl Authorizer {
    /// Lets `caller` do `action`, or not. `interactive` says that the call allows a dialogue, which
    /// may take minutes. `details` (such as `("token", "5417533")`) are for an administrator's
    /// rules; nothing secret belongs there.
    ///
    /// Dropping the future cancels the question, and closes the dialogue.
    ///
    /// # Errors
    ///
    /// [`Denied`], also when nobody can be asked: it fails closed.
    pub async fn allow(
        &self,
        caller: &Caller,
        action: Action,
        interactive: bool,
        details: &[(&str, &str)],
    ) -> Result<(), Denied> {
        let allowed = match self {
            Authorizer::Polkit(_) if caller.uid == 0 => true,
            Authorizer::Polkit(polkit) => {
                return polkit.check(caller, action, interactive, details).await;
            }
            Authorizer::Owner { uid } => caller.uid == *uid || caller.uid == 0,
            Authorizer::Fixed(actions) => actions.contains(&action),
        };
        if allowed {
            Ok(())
        } else {
            Err(Denied {
                action,
                obstacle: Obstacle::Refusal,
            })
        }
    }

    /// What polkit says about this very program at pcscd.
    pub async fn card_policy(&self) -> CardPolicy {
        match self {
            Authorizer::Polkit(polkit) => polkit.card_policy().await,
            Authorizer::Owner { .. } | Authorizer::Fixed(_) => CardPolicy::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn caller(uid: u32) -> Caller {
        Caller {
            unique_name: ":1.1".try_into().unwrap(),
            uid,
            pid: None,
        }
    }

    fn wait<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(future)
    }

    proptest! {
        #[test]
        fn an_owner_and_root_may_all_and_others_nothing(
            owner in any::<u32>(),
            uid in any::<u32>(),
            action in prop::sample::select(Action::ALL),
            interactive in any::<bool>(),
        ) {
            let authorizer = Authorizer::Owner { uid: owner };
            for (asked, allowed) in [(owner, true), (0, true), (uid, uid == owner || uid == 0)] {
                let answer = wait(authorizer.allow(&caller(asked), action, interactive, &[]));
                prop_assert_eq!(answer.is_ok(), allowed);
            }
        }

        #[test]
        fn a_fixed_set_is_all_there_is(
            set in prop::collection::btree_set(prop::sample::select(Action::ALL), 0..9),
            action in prop::sample::select(Action::ALL),
            uid in prop_oneof![Just(0), any::<u32>()],
        ) {
            let expected = set.contains(&action);
            let answer = wait(Authorizer::Fixed(set).allow(&caller(uid), action, true, &[]));
            prop_assert_eq!(answer.is_ok(), expected);
            if let Err(denied) = answer {
                prop_assert_eq!(denied, Denied { action, obstacle: Obstacle::Refusal });
            }
        }
    }

    /// The text between `open` and `close`, for each time they occur.
    fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
        text.split(open)
            .skip(1)
            .map(|rest| rest.split(close).next().unwrap())
            .collect()
    }

    #[test]
    fn the_policy_file_has_every_action_with_its_owner_message_and_defaults() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../polkit/org.oathd.oathd1.policy"
        );
        let text = std::fs::read_to_string(path).unwrap();
        let mut defaults = BTreeMap::new();
        for entry in between(&text, "<action ", "</action>") {
            let id = between(entry, "id=\"", "\"")[0];
            assert!(entry.contains(
                "<annotate key=\"org.freedesktop.policykit.owner\">unix-user:oathd</annotate>"
            ));
            assert_eq!(between(entry, "<description>", "</description>").len(), 1);
            assert_eq!(between(entry, "<message>", "</message>").len(), 1);
            let allow = ["any", "inactive", "active"].map(|who| {
                between(entry, &format!("<allow_{who}>"), &format!("</allow_{who}>"))[0]
            });
            assert!(defaults.insert(id, allow).is_none(), "{id} twice");
        }
        let own = ["no", "no", "auth_self_keep"];
        let expected: BTreeMap<&str, [&str; 3]> = Action::ALL
            .iter()
            .map(|&action| {
                let allow = match action {
                    Action::ListCredentials => ["no", "no", "yes"],
                    Action::GenerateCode
                    | Action::AddCredential
                    | Action::ChangeCredential
                    | Action::ManageAccess => own,
                    Action::ChangeAccount => ["no", "no", "auth_self"],
                    Action::ResetToken | Action::Administer | Action::RescueAccount => {
                        ["no", "no", "auth_admin"]
                    }
                };
                (action.id(), allow)
            })
            .collect();
        assert_eq!(defaults, expected);
    }
}
