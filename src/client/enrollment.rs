//! A factor on its way into an account.

use oathd_api::wire::enrollment::{
    ConfirmOptions, ConfirmedRecord, EnrollmentRecord, WriteOptions,
};
use zbus::OwnedFd;
use zeroize::Zeroizing;

use crate::call::{Remote, no_options};
use crate::error::Error;
use crate::secret::unseal_text;
use crate::token::Token;

/// A factor that is begun and not confirmed: the account is as it was.
///
/// It answers the connection that began it, for ten minutes at most, and ends with that
/// connection. Every method fails with `EnrollmentExpired` when it is over.
#[derive(Clone, Debug)]
pub struct Enrollment {
    remote: Remote,
}

impl Enrollment {
    pub(crate) const fn new(remote: Remote) -> Self {
        Self { remote }
    }

    /// How far it is.
    ///
    /// # Errors
    /// Those of every method here.
    pub async fn describe(&self) -> Result<EnrollmentRecord, Error> {
        self.remote.call("Describe", &no_options()).await
    }

    /// Writes the seed into a slot of each token, all or none.
    ///
    /// # Errors
    /// Those of [`Client::add_to`](crate::Client::add_to); `PasswordRequired` where the token of a
    /// verifier is not paired.
    pub async fn write(&self, tokens: &[Token], options: &WriteOptions) -> Result<(), Error> {
        let paths: Vec<_> = tokens.iter().map(Token::path).collect();
        self.remote.call("Write", &(paths, options)).await
    }

    /// The otpauth address of the seed, once.
    ///
    /// # Errors
    /// `Unsupported`, the second time.
    pub async fn reveal(&self) -> Result<Zeroizing<String>, Error> {
        let uri: OwnedFd = self.remote.call("Reveal", &no_options()).await?;
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
        self.remote.call("Confirm", &(code, options)).await
    }

    /// Gives up, and takes back what was written.
    ///
    /// # Errors
    /// Those of every method here.
    pub async fn cancel(&self) -> Result<(), Error> {
        self.remote.call("Cancel", &()).await
    }
}
