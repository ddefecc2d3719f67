//! `org.oathd.Oathd1.Token`.

use std::sync::Arc;

use oathd_api::wire::{
    AddOptions, CodeOptions, CodeRecord, CodeRow, CredentialRecord, ImportOptions, ListOptions,
    LockOptions, PasswordOptions, RenameOptions, TokenRecord,
};
use oathd_oath::NewCredential;
use oathd_token::AddOptions as Writing;
use zbus::{Fd, interface, message::Header, object_server::SignalEmitter};

use super::manager::{imported, to_write};
use crate::{
    authority::Action,
    error::Error,
    secret_fd,
    service::{Call, Options, Service, TokenObject, kind, new_credential, no_options},
};

/// A token's object.
pub(crate) struct TokenInterface {
    service: Arc<Service>,
    object: TokenObject,
}

impl TokenInterface {
    pub(super) fn new(service: &Arc<Service>, object: &TokenObject) -> TokenInterface {
        TokenInterface {
            service: Arc::clone(service),
            object: object.clone(),
        }
    }

    async fn enter(&self, header: &Header<'_>, action: Action) -> Result<Call, Error> {
        let token = Some(&self.object.token);
        self.service.enter(header, action, token).await
    }

    async fn write(
        &self,
        header: &Header<'_>,
        (credential, writing): (NewCredential, Writing),
    ) -> Result<String, Error> {
        let call = self.enter(header, to_write(writing)).await?;
        let objects = vec![self.object.clone()];
        let added = self.service.add(&call, objects, credential, writing);
        let id = self.service.attend(&call, added).await?;
        Ok(id.to_string())
    }
}

#[interface(name = "org.oathd.Oathd1.Token", introspection_docs = false)]
impl TokenInterface {
    #[zbus(out_args("description"))]
    async fn describe(
        &self,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<TokenRecord, Error> {
        no_options(&options)?;
        let call = self.enter(&header, Action::ListCredentials).await?;
        let described = self.service.describe(&call, &self.object.token);
        self.service.attend(&call, described).await
    }

    #[zbus(out_args("credentials"))]
    async fn list_credentials(
        &self,
        options: ListOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<CredentialRecord>, Error> {
        let call = self.enter(&header, Action::ListCredentials).await?;
        let listed = self.service.list(&call, &self.object, &options);
        self.service.attend(&call, listed).await
    }

    #[zbus(out_args("code"))]
    async fn generate_code(
        &self,
        credential: &str,
        options: CodeOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<CodeRecord, Error> {
        let call = self.enter(&header, Action::GenerateCode).await?;
        let code = self.service.code(&call, &self.object, credential, options);
        self.service.attend(&call, code).await
    }

    #[zbus(out_args("rows"))]
    async fn generate_codes(
        &self,
        options: ListOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<CodeRow>, Error> {
        let call = self.enter(&header, Action::GenerateCode).await?;
        let codes = self.service.codes(&call, &self.object, options);
        self.service.attend(&call, codes).await
    }

    #[zbus(out_args("credential"))]
    async fn add_credential(
        &self,
        key: Fd<'_>,
        parameters: AddOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<String, Error> {
        let secret = secret_fd::read(&key)?;
        self.write(&header, new_credential(&secret, &parameters)?)
            .await
    }

    #[zbus(out_args("credential"))]
    async fn import_uri(
        &self,
        uri: Fd<'_>,
        options: ImportOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<String, Error> {
        self.write(&header, imported(&uri, &options)?).await
    }

    #[zbus(out_args("renamed"))]
    async fn rename_credential(
        &self,
        credential: &str,
        options: RenameOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<String, Error> {
        let call = self.enter(&header, Action::ChangeCredential).await?;
        let renamed = self
            .service
            .rename(&call, &self.object, credential, options);
        let id = self.service.attend(&call, renamed).await?;
        Ok(id.to_string())
    }

    async fn remove_credential(
        &self,
        credential: &str,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        no_options(&options)?;
        let call = self.enter(&header, Action::ChangeCredential).await?;
        let removed = self.service.remove(&call, &self.object, credential);
        self.service.attend(&call, removed).await
    }

    async fn unlock(
        &self,
        password: Fd<'_>,
        options: PasswordOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let password = secret_fd::read(&password)?;
        let action = match options.remember {
            Some(true) => Action::ManageAccess,
            _ => Action::ListCredentials,
        };
        let call = self.enter(&header, action).await?;
        let unlocked = self.service.unlock(&call, &self.object, password, options);
        self.service.attend(&call, unlocked).await
    }

    async fn lock(
        &self,
        options: LockOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let call = self.service.identify(&header).await?;
        self.service.lock(&call, &self.object, options).await
    }

    async fn set_password(
        &self,
        password: Fd<'_>,
        options: PasswordOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let password = secret_fd::read(&password)?;
        let call = self.enter(&header, Action::ManageAccess).await?;
        let set = self
            .service
            .set_password(&call, &self.object, password, options);
        self.service.attend(&call, set).await
    }

    async fn clear_password(
        &self,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        no_options(&options)?;
        let call = self.enter(&header, Action::ManageAccess).await?;
        let cleared = self.service.clear_password(&call, &self.object);
        self.service.attend(&call, cleared).await
    }

    async fn pair(
        &self,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        no_options(&options)?;
        let call = self.enter(&header, Action::ManageAccess).await?;
        let paired = self.service.pair(&call, &self.object);
        self.service.attend(&call, paired).await
    }

    async fn reset(
        &self,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        no_options(&options)?;
        let call = self.enter(&header, Action::ResetToken).await?;
        let reset = self.service.reset(&call, &self.object);
        self.service.attend(&call, reset).await
    }

    #[zbus(signal)]
    pub(super) async fn touch_awaited(
        emitter: &SignalEmitter<'_>,
        credential: &str,
        deadline: u64,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    pub(super) async fn changed(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;

    #[zbus(property(emits_changed_signal = "const"))]
    fn kind(&self) -> &'static str {
        kind(&self.object.token)
    }

    #[zbus(property)]
    fn locked(&self) -> bool {
        self.object.token.info().protected
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn busy(&self) -> bool {
        self.object.token.is_busy()
    }
}
