//! One token on the bus.

use oathd_api::names::TOKEN_INTERFACE;
use oathd_api::wire::{
    AddOptions, CodeOptions, CodeRecord, CodeRow, CredentialRecord, ImportOptions, ListOptions,
    LockOptions, PasswordOptions, RenameOptions, TokenRecord,
};
use serde::Serialize;
use zbus::wire::DynamicDeserialize;
use zbus::{DynamicType, Fd, ObjectPath, OwnedObjectPath};

use crate::call::{Caller, no_options};
use crate::error::Error;
use crate::secret::seal;

/// A token that oathd shows.
///
/// The handle is a path on the bus: making one costs nothing and proves nothing. A token that is
/// gone answers [`TokenRemoved`](oathd_api::ErrorName::TokenRemoved).
///
/// Every method is one call, and fails with [`Error`].
#[derive(Clone, Debug)]
pub struct Token {
    caller: Caller,
    path: OwnedObjectPath,
}

impl Token {
    pub(crate) fn new(caller: Caller, path: OwnedObjectPath) -> Self {
        Self { caller, path }
    }

    /// Its object; opaque, and another one after every start of the service.
    #[must_use]
    pub fn path(&self) -> &OwnedObjectPath {
        &self.path
    }

    async fn call<B, R>(&self, method: &'static str, body: &B) -> Result<R, Error>
    where
        B: Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        let path: &ObjectPath<'_> = &self.path;
        self.caller.call(path, TOKEN_INTERFACE, method, body).await
    }

    /// What the token is.
    ///
    /// # Errors
    /// Those of every token call.
    pub async fn describe(&self) -> Result<TokenRecord, Error> {
        self.call("Describe", &no_options()).await
    }

    /// The credentials on the token, with those of the issuer `_hidden` if asked for.
    ///
    /// # Errors
    /// `PasswordRequired`, and those of every token call.
    pub async fn credentials(&self, hidden: bool) -> Result<Vec<CredentialRecord>, Error> {
        self.call("ListCredentials", &list(hidden)).await
    }

    /// The current code of one credential. A code of HOTP is spent by asking for it.
    ///
    /// `allow_touch` says that the user has been told to touch the token.
    ///
    /// # Errors
    /// `TouchRequired` without `allow_touch`, `TouchTimedOut` with it; `NoSuchCredential`,
    /// `CredentialDamaged`, `PasswordRequired`, and those of every token call.
    pub async fn code(&self, credential: &str, allow_touch: bool) -> Result<CodeRecord, Error> {
        let options = CodeOptions {
            allow_touch: allow_touch.then_some(true),
        };
        self.call("GenerateCode", &(credential, options)).await
    }

    /// All codes that need no touch and spend nothing, and why the others are missing.
    ///
    /// # Errors
    /// `PasswordRequired`, and those of every token call.
    pub async fn codes(&self, hidden: bool) -> Result<Vec<CodeRow>, Error> {
        self.call("GenerateCodes", &list(hidden)).await
    }

    /// Writes a seed (raw bytes) into a free slot and answers its id.
    ///
    /// # Errors
    /// `TokenFull`, `CredentialExists`, `InvalidName`, `InvalidSecret`, `Unsupported`,
    /// `PasswordRequired`, and those of every token call.
    pub async fn add(&self, seed: &[u8], options: &AddOptions) -> Result<String, Error> {
        let key = seal(seed)?;
        self.call("AddCredential", &(Fd::from(key), options)).await
    }

    /// Writes the credential of an otpauth address and answers its id.
    ///
    /// # Errors
    /// `InvalidUri`, and those of [`Token::add`].
    pub async fn import_uri(&self, uri: &str, options: &ImportOptions) -> Result<String, Error> {
        let uri = seal(uri.as_bytes())?;
        self.call("ImportUri", &(Fd::from(uri), options)).await
    }

    /// Gives a credential another issuer or name and answers its new id.
    ///
    /// # Errors
    /// `NoSuchCredential`, `CredentialExists`, `Unsupported`, `InvalidName`, `PasswordRequired`,
    /// and those of every token call.
    pub async fn rename(&self, credential: &str, to: &RenameOptions) -> Result<String, Error> {
        self.call("RenameCredential", &(credential, to)).await
    }

    /// Removes a credential for good.
    ///
    /// # Errors
    /// `NoSuchCredential`, `PasswordRequired`, and those of every token call.
    pub async fn remove(&self, credential: &str) -> Result<(), Error> {
        self.call("RemoveCredential", &(credential, no_options()))
            .await
    }

    /// Unlocks the token for the caller's uid: until oathd ends, or over restarts if it is to be
    /// remembered.
    ///
    /// # Errors
    /// `WrongPassword`, and those of every token call.
    pub async fn unlock(&self, password: &[u8], remember: bool) -> Result<(), Error> {
        self.with_password("Unlock", password, remember).await
    }

    /// Forgets the caller's unlock, and the remembered key if `forget` is set.
    ///
    /// # Errors
    /// Those of every token call.
    pub async fn lock(&self, forget: bool) -> Result<(), Error> {
        let options = LockOptions {
            forget: forget.then_some(true),
        };
        self.call("Lock", &options).await
    }

    /// Sets or changes the access password. The caller must have unlocked the token.
    ///
    /// # Errors
    /// `PasswordRequired`, and those of every token call.
    pub async fn set_password(&self, password: &[u8], remember: bool) -> Result<(), Error> {
        self.with_password("SetPassword", password, remember).await
    }

    /// Removes the access password, and with it a pairing.
    ///
    /// # Errors
    /// `PasswordRequired`, and those of every token call.
    pub async fn clear_password(&self) -> Result<(), Error> {
        self.call("ClearPassword", &no_options()).await
    }

    /// Binds the token to the service and the caller's uid.
    ///
    /// # Errors
    /// `PasswordRequired`, `TokenFull`, `Unsupported`, and those of every token call.
    pub async fn pair(&self) -> Result<(), Error> {
        self.call("Pair", &no_options()).await
    }

    /// Wipes the token's OATH slots and its access password.
    ///
    /// # Errors
    /// Those of every token call.
    pub async fn reset(&self) -> Result<(), Error> {
        self.call("Reset", &no_options()).await
    }

    async fn with_password(
        &self,
        method: &'static str,
        password: &[u8],
        remember: bool,
    ) -> Result<(), Error> {
        let options = PasswordOptions {
            remember: remember.then_some(true),
        };
        self.call(method, &(Fd::from(seal(password)?), options))
            .await
    }
}

fn list(hidden: bool) -> ListOptions {
    ListOptions {
        hidden: hidden.then_some(true),
    }
}
