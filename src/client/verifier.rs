//! Answers for accounts.

use oathd_api::names::VERIFIER_INTERFACE;
use oathd_api::wire::verifier::{
    ApiKeyRecord, BoundRecord, DeliveryStateRecord, PresenceOptions, ReceiptRecord, SentRecord,
    SessionRecord, StatusRecord, VerifyOptions,
};
use zbus::Fd;

use crate::call::{Caller, Remote};
use crate::error::Error;
use crate::secret::seal;

/// Says whether a response is right, and which ways are open. polkit is never asked.
///
/// An account is `name@realm`; a name without a realm is a user of this machine, and the empty
/// name is the user who calls. Every method fails with `NotAuthorized` for anybody but root, the
/// account's own user and the service of its realm, and with `StateUnavailable`.
#[derive(Clone, Debug)]
pub struct Verifier {
    remote: Remote,
}

impl Verifier {
    pub(crate) fn new(caller: Caller) -> Self {
        let remote = Remote::root(caller, VERIFIER_INTERFACE);
        Self { remote }
    }

    /// Checks what somebody typed: a code, a recovery code, a code that was sent, a bypass code.
    ///
    /// # Errors
    /// `WrongCode`, `CodeUsed`, `Throttled`, `LockedOut`, `ClockUntrusted`, `RecoverySuspended`,
    /// `InvalidResponse`, `VaultKeyUnavailable`, `NoToken`, `TokenBusy`.
    pub async fn verify(
        &self,
        account: &str,
        response: &str,
        options: &VerifyOptions,
    ) -> Result<ReceiptRecord, Error> {
        self.remote
            .call("Verify", &(account, response, options))
            .await
    }

    /// Has the account's token prove that it is here and was touched.
    ///
    /// # Errors
    /// `TouchRequired` without `allow_touch`, `TouchTimedOut` with it; `NotEnrolled`, `NoToken`,
    /// `TokenRemoved`, `TokenDuplicated`, and those of [`Verifier::verify`].
    pub async fn verify_presence(
        &self,
        account: &str,
        options: &PresenceOptions,
    ) -> Result<ReceiptRecord, Error> {
        self.remote
            .call("VerifyPresence", &(account, options))
            .await
    }

    /// What is asked of the account and which ways are open.
    ///
    /// # Errors
    /// Those of every method here.
    pub async fn status(
        &self,
        account: &str,
        options: &VerifyOptions,
    ) -> Result<StatusRecord, Error> {
        self.remote.call("Status", &(account, options)).await
    }

    /// Sends a code to a verified channel.
    ///
    /// # Errors
    /// `NotEnrolled`, `NoSuchFactor`, `Throttled`, `DeliveryFailed`.
    pub async fn send_code(
        &self,
        account: &str,
        channel: u32,
        options: &VerifyOptions,
    ) -> Result<SentRecord, Error> {
        self.remote
            .call("RequestOutOfBandCode", &(account, channel, options))
            .await
    }

    /// How far a sent code is.
    ///
    /// # Errors
    /// `DeliveryFailed` where nothing is known of it.
    pub async fn delivery(&self, delivery: &str) -> Result<DeliveryStateRecord, Error> {
        self.remote.call("DeliveryState", &delivery).await
    }

    /// Redeems a receipt, once.
    ///
    /// # Errors
    /// `ProofRequired`.
    pub async fn check_receipt(
        &self,
        account: &str,
        receipt: &str,
        options: &VerifyOptions,
    ) -> Result<ReceiptRecord, Error> {
        self.remote
            .call("CheckReceipt", &(account, receipt, options))
            .await
    }

    /// Redeems the receipt of a login and binds the session of logind that began with it, so that the
    /// session proves what the settings let it prove. For root.
    ///
    /// # Errors
    /// `ProofRequired`, also where logind knows no such session; `Unsupported` for accounts of a
    /// realm.
    pub async fn bind_session(
        &self,
        account: &str,
        receipt: &str,
        session: &str,
        options: &VerifyOptions,
    ) -> Result<BoundRecord, Error> {
        self.remote
            .call("BindSession", &(account, receipt, session, options))
            .await
    }

    /// Checks the session of a realm's account, which counts as its use.
    ///
    /// # Errors
    /// `ProofRequired`.
    pub async fn check_session(&self, account: &str, token: &[u8]) -> Result<SessionRecord, Error> {
        self.remote
            .call("CheckSession", &(account, Fd::from(seal(token)?)))
            .await
    }

    /// Checks the API key of a realm's account.
    ///
    /// # Errors
    /// `ProofRequired`.
    pub async fn check_api_key(&self, account: &str, key: &[u8]) -> Result<ApiKeyRecord, Error> {
        self.remote
            .call("CheckApiKey", &(account, Fd::from(seal(key)?)))
            .await
    }
}
