//! The records that travel as `a{sv}`: options of calls and the answers to them.
//!
//! Keys are the field names. An absent optional key means "not known" in an answer and "the
//! default" in options. Option records refuse keys they do not know, so that a misspelt
//! `allow_touch` is an error and not a silent default; answers may gain keys at any time.

pub mod account;
pub mod administration;
pub mod deliver;
pub mod diagnosis;
pub mod enrollment;
pub mod verifier;

use serde::{Deserialize, Serialize};
use zbus::{DeserializeDict, OwnedObjectPath, SerializeDict, Type};

/// What `FindCredentials` looks for; all that is given must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", deny_unknown_fields)]
pub struct CredentialQuery {
    /// An exact id, or a part of ids in any case. An exact id wins over parts.
    pub text: Option<String>,
    /// The issuer, in any case.
    pub issuer: Option<String>,
    /// A serial, or the start of a token's id.
    pub token: Option<String>,
    /// Include credentials of the issuer `_hidden`.
    pub hidden: Option<bool>,
}

/// Options of `ListCredentials` and `GenerateCodes`.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", deny_unknown_fields)]
pub struct ListOptions {
    /// Include credentials of the issuer `_hidden`.
    pub hidden: Option<bool>,
}

/// Options of both `GenerateCode`.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", deny_unknown_fields)]
pub struct CodeOptions {
    /// The caller has told its user to touch the token; without it a credential that needs a
    /// touch answers `TouchRequired`.
    pub allow_touch: Option<bool>,
}

/// Options of `AddCredential`.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", deny_unknown_fields)]
pub struct AddOptions {
    /// Who the account is with.
    pub issuer: Option<String>,
    /// The account; required.
    pub name: Option<String>,
    /// `totp` (default) or `hotp`.
    pub kind: Option<String>,
    /// `SHA1` (default), `SHA256` or `SHA512`.
    pub algorithm: Option<String>,
    /// 6 (default), 7 or 8.
    pub digits: Option<u32>,
    /// Seconds, 30 by default; TOTP only.
    pub period: Option<u32>,
    /// First counter, 0 by default; HOTP only.
    pub counter: Option<u32>,
    /// Ask for a touch at every code; cannot be changed later.
    pub touch: Option<bool>,
    /// Replace a credential of the same id.
    pub overwrite: Option<bool>,
}

/// Options of `ImportUri`.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", deny_unknown_fields)]
pub struct ImportOptions {
    /// Ask for a touch at every code; cannot be changed later.
    pub touch: Option<bool>,
    /// Replace a credential of the same id.
    pub overwrite: Option<bool>,
}

/// Options of `RenameCredential`: what is not given stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", deny_unknown_fields)]
pub struct RenameOptions {
    /// The new issuer; empty for none.
    pub issuer: Option<String>,
    /// The new name.
    pub name: Option<String>,
}

/// Options of `Unlock` and `SetPassword`.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", deny_unknown_fields)]
pub struct PasswordOptions {
    /// Keep the derived key, sealed, so that the password is not asked for again.
    pub remember: Option<bool>,
}

/// Options of `Lock`.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", deny_unknown_fields)]
pub struct LockOptions {
    /// Drop the remembered key too.
    pub forget: Option<bool>,
}

/// A credential, without code or secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct CredentialRecord {
    /// The token it is on; given by `FindCredentials`.
    pub token: Option<OwnedObjectPath>,
    /// The id on the token: `[period/][issuer:]name`.
    pub id: String,
    /// Who the account is with.
    pub issuer: Option<String>,
    /// The account.
    pub name: String,
    /// `totp` or `hotp`.
    pub kind: String,
    /// `SHA1`, `SHA256` or `SHA512`.
    pub algorithm: Option<String>,
    /// 5 for Steam codes, else 6 to 8.
    pub digits: Option<u32>,
    /// Seconds; TOTP only.
    pub period: Option<u32>,
    /// A touch is needed at every code; absent where the token does not tell.
    pub touch: Option<bool>,
    /// The token reports the credential as damaged.
    pub damaged: Option<bool>,
}

/// A code with its validity.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct CodeRecord {
    /// The digits, or Steam's letters.
    pub code: String,
    /// First second at which it is valid, in Unix seconds.
    pub from: u64,
    /// First second at which it is valid no more; absent for HOTP.
    pub until: Option<u64>,
}

/// One row of `GenerateCodes`: a credential and its code, or why there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct CodeRow {
    /// The id on the token.
    pub id: String,
    /// Who the account is with.
    pub issuer: Option<String>,
    /// The account.
    pub name: String,
    /// `totp` or `hotp`.
    pub kind: String,
    /// Seconds; TOTP only.
    pub period: Option<u32>,
    /// The code; absent where asking for it alone is needed (touch, HOTP) or it is damaged.
    pub code: Option<String>,
    /// First second at which the code is valid, in Unix seconds.
    pub from: Option<u64>,
    /// First second at which the code is valid no more.
    pub until: Option<u64>,
    /// Why there is no code: the short name of an error, or `hotp` where a code would be spent.
    pub reason: Option<String>,
}

/// What `Describe` tells about a token.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct TokenRecord {
    /// The OATH device id; a reset changes it.
    pub id: String,
    /// The serial printed on the token, where it has one.
    pub serial: Option<u32>,
    /// The model, such as `YubiKey 5` or `YubiKey 4 FIPS`.
    pub model: String,
    /// The firmware, such as `5.7.1`.
    pub firmware: String,
    /// The form factor, such as `usb-c keychain`.
    pub form_factor: Option<String>,
    /// Applications that are switched on over USB, such as `oath`, where the token tells.
    pub usb_applications: Option<Vec<String>>,
    /// The same over NFC.
    pub nfc_applications: Option<Vec<String>>,
    /// The reader it is in, as PC/SC names it.
    pub reader: String,
    /// Slots in all; absent where memory decides.
    pub capacity: Option<u32>,
    /// Slots in use; absent while the token is locked for the caller, or in use.
    pub used: Option<u32>,
    /// What the token offers: `rename`, `touch`, `sha512`, `password`.
    pub capabilities: Vec<String>,
    /// An access password is set on the token.
    pub locked: bool,
    /// oathd holds a key of the caller's for it.
    pub unlocked: bool,
    /// That key is remembered over restarts.
    pub remembered: bool,
    /// The key was made by pairing and is known to oathd alone.
    pub paired: bool,
}

/// What an error is about. It follows the sentence of the error in its message, as a JSON object:
/// D-Bus bindings hand the first string of an error to their programs, and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorDetails {
    /// What exactly was wrong, for a developer or a log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The tokens that fit, or that are concerned: serials, else ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Vec<String>>,
    /// The credentials that fit, or the one concerned, where a search found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Vec<Candidate>>,
    /// The reader concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reader: Option<String>,
    /// Slots in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u32>,
    /// What the token cannot do: `rename`, `touch`, `sha512`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature: Option<String>,
    /// The polkit action that was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Seconds to wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// Tries that are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tries_left: Option<u32>,
}

/// A credential that a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The object of its token.
    pub token: String,
    /// The id on the token.
    pub id: String,
}

impl ErrorDetails {
    /// The message of an error on the bus: its sentence, and the details where there are any.
    ///
    /// ```
    /// use oathd_api::{ErrorName, wire::ErrorDetails};
    /// let details = ErrorDetails { capacity: Some(32), ..ErrorDetails::default() };
    /// let message = details.message(ErrorName::TokenFull.summary());
    /// assert_eq!(message, r#"The token has no free slot. {"capacity":32}"#);
    /// assert_eq!(ErrorDetails::from_message(&message), details);
    /// ```
    pub fn message(&self, sentence: &str) -> String {
        if *self == ErrorDetails::default() {
            return sentence.to_owned();
        }
        match serde_json::to_string(self) {
            Ok(details) => format!("{sentence} {details}"),
            Err(_) => sentence.to_owned(),
        }
    }

    /// The details of a message; none where there are none or they cannot be read.
    pub fn from_message(message: &str) -> ErrorDetails {
        message
            .find('{')
            .and_then(|start| serde_json::from_str(message.get(start..)?).ok())
            .unwrap_or_default()
    }
}

/// What a request of an agent is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct AgentRequest {
    /// The token object.
    pub token: Option<OwnedObjectPath>,
    /// How people call the token: model and serial.
    pub token_name: String,
    /// The credential, for a touch.
    pub credential: Option<String>,
    /// The process that asked oathd, where the bus tells.
    pub process_id: Option<u32>,
    /// Unix seconds at which the token gives up, for a touch.
    pub deadline: Option<u64>,
    /// Which try this is, from 1, for a password.
    pub attempt: Option<u32>,
}
