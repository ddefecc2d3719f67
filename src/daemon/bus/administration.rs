//! `org.oathd.Oathd1.Administration`.

use std::sync::Arc;

use oathd_api::{
    names::IMPORT_FD_MAX,
    wire::{
        account::AccountRecord,
        administration::{
            AuditRecord, AuditVerdict, BackupRecord, CoverageRecord, ImportAccountsOptions,
            ImportRow, RekeyOptions, RekeyRecord, RescueOptions, RescueState, RestoreOptions,
            RestoreRecord,
        },
    },
};
use zbus::{Fd, OwnedFd, interface, message::Header};

use crate::{
    accounts::Import,
    authority::Action,
    error::Error,
    secret_fd,
    service::{Call, Options, Service, no_options},
};

/// The administration's object.
pub(crate) struct Administration {
    service: Arc<Service>,
}

impl Administration {
    pub(super) fn new(service: &Arc<Service>) -> Administration {
        Administration {
            service: Arc::clone(service),
        }
    }

    /// A call of an administrator.
    async fn administrator(&self, header: &Header<'_>) -> Result<Call, Error> {
        self.service.enter(header, Action::Administer, None).await
    }
}

#[interface(name = "org.oathd.Oathd1.Administration", introspection_docs = false)]
impl Administration {
    #[zbus(out_args("accounts"))]
    async fn list_accounts(
        &self,
        realm: &str,
        after: &str,
        limit: u32,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<AccountRecord>, Error> {
        no_options(&options)?;
        let call = self.service.identify(&header).await?;
        let realm = self.service.may_oversee(&call, realm).await?;
        let accounts = self.service.list_accounts(&realm, after, limit);
        self.service.attend(&call, accounts).await
    }

    #[zbus(out_args("coverage"))]
    async fn coverage(
        &self,
        realm: &str,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<CoverageRecord, Error> {
        no_options(&options)?;
        let call = self.service.identify(&header).await?;
        let realm = self.service.may_oversee(&call, realm).await?;
        let coverage = self.service.accounts().coverage(&realm);
        self.service.attend(&call, coverage).await
    }

    #[zbus(out_args("rescue"))]
    async fn rescue(
        &self,
        account: &str,
        reason: String,
        options: RescueOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<RescueState, Error> {
        let call = self.service.identify(&header).await?;
        self.service
            .open_rescue(&call, account, reason, options.proof)
            .await
    }

    #[zbus(out_args("rescue"))]
    async fn approve(
        &self,
        account: &str,
        options: RescueOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<RescueState, Error> {
        let call = self.service.identify(&header).await?;
        self.service
            .approve_rescue(&call, account, options.proof)
            .await
    }

    async fn unlock(
        &self,
        account: &str,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        no_options(&options)?;
        let call = self.administrator(&header).await?;
        self.service.unlock_account(&call, account).await
    }

    #[zbus(out_args("rows"))]
    async fn import(
        &self,
        data: Fd<'_>,
        options: ImportAccountsOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<ImportRow>, Error> {
        let call = self.administrator(&header).await?;
        let file = secret_fd::read_up_to(&data, IMPORT_FD_MAX)?;
        let import = Import::of(file, options)?;
        self.service.import(&call, import).await
    }

    #[zbus(out_args("entries"))]
    async fn audit(
        &self,
        after: u64,
        limit: u32,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<AuditRecord>, Error> {
        no_options(&options)?;
        let call = self.administrator(&header).await?;
        let entries = self.service.audit(after, limit);
        self.service.attend(&call, entries).await
    }

    #[zbus(out_args("verdict"))]
    async fn verify_audit(
        &self,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<AuditVerdict, Error> {
        no_options(&options)?;
        let call = self.administrator(&header).await?;
        self.service
            .attend(&call, self.service.verify_audit())
            .await
    }

    #[zbus(out_args("now"))]
    async fn trust_clock(
        &self,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<u64, Error> {
        no_options(&options)?;
        let call = self.administrator(&header).await?;
        self.service.trust_clock(&call).await
    }

    #[zbus(out_args("findings"))]
    async fn check(
        &self,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<String>, Error> {
        no_options(&options)?;
        let call = self.administrator(&header).await?;
        self.service.attend(&call, self.service.check()).await
    }

    #[zbus(out_args("result"))]
    async fn backup(
        &self,
        into: Fd<'_>,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<BackupRecord, Error> {
        no_options(&options)?;
        let call = self.administrator(&header).await?;
        self.service.backup(&call, into).await
    }

    #[zbus(out_args("result"))]
    async fn restore(
        &self,
        from: Fd<'_>,
        options: RestoreOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<RestoreRecord, Error> {
        let call = self.administrator(&header).await?;
        let dry_run = options.dry_run.unwrap_or(false);
        self.service.restore(&call, from, dry_run).await
    }

    #[zbus(out_args("result"))]
    async fn rekey(
        &self,
        options: RekeyOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<RekeyRecord, Error> {
        let call = self.administrator(&header).await?;
        self.service.rekey(&call, options).await
    }

    #[zbus(out_args("escrow"))]
    async fn escrow(
        &self,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        no_options(&options)?;
        let call = self.administrator(&header).await?;
        self.service.escrow(&call).await
    }

    async fn restore_keys(
        &self,
        escrow: Fd<'_>,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        no_options(&options)?;
        let call = self.administrator(&header).await?;
        self.service.restore_keys(&call, escrow).await
    }
}
