//! What administrators do for accounts.

use std::fs::File;
use std::os::fd::OwnedFd as SystemFd;

use oathd_api::names::ADMINISTRATION_INTERFACE;
use oathd_api::wire::account::AccountRecord;
use oathd_api::wire::administration::{
    AuditRecord, AuditVerdict, BackupRecord, CoverageRecord, ImportAccountsOptions, ImportRow,
    RekeyOptions, RekeyRecord, RescueOptions, RescueState, RestoreOptions, RestoreRecord,
};
use zbus::{Fd, OwnedFd};
use zeroize::Zeroizing;

use crate::call::{Caller, Remote, no_options};
use crate::error::Error;
use crate::secret::{seal, seal_export, unseal_text};

/// What administrators do for accounts. Every method may fail with `NotAuthorized` and
/// `StateUnavailable`.
#[derive(Clone, Debug)]
pub struct Administration {
    remote: Remote,
}

impl Administration {
    pub(crate) fn new(caller: Caller) -> Self {
        let remote = Remote::root(caller, ADMINISTRATION_INTERFACE);
        Self { remote }
    }

    /// Accounts of a realm by name, at most `limit` after the name `after`.
    ///
    /// # Errors
    /// Those of every method here.
    pub async fn accounts(
        &self,
        realm: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<AccountRecord>, Error> {
        self.remote
            .call("ListAccounts", &(realm, after, limit, no_options()))
            .await
    }

    /// Who of a realm has a second factor.
    ///
    /// # Errors
    /// Those of every method here.
    pub async fn coverage(&self, realm: &str) -> Result<CoverageRecord, Error> {
        self.remote.call("Coverage", &(realm, no_options())).await
    }

    /// Opens a rescue for an owner who has lost every way.
    ///
    /// # Errors
    /// `ProofRequired`, `RescueRefused`, `NotEnrolled`.
    pub async fn rescue(
        &self,
        account: &str,
        reason: &str,
        options: &RescueOptions,
    ) -> Result<RescueState, Error> {
        self.remote
            .call("Rescue", &(account, reason, options))
            .await
    }

    /// Approves a rescue of another administrator, or fetches its code.
    ///
    /// # Errors
    /// `NoRescue`, and those of [`Administration::rescue`].
    pub async fn approve(
        &self,
        account: &str,
        options: &RescueOptions,
    ) -> Result<RescueState, Error> {
        self.remote.call("Approve", &(account, options)).await
    }

    /// Lifts the waits of an account.
    ///
    /// # Errors
    /// `NotEnrolled`.
    pub async fn unlock(&self, account: &str) -> Result<(), Error> {
        self.remote.call("Unlock", &(account, no_options())).await
    }

    /// Believes the clock of the host as it stands; gives the time, in Unix seconds.
    ///
    /// # Errors
    /// `NotAuthorized`, `StateUnavailable`.
    pub async fn trust_clock(&self) -> Result<u64, Error> {
        self.remote.call("TrustClock", &no_options()).await
    }

    /// Takes over factors of another verifier.
    ///
    /// # Errors
    /// `InvalidImport`; [`Error::SecretLength`] for more than 16 MiB.
    pub async fn import(
        &self,
        export: &[u8],
        options: &ImportAccountsOptions,
    ) -> Result<Vec<ImportRow>, Error> {
        let data = Fd::from(seal_export(export)?);
        self.remote.call("Import", &(data, options)).await
    }

    /// Writes a copy of the state to an empty file.
    ///
    /// # Errors
    /// Those of every method here.
    pub async fn backup(&self, into: File) -> Result<BackupRecord, Error> {
        let into = Fd::from(SystemFd::from(into));
        self.remote.call("Backup", &(into, no_options())).await
    }

    /// Replaces the accounts by those of a backup, all or none.
    ///
    /// # Errors
    /// `InvalidBackup`, `VaultKeyUnavailable`.
    pub async fn restore(
        &self,
        from: File,
        options: &RestoreOptions,
    ) -> Result<RestoreRecord, Error> {
        let from = Fd::from(SystemFd::from(from));
        self.remote.call("Restore", &(from, options)).await
    }

    /// Checks the whole state; no finding means that all is well.
    ///
    /// # Errors
    /// Those of every method here.
    pub async fn check(&self) -> Result<Vec<String>, Error> {
        self.remote.call("Check", &no_options()).await
    }

    /// Seals everything under a new vault key: one of 32 bytes that the administrator has put in
    /// place, or one that oathd makes.
    ///
    /// # Errors
    /// `VaultKeyUnavailable`.
    pub async fn rekey(&self, key: Option<&[u8]>) -> Result<RekeyRecord, Error> {
        let key = key.map(seal).transpose()?.map(OwnedFd::from);
        self.remote.call("Rekey", &RekeyOptions { key }).await
    }

    /// The keys as text to print and lock away; root alone.
    ///
    /// # Errors
    /// `VaultKeyUnavailable`, and those of every method here.
    pub async fn escrow(&self) -> Result<Zeroizing<String>, Error> {
        let text: OwnedFd = self.remote.call("Escrow", &no_options()).await?;
        unseal_text(text)
    }

    /// Puts the keys of a printed escrow in place; root alone.
    ///
    /// # Errors
    /// `InvalidEscrow`.
    pub async fn restore_keys(&self, escrow: &str) -> Result<(), Error> {
        let text = Fd::from(seal(escrow.as_bytes())?);
        self.remote.call("RestoreKeys", &(text, no_options())).await
    }

    /// Entries of the audit, at most `limit` after number `after`.
    ///
    /// # Errors
    /// Those of every method here.
    pub async fn audit(&self, after: u64, limit: u32) -> Result<Vec<AuditRecord>, Error> {
        self.remote
            .call("Audit", &(after, limit, no_options()))
            .await
    }

    /// Whether the chain of the audit is whole.
    ///
    /// # Errors
    /// Those of every method here.
    pub async fn verify_audit(&self) -> Result<AuditVerdict, Error> {
        self.remote.call("VerifyAudit", &no_options()).await
    }
}
