//! The one thread that knows which tokens there are: it opens and closes the watch over the readers,
//! starts and ends owners, and is the only one that raises events.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    thread,
    time::Instant,
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use tokio::sync::{mpsc, oneshot};

use crate::{
    error::TokenError,
    identity::TokenKey,
    owner::{Control, Lanes},
    settings::{Entropy, Event, Settings},
    token::{Token, lock},
    transport::{Reader, Source, TransportError},
    watch::{self, Waiting},
};

mod askers;
mod duplicates;
mod slots;

use askers::Asking;
pub(crate) use askers::{Asker, Wanted};

type Listed = Result<Vec<Token>, TokenError>;

/// What the registry is told.
pub(crate) enum Command {
    /// Bring the list up to date.
    Refresh(Asker),
    /// One watcher more.
    Watch,
    /// One watcher less.
    Unwatch,
    /// Close every connection.
    Release(oneshot::Sender<()>),
    /// Open again what watchers need.
    Rebuild,
    /// The hub is gone.
    Stop,
    /// The readers as they are, or why they cannot be seen, under the watch's turn.
    Readers(u64, Result<Vec<Reader>, TransportError>),
    /// The service may be there again, under the wait's turn.
    Returned(u64),
    /// Another program holds the card that an owner asks who it is; the owner goes on trying.
    Refused(TokenKey),
    /// An owner found out what its card is.
    Identified(TokenKey, Result<Token, Unidentified>),
    /// An owner lost its token.
    Gone(TokenKey),
    /// A token's public facts changed.
    Changed(TokenKey),
    /// A token's OATH application was reset.
    WasReset(TokenKey),
}

/// Why a card is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unidentified {
    /// It has no OATH application.
    NotOath,
    /// Another program held it until the deadline; the next refresh tries again.
    Held,
    /// It could not be asked; the next refresh tries again.
    Failed,
}

/// Tells, when the last copy is dropped, that every connection is closed.
pub(crate) struct Released(Option<oneshot::Sender<()>>);

impl Drop for Released {
    fn drop(&mut self) {
        if let Some(reply) = self.0.take() {
            // A caller that went away needs no telling.
            let _ = reply.send(());
        }
    }
}

/// What callers read without asking the thread.
pub(crate) struct Front(Mutex<FrontState>);

struct FrontState {
    tokens: Vec<Token>,
    current: bool,
    /// A card kept its owner, or a caller, waiting too long.
    held: bool,
    last_use: Instant,
}

impl Front {
    /// The tokens, if the list is known to be up to date.
    pub(crate) fn current(&self) -> Option<Vec<Token>> {
        let mut state = lock(&self.0);
        state.last_use = Instant::now();
        state.current.then(|| state.tokens.clone())
    }

    /// The tokens as last known.
    pub(crate) fn listed(&self) -> Vec<Token> {
        lock(&self.0).tokens.clone()
    }

    /// Whether there is a card that could not be asked because another program holds it.
    pub(crate) fn held(&self) -> bool {
        lock(&self.0).held
    }

    /// Gives up waiting for cards that are still being asked: the tokens as last known.
    pub(crate) fn give_up(&self) -> Vec<Token> {
        let mut state = lock(&self.0);
        state.held = true;
        state.tokens.clone()
    }
}

enum Phase {
    Idle,
    Watching(Waiting),
    Away(Waiting),
}

enum State {
    Identifying(Asking),
    Token(Token),
    Not(Unidentified),
}

struct Slot {
    reader: Reader,
    key: TokenKey,
    lanes: Lanes,
    state: State,
}

pub(crate) struct Registry {
    source: Arc<dyn Source>,
    settings: Arc<Settings>,
    entropy: Entropy,
    events: mpsc::Sender<Event>,
    front: Arc<Front>,
    commands: Receiver<Command>,
    report: Sender<Command>,
    phase: Phase,
    /// Counts waits, so that what an ended wait reports is known to be old.
    turn: u64,
    /// The current watch has shown the readers.
    seen: bool,
    lost: bool,
    released: bool,
    watchers: usize,
    slots: BTreeMap<String, Slot>,
    waiting: Vec<Asker>,
    /// Events that go out when what callers see agrees with them.
    due: Vec<Event>,
}

impl Registry {
    /// Starts the thread.
    pub(crate) fn start(
        source: Arc<dyn Source>,
        settings: Arc<Settings>,
        entropy: Entropy,
        events: mpsc::Sender<Event>,
    ) -> (Arc<Front>, Sender<Command>) {
        let (report, commands) = unbounded();
        let front = Arc::new(Front(Mutex::new(FrontState {
            tokens: Vec::new(),
            current: false,
            held: false,
            last_use: Instant::now(),
        })));
        let registry = Registry {
            source,
            settings,
            entropy,
            events,
            front: Arc::clone(&front),
            commands,
            report: report.clone(),
            phase: Phase::Idle,
            turn: 0,
            seen: false,
            lost: false,
            released: false,
            watchers: 0,
            slots: BTreeMap::new(),
            waiting: Vec::new(),
            due: Vec::new(),
        };
        let started = thread::Builder::new()
            .name("tokens".to_owned())
            .spawn(move || registry.run());
        if let Err(error) = started {
            // The queue's other end is gone with the thread: every request says that the hub has ended.
            tracing::error!(%error, "token thread not started");
        }
        (front, report)
    }

    fn run(mut self) {
        loop {
            let command = match self.next_deadline() {
                Some(deadline) => self.commands.recv_deadline(deadline),
                None => self.commands.recv().map_err(RecvTimeoutError::from),
            };
            match command {
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(command) => self.handle(command),
                Err(RecvTimeoutError::Timeout) => {
                    if self
                        .watch_until()
                        .is_some_and(|then| then <= Instant::now())
                    {
                        self.close();
                    }
                    self.settle();
                }
            }
        }
        self.close();
        for slot in self.slots.values() {
            slot.lanes.control(Control::Stop);
        }
    }

    /// When an unneeded watch ends.
    fn watch_until(&self) -> Option<Instant> {
        let needed = self.watchers > 0 || !self.waiting.is_empty();
        let watching = matches!(self.phase, Phase::Watching(_));
        (watching && !needed).then(|| lock(&self.front.0).last_use + self.settings.linger)
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Refresh(asker) => {
                self.released = false;
                // A card that is held for ever must not gather those that gave up waiting for it.
                self.waiting.retain(|waiting| !waiting.reply.is_closed());
                self.waiting.push(asker);
                if matches!(self.phase, Phase::Watching(_)) {
                    self.identify_again();
                } else {
                    self.open();
                }
            }
            Command::Watch => {
                self.watchers += 1;
                if !self.released && matches!(self.phase, Phase::Idle) {
                    self.open();
                }
            }
            Command::Unwatch => {
                self.watchers = self.watchers.saturating_sub(1);
                lock(&self.front.0).last_use = Instant::now();
                if self.watchers == 0 && matches!(self.phase, Phase::Away(_)) {
                    self.close();
                }
            }
            Command::Release(reply) => {
                self.released = true;
                let released = Arc::new(Released(Some(reply)));
                for slot in self.slots.values() {
                    slot.lanes.control(Control::Release(Arc::clone(&released)));
                }
                self.close();
            }
            Command::Rebuild => {
                self.released = false;
                // A call on the way down may have opened the way again: it is from before the sleep too.
                match self.watchers > 0 || !self.waiting.is_empty() {
                    true => self.open(),
                    false => self.close(),
                }
            }
            Command::Readers(turn, readers) if turn == self.turn => match readers {
                Ok(readers) => self.see(readers),
                Err(error) => self.lose(&error),
            },
            Command::Returned(turn) if turn == self.turn => self.open(),
            Command::Readers(..) | Command::Returned(_) | Command::Stop => {}
            Command::Refused(key) => self.refused(key),
            Command::Identified(key, found) => self.identified(key, found),
            Command::Gone(key) => self.gone(key),
            Command::Changed(key) => self.raise(Event::Changed(key)),
            Command::WasReset(key) => {
                self.raise(Event::Reset(key));
                self.compare_identities();
            }
        }
        self.settle();
    }

    /// Starts to watch; the readers as they are come at once.
    fn open(&mut self) {
        self.close();
        let opened = self.source.watch().and_then(|(watch, waker)| {
            watch::readers(self.turn, watch, waker, self.report.clone())
                .map_err(|error| watch::no_thread(&error))
        });
        match opened {
            Ok(waiting) => self.phase = Phase::Watching(waiting),
            Err(error) => self.lose(&error),
        }
    }

    /// Ends any wait. What is in the readers stays known.
    fn close(&mut self) {
        // Nobody may take the list for current once the readers are not watched.
        lock(&self.front.0).current = false;
        self.seen = false;
        self.turn += 1;
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Watching(waiting) | Phase::Away(waiting) => waiting.end(),
            Phase::Idle => {}
        }
    }

    /// The service is away, and every token with it.
    fn lose(&mut self, error: &TransportError) {
        let was_lost = std::mem::replace(&mut self.lost, true);
        for (_, slot) in std::mem::take(&mut self.slots) {
            self.discard(&slot);
        }
        for asker in self.waiting.drain(..) {
            let _ = asker.reply.send(Err(error.clone().into()));
        }
        self.close();
        if !was_lost {
            tracing::warn!(%error, "card service lost");
            self.raise(Event::ServiceLost);
        }
        if self.watchers == 0 || self.released {
            return;
        }
        if !was_lost {
            // A service that is started on demand is there as soon as it is asked for.
            return self.open();
        }
        let waiting = self.source.absence().and_then(|(absence, waker)| {
            watch::service(self.turn, absence, waker, self.report.clone())
                .map_err(|error| watch::no_thread(&error))
        });
        match waiting {
            Ok(waiting) => self.phase = Phase::Away(waiting),
            Err(error) => tracing::warn!(%error, "no way to wait for the card service"),
        }
    }

    /// Brings what callers see up to date, raises the events that led to it, and answers callers when
    /// nothing more is to come.
    fn settle(&mut self) {
        let tokens: Vec<Token> = self.tokens().cloned().collect();
        let still =
            |wanted: fn(&State) -> bool| self.slots.values().any(|slot| wanted(&slot.state));
        let pending = still(|state| matches!(state, State::Identifying(_)));
        let held = still(|state| matches!(state, State::Not(Unidentified::Held)));
        let failed = still(|state| matches!(state, State::Not(Unidentified::Failed)));
        let settled = self.is_settled(None);
        {
            let mut front = lock(&self.front.0);
            front.tokens.clone_from(&tokens);
            front.current = settled && !failed && !held && !pending;
            if settled {
                // A card that is not waited for is held.
                front.held = held || pending;
            }
        }
        for event in self.due.drain(..) {
            // A program that does not listen to events still uses tokens.
            let _ = self.events.blocking_send(event);
        }
        for asker in std::mem::take(&mut self.waiting) {
            if self.is_settled(asker.wanted.as_ref()) {
                let _ = asker.reply.send(Ok(tokens.clone()));
            } else {
                self.waiting.push(asker);
            }
        }
    }

    fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.slots.values().filter_map(|slot| match &slot.state {
            State::Token(token) => Some(token),
            State::Identifying(_) | State::Not(_) => None,
        })
    }

    fn raise(&mut self, event: Event) {
        self.due.push(event);
    }
}
