//! Changes of accounts.

use oathd_api::names::{ACCOUNTS_INTERFACE, ENROLLMENT_INTERFACE};
use oathd_api::wire::account::{
    AccountRecord, ChangeOptions, ChannelOptions, EndOptions, EnrollOptions, FactorOptions,
};
use oathd_api::wire::verifier::{SentRecord, SessionRecord};
use zbus::{OwnedFd, OwnedObjectPath};
use zeroize::Zeroizing;

use crate::call::{Caller, Remote, no_options};
use crate::enrollment::Enrollment;
use crate::error::Error;
use crate::secret::{unseal, unseal_text};

/// Changes of accounts, by their owners and by the services of realms.
///
/// Accounts are named as in [`Verifier`](crate::Verifier). A change of an account that has a
/// factor needs a proof: the receipt of a verification for the service
/// [`CHANGE_SERVICE`](crate::CHANGE_SERVICE). Every method may fail with `NotAuthorized`,
/// `ProofRequired`, `StateUnavailable` and `ClockUntrusted`.
#[derive(Clone, Debug)]
pub struct Accounts {
    remote: Remote,
}

impl Accounts {
    pub(crate) fn new(caller: Caller) -> Self {
        let remote = Remote::root(caller, ACCOUNTS_INTERFACE);
        Self { remote }
    }

    /// Everything about an account but its secrets; no proof is needed.
    ///
    /// # Errors
    /// Those of every method here.
    pub async fn describe(&self, account: &str) -> Result<AccountRecord, Error> {
        self.remote.call("Describe", &(account, no_options())).await
    }

    /// Begins to enrol a factor.
    ///
    /// # Errors
    /// `InvalidName`, `Unsupported`.
    pub async fn begin_enrollment(
        &self,
        account: &str,
        options: &EnrollOptions,
    ) -> Result<Enrollment, Error> {
        let path: OwnedObjectPath = self
            .remote
            .call("BeginEnrollment", &(account, options))
            .await?;
        Ok(Enrollment::new(
            self.remote.other(path, ENROLLMENT_INTERFACE),
        ))
    }

    /// Begins to enrol a factor that takes the place of `factor` when it is confirmed.
    ///
    /// # Errors
    /// `NoSuchFactor`, and those of [`Accounts::begin_enrollment`].
    pub async fn begin_replacement(
        &self,
        account: &str,
        factor: u32,
        options: &EnrollOptions,
    ) -> Result<Enrollment, Error> {
        let body = (account, factor, options);
        let path: OwnedObjectPath = self.remote.call("BeginReplacement", &body).await?;
        Ok(Enrollment::new(
            self.remote.other(path, ENROLLMENT_INTERFACE),
        ))
    }

    /// Switches the second factor off.
    ///
    /// # Errors
    /// `NotEnrolled`, `SecondFactorRequired`.
    pub async fn disable(&self, account: &str, options: &ChangeOptions) -> Result<(), Error> {
        self.remote.call("Disable", &(account, options)).await
    }

    /// Takes a factor away.
    ///
    /// # Errors
    /// `NoSuchFactor`, `LastFactor`.
    pub async fn remove_factor(
        &self,
        account: &str,
        factor: u32,
        options: &ChangeOptions,
    ) -> Result<(), Error> {
        self.remote
            .call("RemoveFactor", &(account, factor, options))
            .await
    }

    /// Refuses a factor from now on.
    ///
    /// # Errors
    /// `NoSuchFactor`, `LastFactor`.
    pub async fn suspend_factor(
        &self,
        account: &str,
        factor: u32,
        options: &ChangeOptions,
    ) -> Result<(), Error> {
        self.remote
            .call("SuspendFactor", &(account, factor, options))
            .await
    }

    /// Names a factor, gives it a role, says when it ends.
    ///
    /// # Errors
    /// `NoSuchFactor`, `InvalidName`.
    pub async fn change_factor(
        &self,
        account: &str,
        factor: u32,
        options: &FactorOptions,
    ) -> Result<(), Error> {
        self.remote
            .call("ChangeFactor", &(account, factor, options))
            .await
    }

    /// Makes a new set of recovery codes, ten lines of text; the old set is void.
    ///
    /// # Errors
    /// `NotEnrolled`.
    pub async fn new_recovery_codes(
        &self,
        account: &str,
        options: &ChangeOptions,
    ) -> Result<Zeroizing<String>, Error> {
        let codes: OwnedFd = self
            .remote
            .call("NewRecoveryCodes", &(account, options))
            .await?;
        unseal_text(codes)
    }

    /// Shows that the codes were written down; the code stays unused. No proof is needed.
    ///
    /// # Errors
    /// `WrongCode`, `InvalidResponse`.
    pub async fn acknowledge_recovery_code(&self, account: &str, code: &str) -> Result<(), Error> {
        self.remote
            .call("AcknowledgeRecoveryCode", &(account, code, no_options()))
            .await
    }

    /// Adds a channel and sends a code to it. Answers its number and what was sent.
    ///
    /// # Errors
    /// `NotEnrolled`, `InvalidAddress`, `DeliveryFailed`.
    pub async fn add_channel(
        &self,
        account: &str,
        kind: &str,
        address: &str,
        options: &ChannelOptions,
    ) -> Result<(u32, SentRecord), Error> {
        self.remote
            .call("AddChannel", &(account, kind, address, options))
            .await
    }

    /// Sends the code of a channel that is not verified once more. No proof is needed.
    ///
    /// # Errors
    /// `NoSuchFactor`, `Throttled`, `DeliveryFailed`.
    pub async fn send_channel_code(
        &self,
        account: &str,
        channel: u32,
    ) -> Result<SentRecord, Error> {
        self.remote
            .call("SendChannelCode", &(account, channel, no_options()))
            .await
    }

    /// Verifies a channel by the code that was sent to it. No proof is needed.
    ///
    /// # Errors
    /// `NoSuchFactor`, `WrongCode`, `InvalidResponse`.
    pub async fn confirm_channel(
        &self,
        account: &str,
        channel: u32,
        code: &str,
    ) -> Result<(), Error> {
        self.remote
            .call("ConfirmChannel", &(account, channel, code, no_options()))
            .await
    }

    /// Takes a channel away.
    ///
    /// # Errors
    /// `NoSuchFactor`.
    pub async fn remove_channel(
        &self,
        account: &str,
        channel: u32,
        options: &ChangeOptions,
    ) -> Result<(), Error> {
        self.remote
            .call("RemoveChannel", &(account, channel, options))
            .await
    }

    /// Calls a rescue off that the owner did not ask for. No proof is needed.
    ///
    /// # Errors
    /// `NoRescue`.
    pub async fn cancel_rescue(&self, account: &str) -> Result<(), Error> {
        self.remote
            .call("CancelRescue", &(account, no_options()))
            .await
    }

    /// Begins a session of a realm's account, and answers its token, 32 bytes.
    ///
    /// # Errors
    /// Those of every method here.
    pub async fn begin_session(
        &self,
        account: &str,
        options: &ChangeOptions,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let token: OwnedFd = self
            .remote
            .call("BeginSession", &(account, options))
            .await?;
        unseal(token)
    }

    /// The sessions of a realm's account that are alive. No proof is needed.
    ///
    /// # Errors
    /// Those of every method here.
    pub async fn sessions(&self, account: &str) -> Result<Vec<SessionRecord>, Error> {
        self.remote
            .call("ListSessions", &(account, no_options()))
            .await
    }

    /// Ends sessions of a realm's account, and counts them. No proof is needed.
    ///
    /// # Errors
    /// Those of every method here.
    pub async fn end_sessions(&self, account: &str, options: &EndOptions) -> Result<u32, Error> {
        self.remote.call("EndSessions", &(account, options)).await
    }

    /// Makes the API key of a realm's account, 32 bytes; the one before is void.
    ///
    /// # Errors
    /// Those of every method here.
    pub async fn new_api_key(
        &self,
        account: &str,
        options: &ChangeOptions,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let key: OwnedFd = self.remote.call("NewApiKey", &(account, options)).await?;
        unseal(key)
    }

    /// Voids the API key. No proof is needed.
    ///
    /// # Errors
    /// Those of every method here.
    pub async fn remove_api_key(&self, account: &str) -> Result<(), Error> {
        self.remote
            .call("RemoveApiKey", &(account, no_options()))
            .await
    }
}
