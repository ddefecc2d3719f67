//! Codes that are sent to a channel of the account.

use std::sync::Arc;

use oathd_api::wire::verifier::{DeliveryStateRecord, SentRecord, VerifyOptions};
use oathd_core::{
    Address, ChannelError, ChannelKind, FactorId, MacKey, OutOfBandCode, out_of_band::LIFETIME,
};

use super::{Told, Who, change::enrolled, deliver::DeliverError, masked, notices::host};
use crate::{
    error::Error,
    ledger::Draft,
    service::{Call, Service},
};

/// A code that waits to be sent.
pub(super) struct Outgoing {
    kind: ChannelKind,
    pub(super) address: Address,
    pub(super) code: OutOfBandCode,
    until: u64,
}

impl Outgoing {
    /// The code of a channel with where it goes.
    pub(super) fn of(
        draft: &Draft<'_>,
        id: FactorId,
        code: OutOfBandCode,
    ) -> Result<Outgoing, ChannelError> {
        let mut channels = draft.account.channels().iter();
        let channel = channels.find(|channel| channel.id == id);
        let channel = channel.ok_or(ChannelError::Unknown)?;
        Ok(Outgoing {
            kind: channel.kind,
            address: channel.address.clone(),
            code,
            until: draft.moment.now.saturating_add(LIFETIME),
        })
    }

    /// What is told of it before it is sent.
    pub(super) fn record(&self) -> SentRecord {
        SentRecord {
            until: self.until,
            address: masked(self.kind, &self.address),
            ..SentRecord::default()
        }
    }
}

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
        let (key, entropy) = self.code_to_send()?;
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
                let told = Told::of(account, std::slice::from_ref(&event), Some(channel), now);
                let outgoing = Outgoing::of(draft, channel, code)?;
                draft.record([event]);
                Ok::<_, Error>((outgoing, told))
            });
        let (outgoing, told) = issued.await??;
        accounts.notices.tell(told);
        let place = place(&who);
        let code = outgoing.code.reveal();
        let text = zeroize::Zeroizing::new(format!("{code} is your code for {place}"));
        let subject = format!("Your code for {place}");
        let sent = self.hand_over(&who, &outgoing, &text, &subject);
        self.attend(call, async { Ok(sent.await?) }).await
    }

    /// The key of sent codes, and random bytes for one.
    pub(super) fn code_to_send(&self) -> Result<(Arc<MacKey>, [u8; 8]), Error> {
        let accounts = self.accounts();
        Ok((accounts.ledger.code_key()?, accounts.random()))
    }

    /// Hands a code over to be sent, and remembers for whom.
    pub(super) async fn hand_over(
        &self,
        who: &Who,
        outgoing: &Outgoing,
        text: &str,
        subject: &str,
    ) -> Result<SentRecord, DeliverError> {
        let keep = u32::try_from(LIFETIME).unwrap_or(u32::MAX);
        let deliver = &self.accounts().deliver;
        let sent = deliver.send(outgoing.kind, &outgoing.address, text, subject, keep);
        let delivery = sent.await?;
        deliver.note(&delivery, who.caller_uid);
        Ok(SentRecord {
            delivery: Some(delivery),
            ..outgoing.record()
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
