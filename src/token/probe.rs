//! Whether the card service answers, asked beside everything else: a service that hangs holds up
//! whoever asks it.

use std::{sync::Arc, thread, time::Duration};

use tokio::{
    sync::{Semaphore, oneshot},
    time::timeout,
};

use crate::transport::{Source, TransportError};

/// What a card service says to somebody who wants to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CardService {
    /// It answers.
    Ready,
    /// It is not running, is stopping, or refused this program.
    Away {
        /// What the service or its library answered.
        reason: String,
    },
    /// It did not answer in time.
    Silent,
}

/// Asks a service, once at a time.
pub(crate) struct Probe {
    source: Arc<dyn Source>,
    /// The one place, which a thread keeps until it is answered: however long the service hangs, it
    /// is one. Others wait for it, or a service that answers would pass for one that does not.
    place: Arc<Semaphore>,
}

impl Probe {
    pub(crate) fn new(source: Arc<dyn Source>) -> Probe {
        let place = Arc::new(Semaphore::new(1));
        Probe { source, place }
    }

    /// Connects, and lets go again.
    pub(crate) async fn ask(&self, patience: Duration) -> CardService {
        let asked = timeout(patience, self.asked());
        asked.await.unwrap_or(CardService::Silent)
    }

    async fn asked(&self) -> CardService {
        let place = Arc::clone(&self.place).acquire_owned().await;
        let source = Arc::clone(&self.source);
        let (reply, answer) = oneshot::channel();
        let started = thread::Builder::new()
            .name("probe".to_owned())
            .spawn(move || {
                let answer = match source.connect() {
                    Ok(_) => CardService::Ready,
                    Err(TransportError::Unavailable { reason }) => CardService::Away { reason },
                    Err(other) => CardService::Away {
                        reason: other.to_string(),
                    },
                };
                drop(place);
                // Whoever gave up needs no answer.
                let _ = reply.send(answer);
            });
        match started {
            Ok(_) => answer.await.unwrap_or(CardService::Silent),
            Err(error) => CardService::Away {
                reason: error.to_string(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::transport::{Absence, Cards, ReaderWatch, Waker};

    /// A service that answers what it is told, and nothing before.
    struct Told(Mutex<std::sync::mpsc::Receiver<&'static str>>);

    impl Source for Told {
        fn connect(&self) -> Result<Box<dyn Cards>, TransportError> {
            let reason = self.0.lock().unwrap().recv().unwrap().to_owned();
            Err(TransportError::Unavailable { reason })
        }

        fn watch(&self) -> Result<(Box<dyn ReaderWatch>, Waker), TransportError> {
            unreachable!("nobody watches")
        }

        fn absence(&self) -> Result<(Box<dyn Absence>, Waker), TransportError> {
            unreachable!("nobody waits")
        }
    }

    #[tokio::test]
    async fn a_service_that_hangs_holds_one_thread_and_nobody_else() {
        let (tell, told) = std::sync::mpsc::channel();
        let probe = Probe::new(Arc::new(Told(Mutex::new(told))));
        let away = |reason: &str| CardService::Away {
            reason: reason.to_owned(),
        };
        tell.send("one").unwrap();
        assert_eq!(probe.ask(Duration::MAX).await, away("one"));
        assert_eq!(probe.ask(Duration::ZERO).await, CardService::Silent);
        // The thread of the one before still waits: none is started.
        assert_eq!(probe.ask(Duration::ZERO).await, CardService::Silent);
        assert_eq!(probe.place.available_permits(), 0);
        tell.send("two").unwrap();
        tell.send("three").unwrap();
        // The next has its turn after it.
        assert_eq!(probe.ask(Duration::MAX).await, away("three"));
    }

    #[tokio::test]
    async fn several_who_ask_at_once_are_all_answered() {
        let (tell, told) = std::sync::mpsc::channel();
        let probe = Probe::new(Arc::new(Told(Mutex::new(told))));
        let asking = (probe.ask(Duration::MAX), probe.ask(Duration::MAX));
        tell.send("one").unwrap();
        tell.send("two").unwrap();
        let (one, other) = tokio::join!(asking.0, asking.1);
        assert!(one != CardService::Silent && other != CardService::Silent);
    }
}
