//! `org.oathd.Oathd1.Manager`.

use std::{collections::HashMap, sync::Arc};

use oathd_api::{
    names::{API_VERSION, DEPRECATED},
    wire::{
        AddOptions, CodeOptions, CodeRecord, CredentialQuery, CredentialRecord, ImportOptions,
        diagnosis::DiagnosisRecord,
    },
};
use oathd_oath::{NewCredential, otpauth};
use oathd_token::AddOptions as Writing;
use zbus::{
    Fd, ObjectPath, OwnedObjectPath, interface, message::Header, object_server::SignalEmitter,
};

use super::few_enough;
use crate::{
    authority::Action,
    error::Error,
    secret_fd,
    service::{Options, Service, new_credential, no_options},
};

/// The manager's object.
pub(crate) struct Manager {
    service: Arc<Service>,
}

impl Manager {
    pub(super) fn new(service: &Arc<Service>) -> Manager {
        Manager {
            service: Arc::clone(service),
        }
    }

    /// Writes `credential` to the tokens of `paths`. A rule may be for some of them: the caller must
    /// be allowed to write to each.
    async fn write(
        &self,
        header: &Header<'_>,
        paths: Vec<OwnedObjectPath>,
        (credential, writing): (NewCredential, Writing),
    ) -> Result<String, Error> {
        few_enough(&paths)?;
        let objects = self.service.at_paths(&paths).await;
        let named = objects.as_deref().unwrap_or_default();
        let mut tokens = named.iter().map(|object| &object.token);
        let action = to_write(writing);
        let call = self.service.enter(header, action, tokens.next()).await?;
        for token in tokens {
            self.service.authorize(&call, action, Some(token)).await?;
        }
        let objects = objects?;
        let added = self.service.add(&call, objects, credential, writing);
        let id = self.service.attend(&call, added).await?;
        Ok(id.to_string())
    }
}

#[interface(name = "org.oathd.Oathd1.Manager", introspection_docs = false)]
impl Manager {
    #[zbus(out_args("tokens"))]
    async fn list_tokens(
        &self,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<OwnedObjectPath>, Error> {
        no_options(&options)?;
        let call = self.service.identify(&header).await?;
        self.service.watch_for(&call.caller)?;
        let tokens = call.unless_busy(self.service.tokens());
        let tokens = self.service.attend(&call, tokens).await?;
        if tokens.is_empty() {
            self.service.refuse_held()?;
        }
        Ok(tokens.into_iter().map(|object| object.path).collect())
    }

    #[zbus(out_args("token"))]
    async fn find_token(
        &self,
        selector: &str,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath, Error> {
        no_options(&options)?;
        let call = self
            .service
            .enter(&header, Action::ListCredentials, None)
            .await?;
        let found = call.unless_busy(self.service.find_token(selector));
        Ok(self.service.attend(&call, found).await?.path)
    }

    #[zbus(out_args("credentials", "unread"))]
    async fn find_credentials(
        &self,
        query: CredentialQuery,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(Vec<CredentialRecord>, HashMap<OwnedObjectPath, String>), Error> {
        let call = self
            .service
            .enter(&header, Action::ListCredentials, None)
            .await?;
        self.service
            .attend(&call, self.service.find(&call, query))
            .await
    }

    #[zbus(out_args("credential", "code"))]
    async fn generate_code(
        &self,
        query: CredentialQuery,
        options: CodeOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(CredentialRecord, CodeRecord), Error> {
        let call = self.service.identify(&header).await?;
        let code = self.service.code_of(&call, query, options);
        self.service.attend(&call, code).await
    }

    #[zbus(out_args("credential"))]
    async fn add_credential(
        &self,
        tokens: Vec<OwnedObjectPath>,
        key: Fd<'_>,
        parameters: AddOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<String, Error> {
        let secret = secret_fd::read(&key)?;
        let credential = new_credential(&secret, &parameters)?;
        self.write(&header, tokens, credential).await
    }

    #[zbus(out_args("credential"))]
    async fn import_uri(
        &self,
        tokens: Vec<OwnedObjectPath>,
        uri: Fd<'_>,
        options: ImportOptions,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<String, Error> {
        let credential = imported(&uri, &options)?;
        self.write(&header, tokens, credential).await
    }

    async fn register_agent(
        &self,
        agent: ObjectPath<'_>,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        no_options(&options)?;
        let call = self.service.identify(&header).await?;
        self.service.register_agent(&call.caller, agent.into())
    }

    async fn unregister_agent(
        &self,
        agent: ObjectPath<'_>,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let call = self.service.identify(&header).await?;
        match self.service.agents.unregister(&call.caller, &agent.into()) {
            true => Ok(()),
            false => Err(Error::invalid_args("no such agent of this caller")),
        }
    }

    #[zbus(out_args("diagnosis"))]
    async fn diagnose(
        &self,
        options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<DiagnosisRecord, Error> {
        no_options(&options)?;
        let call = self.service.identify(&header).await?;
        let diagnosis = self.service.diagnose(&call);
        self.service.attend(&call, diagnosis).await
    }

    #[zbus(signal)]
    async fn token_alarm(
        emitter: &SignalEmitter<'_>,
        token: &ObjectPath<'_>,
        kind: &str,
    ) -> zbus::Result<()>;

    #[zbus(property(emits_changed_signal = "const"))]
    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn api_version(&self) -> u32 {
        API_VERSION
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn capabilities(&self) -> Vec<String> {
        vec!["tokens".to_owned(), "accounts".to_owned()]
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn deprecated(&self) -> HashMap<String, String> {
        let owned = |&(old, new): &(&str, &str)| (old.to_owned(), new.to_owned());
        DEPRECATED.iter().map(owned).collect()
    }
}

/// What a caller must be allowed to write so: overwriting takes a credential away.
pub(super) fn to_write(writing: Writing) -> Action {
    match writing.overwrite {
        true => Action::ChangeCredential,
        false => Action::AddCredential,
    }
}

/// The credential of an otpauth address in a memory file, and how to write it.
pub(super) fn imported(
    uri: &Fd<'_>,
    options: &ImportOptions,
) -> Result<(NewCredential, Writing), Error> {
    let text = secret_fd::read(uri)?;
    let text = std::str::from_utf8(&text)
        .map_err(|error| Error::because(oathd_api::ErrorName::InvalidUri, error))?;
    let credential = otpauth::parse(text.trim_end())?;
    let writing = Writing {
        touch: options.touch.unwrap_or(false),
        overwrite: options.overwrite.unwrap_or(false),
    };
    Ok((credential, writing))
}
