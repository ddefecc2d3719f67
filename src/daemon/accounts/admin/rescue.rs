//! Rescue: an administrator lets in an owner who has lost every way.

mod step;

use std::sync::Arc;

use oathd_api::{names::RESCUE_SERVICE, wire::administration::RescueState};
use oathd_core::{AccountName, Approver, RealmName, receipt::Holder};
use zeroize::Zeroizing;

use super::{Accounts, Named, actor, console};
use crate::{
    accounts::{
        Told,
        passwd::{self, Asker},
    },
    authority::Action,
    error::Error,
    ledger::Actor,
    service::{Call, Service},
};
use step::{Circumstances, Wish, advance};

impl Service {
    /// Opens a rescue.
    pub(crate) async fn open_rescue(
        self: &Arc<Self>,
        call: &Call,
        account: &str,
        reason: String,
        proof: Option<String>,
    ) -> Result<RescueState, Error> {
        let at_console = call.caller.uid == 0 && console::is_at(&self.connection, call).await;
        let wish = Wish::Open { reason, at_console };
        self.go_on_with_rescue(call, account, wish, proof).await
    }

    /// Approves a rescue, or fetches its code.
    pub(crate) async fn approve_rescue(
        self: &Arc<Self>,
        call: &Call,
        account: &str,
        proof: Option<String>,
    ) -> Result<RescueState, Error> {
        self.go_on_with_rescue(call, account, Wish::Approve, proof)
            .await
    }

    async fn go_on_with_rescue(
        self: &Arc<Self>,
        call: &Call,
        account: &str,
        wish: Wish,
        proof: Option<String>,
    ) -> Result<RescueState, Error> {
        let account: AccountName = account.parse()?;
        let name = account.to_string();
        let details = [("account", name.as_str())];
        self.authorize_for(call, Action::RescueAccount, &details)
            .await?;
        let by = self.accounts().approver(call.caller.uid, proof).await?;
        let named = Named::find(account).await?;
        self.carry_through(call, move |service, call| async move {
            service
                .accounts()
                .rescue(actor(&call), named, wish, by)
                .await
        })
        .await
    }
}

impl Accounts {
    /// What an administrator is: in the group of approvers, and with a factor of their own given
    /// just now, which `proof` is the receipt of.
    async fn approver(&self, uid: u32, proof: Option<String>) -> Result<Approver, Error> {
        let mut approver = Approver {
            uid,
            in_group: false,
            fresh_factor: false,
        };
        let receipt = proof.and_then(|id| self.receipts.take(&id));
        // Root needs neither, so it can help while users and groups cannot be looked up.
        if uid == 0 {
            return Ok(approver);
        }
        let Some(user) = passwd::by_uid(Asker::Trusted, uid).await? else {
            return Ok(approver);
        };
        let group = &self.settings().approvers_group;
        let groups = passwd::groups_among(Asker::Trusted, &user, [group.as_str()]).await?;
        approver.in_group = !groups.is_empty();
        let name = AccountName::new(&user.name, RealmName::local())?;
        if let Some(receipt) = receipt
            && receipt.account == name
            && !receipt.is_recovery()
            && let Some(own) = self.ledger.read(&name).await?
        {
            let now = self.ledger.moment(name.realm()).now;
            let holder = Holder {
                uid,
                service: RESCUE_SERVICE.to_owned(),
            };
            let redeemed = receipt.redeem(&holder, own.generation(), now);
            approver.fresh_factor = redeemed.is_ok() && own.uid() == Some(uid);
        }
        Ok(approver)
    }

    async fn rescue(
        &self,
        actor: Actor,
        named: Named,
        wish: Wish,
        by: Approver,
    ) -> Result<RescueState, Error> {
        let key = self.ledger.code_key()?;
        let entropy = Zeroizing::new(self.random::<10>());
        let rule = self.settings().rescue;
        let account = named.account.clone();
        let change = self.ledger.change(&account, actor, move |draft| {
            named.enter(draft);
            let circumstances = Circumstances {
                rule,
                key: &key,
                entropy: &entropy,
                now: draft.moment.now,
            };
            match advance(&mut draft.account, &wish, by, &circumstances) {
                Ok((step, events)) => {
                    draft.record(events.iter().cloned());
                    let told = Told::of(&draft.account, &events, None, draft.moment.now);
                    Ok((step, told))
                }
                Err(refused) => {
                    draft.discard();
                    Err(refused)
                }
            }
        });
        let (step, told) = change.await??;
        self.notices.tell(told);
        step.state()
    }
}
