//! All tokens in all readers.

use std::{sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot};

use crate::{
    error::TokenError,
    probe::{CardService, Probe},
    registry::{Asker, Command, Front, Registry, Wanted},
    settings::{Entropy, Event, Settings},
    token::Token,
    transport::Source,
};

/// How many events may wait for their reader before the hub waits too.
const EVENT_QUEUE: usize = 256;

/// Every token in every reader. Cheap to clone; when the last clone and the last [`Watch`] are gone, its
/// threads end.
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

struct Inner {
    front: Arc<Front>,
    commands: crossbeam_channel::Sender<Command>,
    settings: Arc<Settings>,
    probe: Probe,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The thread may have ended with the process's other end; then there is nobody to tell.
        let _ = self.commands.send(Command::Stop);
    }
}

/// While one lives, insertions and removals are seen as they happen.
pub struct Watch {
    inner: Arc<Inner>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.inner.commands.send(Command::Unwatch);
    }
}

impl Hub {
    /// A hub over a card service. Nothing is opened before the first request or [`Hub::watch`].
    /// Events wait in a bounded queue: they must be received while the hub is used.
    #[must_use]
    pub fn new(
        source: Arc<dyn Source>,
        settings: Settings,
        entropy: Entropy,
    ) -> (Hub, mpsc::Receiver<Event>) {
        let (events, receiver) = mpsc::channel(EVENT_QUEUE);
        let settings = Arc::new(settings);
        let probe = Probe::new(Arc::clone(&source));
        let (front, commands) = Registry::start(source, Arc::clone(&settings), entropy, events);
        let inner = Inner {
            front,
            commands,
            settings,
            probe,
        };
        let hub = Hub {
            inner: Arc::new(inner),
        };
        (hub, receiver)
    }

    /// Every token there is, after the list was brought up to date. While the readers are watched this
    /// costs nothing; otherwise the readers are asked, and cards that stayed in theirs are not. A card
    /// that was held by another program before and still is, is not waited for beside another token.
    ///
    /// # Errors
    /// [`TokenError::ServiceUnavailable`].
    pub async fn tokens(&self) -> Result<Vec<Token>, TokenError> {
        self.refresh(None).await
    }

    /// Like [`Hub::tokens`], and waits for no card that another program holds when a wanted token is
    /// there without it.
    ///
    /// # Errors
    /// [`TokenError::ServiceUnavailable`].
    pub async fn tokens_with(
        &self,
        wanted: impl Fn(&Token) -> bool + Send + 'static,
    ) -> Result<Vec<Token>, TokenError> {
        self.refresh(Some(Box::new(wanted))).await
    }

    async fn refresh(&self, wanted: Option<Wanted>) -> Result<Vec<Token>, TokenError> {
        if let Some(tokens) = self.inner.front.current() {
            return Ok(tokens);
        }
        let (reply, done) = oneshot::channel();
        self.send(Command::Refresh(Asker { reply, wanted }))?;
        match tokio::time::timeout(self.inner.settings.busy_deadline, done).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(ended()),
            // A reader that another program holds must not hide the others.
            Err(_) => Ok(self.inner.front.give_up()),
        }
    }

    /// Every token as last seen, without asking anybody. Never behind an event that was received.
    #[must_use]
    pub fn listed(&self) -> Vec<Token> {
        self.inner.front.listed()
    }

    /// Whether [`Hub::tokens`] left a card out because another program held it all the time.
    #[must_use]
    pub fn leaves_out_held(&self) -> bool {
        self.inner.front.held()
    }

    /// Whether the card service lets this program connect, by a connection of its own. Waits `patience`
    /// for it; one that hangs is not asked again before it has answered.
    pub async fn probe(&self, patience: Duration) -> CardService {
        self.inner.probe.ask(patience).await
    }

    /// Watches the readers until the guard is dropped.
    #[must_use]
    pub fn watch(&self) -> Watch {
        let _ = self.inner.commands.send(Command::Watch);
        Watch {
            inner: Arc::clone(&self.inner),
        }
    }

    /// Gives every connection to the card service up, ahead of queued requests, which are answered
    /// [`TokenError::Busy`]; what a token has begun ends first. Watching pauses until [`Hub::rebuild`] or
    /// the next [`Hub::tokens`]. For a suspend and for the end of the program. Resolves when the
    /// connections are closed, or after [`Settings::busy_deadline`].
    pub async fn release(&self) {
        let (reply, done) = oneshot::channel();
        if self.send(Command::Release(reply)).is_ok() {
            let _ = tokio::time::timeout(self.inner.settings.busy_deadline, done).await;
        }
    }

    /// Takes up again what [`Hub::release`] gave up.
    pub fn rebuild(&self) {
        let _ = self.inner.commands.send(Command::Rebuild);
    }

    fn send(&self, command: Command) -> Result<(), TokenError> {
        self.inner.commands.send(command).map_err(|_| ended())
    }
}

fn ended() -> TokenError {
    TokenError::ServiceUnavailable {
        reason: "the token hub has ended".to_owned(),
    }
}
