//! `org.oathd.Deliver1.Sender`. A method here is a sentence: who calls, may they, do it, answer.

use std::time::Duration;

use oathd_api::{
    delivery::Verdict,
    names::DELIVER_PATH,
    wire::deliver::{AddressRecord, DeliveryRecord, SendOptions},
};
use zbus::{
    Connection, Fd, interface,
    message::Header,
    names::BusName,
    object_server::{ResponseDispatchNotifier, SignalEmitter},
};

use crate::{
    access::Gate,
    address::{self, Assessment, NumberRules},
    error::Error,
    message::{self, Kind, Message},
    outbox::{News, Outbox},
    progress::Reason,
    text_fd,
};

/// The longest that a sender may keep a message waiting.
const KEEP_MAX: u32 = 3600;

/// What addresses are held against.
#[derive(Debug)]
pub(crate) struct AddressRules {
    pub(crate) numbers: NumberRules,
    pub(crate) local_domains: Vec<String>,
    /// The name of this machine.
    pub(crate) host: String,
}

/// The object.
pub(crate) struct Sender {
    gate: Gate,
    rules: AddressRules,
    outbox: Outbox,
}

impl Sender {
    pub(crate) fn new(gate: Gate, rules: AddressRules, outbox: Outbox) -> Sender {
        Sender {
            gate,
            rules,
            outbox,
        }
    }

    fn kind(&self, word: &str) -> Result<Kind, Error> {
        let kind = Kind::parse(word).ok_or_else(|| Error::InvalidArgs("kind".to_owned()))?;
        match self.outbox.offers(kind) {
            true => Ok(kind),
            false => Err(Error::NotSupported(kind.as_str())),
        }
    }

    fn assess(&self, kind: Kind, address: &str) -> Assessment {
        let rules = &self.rules;
        match kind {
            Kind::Sms => address::number(address, &rules.numbers),
            Kind::Email => address::mailbox(address, &rules.host, &rules.local_domains),
            Kind::Command | Kind::File => address::opaque(address),
        }
    }

    /// The message of a call, if it can be sent.
    fn message(
        &self,
        kind: &str,
        address: &str,
        text: &Fd<'_>,
        options: &SendOptions,
    ) -> Result<Message, Error> {
        let kind = self.kind(kind)?;
        let assessment = self.assess(kind, address);
        let address = match assessment.address {
            Some(address) if assessment.verdict != Verdict::Refused => address,
            _ => {
                let reason = assessment.reason.unwrap_or("invalid");
                return Err(Error::InvalidArgs(format!("address: {reason}")));
            }
        };
        if let Some(subject) = &options.subject {
            message::check_subject(subject)?;
        }
        Ok(Message {
            kind,
            address,
            subject: options.subject.clone(),
            text: message::text(text_fd::read(text)?)?,
        })
    }
}

/// How long a sender wants a message kept.
fn keep(options: &SendOptions) -> Result<Option<Duration>, Error> {
    match options.keep_seconds {
        None => Ok(None),
        Some(seconds @ 1..=KEEP_MAX) => Ok(Some(Duration::from_secs(seconds.into()))),
        Some(_) => Err(Error::InvalidArgs(format!("keep_seconds: 1 to {KEEP_MAX}"))),
    }
}

#[interface(name = "org.oathd.Deliver1.Sender", introspection_docs = false)]
impl Sender {
    #[zbus(out_args("result"))]
    async fn check_address(
        &self,
        kind: &str,
        address: &str,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<AddressRecord, Error> {
        self.gate.pass(&header).await?;
        let kind = self.kind(kind)?;
        let assessment = self.assess(kind, address);
        Ok(AddressRecord {
            address: assessment.address,
            verdict: assessment.verdict.as_str().to_owned(),
            reason: assessment.reason.map(str::to_owned),
        })
    }

    #[zbus(out_args("id"))]
    async fn send(
        &self,
        kind: &str,
        address: &str,
        message: Fd<'_>,
        options: SendOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<ResponseDispatchNotifier<String>, Error> {
        let caller = self.gate.pass(&header).await?;
        let message = self.message(kind, address, &message, &options)?;
        let taken = self
            .outbox
            .take(message, caller.to_owned().into(), keep(&options)?)?;
        let (answer, answered) = ResponseDispatchNotifier::new(taken.id().to_owned());
        tokio::spawn(async move {
            // The sender knows the id before it hears of the message.
            answered.await;
            taken.follow().await;
        });
        Ok(answer)
    }

    #[zbus(out_args("result"))]
    async fn state(
        &self,
        id: &str,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<DeliveryRecord, Error> {
        self.gate.pass(&header).await?;
        let entry = self.outbox.entry(id).ok_or(Error::NoSuchMessage)?;
        Ok(DeliveryRecord {
            state: entry.progress.state.as_str().to_owned(),
            reason: entry
                .progress
                .reason
                .map(|reason| Reason::as_str(reason).to_owned()),
            attempts: entry.attempts,
        })
    }

    #[zbus(signal)]
    async fn state_changed(
        emitter: &SignalEmitter<'_>,
        id: &str,
        state: &str,
        reason: &str,
    ) -> zbus::Result<()>;
}

/// Tells the sender of a message, and nobody else, how far it is.
pub(crate) async fn tell(connection: &Connection, news: &News) -> zbus::Result<()> {
    let emitter = SignalEmitter::new(connection, DELIVER_PATH)?;
    let emitter = emitter.set_destination(BusName::from(news.to.as_ref()));
    let (state, reason) = (news.progress.state.as_str(), news.progress.word());
    Sender::state_changed(&emitter, &news.id, state, reason).await
}
