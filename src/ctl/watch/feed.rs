//! What oathd tells: asked when something changed, never on a timer.

use std::collections::HashMap;

use oathd_client::{
    Client, CodeRecord, CodeRow, Error, ErrorName, Event, Events, OwnedObjectPath, Token,
};
use tokio::sync::mpsc;

use crate::failure::Failure;
use crate::session::{Session, name_of};
use crate::watch::model::NO_TOKEN;

/// Something to show.
#[derive(Debug)]
pub(super) enum Update {
    /// The codes of a token, or why there are none.
    Codes {
        token: String,
        name: String,
        codes: Result<Vec<CodeRow>, String>,
    },
    /// A token is gone.
    Removed(String),
    /// A token waits for a touch.
    Touch(String),
    /// The code that was asked for, or why there is none.
    Code {
        token: String,
        id: String,
        code: Result<CodeRecord, String>,
    },
    /// There is no token, or oathd is gone; with the reason.
    Empty(String),
}

/// The connection that updates come from.
pub(super) struct Feed {
    client: Client,
    /// The one token to watch, if one was named.
    selector: Option<String>,
    events: Events,
    names: HashMap<String, String>,
    sender: mpsc::Sender<Update>,
    updates: mpsc::Receiver<Update>,
    /// Which event to follow where only one token is watched.
    watched: Option<OwnedObjectPath>,
}

impl Feed {
    /// Subscribes, and asks for the first time.
    pub(super) async fn open(session: &Session) -> Result<Feed, Failure> {
        let (sender, updates) = mpsc::channel(64);
        let mut feed = Feed {
            client: session.client.clone(),
            selector: session.selector()?.map(str::to_owned),
            events: session.client.events().await?,
            names: HashMap::new(),
            sender,
            updates,
            watched: None,
        };
        if feed.selector.is_some() {
            feed.watched = Some(session.token().await?.path().clone());
        }
        // Fails here, before the screen is taken, when oathd cannot be asked at all.
        let tokens = feed.client.tokens().await?;
        feed.show(tokens);
        Ok(feed)
    }

    /// The next thing to show.
    pub(super) async fn next(&mut self) -> Result<Update, Failure> {
        loop {
            tokio::select! {
                Some(update) = self.updates.recv() => {
                    if let Update::Codes { token, name, codes: Ok(_) } = &update {
                        self.names.insert(token.clone(), name.clone());
                        self.follow_named(token);
                    }
                    return Ok(update);
                }
                event = self.events.next() => match event {
                    Some(event) => if let Some(update) = self.follow(event) {
                        return Ok(update);
                    },
                    None => return Err(Error::NotRunning.into()),
                },
            }
        }
    }

    /// A token that was named is another object after it, or oathd, has come back.
    fn follow_named(&mut self, path: &str) {
        if self.selector.is_some() {
            self.watched = path.try_into().ok();
        }
    }

    fn follow(&mut self, event: Event) -> Option<Update> {
        match event {
            Event::TokenAdded(token) if self.selector.is_none() => self.show(vec![token]),
            // Only the service can tell whether it is the one that was named.
            Event::TokenAdded(_) | Event::ServiceStarted => self.list(),
            Event::Changed(path) => self.ask(path.to_string()),
            Event::TokenRemoved(path) => {
                self.names.remove(path.as_str());
                return Some(Update::Removed(path.to_string()));
            }
            Event::ServiceStopped => {
                self.names.clear();
                return Some(Update::Empty("oathd has ended.".to_owned()));
            }
            _ => {}
        }
        None
    }

    fn show(&mut self, tokens: Vec<Token>) {
        if tokens.is_empty() {
            self.say(Update::Empty(NO_TOKEN.to_owned()));
        }
        for token in tokens {
            self.ask(token.path().to_string());
        }
    }

    /// Asks for the tokens and their codes.
    pub(super) fn list(&mut self) {
        let (client, selector, sender) = (
            self.client.clone(),
            self.selector.clone(),
            self.sender.clone(),
        );
        tokio::spawn(async move {
            let tokens = match &selector {
                Some(selector) => client.find_token(selector).await.map(|token| vec![token]),
                None => client.tokens().await,
            };
            match tokens {
                Ok(tokens) if tokens.is_empty() => {
                    send(&sender, Update::Empty(NO_TOKEN.to_owned())).await;
                }
                Ok(tokens) => {
                    for token in tokens {
                        codes(&sender, &token, None).await;
                    }
                }
                Err(error) => send(&sender, Update::Empty(error.to_string())).await,
            }
        });
    }

    /// Asks for the codes of the token at `path`.
    pub(super) fn ask(&mut self, path: String) {
        if self.watched.as_ref().is_some_and(|w| w.as_str() != path) {
            return;
        }
        let Some(token) = self.token(&path) else {
            return;
        };
        let (sender, name) = (self.sender.clone(), self.names.get(&path).cloned());
        tokio::spawn(async move { codes(&sender, &token, name).await });
    }

    /// Computes one code, with a touch if it needs one.
    pub(super) fn compute(&mut self, path: String, id: String) {
        let Some(token) = self.token(&path) else {
            return;
        };
        let sender = self.sender.clone();
        tokio::spawn(async move {
            let code = match token.code(&id, false).await {
                Err(error) if error.is(ErrorName::TouchRequired) => {
                    send(&sender, Update::Touch(id.clone())).await;
                    token.code(&id, true).await
                }
                other => other,
            };
            let code = code.map_err(|error| error.to_string());
            let token = path;
            send(&sender, Update::Code { token, id, code }).await;
        });
    }

    fn token(&self, path: &str) -> Option<Token> {
        Some(self.client.token(path.try_into().ok()?))
    }

    fn say(&self, update: Update) {
        let sender = self.sender.clone();
        tokio::spawn(async move { send(&sender, update).await });
    }
}

async fn codes(sender: &mpsc::Sender<Update>, token: &Token, name: Option<String>) {
    let name = match name {
        Some(name) => Ok(name),
        None => token.describe().await.map(|record| name_of(&record)),
    };
    let path = token.path().to_string();
    let update = match name {
        // Gone before it could be named; its removal is announced.
        Err(error) if error.is(ErrorName::NoToken) || error.is(ErrorName::TokenRemoved) => return,
        Err(error) => Update::Codes {
            token: path,
            name: "A token".to_owned(),
            codes: Err(error.to_string()),
        },
        Ok(name) => Update::Codes {
            token: path,
            name,
            codes: token.codes(false).await.map_err(|error| match error {
                error if error.asks_for_password() => format!("{error} {}", error.remedy()),
                other => other.to_string(),
            }),
        },
    };
    send(sender, update).await;
}

/// Whoever has stopped reading wants to know no more.
async fn send(sender: &mpsc::Sender<Update>, update: Update) {
    let _ = sender.send(update).await;
}
