//! Switching the second factor off.

use std::sync::Arc;

use oathd_api::ErrorName;
use oathd_core::policy::Requirement;

use super::{
    Who,
    change::{Done, Permit, enrolled},
    factors::end_grants,
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
        let needed = self.needs_factor(who).await?;
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
    async fn needs_factor(&self, who: &Who) -> Result<bool, Error> {
        if !who.account.realm().is_local() {
            return Ok(false);
        }
        let accounts = self.accounts();
        let demanded = accounts.demanded(who.asker(), who.uid).await?;
        let now = accounts.ledger.moment(who.account.realm()).now;
        Ok(demanded.at(0, now) == Requirement::EnrolFirst)
    }
}
