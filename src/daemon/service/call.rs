//! One call: who makes it, and how long it lives.

use std::{future::Future, sync::Arc};

use oathd_api::ErrorName;
use oathd_token::Token;
use zbus::message::{Flags, Header};

use super::{Service, guests::Underway};
use crate::{authority::Action, error::Error, identity::Caller};

/// A caller who may do what it asks for.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) caller: Caller,
    /// The caller allows that its user is asked something.
    pub(crate) interactive: bool,
    underway: Arc<Underway>,
}

impl Call {
    /// The same call, past the point where its user may be asked.
    pub(crate) fn without_questions(&self) -> Call {
        Call {
            caller: self.caller.clone(),
            interactive: false,
            underway: Arc::clone(&self.underway),
        }
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
        let token = token.map(super::tokens::token_name);
        let details = token.as_deref().map(|token| ("token", token));
        let allowed =
            self.authorizer
                .allow(&call.caller, action, call.interactive, details.as_slice());
        let allowed = async { Ok(allowed.await?) };
        self.attend(&call, allowed).await?;
        Ok(call)
    }

    /// Finds out who calls, for what anybody may.
    pub(crate) async fn identify(&self, header: &Header<'_>) -> Result<Call, Error> {
        let sender = header.sender().ok_or_else(Error::disconnected)?;
        let caller = self.callers.identify(sender).await?;
        let underway = Arc::new(self.guests.begin(caller.uid)?);
        let interactive = header
            .primary()
            .flags()
            .contains(Flags::ALLOW_INTERACTIVE_AUTH);
        Ok(Call {
            caller,
            interactive,
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

    /// Runs `work` to its end, whether or not its caller stays to hear of it.
    pub(crate) async fn carry_through<T, W, F>(self: &Arc<Self>, work: W) -> Result<T, Error>
    where
        T: Send + 'static,
        W: FnOnce(Arc<Service>) -> F + Send + 'static,
        F: Future<Output = Result<T, Error>> + Send,
    {
        let service = Arc::clone(self);
        // Refused once the end has begun to wait for the changes that are under way.
        let unfinished = Arc::clone(&self.changes)
            .try_read_owned()
            .map_err(|_| Error::because(ErrorName::TokenBusy, "oathd is ending"))?;
        let task = tokio::spawn(async move {
            let outcome = work(service).await;
            drop(unfinished);
            outcome
        });
        task.await.unwrap_or_else(|_| Err(Error::disconnected()))
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
