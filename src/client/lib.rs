//! A typed, asynchronous client of oathd, the service that keeps second factors on hardware
//! tokens.
//!
//! A [`Client`] finds tokens and credentials, a [`Token`] answers for one token. A [`Verifier`]
//! answers for accounts, [`Accounts`] and [`Enrollment`] change them, [`Administration`] is for
//! administrators. A method that fails says by its [`ErrorName`] what is missing: ask the user for just that, and call again.
//!
//! ```no_run
//! use oathd_client::{Client, CredentialQuery, Error, ErrorName};
//!
//! /// The code of the one credential that fits `text`, with a touch if it needs one.
//! async fn code_of(text: &str) -> Result<String, Error> {
//!     let client = Client::system().await?;
//!     let query = CredentialQuery { text: Some(text.to_owned()), ..Default::default() };
//!     let found = client.find_credentials(&query).await?;
//!     let [credential] = found.credentials.as_slice() else {
//!         return Err(Error::from(ErrorName::NoSuchCredential));
//!     };
//!     let token = client.token_of(credential)?;
//!     match token.code(&credential.id, false).await {
//!         Err(error) if error.is(ErrorName::TouchRequired) => {
//!             eprintln!("Touch the token.");
//!             Ok(token.code(&credential.id, true).await?.code)
//!         }
//!         other => Ok(other?.code),
//!     }
//! }
//! ```
//!
//! Seeds and passwords go to the service in sealed memory files and are never part of a D-Bus
//! message. Nothing here caches: a method is one call, and properties are not fetched.
//!
//! Futures must be awaited on a tokio runtime with time and I/O enabled. A dropped future gives
//! up waiting; what the service had begun it finishes.

mod accounts;
mod administration;
mod agent;
mod call;
mod client;
mod enrollment;
mod error;
mod events;
mod secret;
mod token;
mod verifier;
#[cfg(test)]
mod wire_tests;

pub use accounts::Accounts;
pub use administration::Administration;
pub use agent::{Agent, AgentRegistration};
pub use client::{Client, Found, Unread};
pub use enrollment::Enrollment;
pub use error::Error;
pub use events::{Event, Events};
pub use secret::{InvalidLength, seal, seal_export, unseal, unseal_text};
pub use token::Token;
pub use verifier::Verifier;

pub use oathd_api::names::{CHANGE_SERVICE, RESCUE_SERVICE};
pub use oathd_api::wire::account::{
    AccountRecord, ChangeOptions, ChannelOptions, ChannelRecord, EndOptions, EnrollOptions,
    FactorOptions, FactorRecord, RecoveryCodeRecord, RecoveryRecord, RescueRecord,
};
pub use oathd_api::wire::administration::{
    AuditRecord, AuditVerdict, BackupRecord, CoverageRecord, ImportAccountsOptions, ImportRow,
    RekeyRecord, RescueOptions, RescueState, RestoreOptions, RestoreRecord,
};
pub use oathd_api::wire::diagnosis::{DiagnosisRecord, KeptKeyRecord};
pub use oathd_api::wire::enrollment::{
    ConfirmOptions, ConfirmedRecord, EnrollmentRecord, WriteOptions, WrittenRecord,
};
pub use oathd_api::wire::verifier::{
    ApiKeyRecord, ConcernRecord, DeliveryStateRecord, PresenceOptions, ReceiptRecord, SentRecord,
    SessionRecord, StatusRecord, VerifyOptions, WayRecord,
};
pub use oathd_api::wire::{
    AddOptions, AgentRequest, CodeRecord, CodeRow, CredentialQuery, CredentialRecord, ErrorDetails,
    ImportOptions, RenameOptions, TokenRecord,
};
pub use oathd_api::{ErrorName, ExitCode};
pub use zbus::{Connection, OwnedObjectPath};
