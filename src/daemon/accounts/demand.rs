//! What the policy asks of a user of this machine who has no second factor.

use std::sync::Arc;

use oathd_core::policy::{Policy, Requirement, Subject};

use super::{
    Accounts,
    passwd::{self, Asker, LookupFailed, User},
};
use crate::{config::AccountSettings, error::Error};

/// The policy, and those of its groups that a user is in.
pub(crate) struct Demanded {
    settings: Arc<AccountSettings>,
    groups: Vec<String>,
    is_root: bool,
}

impl Accounts {
    /// What the policy asks of the user of a uid. Without a uid, this machine has no such user, who
    /// is anybody then.
    ///
    /// # Errors
    /// `StateUnavailable` where the groups are not to be known: a policy is never weaker for that.
    /// (An outage that the next service in nsswitch.conf answers for with "no such group" cannot be
    /// told from that.)
    pub(crate) async fn demanded(&self, asker: Asker, uid: Option<u32>) -> Result<Demanded, Error> {
        let settings = self.settings();
        let groups = match uid {
            // Root is asked nothing, whatever its groups.
            Some(uid) if uid != 0 && !settings.policy.groups.is_empty() => {
                let user = passwd::by_uid(asker, uid).await?;
                let user = user.ok_or_else(|| LookupFailed::of(uid))?;
                of_policy(asker, &settings.policy, &user).await?
            }
            _ => Vec::new(),
        };
        Ok(Demanded {
            settings,
            groups,
            is_root: uid == Some(0),
        })
    }

    /// The same of a user whom an administrator had looked up.
    ///
    /// # Errors
    /// The same.
    pub(crate) async fn demanded_of(&self, user: &User) -> Result<Demanded, Error> {
        let settings = self.settings();
        let groups = of_policy(Asker::Trusted, &settings.policy, user).await?;
        Ok(Demanded {
            settings,
            groups,
            is_root: user.uid == 0,
        })
    }
}

impl Demanded {
    /// What is asked at `now` of a user whom the policy met at `since`, both in Unix seconds.
    pub(crate) fn at(&self, since: u64, now: u64) -> Requirement {
        let groups: Vec<&str> = self.groups.iter().map(String::as_str).collect();
        let subject = Subject {
            groups: &groups,
            is_root: self.is_root,
            is_enrolled: false,
            since,
        };
        self.settings.policy.requirement(subject, now)
    }
}

/// The groups of a policy that a user is in.
async fn of_policy(
    asker: Asker,
    policy: &Policy,
    user: &User,
) -> Result<Vec<String>, LookupFailed> {
    let names = policy.groups.iter().map(|(name, _)| name.as_str());
    passwd::groups_among(asker, user, names).await
}
