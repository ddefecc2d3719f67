//! The client of the delivery service, which has the network and the programs that oathd must not
//! have.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use oathd_api::{
    ErrorName,
    names::{DELIVER_BUS_NAME, DELIVER_PATH, SENDER_INTERFACE},
    wire::deliver::{AddressRecord, DeliveryRecord, SendOptions},
};
use oathd_core::{Address, ChannelKind};
use serde::Serialize;
use zbus::{Connection, DynamicType, Fd, Message};

use crate::{error::Error, secret_fd};

/// How long the delivery service may take to answer, its start included.
const PATIENCE: Duration = Duration::from_secs(8);

/// How many deliveries are remembered with who had them sent: as many as the service remembers.
const REMEMBERED: usize = 256;

/// The longest id of a delivery that is passed on, in bytes.
const MAX_ID: usize = 64;

/// Why nothing was sent, or nothing is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DeliverError {
    /// The service is not there, or does not answer.
    #[error("the delivery service does not answer")]
    Absent,
    /// This kind of channel is not set up.
    #[error("the delivery service has nothing set up for this kind of channel")]
    NotSetUp,
    /// Nothing is sent to that address.
    #[error("the delivery service refuses the address")]
    Refused,
    /// Too much is under way already.
    #[error("the delivery service has too much to send")]
    Full,
    /// It knows no such delivery.
    #[error("nothing is known of the delivery")]
    Unknown,
}

impl From<DeliverError> for Error {
    fn from(reason: DeliverError) -> Error {
        match reason {
            DeliverError::Refused => Error::because(ErrorName::InvalidAddress, reason),
            _ => Error::because(ErrorName::DeliveryFailed, reason),
        }
    }
}

/// Hands messages to the delivery service. Clones share it.
#[derive(Clone)]
pub(crate) struct Deliver {
    connection: Connection,
    /// Deliveries, and the uids that had them sent, the oldest first.
    sent: Arc<Mutex<VecDeque<(String, u32)>>>,
}

impl Deliver {
    pub(crate) fn new(connection: Connection) -> Deliver {
        Deliver {
            connection,
            sent: Arc::default(),
        }
    }

    /// What the service thinks of an address; nothing is sent.
    ///
    /// # Errors
    ///
    /// [`DeliverError`]
    pub(crate) async fn check_address(
        &self,
        kind: ChannelKind,
        address: &str,
    ) -> Result<AddressRecord, DeliverError> {
        let reply = self.call("CheckAddress", &(word(kind), address)).await?;
        reply.body().deserialize().map_err(|_| DeliverError::Absent)
    }

    /// Hands a message over; gives the id of its delivery before it is sent. `keep` is how long it
    /// is worth sending, in seconds.
    ///
    /// # Errors
    ///
    /// [`DeliverError`]
    pub(crate) async fn send(
        &self,
        kind: ChannelKind,
        address: &Address,
        text: &str,
        subject: &str,
        keep: u32,
    ) -> Result<String, DeliverError> {
        let message = secret_fd::create(text.as_bytes()).map_err(|_| DeliverError::Full)?;
        let options = SendOptions {
            subject: Some(subject.to_owned()),
            keep_seconds: Some(keep),
        };
        let body = (word(kind), address.as_str(), Fd::from(&message), options);
        let reply = self.call("Send", &body).await?;
        let id: String = reply
            .body()
            .deserialize()
            .map_err(|_| DeliverError::Absent)?;
        match id.len() <= MAX_ID {
            true => Ok(id),
            false => Err(DeliverError::Absent),
        }
    }

    /// Remembers who had a message sent.
    pub(crate) fn note(&self, delivery: &str, uid: u32) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.len() >= REMEMBERED {
            sent.pop_front();
        }
        sent.push_back((delivery.to_owned(), uid));
    }

    /// How far a message is that `uid` had sent; root may ask for all.
    ///
    /// # Errors
    ///
    /// [`DeliverError`]
    pub(crate) async fn state(
        &self,
        delivery: &str,
        uid: u32,
    ) -> Result<DeliveryRecord, DeliverError> {
        let theirs = {
            let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
            let mut sent = sent.iter();
            sent.any(|(id, by)| id == delivery && (*by == uid || uid == 0))
        };
        if !theirs {
            return Err(DeliverError::Unknown);
        }
        let reply = self.call("State", &delivery).await?;
        reply.body().deserialize().map_err(|_| DeliverError::Absent)
    }

    async fn call<B>(&self, member: &str, body: &B) -> Result<Message, DeliverError>
    where
        B: Serialize + DynamicType,
    {
        let called = self.connection.call_method(
            Some(DELIVER_BUS_NAME),
            DELIVER_PATH,
            Some(SENDER_INTERFACE),
            member,
            body,
        );
        match tokio::time::timeout(PATIENCE, called).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(zbus::Error::MethodError(name, ..))) => Err(cause(name.as_str())),
            Ok(Err(_)) | Err(_) => Err(DeliverError::Absent),
        }
    }
}

/// What the name of an error of the service means.
fn cause(name: &str) -> DeliverError {
    match name {
        "org.freedesktop.DBus.Error.NotSupported" => DeliverError::NotSetUp,
        "org.freedesktop.DBus.Error.InvalidArgs" => DeliverError::Refused,
        "org.freedesktop.DBus.Error.LimitsExceeded" => DeliverError::Full,
        "org.freedesktop.DBus.Error.UnknownObject" => DeliverError::Unknown,
        _ => DeliverError::Absent,
    }
}

/// A kind of channel in a word.
pub(crate) const fn word(kind: ChannelKind) -> &'static str {
    match kind {
        ChannelKind::Sms => "sms",
        ChannelKind::Email => "email",
        ChannelKind::Command => "command",
        ChannelKind::File => "file",
        ChannelKind::Operator => "operator",
    }
}

/// The kind of channel that a word names.
pub(crate) fn kind_of(name: &str) -> Option<ChannelKind> {
    let all = [
        ChannelKind::Sms,
        ChannelKind::Email,
        ChannelKind::Command,
        ChannelKind::File,
        ChannelKind::Operator,
    ];
    all.into_iter().find(|kind| word(*kind) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_word() {
        for kind in [
            ChannelKind::Sms,
            ChannelKind::Email,
            ChannelKind::Command,
            ChannelKind::File,
            ChannelKind::Operator,
        ] {
            assert_eq!(kind_of(word(kind)), Some(kind));
        }
        assert_eq!(kind_of("fax"), None);
    }
}
