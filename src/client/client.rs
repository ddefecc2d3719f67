//! The way in: connecting, finding tokens and credentials.

use std::collections::HashMap;

use oathd_api::ErrorName;
use oathd_api::names::{BUS_NAME, MANAGER_INTERFACE, ROOT_PATH};
use oathd_api::wire::diagnosis::DiagnosisRecord;
use oathd_api::wire::{
    AddOptions, CodeOptions, CodeRecord, CredentialQuery, CredentialRecord, ImportOptions,
};
use serde::Serialize;
use zbus::connection::Builder;
use zbus::wire::DynamicDeserialize;
use zbus::{Connection, DynamicType, Fd, ObjectPath, OwnedObjectPath, OwnedVariant};

use crate::accounts::Accounts;
use crate::administration::Administration;
use crate::agent::{Agent, AgentRegistration};
use crate::call::{Caller, no_options};
use crate::error::Error;
use crate::events::Events;
use crate::secret::seal;
use crate::token::Token;
use crate::verifier::Verifier;

/// oathd, as seen over a bus. Cheap to clone.
///
/// Calls allow interaction unless [`Client::without_interaction`] says otherwise: polkit and the
/// user's agent may then ask the user while a call waits, for up to 120 s. Without interaction a
/// call that would have to ask fails instead, and every call ends within 25 s.
#[derive(Clone, Debug)]
pub struct Client {
    caller: Caller,
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The credentials that fit.
    pub credentials: Vec<CredentialRecord>,
    /// The tokens that could not be asked.
    pub unread: Vec<Unread>,
}

/// A token that a search could not look into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Its object.
    pub token: OwnedObjectPath,
    /// Why; absent where the service gave a name that this release does not know.
    pub error: Option<ErrorName>,
}

impl Client {
    /// Connects to the system bus, where oathd lives.
    ///
    /// `DBUS_SYSTEM_BUS_ADDRESS` may name another one.
    ///
    /// # Errors
    /// [`Error::NoBus`].
    pub async fn system() -> Result<Client, Error> {
        Client::build(Builder::system()).await
    }

    /// Connects to the bus of the user's session.
    ///
    /// # Errors
    /// [`Error::NoBus`].
    pub async fn session() -> Result<Client, Error> {
        Client::build(Builder::session()).await
    }

    /// Connects to the bus at a D-Bus address, such as `unix:path=/run/bus`.
    ///
    /// # Errors
    /// [`Error::NoBus`].
    pub async fn connect(address: &str) -> Result<Client, Error> {
        Client::build(Builder::address(address)).await
    }

    async fn build(builder: Builder<'_>) -> Result<Client, Error> {
        match builder.build().await {
            Ok(connection) => Ok(Client::with(connection)),
            Err(error) => Err(Error::connecting(error)),
        }
    }

    /// Uses a connection that is there already.
    #[must_use]
    pub fn with(connection: Connection) -> Client {
        Client {
            caller: Caller {
                connection,
                interactive: true,
            },
        }
    }

    /// The same client, with calls that never ask the user.
    #[must_use]
    pub fn without_interaction(mut self) -> Client {
        self.caller.interactive = false;
        self
    }

    /// The connection underneath.
    pub fn connection(&self) -> &Connection {
        &self.caller.connection
    }

    async fn call<B, R>(&self, method: &'static str, body: &B) -> Result<R, Error>
    where
        B: Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        self.caller
            .call(
                &ObjectPath::from_static_str(ROOT_PATH)?,
                MANAGER_INTERFACE,
                method,
                body,
            )
            .await
    }

    /// The handle of a token's object. No call is made.
    #[must_use]
    pub fn token(&self, path: OwnedObjectPath) -> Token {
        Token::new(self.caller.clone(), path)
    }

    /// Answers for accounts. No call is made.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        Verifier::new(self.caller.clone())
    }

    /// Changes of accounts. No call is made.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        Accounts::new(self.caller.clone())
    }

    /// What administrators do for accounts. No call is made.
    #[must_use]
    pub fn administration(&self) -> Administration {
        Administration::new(self.caller.clone())
    }

    /// The token that holds a credential which [`Client::find_credentials`] gave. No call is made.
    ///
    /// # Errors
    /// `NoToken` for a record that names none, such as those of [`Token::credentials`].
    pub fn token_of(&self, credential: &CredentialRecord) -> Result<Token, Error> {
        match &credential.token {
            Some(path) => Ok(self.token(path.clone())),
            None => Err(ErrorName::NoToken.into()),
        }
    }

    /// All tokens.
    ///
    /// # Errors
    /// `ServiceUnavailable`; `TokenBusy` where the only token is one that another program holds.
    pub async fn tokens(&self) -> Result<Vec<Token>, Error> {
        let paths: Vec<OwnedObjectPath> = self.call("ListTokens", &no_options()).await?;
        Ok(paths.into_iter().map(|path| self.token(path)).collect())
    }

    /// The one token that `selector` names: a serial, or the start of an id; empty for the only
    /// token there is.
    ///
    /// # Errors
    /// `NoToken`, `AmbiguousToken`, `TokenDuplicated`, `TokenBusy`, `NotAuthorized`.
    pub async fn find_token(&self, selector: &str) -> Result<Token, Error> {
        let path: OwnedObjectPath = self.call("FindToken", &(selector, no_options())).await?;
        Ok(self.token(path))
    }

    /// Searches all tokens for credentials.
    ///
    /// A token that cannot be read does not fail the search; it is among [`Found::unread`].
    ///
    /// # Errors
    /// `ServiceUnavailable`, `NotAuthorized`. A query that names a token which is not there finds
    /// nothing.
    pub async fn find_credentials(&self, query: &CredentialQuery) -> Result<Found, Error> {
        let (credentials, unread): (Vec<CredentialRecord>, HashMap<OwnedObjectPath, String>) =
            self.call("FindCredentials", query).await?;
        let unread = unread
            .into_iter()
            .map(|(token, error)| Unread {
                token,
                error: ErrorName::parse(&error),
            })
            .collect();
        Ok(Found {
            credentials,
            unread,
        })
    }

    /// The one credential that fits `query`, and its current code. A code of HOTP is spent by asking
    /// for it.
    ///
    /// `allow_touch` says that the user has been told to touch the token.
    ///
    /// # Errors
    /// `NoSuchCredential`, `AmbiguousCredential`, `NoToken`, and those of [`Token::code`]. The
    /// `credentials` of the details name what was found.
    pub async fn find_code(
        &self,
        query: &CredentialQuery,
        allow_touch: bool,
    ) -> Result<(CredentialRecord, CodeRecord), Error> {
        let options = CodeOptions {
            allow_touch: allow_touch.then_some(true),
        };
        self.call("GenerateCode", &(query, options)).await
    }

    /// Writes the same seed (raw bytes) to several tokens, all or none, and answers its id.
    ///
    /// # Errors
    /// Those of [`Token::add`].
    pub async fn add_to(
        &self,
        tokens: &[Token],
        seed: &[u8],
        options: &AddOptions,
    ) -> Result<String, Error> {
        let key = seal(seed)?;
        self.call("AddCredential", &(paths(tokens), Fd::from(key), options))
            .await
    }

    /// Writes the credential of an otpauth address to several tokens, all or none, and answers
    /// its id.
    ///
    /// # Errors
    /// Those of [`Token::import_uri`].
    pub async fn import_uri_to(
        &self,
        tokens: &[Token],
        uri: &str,
        options: &ImportOptions,
    ) -> Result<String, Error> {
        let uri = seal(uri.as_bytes())?;
        self.call("ImportUri", &(paths(tokens), Fd::from(uri), options))
            .await
    }

    /// Lets `agent` answer for the programs of this user: it shows touches and asks for
    /// passwords, until the registration is ended or the connection closes.
    ///
    /// # Errors
    /// `NotAuthorized`; [`Error::Bus`] when this connection has an agent already.
    pub async fn register_agent<A: Agent>(&self, agent: A) -> Result<AgentRegistration, Error> {
        AgentRegistration::begin(self.clone(), agent).await
    }

    pub(crate) async fn announce_agent(
        &self,
        path: &ObjectPath<'_>,
        here: bool,
    ) -> Result<(), Error> {
        match here {
            true => self.call("RegisterAgent", &(path, no_options())).await,
            false => self.call("UnregisterAgent", &path).await,
        }
    }

    /// What happens to tokens from here on.
    ///
    /// Tokens are announced to programs that have asked for them: call [`Client::tokens`] after
    /// this, so that nothing falls between.
    ///
    /// # Errors
    /// [`Error::Bus`].
    pub async fn events(&self) -> Result<Events, Error> {
        Events::subscribe(self.clone()).await
    }

    /// What the service sees of itself and its surroundings. Spends no code and no attempt, and
    /// makes no token blink; nobody is asked anything.
    ///
    /// # Errors
    /// None of oathd's own: what does not work is told in the record.
    pub async fn diagnose(&self) -> Result<DiagnosisRecord, Error> {
        self.call("Diagnose", &no_options()).await
    }

    /// The version of the service.
    ///
    /// # Errors
    /// Those of [`Client::tokens`].
    pub async fn version(&self) -> Result<String, Error> {
        Ok(String::try_from(self.property("Version").await?)?)
    }

    /// What still works and will go, and what replaces it; the interface XML says what of it.
    ///
    /// # Errors
    /// Those of [`Client::tokens`].
    pub async fn deprecated(&self) -> Result<HashMap<String, String>, Error> {
        Ok(HashMap::try_from(self.property("Deprecated").await?)?)
    }

    async fn property(&self, name: &str) -> Result<OwnedVariant, Error> {
        self.caller
            .call(
                &ObjectPath::from_static_str(ROOT_PATH)?,
                "org.freedesktop.DBus.Properties",
                "Get",
                &(MANAGER_INTERFACE, name),
            )
            .await
    }

    /// The unique name under which oathd is on the bus, if it runs.
    pub(crate) async fn owner(&self) -> Option<String> {
        let reply = self
            .connection()
            .call_method(
                Some("org.freedesktop.DBus"),
                "/org/freedesktop/DBus",
                Some("org.freedesktop.DBus"),
                "GetNameOwner",
                &BUS_NAME,
            )
            .await
            .ok()?;
        reply.body().deserialize().ok()
    }
}

fn paths(tokens: &[Token]) -> Vec<&OwnedObjectPath> {
    tokens.iter().map(Token::path).collect()
}
