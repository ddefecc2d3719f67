//! Pairing: a token that only this service opens, and that can prove a touch.

use std::sync::Arc;

use oathd_oath::{Algorithm, CredentialId, Digits, InvalidName, Kind, NewCredential, Secret};
use oathd_token::{AccessKey, AddOptions, Token};
use zeroize::Zeroizing;

use super::{Call, Service, TokenObject, access::Origin};
use crate::{bus, error::Error, keyring::PairingKeys};

/// The presence credential's issuer: ykman and oathd keep `_hidden` out of their lists.
const PRESENCE_ISSUER: &str = "_hidden";

/// The presence credential's name.
const PRESENCE_NAME: &str = "oathd presence";

/// The presence key's length in bytes: the output of SHA-256.
const PRESENCE_KEY: usize = 32;

impl Service {
    /// Binds a token to this service and the caller's uid.
    ///
    /// The keys are sealed and durable before the token takes the first of them, and the access
    /// key is set last: whenever this is cut short, either what opened the token before opens it,
    /// or the pairing does.
    pub(crate) async fn pair(
        self: &Arc<Self>,
        call: &Call,
        object: &TokenObject,
    ) -> Result<(), Error> {
        self.ensure_key(call, &object.token).await?;
        let object = object.clone();
        self.carry_through(call, move |service, call| async move {
            let (uid, device) = (call.caller.uid, object.token.info().device_id.clone());
            let device_id = device.as_bytes();
            service.remove_presence(&call, &object).await?;
            let mut presence = Zeroizing::new([0; PRESENCE_KEY]);
            (service.entropy)(presence.as_mut_slice());
            let credential = presence_credential(presence.as_slice())?;
            let id = credential.id()?;
            let held = service.key_of(uid, &object.token).await?;
            // A pairing that is renewed keeps its access key: there is room for one.
            let (access, renewed) = match &held {
                Some((key, Origin::Paired)) => (Arc::clone(key), true),
                _ => (Arc::new(AccessKey::random(&service.entropy)), false),
            };
            let keys = PairingKeys {
                serial: object.token.info().serial,
                access: Zeroizing::new(*access.expose()),
                presence: Zeroizing::new(presence.to_vec()),
                credential_id: id.to_string(),
            };
            service.keyring.pair(uid, device_id, keys).await?;
            let held = held.map(|(key, _)| key);
            let writing = AddOptions {
                touch: object.token.info().capabilities.touch,
                overwrite: true,
            };
            let credential = Arc::new(credential);
            if let Err(error) = object.token.add(held.clone(), credential, writing).await {
                if !renewed {
                    service.keyring.unpair(uid, device_id).await?;
                }
                return Err(error.into());
            }
            // The token may take the key and be pulled before it can say so: the pairing stays.
            object.token.set_key(held, Arc::clone(&access)).await?;
            service.keyring.confirm(uid, device_id).await?;
            let access = Arc::new(access.insisting());
            service.unlocks.drop_all(&device);
            service.unlocks.put(uid, &device, access, Origin::Paired);
            bus::changed(&service, &object).await;
            service.keyring.forget(uid, device_id).await?;
            Ok(())
        })
        .await
    }

    /// The access key that a confirmed pairing of `uid` gave a token; it insists that the token knows
    /// it too.
    pub(crate) async fn paired_key(
        &self,
        uid: u32,
        token: &Token,
    ) -> Result<Option<Arc<AccessKey>>, Error> {
        let device = &token.info().device_id;
        if !self.keyring.is_confirmed(uid, device.as_bytes()) {
            return Ok(None);
        }
        let held = self.unlocks.get(uid, device);
        if let Some((key, Origin::Paired)) = held {
            return Ok(Some(key));
        }
        let pairing = self.keyring.pairing(uid, device.as_bytes()).await?;
        let key = pairing.and_then(|pairing| AccessKey::from_bytes(pairing.access.as_slice()));
        let Some(key) = key.map(|key| Arc::new(key.insisting())) else {
            return Ok(None);
        };
        if held.is_none() {
            let key = Arc::clone(&key);
            self.unlocks.put(uid, device, key, Origin::Paired);
        }
        Ok(Some(key))
    }

    /// Removes the presence credential of the caller's pairing, where there is one.
    pub(super) async fn remove_presence(
        &self,
        call: &Call,
        object: &TokenObject,
    ) -> Result<(), Error> {
        let device = &object.token.info().device_id;
        let pairing = self.keyring.pairing(call.caller.uid, device.as_bytes());
        let pairing = pairing.await?;
        match pairing.and_then(|p| p.credential_id.parse::<CredentialId>().ok()) {
            Some(id) => self.clear_quietly(call, &object.token, &id).await,
            None => Ok(()),
        }
    }
}

/// The id under which a paired token keeps its presence credential.
pub(crate) fn presence_id() -> Result<CredentialId, InvalidName> {
    CredentialId::new(Kind::TOTP, Some(PRESENCE_ISSUER), PRESENCE_NAME)
}

fn presence_credential(key: &[u8]) -> Result<NewCredential, Error> {
    Ok(NewCredential {
        issuer: Some(PRESENCE_ISSUER.to_owned()),
        name: PRESENCE_NAME.to_owned(),
        kind: Kind::TOTP,
        algorithm: Algorithm::Sha256,
        digits: Digits::Six,
        counter: 0,
        secret: Secret::new(key.to_vec())?,
    })
}
