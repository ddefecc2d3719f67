//! Which message is where: a bounded number under way, and what became of the last ones.

mod ledger;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use data_encoding::HEXLOWER;
use oathd_api::delivery::DeliveryState;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::{Instant, sleep, timeout, timeout_at},
};
use zbus::names::OwnedUniqueName;

use crate::{
    backend::{Backend, Outcome, Report},
    error::Error,
    message::{Kind, Message},
    progress::{Progress, Reason},
    settings::Limits,
};
pub(crate) use ledger::Entry;
use ledger::Ledger;

/// The longest wait between two attempts.
const RETRY_MAX: Duration = Duration::from_secs(300);

/// News of a message, for whoever sent it.
#[derive(Clone, Debug)]
pub(crate) struct News {
    pub(crate) to: OwnedUniqueName,
    pub(crate) id: String,
    pub(crate) progress: Progress,
}

/// The way of one kind of address. Each has places of its own: one that is stuck holds up no other.
#[derive(Debug)]
pub(crate) struct Route {
    backend: Backend,
    /// For attempts.
    permits: Semaphore,
    /// For messages under way.
    places: Arc<Semaphore>,
}

impl Route {
    pub(crate) fn new(backend: Backend, limits: Limits) -> Route {
        Route {
            permits: Semaphore::new(backend.width()),
            places: Arc::new(Semaphore::new(limits.queue)),
            backend,
        }
    }
}

/// The messages. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limits: Limits,
    routes: [Option<Route>; Kind::ALL.len()],
    ledger: Mutex<Ledger>,
    /// How many are under way.
    busy: watch::Sender<usize>,
    /// Whether everything under way is to be given up.
    closing: watch::Sender<bool>,
    /// Holds no more than a few items a message under way.
    news: mpsc::UnboundedSender<News>,
}

/// A message that has been taken, and starts when it is told to.
#[must_use = "a message that is not started is never sent"]
pub(crate) struct Taken {
    job: Job,
    message: Message,
}

/// The open entry of a message; it is closed when this is dropped.
struct Job {
    shared: Arc<Shared>,
    id: String,
    to: OwnedUniqueName,
    deadline: Instant,
    _place: OwnedSemaphorePermit,
}

impl Outbox {
    /// An empty one. News come out of the receiver in the order in which they happen.
    pub(crate) fn new(
        limits: Limits,
        route: impl Fn(Kind) -> Option<Route>,
    ) -> (Outbox, mpsc::UnboundedReceiver<News>) {
        let (news, receiver) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            limits,
            routes: Kind::ALL.map(route),
            ledger: Mutex::default(),
            busy: watch::Sender::new(0),
            closing: watch::Sender::new(false),
            news,
        });
        (Outbox { shared }, receiver)
    }

    /// Whether addresses of this kind are served.
    pub(crate) fn offers(&self, kind: Kind) -> bool {
        self.shared.route(kind).is_some()
    }

    /// Takes a message of a kind that is served and has room, for `keep` or as long as the settings say.
    pub(crate) fn take(
        &self,
        message: Message,
        to: OwnedUniqueName,
        keep: Option<Duration>,
    ) -> Result<Taken, Error> {
        let kind = message.kind;
        let route = self.shared.route(kind);
        let route = route.ok_or(Error::NotSupported(kind.as_str()))?;
        let place = Arc::clone(&route.places).try_acquire_owned();
        let place = place.map_err(|_| Error::TooMany)?;
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| Error::NoEntropy)?;
        let id = HEXLOWER.encode(&random);
        self.shared.ledger().open(&id);
        self.shared.busy.send_modify(|busy| *busy += 1);
        tracing::info!(id, kind = kind.as_str(), "taken");
        let deadline = Instant::now() + keep.unwrap_or(self.shared.limits.keep);
        Ok(Taken {
            job: Job {
                shared: Arc::clone(&self.shared),
                id,
                to,
                deadline,
                _place: place,
            },
            message,
        })
    }

    /// How far a message is.
    pub(crate) fn entry(&self, id: &str) -> Option<Entry> {
        self.shared.ledger().get(id)
    }

    /// Gives up what is under way and what is yet taken, and waits for that. What is dropped then
    /// ends programs and takes texts back out of modems.
    pub(crate) async fn close(&self) {
        self.shared.closing.send_replace(true);
        // The sender is ours.
        let _ = self.busy().wait_for(|busy| *busy == 0).await;
    }

    /// How many messages are under way.
    pub(crate) fn busy(&self) -> watch::Receiver<usize> {
        self.shared.busy.subscribe()
    }
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn route(&self, kind: Kind) -> Option<&Route> {
        self.routes.get(kind as usize)?.as_ref()
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.shared.ledger().close(&self.id);
        self.shared.busy.send_modify(|busy| *busy -= 1);
    }
}

impl Taken {
    pub(crate) fn id(&self) -> &str {
        &self.job.id
    }

    /// Sends it, and follows it to its end or to that of the service.
    pub(crate) async fn follow(self) {
        let mut closing = self.job.shared.closing.subscribe();
        tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => {}
            () = self.go() => {}
        }
    }

    /// The text is wiped as soon as it is handed on.
    async fn go(self) {
        let Taken { job, message } = self;
        let (progress, report) = match job.shared.route(message.kind) {
            Some(route) => job.hand_on(route, &message).await,
            None => (Progress::failed(Reason::Refused), None),
        };
        drop(message);
        job.report(progress);
        if let Some(report) = report {
            let end = timeout(job.shared.limits.report, report.wait()).await;
            job.report(end.unwrap_or(Progress::unknown(Reason::NoReport)));
        }
    }
}

impl Job {
    /// Tries until it is handed on or given up: how that ended, and what may still
    /// come.
    async fn hand_on(&self, route: &Route, message: &Message) -> (Progress, Option<Box<Report>>) {
        let limits = &self.shared.limits;
        let mut last = Reason::Expired;
        let mut wait = limits.retry;
        for attempt in 1..=limits.attempts {
            let Ok(Ok(permit)) = timeout_at(self.deadline, route.permits.acquire()).await else {
                break;
            };
            self.shared.ledger().count_attempt(&self.id);
            let until = self.deadline.min(Instant::now() + limits.attempt);
            let outcome = timeout_at(until, route.backend.attempt(message)).await;
            drop(permit);
            match outcome {
                Ok(Outcome::Sent) => return (Progress::SENT, None),
                Ok(Outcome::Awaited(report)) => return (Progress::SENT, Some(report)),
                Ok(Outcome::Never(reason)) => return (Progress::failed(reason), None),
                Ok(Outcome::Unknown(reason)) => return (Progress::unknown(reason), None),
                Ok(Outcome::Later(reason)) => last = reason,
                Err(_) => return (route.backend.overdue(), None),
            }
            if attempt == limits.attempts || Instant::now() + wait >= self.deadline {
                break;
            }
            self.report(Progress::queued(last));
            sleep(wait).await;
            wait = (wait * 2).min(RETRY_MAX);
        }
        (Progress::failed(last), None)
    }

    /// Writes down how far the message is, and tells its sender.
    fn report(&self, progress: Progress) {
        if !self.shared.ledger().advance(&self.id, progress) {
            tracing::error!(id = self.id, state = progress.state.as_str(), "out of turn");
            return;
        }
        let (state, reason) = (progress.state.as_str(), progress.word());
        match progress.state {
            DeliveryState::Failed | DeliveryState::Unknown => {
                tracing::warn!(id = self.id, state, reason, "over");
            }
            _ => tracing::info!(id = self.id, state, reason, "under way"),
        }
        // Without a receiver the service is ending.
        let _ = self.shared.news.send(News {
            to: self.to.clone(),
            id: self.id.clone(),
            progress,
        });
    }
}
