//! What the interfaces of the bus call: who asks, may they, do it.
//!
//! One [`Service`] serves a bus. A request walks: [`Service::enter`] (identity, authority) →
//! one method of this module's files → [`oathd_token::Token`] → the answer. Reading work ends with
//! its caller; work that changes something is carried through even when its caller leaves, so that
//! a token and the store never disagree.

mod access;
mod call;
mod codes;
mod credentials;
mod description;
mod diagnosis;
mod guests;
mod passwords;
mod presence;
mod search;
mod slots;
mod tokens;
mod words;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use oathd_token::{Entropy, Hub};
use tokio::sync::RwLock;

pub(crate) use call::{Call, Options, no_options};
pub(crate) use credentials::{kind_words, new_credential};
pub(crate) use description::{kind, token_name};
pub(crate) use presence::presence_id;
pub(crate) use tokens::{Alarm, TokenObject};

use crate::{
    accounts::Accounts, agents::Agents, authority::Authorizer, clock::Clock, identity::Callers,
    keyring::Keyring,
};
use access::Unlocks;
use guests::Guests;
use tokens::Objects;

/// Everything a call needs, shared by all of them.
pub(crate) struct Service {
    pub(crate) connection: zbus::Connection,
    pub(crate) agents: Agents,
    accounts: Accounts,
    hub: Mutex<Hub>,
    /// How long a call may take whose user may not be asked.
    call_deadline: Mutex<Duration>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Entropy,
    pub(crate) keyring: Keyring,
    authorizer: Authorizer,
    pub(crate) callers: Callers,
    unlocks: Unlocks,
    objects: Objects,
    guests: Arc<Guests>,
    /// Where the settings are on the disk, if they are.
    settings_file: Option<PathBuf>,
    /// Read-held by work that must not be cut in half; the end of the service waits for it.
    changes: Arc<RwLock<()>>,
}

/// What a [`Service`] is made of.
pub(crate) struct Parts {
    pub(crate) connection: zbus::Connection,
    pub(crate) accounts: Accounts,
    pub(crate) hub: Hub,
    pub(crate) call_deadline: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Entropy,
    pub(crate) keyring: Keyring,
    pub(crate) authorizer: Authorizer,
    pub(crate) callers: Callers,
    pub(crate) settings_file: Option<PathBuf>,
}

impl Service {
    pub(crate) fn new(parts: Parts) -> Arc<Service> {
        Arc::new(Service {
            agents: Agents::new(parts.connection.clone()),
            connection: parts.connection,
            accounts: parts.accounts,
            hub: Mutex::new(parts.hub),
            call_deadline: Mutex::new(parts.call_deadline),
            clock: parts.clock,
            entropy: parts.entropy,
            keyring: parts.keyring,
            authorizer: parts.authorizer,
            callers: parts.callers,
            unlocks: Unlocks::default(),
            objects: Objects::default(),
            guests: Arc::default(),
            settings_file: parts.settings_file,
            changes: Arc::default(),
        })
    }

    /// Resolves when no change is under way; lets none begin from when it is first polled until what
    /// it gives is dropped.
    pub(crate) async fn settle(&self) -> tokio::sync::OwnedRwLockWriteGuard<()> {
        Arc::clone(&self.changes).write_owned().await
    }

    /// Ends the connections to the card service; what a token has begun ends first.
    pub(crate) async fn release(&self) {
        self.hub().release().await;
    }

    /// Takes up what [`Service::release`] ended.
    pub(crate) fn resume(&self) {
        self.hub().rebuild();
    }

    /// Whether an end would take nothing from anybody: no call is under way, and nothing lives in
    /// memory alone that has no time of its own.
    pub(crate) async fn keeps_nothing(&self) -> bool {
        self.guests.are_none()
            && self.accounts.enrollments.are_none()
            && self.changes.try_write().is_ok()
            && !self.holds_an_unkept_key().await
    }

    /// Goes on with another hub and another deadline of calls; the tokens of the old hub leave the
    /// bus.
    pub(crate) async fn replace_hub(self: &Arc<Self>, hub: Hub, call_deadline: Duration) {
        *self
            .call_deadline
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = call_deadline;
        let old = {
            let mut held = self.hub.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *held, hub)
        };
        self.watch_anew();
        old.release().await;
        self.withdraw_foreign().await;
    }

    /// What everything about accounts shares.
    pub(crate) fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    pub(crate) fn hub(&self) -> Hub {
        self.hub
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
