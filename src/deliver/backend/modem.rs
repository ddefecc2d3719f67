//! Text messages by a modem, through ModemManager on the system bus.
//!
//! ModemManager's own interface takes number and text as strings in a message: root can see them
//! with `busctl monitor`. The message object holds them as well, so it is deleted in every case.

use std::collections::HashMap;

use futures_util::StreamExt;
use zbus::{
    Connection, MatchRule, MessageStream, OwnedObjectPath, OwnedVariant, Variant, message::Type,
    names::OwnedUniqueName,
};

use super::Outcome;
use crate::{
    message::Message,
    progress::{Progress, Reason},
};

const SERVICE: &str = "org.freedesktop.ModemManager1";
const ROOT: &str = "/org/freedesktop/ModemManager1";
const MESSAGING: &str = "org.freedesktop.ModemManager1.Modem.Messaging";
const SMS: &str = "org.freedesktop.ModemManager1.Sms";

type Managed = HashMap<OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>>;

/// Modems, or one of them.
#[derive(Debug)]
pub(crate) struct Modem {
    connection: Connection,
    path: Option<OwnedObjectPath>,
    report: bool,
}

impl Modem {
    pub(super) fn new(
        connection: &Connection,
        path: Option<OwnedObjectPath>,
        report: bool,
    ) -> Modem {
        Modem {
            connection: connection.clone(),
            path,
            report,
        }
    }

    pub(super) async fn send(&self, message: &Message) -> Outcome {
        match self.try_send(message).await {
            Ok(outcome) => outcome,
            Err(error) => {
                let outcome = judge(&error);
                // Only the name: the sentence of a modem's error may repeat the number.
                let name = match &error {
                    zbus::Error::MethodError(name, ..) => name.as_str(),
                    _ => "none",
                };
                tracing::warn!(error = name, ?outcome, "text message not sent");
                outcome
            }
        }
    }

    async fn try_send(&self, message: &Message) -> zbus::Result<Outcome> {
        let Some((service, modem)) = self.find().await? else {
            return Ok(Outcome::Later(Reason::NoModem));
        };
        let stored = Stored::create(&self.connection, service, modem, message, self.report).await?;
        let changes = stored.changes().await?;
        stored.call(&stored.sms, SMS, "Send", &()).await?;
        Ok(match self.report {
            true => Outcome::Awaited(Box::new(Report {
                _stored: stored,
                changes,
            })),
            false => Outcome::Sent,
        })
    }

    /// The connection of ModemManager, and the modem to use: of those that can send messages,
    /// the one whose path sorts first.
    async fn find(&self) -> zbus::Result<Option<(OwnedUniqueName, OwnedObjectPath)>> {
        let manager = Some("org.freedesktop.DBus.ObjectManager");
        let call =
            self.connection
                .call_method(Some(SERVICE), ROOT, manager, "GetManagedObjects", &());
        let reply = call.await?;
        let service = reply.header().sender().map(|name| name.to_owned().into());
        let objects: Managed = reply.body().deserialize()?;
        let wanted = |path: &OwnedObjectPath| self.path.as_ref().is_none_or(|only| only == path);
        let modems = objects
            .into_iter()
            .filter(|(path, interfaces)| interfaces.contains_key(MESSAGING) && wanted(path));
        let modem = modems
            .map(|(path, _)| path)
            .min_by(|a, b| a.as_str().cmp(b.as_str()));
        Ok(service.zip(modem))
    }
}

/// A message object of ModemManager; it is deleted when this is dropped.
#[derive(Debug)]
struct Stored {
    connection: Connection,
    service: OwnedUniqueName,
    modem: OwnedObjectPath,
    sms: OwnedObjectPath,
}

impl Stored {
    async fn create(
        connection: &Connection,
        service: OwnedUniqueName,
        modem: OwnedObjectPath,
        message: &Message,
        report: bool,
    ) -> zbus::Result<Stored> {
        let properties = HashMap::from([
            ("number", Variant::from(&*message.address)),
            ("text", Variant::from(message.text.as_str())),
            ("delivery-report-request", Variant::from(report)),
        ]);
        let reply = connection
            .call_method(
                Some(&service),
                &modem,
                Some(MESSAGING),
                "Create",
                &properties,
            )
            .await?;
        Ok(Stored {
            connection: connection.clone(),
            sms: reply.body().deserialize()?,
            service,
            modem,
        })
    }

    async fn call<B>(
        &self,
        path: &OwnedObjectPath,
        interface: &str,
        method: &str,
        body: &B,
    ) -> zbus::Result<()>
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        let call =
            self.connection
                .call_method(Some(&self.service), path, Some(interface), method, body);
        call.await.map(drop)
    }

    /// The changes of its properties from now on. The sender is a unique name, so what others send
    /// to this connection directly does not fit.
    async fn changes(&self) -> zbus::Result<MessageStream> {
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(&self.service)
            .path(&self.sms)
            .interface("org.freedesktop.DBus.Properties")
            .member("PropertiesChanged")
            .arg(0, SMS)
            .build()?;
        MessageStream::for_match_rule(rule, &self.connection, None).await
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        let connection = self.connection.clone();
        let (service, modem, sms) = (self.service.clone(), self.modem.clone(), self.sms.clone());
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            let deleted = connection
                .call_method(Some(&service), &modem, Some(MESSAGING), "Delete", &sms)
                .await;
            if deleted.is_err() {
                tracing::warn!("a text message stays in the modem's store");
            }
        });
    }
}

/// A report that the network may send about a message.
#[derive(Debug)]
pub(crate) struct Report {
    /// Deleted when nothing more is awaited.
    _stored: Stored,
    changes: MessageStream,
}

impl Report {
    /// Waits for the word that ends it; for ever, if none comes.
    pub(crate) async fn wait(mut self) -> Progress {
        while let Some(change) = self.changes.next().await {
            let state = change.ok().and_then(|change| {
                let body = change.body();
                let (_, changed, _): (String, HashMap<String, OwnedVariant>, Vec<String>) =
                    body.deserialize().ok()?;
                u32::try_from(changed.get("DeliveryState")?).ok()
            });
            if let Some(end) = state.and_then(verdict) {
                return end;
            }
        }
        Progress::unknown(Reason::NoReport)
    }
}

/// What a `DeliveryState` of ModemManager ends in, if it ends: values of `MMSmsDeliveryState`, whose
/// first ranges are TP-Status of 3GPP TS 23.040 §9.2.3.15.
const fn verdict(state: u32) -> Option<Progress> {
    match state {
        0x00 => Some(Progress::DELIVERED),
        // Forwarded, or replaced by the network: it does not know more.
        0x01..=0x1f => Some(Progress::unknown(Reason::NoReport)),
        // The network is still trying, or nothing is known yet.
        0x20..=0x3f | 0x100 => None,
        // Given up; above 0x100 in CDMA networks.
        _ => Some(Progress::failed(Reason::Undeliverable)),
    }
}

/// What a failed call of ModemManager means for the message.
fn judge(error: &zbus::Error) -> Outcome {
    let zbus::Error::MethodError(name, ..) = error else {
        return Outcome::Later(Reason::NoModem);
    };
    if let Some(name) = name.as_str().strip_prefix("org.freedesktop.DBus.Error.") {
        return match name {
            // It ended, or hung, while it had the message.
            "NoReply" | "Timeout" | "TimedOut" => Outcome::Unknown(Reason::TimedOut),
            "AccessDenied" => Outcome::Never(Reason::Refused),
            _ => Outcome::Later(Reason::NoModem),
        };
    }
    // Errors of ModemManager end in what the modem said, as in
    // org.freedesktop.ModemManager1.Error.MobileEquipment.NetworkTimeout.
    let last = name.as_str().rsplit('.').next().unwrap_or_default();
    let passing = [
        "Retry",
        "InProgress",
        "Cancelled",
        "Aborted",
        "Timeout",
        "NetworkTimeout",
        "NoNetwork",
        "WrongState",
        "Throttled",
        "SimBusy",
        "Busy",
        "Failed",
        "TemporaryFailure",
        "Congestion",
    ];
    match passing.contains(&last) {
        true => Outcome::Later(Reason::Busy),
        false => Outcome::Never(Reason::Refused),
    }
}

#[cfg(test)]
mod tests {
    use oathd_api::delivery::DeliveryState;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_delivery_state_ends_a_sent_message_or_leaves_it(state in prop_oneof![any::<u32>(), 0..0x400u32]) {
            match verdict(state) {
                Some(end) => {
                    prop_assert!(DeliveryState::Sent.may_become(end.state));
                    prop_assert_eq!(end.state == DeliveryState::Delivered, state == 0);
                }
                None => prop_assert!((0x20..0x40).contains(&state) || state == 0x100),
            }
        }
    }
}
