//! Access passwords: who has unlocked a token, and what the token asks for.

use std::sync::Arc;

use oathd_api::wire::{LockOptions, PasswordOptions};
use oathd_token::{AccessKey, DeviceId};
use zeroize::Zeroizing;

use super::{Call, Service, TokenObject, access::Origin};
use crate::{bus, error::Error};

impl Service {
    /// Unlocks a token for the caller's uid.
    pub(crate) async fn unlock(
        self: &Arc<Self>,
        call: &Call,
        object: &TokenObject,
        password: Zeroizing<Vec<u8>>,
        options: PasswordOptions,
    ) -> Result<(), Error> {
        let key = Arc::new(object.token.derive_key(&password));
        let token = call.within(&object.token)?;
        token.validate(Some(Arc::clone(&key))).await?;
        let info = object.token.info();
        if !info.protected {
            return Ok(());
        }
        let (uid, device) = (call.caller.uid, info.device_id.as_bytes());
        match self.keyring.pairing(uid, device).await {
            // A token has one key: a pairing with another one has never held, or has ended.
            Ok(Some(pairing)) if *pairing.access != *key.expose() => {
                self.keyring.unpair(uid, device).await?;
            }
            Ok(_) => {}
            // The password opens the token whether or not oathd can read what it keeps.
            Err(error) => tracing::warn!(%error, "a pairing may have ended unnoticed"),
        }
        self.keep(call, object, key, options).await
    }

    /// Holds a key that the token has accepted, and remembers it where asked for.
    async fn keep(
        &self,
        call: &Call,
        object: &TokenObject,
        key: Arc<AccessKey>,
        options: PasswordOptions,
    ) -> Result<(), Error> {
        let (uid, device) = (call.caller.uid, &object.token.info().device_id);
        self.unlocks
            .put(uid, device, Arc::clone(&key), Origin::Typed);
        self.opened_or_locked(call, object).await;
        if options.remember.unwrap_or(false) {
            self.keyring
                .remember(uid, device.as_bytes(), key.expose())
                .await?;
        }
        Ok(())
    }

    /// Forgets the caller's unlock, and the remembered key where asked for.
    pub(crate) async fn lock(
        &self,
        call: &Call,
        object: &TokenObject,
        options: LockOptions,
    ) -> Result<(), Error> {
        let device = &object.token.info().device_id;
        self.unlocks.drop_one(call.caller.uid, device);
        if options.forget.unwrap_or(false) {
            self.keyring
                .forget(call.caller.uid, device.as_bytes())
                .await?;
        }
        self.opened_or_locked(call, object).await;
        Ok(())
    }

    /// Sets or changes the access password. A pairing ends with it.
    pub(crate) async fn set_password(
        self: &Arc<Self>,
        call: &Call,
        object: &TokenObject,
        password: Zeroizing<Vec<u8>>,
        options: PasswordOptions,
    ) -> Result<(), Error> {
        if password.is_empty() {
            return Err(Error::invalid_args("the password is empty"));
        }
        self.ensure_key(call, &object.token).await?;
        self.rehearse(object, options.remember.unwrap_or(false))
            .await?;
        let object = object.clone();
        self.carry_through(call, move |service, call| async move {
            service.remove_presence(&call, &object).await?;
            let device = object.token.info().device_id.clone();
            service.keyring.loosen(device.as_bytes()).await?;
            let key = Arc::new(object.token.derive_key(&password));
            service
                .with_key(&call, &object.token, |token, access| {
                    let key = Arc::clone(&key);
                    async move { token.set_key(access, key).await }
                })
                .await?;
            service.end_keys(&object, &device).await?;
            service.keep(&call, &object, key, options).await
        })
        .await
    }

    /// Removes the access password. A pairing ends with it.
    pub(crate) async fn clear_password(
        self: &Arc<Self>,
        call: &Call,
        object: &TokenObject,
    ) -> Result<(), Error> {
        self.ensure_key(call, &object.token).await?;
        self.rehearse(object, false).await?;
        let object = object.clone();
        self.carry_through(call, move |service, call| async move {
            service.remove_presence(&call, &object).await?;
            let device = object.token.info().device_id.clone();
            service.keyring.loosen(device.as_bytes()).await?;
            service
                .with_key(&call, &object.token, |token, access| async move {
                    token.clear_key(access).await
                })
                .await?;
            service.end_keys(&object, &device).await
        })
        .await
    }

    /// Makes sure that what follows a change of the token's key can be written down.
    async fn rehearse(&self, object: &TokenObject, remember: bool) -> Result<(), Error> {
        let device = &object.token.info().device_id;
        let rehearsed = self.keyring.rehearse(device.as_bytes(), remember);
        Ok(rehearsed.await?)
    }

    /// Drops every key to a token that has taken another one.
    async fn end_keys(&self, object: &TokenObject, device: &DeviceId) -> Result<(), Error> {
        self.unlocks.drop_all(device);
        self.keyring.drop_device(device.as_bytes()).await?;
        bus::changed(self, object).await;
        Ok(())
    }

    /// Wipes a token's OATH slots and its access password.
    pub(crate) async fn reset(
        self: &Arc<Self>,
        call: &Call,
        object: &TokenObject,
    ) -> Result<(), Error> {
        self.rehearse(object, false).await?;
        let object = object.clone();
        self.carry_through(call, move |service, _| async move {
            let device = object.token.info().device_id.clone();
            object.token.reset().await?;
            service.end_keys(&object, &device).await
        })
        .await
    }
}
