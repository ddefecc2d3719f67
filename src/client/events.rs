//! What happens to tokens, as it happens.

use std::collections::HashMap;

use futures_util::StreamExt;
use futures_util::stream::{Select, select};
use oathd_api::names::{BUS_NAME, ROOT_PATH, TOKEN_INTERFACE};
use zbus::message::Type;
use zbus::{MatchRule, Message, MessageStream, OwnedObjectPath, OwnedVariant};

use crate::client::Client;
use crate::error::Error;
use crate::token::Token;

/// Something happened to a token, or to the service.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A token was plugged in.
    TokenAdded(Token),
    /// A token is gone.
    TokenRemoved(OwnedObjectPath),
    /// The credentials or the lock of a token changed: ask again.
    Changed(OwnedObjectPath),
    /// A token blinks for a call that this connection made.
    TouchAwaited {
        /// The token.
        token: OwnedObjectPath,
        /// The credential's id.
        credential: String,
        /// When the token gives up, in Unix seconds.
        deadline: u64,
    },
    /// Something that the owner of a token should know: `duplicated` or `reset`.
    Alarm {
        /// The token.
        token: OwnedObjectPath,
        /// What it is.
        kind: String,
    },
    /// oathd started: the handles of all tokens are void, and agents must register again.
    ServiceStarted,
    /// oathd ended.
    ServiceStopped,
}

/// The events of one subscription, in the order in which they come.
///
/// Keep reading it: messages that nobody takes fill a queue, and then the connection waits.
#[derive(Debug)]
pub struct Events {
    client: Client,
    messages: Select<MessageStream, MessageStream>,
    owner: Option<String>,
}

impl Events {
    pub(crate) async fn subscribe(client: Client) -> Result<Events, Error> {
        let connection = client.connection();
        let mut service = MatchRule::builder()
            .msg_type(Type::Signal)
            .path_namespace(ROOT_PATH);
        let mut owner_changed = MatchRule::builder()
            .msg_type(Type::Signal)
            .interface("org.freedesktop.DBus")
            .member("NameOwnerChanged")
            .arg(0, BUS_NAME);
        if connection.is_bus() {
            service = service.sender(BUS_NAME);
            owner_changed = owner_changed.sender("org.freedesktop.DBus");
        }
        let messages = select(
            MessageStream::for_match_rule(service.build()?, connection, None).await?,
            MessageStream::for_match_rule(owner_changed.build()?, connection, None).await?,
        );
        Ok(Events {
            owner: client.owner().await,
            messages,
            client,
        })
    }

    /// The next event; `None` once the connection is closed.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let message = self.messages.next().await?.ok()?;
            if let Some(event) = self.read(&message).await {
                return Some(event);
            }
        }
    }

    async fn read(&mut self, message: &Message) -> Option<Event> {
        let header = message.header();
        let body = message.body();
        let member = header.member()?.as_str();
        if header.interface()?.as_str() == "org.freedesktop.DBus" {
            let (_, _, new): (&str, &str, &str) = body.deserialize().ok()?;
            self.owner = (!new.is_empty()).then(|| new.to_owned());
            return Some(match self.owner {
                Some(_) => Event::ServiceStarted,
                None => Event::ServiceStopped,
            });
        }
        let sender = header.sender().map(|name| name.as_str());
        self.is_from_service(sender).await.then_some(())?;
        let token = OwnedObjectPath::from(header.path()?.to_owned());
        Some(match member {
            "InterfacesAdded" => {
                let (path, interfaces): (
                    OwnedObjectPath,
                    HashMap<String, HashMap<String, OwnedVariant>>,
                ) = body.deserialize().ok()?;
                interfaces.get(TOKEN_INTERFACE)?;
                Event::TokenAdded(self.client.token(path))
            }
            "InterfacesRemoved" => {
                let (path, interfaces): (OwnedObjectPath, Vec<String>) = body.deserialize().ok()?;
                interfaces.iter().find(|name| *name == TOKEN_INTERFACE)?;
                Event::TokenRemoved(path)
            }
            "Changed" => Event::Changed(token),
            "TouchAwaited" => {
                let (credential, deadline) = body.deserialize().ok()?;
                Event::TouchAwaited {
                    token,
                    credential,
                    deadline,
                }
            }
            "TokenAlarm" => {
                let (token, kind) = body.deserialize().ok()?;
                Event::Alarm { token, kind }
            }
            _ => return None,
        })
    }

    /// The bus delivers what anybody addresses to this connection, so the sender is compared. A
    /// name that is not the known owner may be a new one whose announcement is still queued.
    async fn is_from_service(&mut self, sender: Option<&str>) -> bool {
        if !self.client.connection().is_bus() {
            return true;
        }
        if self.owner.as_deref() != sender {
            self.owner = self.client.owner().await;
        }
        sender.is_some() && self.owner.as_deref() == sender
    }
}
