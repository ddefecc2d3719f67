//! Switching the second factor off.

use std::sync::Arc;

use oathd_api::ErrorName;
use oathd_core::policy::{Requirement, Subject};

use super::{
    Who,
    change::{Done, Permit, enrolled},
    factors::end_grants,
    passwd,
};
use crate::{
    error::Error,
    service::{Call, Service},
};

impl Service {
    /// Switches the second factor off, where the policy lets the account go without. What was used
    /// stays used; slots of tokens are their owner's to clear.
    pub(crate) async fn disable(
        self: &Arc<Self>,
        call: &Call,
        who: &Who,
        permit: Permit,
    ) -> Result<(), Error> {
        let needed = self.needs_factor(who).await;
        self.keep_change(call, who, Some(permit), move |draft, _| {
            enrolled(draft)?;
            if needed {
                return Err(Error::new(ErrorName::SecondFactorRequired));
            }
            let now = draft.moment.now;
            let event = draft.account.switch_off(now);
            end_grants(draft)?;
            Ok(Done::with((), event))
        })
        .await
    }

    /// Whether the policy asks a second factor of an account at this moment. Days of grace are for
    /// those who never had one.
    async fn needs_factor(&self, who: &Who) -> bool {
        let Some(uid) = who.uid else {
            return false;
        };
        let groups = match passwd::by_uid(uid).await {
            Some(user) => passwd::groups_of(&user).await,
            None => Vec::new(),
        };
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let accounts = self.accounts();
        let subject = Subject {
            groups: &groups,
            is_root: uid == 0,
            is_enrolled: false,
            since: 0,
        };
        let settings = accounts.settings();
        let required = settings.policy.requirement(subject, accounts.clock.now());
        required == Requirement::EnrolFirst
    }
}
