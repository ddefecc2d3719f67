//! OATH tokens: card protocols as bytes, transports, and one owner thread a token.
//!
//! A [`Hub`] knows every token in every reader; a [`Token`] answers for one of them. The wire formats
//! ([`apdu`], [`tlv`], [`ykoath`], [`management`]) are pure functions over bytes; a [`transport::Source`]
//! carries them to the cards: [`pcsc::Pcsc`] through pcscd, others in tests and simulators.
//!
//! Time comes in as Unix seconds and entropy as a function: nothing here reads a clock of the day or draws
//! random bytes by itself.

pub mod access;
pub mod apdu;
pub mod applications;
pub mod capability;
pub mod error;
pub mod identity;
pub mod management;
pub mod pcsc;
pub mod request;
pub mod settings;
pub mod tlv;
pub mod transport;
pub mod ykoath;

mod call;
mod card;
#[cfg(test)]
mod checks;
mod hub;
mod identify;
mod knowledge;
mod operations;
mod owner;
mod probe;
mod registry;
mod session;
mod token;
mod watch;

pub use access::{Access, AccessKey};
pub use applications::Applications;
pub use capability::{Capabilities, Model};
pub use error::{ProtocolError, TokenError, What};
pub use hub::{Hub, Watch};
pub use identity::{DeviceId, FormFactor, TokenInfo, TokenKey, Version};
pub use probe::CardService;
pub use request::{
    AddOptions, Code, CodeEntry, CodeOutcome, CodeRequest, Credential, Form, Pick, PickRequest,
    Steps, StepsRequest, Touch, TouchPolicy, Usage,
};
pub use settings::{Entropy, Event, Settings};
pub use token::Token;
