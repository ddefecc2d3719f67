//! A factor on its way into an account.

use oathd_api::names::ENROLLMENT_INTERFACE;
use oathd_api::wire::enrollment::{
    ConfirmOptions, ConfirmedRecord, EnrollmentRecord, WriteOptions,
};
use serde::Serialize;
use zbus::wire::DynamicDeserialize;
use zbus::{DynamicType, ObjectPath, OwnedFd, OwnedObjectPath};
use zeroize::Zeroizing;

use crate::call::{Caller, no_options};
use crate::error::Error;
use crate::secret::unseal_text;
use crate::token::Token;

/// A factor that is begun and not confirmed: the account is as it was.
///
/// It answers the connection that began it, for ten minutes at most, and ends with that
/// connection. Every method fails with `EnrollmentExpired` when it is over.
#[derive(Clone, Debug)]
pub struct Enrollment {
    caller: Caller,
    path: OwnedObjectPath,
}

impl Enrollment {
    pub(crate) fn new(caller: Caller, path: OwnedObjectPath) -> Self {
        Self { caller, path }
    }

    async fn call<B, R>(&self, method: &'static str, body: &B) -> Result<R, Error>
    where
        B: Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        let path: &ObjectPath<'_> = &self.path;
        let interface = ENROLLMENT_INTERFACE;
        self.caller.call(path, interface, method, body).await
    }

    /// How far it is.
    ///
    /// # Errors
    /// Those of every method here.
    pub async fn describe(&self) -> Result<EnrollmentRecord, Error> {
        self.call("Describe", &no_options()).await
    }

    /// Writes the seed into a slot of each token, all or none.
    ///
    /// # Errors
    /// Those of [`Client::add_to`](crate::Client::add_to); `PasswordRequired` where the token of a
    /// verifier is not paired.
    pub async fn write(&self, tokens: &[Token], options: &WriteOptions) -> Result<(), Error> {
        let paths: Vec<_> = tokens.iter().map(Token::path).collect();
        self.call("Write", &(paths, options)).await
    }

    /// The otpauth address of the seed, once.
    ///
    /// # Errors
    /// `Unsupported`, the second time.
    pub async fn reveal(&self) -> Result<Zeroizing<String>, Error> {
        let uri: OwnedFd = self.call("Reveal", &no_options()).await?;
        unseal_text(uri)
    }

    /// Confirms with a code; from then on the factor counts.
    ///
    /// # Errors
    /// `WrongCode`, `CodeUsed`, `InvalidResponse`, `ClockUntrusted`, `NotEnrolled` where nothing
    /// was written or revealed, `SeedInUse`, `TokenRemoved`.
    pub async fn confirm(
        &self,
        code: &str,
        options: &ConfirmOptions,
    ) -> Result<ConfirmedRecord, Error> {
        self.call("Confirm", &(code, options)).await
    }

    /// Gives up, and takes back what was written.
    ///
    /// # Errors
    /// Those of every method here.
    pub async fn cancel(&self) -> Result<(), Error> {
        self.call("Cancel", &()).await
    }
}
