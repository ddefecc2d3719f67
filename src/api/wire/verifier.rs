//! The records of the Verifier.

use zbus::{DeserializeDict, OwnedFd, SerializeDict, Type};

/// Options of `Verify`, `Status`, `RequestOutOfBandCode`, `CheckReceipt` and `BindSession`.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", deny_unknown_fields)]
pub struct VerifyOptions {
    /// The PAM service or program that asks, at most 64 bytes; a receipt is bound to it.
    pub service: Option<String>,
    /// Where the login comes from, if from elsewhere; root alone may say so.
    pub remote_host: Option<String>,
    /// Begin a session as well; `Verify` for realms.
    pub session: Option<bool>,
}

/// Options of `VerifyPresence`.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", deny_unknown_fields)]
pub struct PresenceOptions {
    /// The PAM service or program that asks, at most 64 bytes.
    pub service: Option<String>,
    /// Where the login comes from, if from elsewhere; root alone may say so.
    pub remote_host: Option<String>,
    /// The factor; by default the first whose token is here.
    pub factor: Option<u32>,
    /// The user was told to touch the token.
    pub allow_touch: Option<bool>,
    /// Begin a session as well; for realms.
    pub session: Option<bool>,
}

/// What an accepted response grants.
#[derive(Debug, Default, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct ReceiptRecord {
    /// The id of the receipt; empty in the answer of `CheckReceipt`.
    pub receipt: String,
    /// The account, `name@realm`.
    pub account: String,
    /// `code`, `presence`, `recovery`, `legacy_recovery`, `out_of_band` or `bypass`.
    pub way: String,
    /// The factor or channel, where there is one.
    pub factor: Option<u32>,
    /// First second at which the receipt is good no more, in Unix seconds.
    pub until: u64,
    /// The owner came in by a way back and has yet to enrol a factor.
    pub must_reenrol: bool,
    /// Recovery codes that are left.
    pub recovery_codes_left: Option<u32>,
    /// The recovery code that takes the place of the one that was used, as text.
    pub replacement: Option<OwnedFd>,
    /// The token of the session that was begun, 32 bytes.
    pub session: Option<OwnedFd>,
}

/// What is asked of an account, and which ways are open.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct StatusRecord {
    /// The account, `name@realm`.
    pub account: String,
    /// It has a second factor.
    pub enrolled: bool,
    /// `asked`, `not_asked`, `not_asked_until` or `enrol_first`.
    pub requirement: String,
    /// Until when none is asked, in Unix seconds.
    pub requirement_until: Option<u64>,
    /// The owner came in by a way back and has yet to enrol a factor.
    pub must_reenrol: bool,
    /// The ways that are open to the caller's class, in the order to try.
    pub ways: Vec<WayRecord>,
    /// What its owner should look after, the gravest first.
    pub concerns: Vec<ConcernRecord>,
    /// Recovery codes that are left.
    pub recovery_codes_left: Option<u32>,
    /// Codes made from time are accepted at this moment.
    pub clock_trusted: bool,
    /// Whom to ask, from the settings.
    pub support_contact: Option<String>,
}

/// A way that is open.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct WayRecord {
    /// `code`, `presence`, `recovery`, `out_of_band`, `session`, `bypass` or `administrator`.
    pub kind: String,
    /// The factor or channel.
    pub id: Option<u32>,
    /// The label of a factor, or the masked address of a channel.
    pub label: Option<String>,
    /// Seconds to wait before it can be tried.
    pub wait: u64,
    /// Recovery codes that are left.
    pub left: Option<u32>,
    /// When the factor or channel ends, in Unix seconds.
    pub not_after: Option<u64>,
}

/// Something that an owner should look after.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct ConcernRecord {
    /// The concern, in a word; the interface XML lists them.
    pub kind: String,
    /// The factor or channel concerned.
    pub id: Option<u32>,
    /// Recovery codes that are left.
    pub left: Option<u32>,
    /// Days in which it ends, at most.
    pub within_days: Option<u32>,
}

/// How far a sent code is.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct DeliveryStateRecord {
    /// A [`DeliveryState`](crate::delivery::DeliveryState).
    pub state: String,
    /// Why, in one word, where something went wrong.
    pub reason: Option<String>,
}

/// A code that was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct SentRecord {
    /// The id of the delivery; absent where nothing is sent by oathd.
    pub delivery: Option<String>,
    /// First second at which the code is good no more, in Unix seconds.
    pub until: u64,
    /// Where to: as it is kept when a channel is added, else masked.
    pub address: String,
    /// `ok` or `caution`, when a channel is added.
    pub verdict: Option<String>,
    /// Why not `ok`, or why nothing could be sent, in one word.
    pub reason: Option<String>,
}

/// A session of a realm's account.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct SessionRecord {
    /// When it began, in Unix seconds.
    pub began: u64,
    /// When it was last used, in Unix seconds.
    pub last_used: u64,
    /// When it ends at the latest, in Unix seconds.
    pub until: u64,
    /// When it ends without use, in Unix seconds.
    pub idle_until: u64,
    /// The factor opened it.
    pub by_factor: bool,
    /// The owner has yet to enrol a factor.
    pub must_reenrol: bool,
}

/// A session of this machine that was bound to its account.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct BoundRecord {
    /// First second at which the session proves nothing any more, in Unix seconds; absent where it
    /// proves nothing at all.
    pub until: Option<u64>,
}

/// An API key that is good.
#[derive(Debug, Clone, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct ApiKeyRecord {
    /// When it was made, in Unix seconds.
    pub issued: u64,
}
