//! Whose key opens which token.
//!
//! A key belongs to the uid that brought it: an unlock of this run, a remembered password, or a
//! pairing, asked in that order. Nobody is served with another uid's key.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use oathd_api::ErrorName;
use oathd_token::{Access, AccessKey, DeviceId, Token, TokenError};

use super::{Call, Service};
use crate::error::Error;

/// Where a key came from; it decides what a refusal of the token means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Its user typed the password in this run.
    Typed,
    /// oathd made it.
    Paired,
    /// It was kept, sealed.
    Remembered,
}

/// A key, and where it came from.
type Held = (Arc<AccessKey>, Origin);

/// The keys of this run, by owner and token.
#[derive(Default)]
pub(super) struct Unlocks(Mutex<HashMap<(u32, DeviceId), Held>>);

impl Unlocks {
    pub(super) fn get(&self, uid: u32, device: &DeviceId) -> Option<Held> {
        self.lock().get(&(uid, device.clone())).cloned()
    }

    pub(super) fn put(&self, uid: u32, device: &DeviceId, key: Arc<AccessKey>, origin: Origin) {
        self.lock().insert((uid, device.clone()), (key, origin));
    }

    pub(super) fn drop_one(&self, uid: u32, device: &DeviceId) {
        self.lock().remove(&(uid, device.clone()));
    }

    /// Drops every owner's key of a token that has been reset or has another password.
    pub(super) fn drop_all(&self, device: &DeviceId) {
        self.lock().retain(|(_, held), _| held != device);
    }

    /// Whose keys of which tokens were typed in this run.
    fn typed(&self) -> Vec<(u32, DeviceId)> {
        let held = self.lock();
        let typed = held
            .iter()
            .filter(|(_, (_, origin))| *origin == Origin::Typed);
        typed.map(|(whose, _)| whose.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(u32, DeviceId), Held>> {
        // Every change is one call of the map, so a poisoned map is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service {
    /// Whether this run holds a key that the next one would not find.
    pub(super) async fn holds_an_unkept_key(&self) -> bool {
        for (uid, device) in self.unlocks.typed() {
            let kept = self.keyring.remembered(uid, device.as_bytes());
            if !matches!(kept.await, Ok(Some(_))) {
                return true;
            }
        }
        false
    }

    /// Runs `work` with the caller's key for `token`. Where the token wants a password and the
    /// caller has an agent and allows to be asked, asks for it first.
    pub(super) async fn with_key<T, W, F>(
        &self,
        call: &Call,
        token: &Token,
        mut work: W,
    ) -> Result<T, Error>
    where
        W: FnMut(Token, Access) -> F,
        F: Future<Output = Result<T, TokenError>>,
    {
        match self.try_with_key(call, token, &mut work).await {
            Err(error) if error.asks_for_password() => {
                if !self.ask_for_password(call, token).await? {
                    return Err(error);
                }
                self.try_with_key(call, token, &mut work).await
            }
            outcome => outcome,
        }
    }

    /// Runs `work` with each key that the caller may hold, until the token takes one.
    async fn try_with_key<T, W, F>(
        &self,
        call: &Call,
        token: &Token,
        work: &mut W,
    ) -> Result<T, Error>
    where
        W: FnMut(Token, Access) -> F,
        F: Future<Output = Result<T, TokenError>>,
    {
        let uid = call.caller.uid;
        let mut held = self.key_of(uid, token).await?;
        let key = held.as_ref().map(|(key, _)| Arc::clone(key));
        let mut outcome = work(call.within(token)?, key).await;
        if held.is_none() && matches!(outcome, Err(TokenError::PasswordRequired)) {
            // Another program has set a password since; the caller may hold its key all the same.
            held = self.key_of(uid, token).await?;
            if let Some((key, _)) = &held {
                outcome = work(call.within(token)?, Some(Arc::clone(key))).await;
            }
        }
        let mut rejected = None;
        while matches!(outcome, Err(TokenError::WrongPassword)) {
            let origin = held.map(|(_, origin)| origin);
            let error = self.reject_key(uid, token, origin).await?;
            if matches!(origin, None | Some(Origin::Paired)) {
                return Err(rejected.unwrap_or(error));
            }
            // A pairing that was cut short may have put its key in the place of this one.
            held = self.key_of(uid, token).await?;
            let Some((key, _)) = &held else {
                return Err(error);
            };
            rejected = Some(error);
            outcome = work(call.within(token)?, Some(Arc::clone(key))).await;
        }
        Ok(outcome?)
    }

    /// Makes sure, ahead of work that is carried through, that the caller holds the key that the
    /// token wants. The token is asked: another program may have changed the key.
    pub(super) async fn ensure_key(&self, call: &Call, token: &Token) -> Result<(), Error> {
        self.with_key(call, token, |token, access| async move {
            token.validate(access).await
        })
        .await
    }

    /// The key that `uid` holds for `token`; none where the token is open and may be.
    pub(super) async fn key_of(&self, uid: u32, token: &Token) -> Result<Option<Held>, Error> {
        let info = token.info();
        let device = &info.device_id;
        let device_id = device.as_bytes();
        let confirmed = self.keyring.is_confirmed(uid, device_id);
        if !info.protected && !confirmed {
            return Ok(None);
        }
        if let Some(held) = self.unlocks.get(uid, device) {
            return Ok(Some(held));
        }
        // A pairing that held has ended what was remembered before it, so what is remembered is
        // younger than the pairing, or the pairing may not have held.
        let stored = match self.keyring.remembered(uid, device_id).await? {
            Some(key) => Some((key, Origin::Remembered)),
            None => self
                .keyring
                .pairing(uid, device_id)
                .await?
                .map(|pairing| (pairing.access, Origin::Paired)),
        };
        let Some((bytes, origin)) = stored else {
            return Ok(None);
        };
        let Some(key) = AccessKey::from_bytes(bytes.as_slice()) else {
            return Ok(None);
        };
        let key = Arc::new(match confirmed && origin == Origin::Paired {
            true => key.insisting(),
            false => key,
        });
        self.unlocks.put(uid, device, Arc::clone(&key), origin);
        Ok(Some((key, origin)))
    }

    /// What it means that the token refused a key, and what becomes of the key.
    ///
    /// A remembered key is forgotten: its user can type the password again. A paired key is kept:
    /// a stranger's card that shows the same device id must not be able to have it thrown away. One
    /// that the token may never have taken says nothing against the token: its password is missing.
    async fn reject_key(
        &self,
        uid: u32,
        token: &Token,
        origin: Option<Origin>,
    ) -> Result<Error, Error> {
        let device = token.info().device_id.clone();
        self.unlocks.drop_one(uid, &device);
        Ok(match origin {
            Some(Origin::Typed) => Error::new(ErrorName::PasswordRequired),
            Some(Origin::Paired) if !self.keyring.is_confirmed(uid, device.as_bytes()) => {
                Error::new(ErrorName::PasswordRequired)
            }
            Some(Origin::Remembered) => {
                self.keyring.forget(uid, device.as_bytes()).await?;
                Error::new(ErrorName::RememberedKeyRejected)
            }
            Some(Origin::Paired) => Error::because(
                ErrorName::WrongPassword,
                "the token refused the key of its pairing",
            ),
            None => Error::new(ErrorName::WrongPassword),
        })
    }

    /// Asks the caller's agent until a password fits; false where there is nobody to ask.
    async fn ask_for_password(&self, call: &Call, token: &Token) -> Result<bool, Error> {
        const ATTEMPTS: u32 = 3;
        let Some(deadline) = call.deadline.filter(|_| call.interactive) else {
            return Ok(false);
        };
        for attempt in 1..=ATTEMPTS {
            let request = self.agent_request(call, token);
            let Some(password) = self
                .agents
                .password(call.caller.uid, request, attempt, deadline)
                .await
            else {
                return Ok(false);
            };
            let key = Arc::new(token.derive_key(&password));
            let asked = call.within(token)?;
            match asked.validate(Some(Arc::clone(&key))).await {
                Ok(()) => {
                    let device = &token.info().device_id;
                    self.unlocks
                        .put(call.caller.uid, device, key, Origin::Typed);
                    if let Some(object) = self.object_of(token.key()).await {
                        self.opened_or_locked(call, &object).await;
                    }
                    return Ok(true);
                }
                Err(TokenError::WrongPassword) if attempt < ATTEMPTS => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }
}
