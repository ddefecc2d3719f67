//! Channels: added, verified by a code that is sent there, taken away.

use std::sync::Arc;

use oathd_api::{ErrorName, delivery::Verdict, wire::verifier::SentRecord};
use oathd_core::{Address, ChannelKind, FactorId, Response};

use super::{
    Who,
    change::{Done, Permit, enrolled},
    deliver::{DeliverError, kind_of},
    notices::host,
    sending::Outgoing,
};
use crate::{
    error::Error,
    service::{Call, Service},
};

/// What the delivery service thinks of an address that a person typed.
struct Checked {
    address: String,
    verdict: Option<Verdict>,
    reason: Option<String>,
}

impl Service {
    /// Adds a channel and sends its code. While the delivery service is away the channel is added
    /// all the same, and its code can be sent later.
    pub(crate) async fn add_channel(
        self: &Arc<Self>,
        call: &Call,
        who: &Who,
        permit: Permit,
        (kind, address, not_after): (ChannelKind, &str, Option<u64>),
    ) -> Result<(u32, SentRecord), Error> {
        if kind == ChannelKind::Operator {
            let reason = "nobody reads codes out here; a command can hand them to an operator";
            return Err(Error::because(ErrorName::Unsupported, reason));
        }
        let checked = self.check_address(kind, address).await?;
        let (key, entropy) = self.code_to_send()?;
        let (class, typed) = (who.class, checked.address);
        let (id, outgoing) = self
            .keep_change(call, who, Some(permit), move |draft, _| {
                enrolled(draft)?;
                let account = &mut draft.account;
                let (id, event) = account.add_channel(kind, &typed, not_after)?;
                let now = draft.moment.now;
                let code = account.send_verification(id, class, now, &key, &entropy)?;
                let outgoing = Outgoing::of(draft, id, code)?;
                Ok(Done::with((id, outgoing), event))
            })
            .await?;
        let address = outgoing.address.as_str().to_owned();
        let sent = self.send_verification(who, outgoing).await;
        let sent = SentRecord {
            address,
            verdict: checked.verdict.map(|verdict| verdict.as_str().to_owned()),
            reason: checked.reason.or(sent.reason),
            ..sent
        };
        Ok((id.0, sent))
    }

    /// Sends the code of a channel that is not verified once more.
    pub(crate) async fn send_channel_code(
        self: &Arc<Self>,
        call: &Call,
        who: &Who,
        channel: u32,
    ) -> Result<SentRecord, Error> {
        let (key, entropy) = self.code_to_send()?;
        let class = who.class;
        let outgoing = self
            .keep_change(call, who, None, move |draft, _| {
                let (id, now) = (FactorId(channel), draft.moment.now);
                let code = draft
                    .account
                    .send_verification(id, class, now, &key, &entropy)?;
                Ok(Done::quiet(Outgoing::of(draft, id, code)?))
            })
            .await?;
        let sent = self.send_verification(who, outgoing).await;
        match sent.reason {
            Some(reason) => Err(Error::because(ErrorName::DeliveryFailed, reason)),
            None => Ok(sent),
        }
    }

    /// Verifies a channel by the code that was sent to it. A wrong one costs a try, and that is
    /// kept.
    pub(crate) async fn confirm_channel(
        self: &Arc<Self>,
        call: &Call,
        who: &Who,
        channel: u32,
        code: &str,
    ) -> Result<(), Error> {
        let Response::Digits(code) = Response::classify(code) else {
            return Err(Error::new(ErrorName::InvalidResponse));
        };
        let key = self.accounts().ledger.code_key()?;
        let verified = self.keep_change(call, who, None, move |draft, _| {
            let (id, now) = (FactorId(channel), draft.moment.now);
            match draft.account.verify_channel(id, &code, now, &key) {
                Ok(event) => Ok(Done::with(Ok(()), event)),
                Err(refused) => Ok(Done::quiet(Err(refused))),
            }
        });
        Ok(verified.await??)
    }

    /// Takes a channel away; it is told so, too.
    pub(crate) async fn remove_channel(
        self: &Arc<Self>,
        call: &Call,
        who: &Who,
        permit: Permit,
        channel: u32,
    ) -> Result<(), Error> {
        self.keep_change(call, who, Some(permit), move |draft, _| {
            let (_, event) = draft.account.remove_channel(FactorId(channel))?;
            Ok(Done::with((), event))
        })
        .await
    }

    /// Calls a rescue off.
    pub(crate) async fn cancel_rescue(
        self: &Arc<Self>,
        call: &Call,
        who: &Who,
    ) -> Result<(), Error> {
        self.keep_change(call, who, None, move |draft, _| {
            let cancelled = draft.account.cancel_rescue();
            let event = cancelled.map_err(|_| Error::new(ErrorName::NoRescue))?;
            Ok(Done::with((), event))
        })
        .await
    }

    /// An address as it is to be kept.
    async fn check_address(&self, kind: ChannelKind, typed: &str) -> Result<Checked, Error> {
        let as_typed = || Checked {
            address: typed.trim().to_owned(),
            verdict: None,
            reason: None,
        };
        // Fails at once where no channel can have it.
        Address::new(typed.trim())?;
        let record = match self
            .accounts()
            .deliver
            .check_address(kind, typed.trim())
            .await
        {
            Ok(record) => record,
            Err(DeliverError::Absent | DeliverError::Full) => return Ok(as_typed()),
            Err(refused) => return Err(refused.into()),
        };
        let verdict = Verdict::parse(&record.verdict);
        match (record.address, verdict) {
            (Some(address), Some(verdict @ (Verdict::Ok | Verdict::Caution))) => Ok(Checked {
                address,
                verdict: Some(verdict),
                reason: record.reason,
            }),
            _ => {
                let reason = record.reason.unwrap_or_else(|| "invalid".to_owned());
                Err(Error::because(ErrorName::InvalidAddress, reason))
            }
        }
    }

    /// Hands a code over to be sent; whether that worked is told in the record.
    async fn send_verification(&self, who: &Who, outgoing: Outgoing) -> SentRecord {
        let host = host();
        let text = zeroize::Zeroizing::new(format!(
            "{} confirms that codes for {} on {host} may be sent here.",
            outgoing.code.reveal(),
            who.account,
        ));
        let subject = format!("A code for {host}");
        let sent = self.hand_over(who, &outgoing, &text, &subject).await;
        sent.unwrap_or_else(|reason| SentRecord {
            reason: Some(not_sent(&reason).to_owned()),
            ..outgoing.record()
        })
    }
}

/// The kind of channel of a word.
pub(crate) fn channel_kind(word: &str) -> Result<ChannelKind, Error> {
    kind_of(word).ok_or_else(|| Error::invalid_args("no such kind of channel"))
}

/// Why nothing could be sent, in a word.
const fn not_sent(reason: &DeliverError) -> &'static str {
    match reason {
        DeliverError::Absent => "absent",
        DeliverError::NotSetUp => "not_set_up",
        DeliverError::Refused => "refused",
        DeliverError::Full => "busy",
        DeliverError::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_to_send_has_a_word() {
        let all = [
            DeliverError::Absent,
            DeliverError::NotSetUp,
            DeliverError::Refused,
            DeliverError::Full,
            DeliverError::Unknown,
        ];
        let mut words: Vec<_> = all.iter().map(not_sent).collect();
        words.dedup();
        assert_eq!(words.len(), all.len());
    }
}
