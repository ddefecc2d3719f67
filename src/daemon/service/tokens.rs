//! The tokens as the bus sees them: which object stands for which token.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use oathd_api::{ErrorName, names::TOKEN_PATH, wire::ErrorDetails};
use oathd_token::{Token, TokenKey, Watch};
use zbus::{ObjectPath, OwnedObjectPath, names::OwnedUniqueName};

use super::{Service, description::token_name};
use crate::{bus, error::Error, identity::Caller};

/// A token with the object that stands for it.
#[derive(Clone)]
pub(crate) struct TokenObject {
    pub(crate) path: OwnedObjectPath,
    pub(crate) token: Token,
}

/// Something about a token that its owner should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alarm {
    Duplicated,
    Reset,
}

impl Alarm {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Alarm::Duplicated => "duplicated",
            Alarm::Reset => "reset",
        }
    }
}

/// The objects on the bus, and who watches them come and go.
#[derive(Default)]
pub(super) struct Objects {
    known: tokio::sync::Mutex<Vec<TokenObject>>,
    watchers: Mutex<HashMap<OwnedUniqueName, Watch>>,
}

impl Service {
    /// Brings the objects up to date with the readers and lists them, by serial and then by id:
    /// which of them answered first when they came is chance.
    pub(crate) async fn tokens(self: &Arc<Self>) -> Result<Vec<TokenObject>, Error> {
        self.hub().tokens().await?;
        self.list_objects().await
    }

    /// The objects of the tokens that `selector` fits. A token that another program holds is waited
    /// for only when none fits without it.
    pub(super) async fn fitting(
        self: &Arc<Self>,
        selector: &str,
    ) -> Result<Vec<TokenObject>, Error> {
        if selector.is_empty() {
            return self.tokens().await;
        }
        let wanted = selector.to_owned();
        self.hub()
            .tokens_with(move |token| fits(token, &wanted))
            .await?;
        let mut objects = self.list_objects().await?;
        objects.retain(|object| fits(&object.token, selector));
        // A serial is a whole name: it wins over ids that begin with the same digits.
        if objects
            .iter()
            .any(|object| has_serial(&object.token, selector))
        {
            objects.retain(|object| has_serial(&object.token, selector));
        }
        Ok(objects)
    }

    /// Brings the objects up to date with the hub's list.
    async fn list_objects(self: &Arc<Self>) -> Result<Vec<TokenObject>, Error> {
        let mut known = self.objects.known.lock().await;
        for token in self.withdraw_absent(&mut known).await {
            self.publish(&mut known, token).await?;
        }
        let mut listed = known.clone();
        listed.sort_by_cached_key(|object| {
            let info = object.token.info();
            (
                info.serial.is_none(),
                info.serial,
                token_name(&object.token),
            )
        });
        Ok(listed)
    }

    /// Puts a token that turned up on the bus.
    pub(crate) async fn token_added(self: &Arc<Self>, token: Token) -> Result<(), Error> {
        let mut known = self.objects.known.lock().await;
        self.publish(&mut known, token).await
    }

    /// Takes a token that left off the bus.
    pub(crate) async fn token_removed(&self, key: TokenKey) {
        let mut known = self.objects.known.lock().await;
        if let Some(index) = known.iter().position(|object| object.token.key() == key) {
            let gone = known.remove(index);
            bus::withdraw(self, &gone.path).await;
        }
    }

    /// Tells that a token is not what it was.
    pub(crate) async fn token_changed(&self, key: TokenKey, alarm: Option<Alarm>) {
        let Some(object) = self.object_of(key).await else {
            return;
        };
        if let Some(alarm) = alarm {
            tracing::warn!(token = %token_name(&object.token), alarm = alarm.as_str(), "alarm");
            bus::alarm(self, &object, alarm).await;
        }
        bus::changed(self, &object).await;
    }

    /// Takes the tokens of another hub than the current one off the bus.
    pub(super) async fn withdraw_foreign(&self) {
        let mut known = self.objects.known.lock().await;
        self.withdraw_absent(&mut known).await;
    }

    /// Takes tokens off the bus that are not here; gives those that are.
    async fn withdraw_absent(&self, known: &mut Vec<TokenObject>) -> Vec<Token> {
        // What is listed under the lock is never behind an event that was handled under it.
        let present = self.hub().listed();
        let mut index = 0;
        while let Some(object) = known.get(index) {
            let key = object.token.key();
            if present.iter().any(|token| token.key() == key) {
                index += 1;
            } else {
                let gone = known.remove(index);
                bus::withdraw(self, &gone.path).await;
            }
        }
        present
    }

    /// Takes every token off the bus.
    pub(crate) async fn withdraw_all(&self) {
        for gone in self.objects.known.lock().await.drain(..) {
            bus::withdraw(self, &gone.path).await;
        }
    }

    /// Watches the readers of another hub for everybody who watched those of the old one.
    pub(super) fn watch_anew(&self) {
        let hub = self.hub();
        for watch in self.watchers().values_mut() {
            *watch = hub.watch();
        }
    }

    async fn publish(
        self: &Arc<Self>,
        known: &mut Vec<TokenObject>,
        token: Token,
    ) -> Result<(), Error> {
        if known.iter().any(|object| object.token.key() == token.key()) {
            return Ok(());
        }
        let object = TokenObject {
            path: self.new_path()?,
            token,
        };
        bus::publish(self, &object).await?;
        known.push(object);
        Ok(())
    }

    /// An object path that tells nothing about the token.
    fn new_path(&self) -> Result<OwnedObjectPath, Error> {
        let mut opaque = [0; 8];
        (self.entropy)(&mut opaque);
        let path = format!("{TOKEN_PATH}/{:016x}", u64::from_be_bytes(opaque));
        OwnedObjectPath::try_from(path).map_err(|_| Error::unknown_object())
    }

    /// The object of a token that is on the bus.
    pub(super) async fn object_of(&self, key: TokenKey) -> Option<TokenObject> {
        let known = self.objects.known.lock().await;
        known.iter().find(|o| o.token.key() == key).cloned()
    }

    /// The token of an object.
    pub(crate) async fn at_path(&self, path: &ObjectPath<'_>) -> Result<TokenObject, Error> {
        let known = self.objects.known.lock().await;
        known
            .iter()
            .find(|object| object.path.as_str() == path.as_str())
            .cloned()
            .ok_or_else(Error::unknown_object)
    }

    /// The tokens of several objects, each once.
    pub(crate) async fn at_paths(
        &self,
        paths: &[OwnedObjectPath],
    ) -> Result<Vec<TokenObject>, Error> {
        let mut objects: Vec<TokenObject> = Vec::new();
        for path in paths {
            let object = self.at_path(path).await?;
            if objects.iter().all(|known| known.path != object.path) {
                objects.push(object);
            }
        }
        Ok(objects)
    }

    /// Keeps the readers watched until `caller` leaves the bus.
    pub(crate) fn watch_for(self: &Arc<Self>, caller: &Caller) -> Result<(), Error> {
        self.watchers()
            .entry(caller.unique_name.clone())
            .or_insert_with(|| self.hub().watch());
        self.until_gone(caller)
            .inspect_err(|_| self.unwatch_for(caller))
    }

    /// Ends the watch for a caller.
    pub(super) fn unwatch_for(&self, caller: &Caller) {
        self.watchers().remove(&caller.unique_name);
    }

    fn watchers(&self) -> std::sync::MutexGuard<'_, HashMap<OwnedUniqueName, Watch>> {
        // Every change is one call of the map, so a poisoned map is whole.
        let watchers = &self.objects.watchers;
        watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one token that `selector` names: a serial, or the start of an id; empty for the only
    /// one there is.
    pub(crate) async fn find_token(self: &Arc<Self>, selector: &str) -> Result<TokenObject, Error> {
        let mut fitting = self.fitting(selector).await?;
        match fitting.len() {
            0 => {
                self.refuse_held()?;
                Err(Error::new(ErrorName::NoToken))
            }
            1 => Ok(fitting.remove(0)),
            _ => {
                let names: Vec<String> = fitting.iter().map(|o| token_name(&o.token)).collect();
                let same = names.iter().all(|name| Some(name) == names.first());
                let error = if same {
                    ErrorName::TokenDuplicated
                } else {
                    ErrorName::AmbiguousToken
                };
                Err(Error::with(
                    error,
                    ErrorDetails {
                        tokens: Some(names),
                        ..ErrorDetails::default()
                    },
                ))
            }
        }
    }

    /// Refuses to say that there is no token while another program holds one that could not be
    /// asked.
    pub(crate) fn refuse_held(&self) -> Result<(), Error> {
        match self.hub().leaves_out_held() {
            true => Err(Error::new(ErrorName::TokenBusy)),
            false => Ok(()),
        }
    }
}

fn fits(token: &Token, selector: &str) -> bool {
    selector.is_empty()
        || has_serial(token, selector)
        || token.info().device_id.as_str().starts_with(selector)
}

fn has_serial(token: &Token, selector: &str) -> bool {
    let serial = token.info().serial;
    serial.is_some_and(|serial| serial.to_string() == selector)
}
