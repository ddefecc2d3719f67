//! Whether the card service answers, asked beside everything else: a service that hangs holds up
//! whoever asks it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};

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
    /// A thread waits for an answer: however long the service hangs, it is one.
    waits: Arc<AtomicBool>,
}

impl Probe {
    pub(crate) fn new(source: Arc<dyn Source>) -> Probe {
        Probe {
            source,
            waits: Arc::default(),
        }
    }

    /// Connects, and lets go again.
    pub(crate) async fn ask(&self, patience: Duration) -> CardService {
        if self.waits.swap(true, Ordering::SeqCst) {
            return CardService::Silent;
        }
        let (reply, answer) = oneshot::channel();
        let (source, waits) = (Arc::clone(&self.source), Arc::clone(&self.waits));
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
                waits.store(false, Ordering::SeqCst);
                // Whoever gave up needs no answer.
                let _ = reply.send(answer);
            });
        if let Err(error) = started {
            self.waits.store(false, Ordering::SeqCst);
            let reason = error.to_string();
            return CardService::Away { reason };
        }
        match timeout(patience, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => CardService::Silent,
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
        // The thread of the one before still waits: none is started, however patient the next is.
        assert_eq!(probe.ask(Duration::MAX).await, CardService::Silent);
        tell.send("two").unwrap();
        while probe.waits.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        tell.send("three").unwrap();
        assert_eq!(probe.ask(Duration::MAX).await, away("three"));
    }
}
