//! The records of the delivery service.

use zbus::{DeserializeDict, SerializeDict, Type};

/// What `CheckAddress` found.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct AddressRecord {
    /// The address in the form to keep and to send to: E.164 for a telephone number. Absent where
    /// it is not an address at all.
    pub address: Option<String>,
    /// `ok`, `caution` or `refused`: a [`Verdict`](crate::delivery::Verdict).
    pub verdict: String,
    /// Why it is not `ok`, in one word; the interface XML lists them.
    pub reason: Option<String>,
}

/// Options of `Send`.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", deny_unknown_fields)]
pub struct SendOptions {
    /// The subject of a mail, at most 200 bytes; it must not carry the code. Default: a setting.
    pub subject: Option<String>,
    /// How long the message is worth sending, in seconds, 1 to 3600. Default: a setting.
    pub keep_seconds: Option<u32>,
}

/// How far a message is, as `State` tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct DeliveryRecord {
    /// A [`DeliveryState`](crate::delivery::DeliveryState).
    pub state: String,
    /// Why, in one word, where something went wrong; the interface XML lists them.
    pub reason: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
}
