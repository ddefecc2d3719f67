//! One call: who makes it, and how long it lives.

use std::{
    future::Future,
    sync::{Arc, PoisonError},
    time::Duration,
};

use oathd_api::{ErrorName, names::INTERACTIVE_TIMEOUT_SECONDS};
use oathd_token::Token;
use tokio::time::{Instant, timeout_at};
use zbus::message::{Flags, Header};

use super::{Service, guests::Underway};
use crate::{
    authority::{Action, Denied, Obstacle},
    error::Error,
    identity::Caller,
};

/// How long a call may take whose user may be asked: its client waits a little longer.
const INTERACTIVE_DEADLINE: Duration = Duration::from_secs(INTERACTIVE_TIMEOUT_SECONDS - 5);

/// A caller who may do what it asks for.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) caller: Caller,
    /// The caller allows that its user is asked something.
    pub(crate) interactive: bool,
    /// When it must have been answered; none for what is carried through.
    pub(crate) deadline: Option<Instant>,
    underway: Arc<Underway>,
}

impl Call {
    /// A call of the service's own for a caller: nobody is asked, and it is not given up.
    pub(super) fn unasked(caller: Caller, underway: Arc<Underway>) -> Call {
        Call {
            caller,
            interactive: false,
            deadline: None,
            underway,
        }
    }

    /// The same call, past the point where its user may be asked.
    pub(crate) fn without_questions(&self) -> Call {
        Call {
            caller: self.caller.clone(),
            interactive: false,
            deadline: self.deadline,
            underway: Arc::clone(&self.underway),
        }
    }

    /// The same call, past the point where it may be given up.
    pub(super) fn carried_through(&self) -> Call {
        Call {
            deadline: None,
            ..self.without_questions()
        }
    }

    /// How much longer it may take.
    pub(crate) fn left(&self) -> Duration {
        self.deadline.map_or(Duration::MAX, |deadline| {
            deadline.saturating_duration_since(Instant::now())
        })
    }

    /// `token`, for a request that ends in time for this call.
    pub(crate) fn within(&self, token: &Token) -> Result<Token, Error> {
        match self.left() {
            Duration::ZERO => Err(Error::because(
                ErrorName::TokenFault,
                "the call took too long",
            )),
            left => Ok(token.within(left)),
        }
    }

    /// What `work` gives, if it does before this call must have been answered.
    pub(crate) async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        match self.deadline {
            Some(deadline) => timeout_at(deadline, work).await.ok(),
            None => Some(work.await),
        }
    }

    /// The same for a look at the readers, which waits for cards that other programs hold.
    pub(crate) async fn unless_busy<T>(
        &self,
        look: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let seen = self.in_time(look).await;
        seen.unwrap_or_else(|| Err(Error::new(ErrorName::TokenBusy)))
    }
}

impl Service {
    /// Finds out who calls, and whether they may.
    pub(crate) async fn enter(
        &self,
        header: &Header<'_>,
        action: Action,
        token: Option<&Token>,
    ) -> Result<Call, Error> {
        let call = self.identify(header).await?;
        self.authorize(&call, action, token).await?;
        Ok(call)
    }

    /// Finds out whether a caller may.
    pub(crate) async fn authorize(
        &self,
        call: &Call,
        action: Action,
        token: Option<&Token>,
    ) -> Result<(), Error> {
        let token = token.map(super::token_name);
        let details = token.as_deref().map(|token| ("token", token));
        self.authorize_for(call, action, details.as_slice()).await
    }

    /// Finds out whether a caller may do what `details` tell an administrator's rules about.
    pub(crate) async fn authorize_for(
        &self,
        call: &Call,
        action: Action,
        details: &[(&str, &str)],
    ) -> Result<(), Error> {
        let allowed = self
            .authorizer
            .allow(&call.caller, action, call.interactive, details);
        let undecided = Denied {
            action,
            obstacle: Obstacle::Silence,
        };
        let allowed = async {
            let allowed = call.in_time(allowed).await;
            Ok(allowed.unwrap_or(Err(undecided))?)
        };
        self.attend(call, allowed).await
    }

    /// Finds out who calls, for what anybody may.
    pub(crate) async fn identify(&self, header: &Header<'_>) -> Result<Call, Error> {
        let begun = Instant::now();
        let sender = header.sender().ok_or_else(Error::disconnected)?;
        let caller = self.callers.identify(sender).await?;
        let underway = Arc::new(self.guests.begin(caller.uid)?);
        let interactive = header
            .primary()
            .flags()
            .contains(Flags::ALLOW_INTERACTIVE_AUTH);
        let deadline = match interactive {
            true => INTERACTIVE_DEADLINE,
            false => *self
                .call_deadline
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        };
        Ok(Call {
            caller,
            interactive,
            deadline: Some(begun + deadline),
            underway,
        })
    }

    /// Runs `work` until its caller leaves the bus.
    pub(crate) async fn attend<T>(
        &self,
        call: &Call,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            outcome = work => outcome,
            () = self.callers.gone(&call.caller.unique_name) => Err(Error::disconnected()),
        }
    }

    /// Runs `work` to its end, whether or not its caller stays to hear of it or must be answered
    /// before.
    pub(crate) async fn carry_through<T, W, F>(
        self: &Arc<Self>,
        call: &Call,
        work: W,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        W: FnOnce(Arc<Service>, Call) -> F + Send + 'static,
        F: Future<Output = Result<T, Error>> + Send,
    {
        let (service, carried) = (Arc::clone(self), call.carried_through());
        // Refused once the end has begun to wait for the changes that are under way.
        let unfinished = Arc::clone(&self.changes)
            .try_read_owned()
            .map_err(|_| Error::because(ErrorName::TokenBusy, "oathd is ending"))?;
        let task = tokio::spawn(async move {
            let outcome = work(service, carried).await;
            drop(unfinished);
            outcome
        });
        match call.in_time(task).await {
            Some(outcome) => outcome.unwrap_or_else(|_| Err(Error::disconnected())),
            None => Err(Error::because(
                ErrorName::TokenFault,
                "the call took too long; what it has begun to change is carried through",
            )),
        }
    }
}

/// Refuses options where a method knows none.
pub(crate) fn no_options(options: &Options) -> Result<(), Error> {
    match options.keys().next() {
        None => Ok(()),
        Some(key) => Err(Error::invalid_args(format!("unknown option {key}"))),
    }
}

/// The options of a method that knows none yet.
pub(crate) type Options = std::collections::HashMap<String, zbus::OwnedVariant>;
