//! Codes that are sent to a channel of the account.

use oathd_api::{
    ErrorName,
    wire::verifier::{DeliveryStateRecord, SentRecord, VerifyOptions},
};
use oathd_core::{FactorId, out_of_band::LIFETIME};

use super::{Told, Who, change::enrolled, deliver::DeliverError, masked, notices::host};
use crate::{
    error::Error,
    service::{Call, Service},
};

impl Service {
    /// Sends a code to log in with to a channel. The code is on the disk before it is on its way.
    pub(crate) async fn send_login_code(
        &self,
        call: &Call,
        account: &str,
        channel: u32,
        options: VerifyOptions,
    ) -> Result<SentRecord, Error> {
        let (service, remote) = (options.service.as_deref(), options.remote_host.as_deref());
        let who = self.who(call, account, service, remote).await?;
        let accounts = self.accounts();
        let (key, entropy) = (accounts.ledger.code_key()?, accounts.random());
        let (sender, channel) = (who.clone(), FactorId(channel));
        let issued = accounts
            .ledger
            .change(&who.account, who.actor(), move |draft| {
                sender.enter(draft);
                enrolled(draft)?;
                let now = draft.moment.now;
                let account = &mut draft.account;
                let (code, event) =
                    account.send_login_code(channel, sender.class, now, &key, &entropy)?;
                let to = account.channels().iter().find(|to| to.id == channel);
                let to = to.ok_or_else(|| Error::new(ErrorName::NoSuchFactor))?;
                let to = (to.kind, to.address.clone());
                let told = Told::of(account, std::slice::from_ref(&event), Some(channel), now);
                draft.record([event]);
                Ok::<_, Error>((code, to, told, now.saturating_add(LIFETIME)))
            });
        let (code, (kind, address), told, until) = issued.await??;
        accounts.notices.tell(told);
        let place = place(&who);
        let text = zeroize::Zeroizing::new(format!("{} is your code for {place}", code.reveal()));
        let subject = format!("Your code for {place}");
        let keep = u32::try_from(LIFETIME).unwrap_or(u32::MAX);
        let sent = accounts.deliver.send(kind, &address, &text, &subject, keep);
        let sent = async { Ok(sent.await?) };
        let delivery = self.attend(call, sent).await?;
        accounts.deliver.note(&delivery, who.caller_uid);
        Ok(SentRecord {
            delivery: Some(delivery),
            until,
            address: masked(kind, &address),
            ..SentRecord::default()
        })
    }

    /// How far a message is that the caller had sent.
    pub(crate) async fn delivery_state(
        &self,
        call: &Call,
        delivery: &str,
    ) -> Result<DeliveryStateRecord, Error> {
        let state = self.accounts().deliver.state(delivery, call.caller.uid);
        let record = self.attend(call, async { Ok(state.await) }).await?;
        let record = record.map_err(|reason| match reason {
            DeliverError::Refused => DeliverError::Unknown,
            reason => reason,
        })?;
        Ok(DeliveryStateRecord {
            state: record.state,
            reason: record.reason,
        })
    }
}

/// What an owner logs in to: this machine, or a service on it.
pub(crate) fn place(who: &Who) -> String {
    match who.account.realm() {
        realm if realm.is_local() => host(),
        realm => realm.to_string(),
    }
}
