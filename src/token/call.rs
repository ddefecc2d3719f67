//! A request on its way to an owner thread: begun at most once, given up before or never.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};

use crate::{error::TokenError, operations::Desk};

const WAITING: u8 = 0;
const STARTED: u8 = 1;
const ABANDONED: u8 = 2;

/// Decides between the owner, who starts a request, and the caller, who gives it up: whoever comes first.
#[derive(Debug, Default)]
pub(crate) struct Ticket(AtomicU8);

impl Ticket {
    /// Claims an attempt for the owner; false once the caller has given up or left.
    pub(crate) fn start(&self) -> bool {
        self.move_to(STARTED)
    }

    /// Claims the request for the caller; true means that it will never be transmitted.
    pub(crate) fn abandon(&self) -> bool {
        self.move_to(ABANDONED)
    }

    /// Whether the caller has given up or left.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.0.load(Ordering::Acquire) == ABANDONED
    }

    fn move_to(&self, state: u8) -> bool {
        match self
            .0
            .compare_exchange(WAITING, state, Ordering::AcqRel, Ordering::Acquire)
        {
            Ok(_) => true,
            Err(found) => found == state,
        }
    }
}

/// Whether a request is over.
pub(crate) enum Attempt {
    /// It was answered.
    Done,
    /// The card was reset under it; it knows how to go on and was not answered.
    Again,
}

/// A request as the owner sees it.
pub(crate) trait Work: Send {
    /// Works on the selected application. On the last attempt any outcome is answered.
    fn attempt(&mut self, desk: Desk<'_, '_>, last: bool) -> Attempt;
    /// Answers with an error.
    fn fail(&mut self, error: TokenError);
}

/// A request in a queue.
pub(crate) struct Job {
    pub(crate) ticket: Arc<Ticket>,
    pub(crate) work: Box<dyn Work>,
}

struct Pending<T, F> {
    reply: Option<oneshot::Sender<Result<T, TokenError>>>,
    run: F,
}

impl<T, F> Work for Pending<T, F>
where
    T: Send,
    F: FnMut(Desk<'_, '_>) -> Result<T, TokenError> + Send,
{
    fn attempt(&mut self, desk: Desk<'_, '_>, last: bool) -> Attempt {
        match (self.run)(desk) {
            Err(TokenError::Interrupted) if !last => Attempt::Again,
            outcome => {
                self.answer(outcome);
                Attempt::Done
            }
        }
    }

    fn fail(&mut self, error: TokenError) {
        self.answer(Err(error));
    }
}

impl<T, F> Pending<T, F> {
    fn answer(&mut self, outcome: Result<T, TokenError>) {
        if let Some(reply) = self.reply.take() {
            // A caller that went away needs no answer.
            let _ = reply.send(outcome);
        }
    }
}

/// The caller's side of a request. Dropping it gives up what has not started, and every attempt after
/// the one under way: what nobody waits for is not sent later.
pub(crate) struct Answer<T> {
    ticket: Arc<Ticket>,
    reply: oneshot::Receiver<Result<T, TokenError>>,
}

/// Makes a request out of `run`, which is called again after the card was reset under it: it must then
/// find out by itself what has already happened.
pub(crate) fn request<T, F>(run: F) -> (Job, Answer<T>)
where
    T: Send + 'static,
    F: FnMut(Desk<'_, '_>) -> Result<T, TokenError> + Send + 'static,
{
    let (reply, receiver) = oneshot::channel();
    let ticket = Arc::new(Ticket::default());
    let job = Job {
        ticket: Arc::clone(&ticket),
        work: Box::new(Pending {
            reply: Some(reply),
            run,
        }),
    };
    let answer = Answer {
        ticket,
        reply: receiver,
    };
    (job, answer)
}

impl<T> Answer<T> {
    /// Waits for the answer: `busy` for the request to start, `call` altogether.
    pub(crate) async fn wait(mut self, busy: Duration, call: Duration) -> Result<T, TokenError> {
        if let Ok(answer) = timeout(busy, &mut self.reply).await {
            return answer.unwrap_or(Err(TokenError::Removed));
        }
        if self.ticket.abandon() {
            return Err(TokenError::Busy);
        }
        match timeout(call.saturating_sub(busy), &mut self.reply).await {
            Ok(answer) => answer.unwrap_or(Err(TokenError::Removed)),
            Err(_) => Err(TokenError::TimedOut),
        }
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        self.ticket.0.store(ABANDONED, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_started_request_cannot_be_given_up_and_the_reverse() {
        let ticket = Ticket::default();
        assert!(ticket.start());
        assert!(!ticket.abandon());
        assert!(ticket.start(), "a second attempt goes on");
        let ticket = Ticket::default();
        assert!(ticket.abandon());
        assert!(!ticket.start());
        assert!(ticket.is_abandoned());
    }
}
