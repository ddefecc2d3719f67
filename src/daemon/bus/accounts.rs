//! `org.oathd.Oathd1.Accounts`.

use std::sync::Arc;

use oathd_api::wire::{
    account::{
        AccountRecord, ChangeOptions, ChannelOptions, EndOptions, EnrollOptions, FactorOptions,
    },
    verifier::{SentRecord, SessionRecord},
};
use oathd_core::Change;
use zbus::{OwnedFd, OwnedObjectPath, interface, message::Header};

use crate::{
    accounts::{Permit, Replaced, Who, channel_kind, of_realm, replaced},
    error::Error,
    service::{Call, Options, Service, no_options},
};

/// The object through which accounts are changed.
pub(crate) struct Accounts {
    service: Arc<Service>,
}

impl Accounts {
    pub(super) fn new(service: &Arc<Service>) -> Accounts {
        Accounts {
            service: Arc::clone(service),
        }
    }

    /// Who calls, and for which account.
    async fn enter(&self, header: &Header<'_>, account: &str) -> Result<(Call, Who), Error> {
        let call = self.service.identify(header).await?;
        let who = self.service.who(&call, account, None, None).await?;
        Ok((call, who))
    }

    /// The same for what needs no options.
    async fn enter_plain(
        &self,
        header: &Header<'_>,
        account: &str,
        options: &Options,
    ) -> Result<(Call, Who), Error> {
        no_options(options)?;
        self.enter(header, account).await
    }

    /// The same, with what the caller shows for a change.
    async fn enter_change(
        &self,
        header: &Header<'_>,
        account: &str,
        change: Change,
        shown: ChangeOptions,
    ) -> Result<(Call, Who, Permit), Error> {
        let (call, who) = match change {
            Change::Session | Change::ApiKey => self.enter_realm(header, account).await?,
            _ => self.enter(header, account).await?,
        };
        let shown = (shown.proof, shown.session);
        let permit = self.service.may_change(&call, &who, change, shown);
        let permit = self.service.attend(&call, permit).await?;
        Ok((call, who, permit))
    }

    /// The same for the sessions and API keys of a realm.
    async fn enter_realm(&self, header: &Header<'_>, account: &str) -> Result<(Call, Who), Error> {
        let (call, who) = self.enter(header, account).await?;
        of_realm(&who)?;
        Ok((call, who))
    }

    async fn begin(
        &self,
        header: &Header<'_>,
        account: &str,
        replaced: Replaced,
        options: EnrollOptions,
    ) -> Result<OwnedObjectPath, Error> {
        let (call, who) = self.enter(header, account).await?;
        let begun = self
            .service
            .begin_enrollment(&call, &who, replaced, options);
        self.service.attend(&call, begun).await
    }
}

#[interface(name = "org.oathd.Oathd1.Accounts", introspection_docs = false)]
impl Accounts {
    #[zbus(out_args("description"))]
    async fn describe(
        &self,
        account: &str,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<AccountRecord, Error> {
        let (_, who) = self.enter_plain(&header, account, &options).await?;
        self.service.describe_account(&who).await
    }

    #[zbus(out_args("enrollment"))]
    async fn begin_enrollment(
        &self,
        account: &str,
        options: EnrollOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath, Error> {
        self.begin(&header, account, Replaced::Nothing, options)
            .await
    }

    #[zbus(out_args("enrollment"))]
    async fn begin_replacement(
        &self,
        account: &str,
        factor: u32,
        options: EnrollOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath, Error> {
        self.begin(&header, account, replaced(factor), options)
            .await
    }

    async fn disable(
        &self,
        account: &str,
        options: ChangeOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let entered = self.enter_change(&header, account, Change::SwitchOff, options);
        let (call, who, permit) = entered.await?;
        self.service.disable(&call, &who, permit).await
    }

    async fn remove_factor(
        &self,
        account: &str,
        factor: u32,
        options: ChangeOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let entered = self.enter_change(&header, account, Change::RemoveFactor, options);
        let (call, who, permit) = entered.await?;
        self.service
            .remove_factor(&call, &who, permit, factor)
            .await
    }

    async fn suspend_factor(
        &self,
        account: &str,
        factor: u32,
        options: ChangeOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let entered = self.enter_change(&header, account, Change::RemoveFactor, options);
        let (call, who, permit) = entered.await?;
        self.service
            .suspend_factor(&call, &who, permit, factor)
            .await
    }

    async fn change_factor(
        &self,
        account: &str,
        factor: u32,
        options: FactorOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let (call, who) = self.enter(&header, account).await?;
        let changed = self.service.change_factor(&call, &who, factor, options);
        self.service.attend(&call, changed).await
    }

    #[zbus(out_args("codes"))]
    async fn new_recovery_codes(
        &self,
        account: &str,
        options: ChangeOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        let entered = self.enter_change(&header, account, Change::RecoveryCodes, options);
        let (call, who, permit) = entered.await?;
        self.service.new_recovery_codes(&call, &who, permit).await
    }

    async fn acknowledge_recovery_code(
        &self,
        account: &str,
        code: &str,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let (call, who) = self.enter_plain(&header, account, &options).await?;
        self.service.acknowledge_recovery(&call, &who, code).await
    }

    #[zbus(out_args("channel", "sent"))]
    async fn add_channel(
        &self,
        account: &str,
        kind: &str,
        address: &str,
        options: ChannelOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(u32, SentRecord), Error> {
        let kind = channel_kind(kind)?;
        let ChannelOptions {
            proof,
            session,
            not_after,
        } = options;
        let shown = ChangeOptions { proof, session };
        let entered = self.enter_change(&header, account, Change::Channels, shown);
        let (call, who, permit) = entered.await?;
        let channel = (kind, address, not_after);
        self.service.add_channel(&call, &who, permit, channel).await
    }

    #[zbus(out_args("sent"))]
    async fn send_channel_code(
        &self,
        account: &str,
        channel: u32,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<SentRecord, Error> {
        let (call, who) = self.enter_plain(&header, account, &options).await?;
        let sent = self.service.send_channel_code(&call, &who, channel);
        self.service.attend(&call, sent).await
    }

    async fn confirm_channel(
        &self,
        account: &str,
        channel: u32,
        code: &str,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let (call, who) = self.enter_plain(&header, account, &options).await?;
        let service = &self.service;
        service.confirm_channel(&call, &who, channel, code).await
    }

    async fn remove_channel(
        &self,
        account: &str,
        channel: u32,
        options: ChangeOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let entered = self.enter_change(&header, account, Change::Channels, options);
        let (call, who, permit) = entered.await?;
        self.service
            .remove_channel(&call, &who, permit, channel)
            .await
    }

    async fn cancel_rescue(
        &self,
        account: &str,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let (call, who) = self.enter_plain(&header, account, &options).await?;
        let cancelled = async {
            self.service.may_ask(&call, &who).await?;
            self.service.cancel_rescue(&call, &who).await
        };
        self.service.attend(&call, cancelled).await
    }

    #[zbus(out_args("token"))]
    async fn begin_session(
        &self,
        account: &str,
        options: ChangeOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        let entered = self.enter_change(&header, account, Change::Session, options);
        let (call, who, permit) = entered.await?;
        self.service.begin_session(&call, &who, permit).await
    }

    #[zbus(out_args("sessions"))]
    async fn list_sessions(
        &self,
        account: &str,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<SessionRecord>, Error> {
        no_options(&options)?;
        let (call, who) = self.enter_realm(&header, account).await?;
        self.service.list_sessions(&call, &who).await
    }

    #[zbus(out_args("ended"))]
    async fn end_sessions(
        &self,
        account: &str,
        options: EndOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<u32, Error> {
        let (call, who) = self.enter_realm(&header, account).await?;
        self.service.end_sessions(&call, &who, options).await
    }

    #[zbus(out_args("key"))]
    async fn new_api_key(
        &self,
        account: &str,
        options: ChangeOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedFd, Error> {
        let entered = self.enter_change(&header, account, Change::ApiKey, options);
        let (call, who, permit) = entered.await?;
        self.service.new_api_key(&call, &who, permit).await
    }

    async fn remove_api_key(
        &self,
        account: &str,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        no_options(&options)?;
        let (call, who) = self.enter_realm(&header, account).await?;
        self.service.remove_api_key(&call, &who).await
    }
}
