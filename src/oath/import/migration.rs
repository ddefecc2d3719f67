//! `otpauth-migration://offline?data=`: Google Authenticator's export, one URI a QR code.
//!
//! The data is base64 of a protobuf message that Google has not published; the fields are those
//! that other authenticators read and write.

use data_encoding::BASE64_NOPAD;
use prost::Message;
use zeroize::{Zeroize, Zeroizing};

use super::Reason;
use super::entry::Entry;
use crate::otpauth::{MAX_LEN, UriError};
use crate::query::{Plus, Query};
use crate::secret::Secret;

/// The scheme, up to its path.
pub(super) const SCHEME: &str = "otpauth-migration://";

#[derive(Message)]
#[prost(skip_debug)]
struct Payload {
    #[prost(message, repeated, tag = "1")]
    entries: Vec<Parameters>,
    #[prost(int32, tag = "3")]
    batch_size: i32,
    #[prost(int32, tag = "4")]
    batch_index: i32,
    #[prost(int32, tag = "5")]
    batch_id: i32,
}

/// The enumerations are read as numbers, so that an unknown one spoils its own entry only.
#[derive(Message)]
#[prost(skip_debug)]
struct Parameters {
    #[prost(bytes = "vec", tag = "1")]
    secret: Vec<u8>,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    issuer: String,
    #[prost(int32, tag = "4")]
    algorithm: i32,
    #[prost(int32, tag = "5")]
    digits: i32,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(int64, tag = "7")]
    counter: i64,
}

impl Drop for Parameters {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl From<Parameters> for Entry {
    fn from(mut told: Parameters) -> Self {
        let named = |names: &[&str], number: i32| {
            let name = usize::try_from(number).ok().and_then(|n| names.get(n));
            name.map_or_else(|| number.to_string(), |name| (*name).to_owned())
        };
        Self {
            kind: named(&["totp", "hotp", "totp"], told.kind),
            algorithm: Some(named(
                &["SHA1", "SHA1", "SHA256", "SHA512", "MD5"],
                told.algorithm,
            )),
            digits: Some(match told.digits {
                0 | 1 => 6,
                2 => 8,
                3 => 7,
                other => other.into(),
            }),
            period: None,
            counter: Some(told.counter),
            issuer: std::mem::take(&mut told.issuer),
            name: std::mem::take(&mut told.name),
            secret: Secret::new(std::mem::take(&mut told.secret)),
        }
    }
}

/// One QR code's share of an export.
pub(super) struct Part {
    /// The credentials.
    pub(super) entries: Vec<Entry>,
    /// The export that the part belongs to.
    pub(super) batch: i32,
    /// The part's place in its export, from 0.
    pub(super) index: i32,
    /// How many parts the export has; 0 when it does not say.
    pub(super) of: u32,
}

/// Reads what follows the scheme.
pub(super) fn parse(rest: &str) -> Result<Part, Reason> {
    // No QR code holds more, and the message unpacks to many times its size.
    if rest.len() > MAX_LEN {
        return Err(UriError::TooLong.into());
    }
    let (_, query) = Query::split(rest);
    let data = query.get("data", Plus::Literal)?.ok_or(Reason::Migration)?;
    let mut base64 = Zeroizing::new(String::with_capacity(data.len()));
    base64.extend(data.chars().filter(|c| *c != '=').map(|c| match c {
        // What a form's decoder and the URL alphabet (RFC 4648 section 5) make of plus and slash.
        ' ' | '-' => '+',
        '_' => '/',
        other => other,
    }));
    let bytes = BASE64_NOPAD
        .decode(base64.as_bytes())
        .map_err(|_| Reason::Migration)?;
    let bytes = Zeroizing::new(bytes);
    let payload = Payload::decode(bytes.as_slice()).map_err(|_| Reason::Migration)?;
    Ok(Part {
        entries: payload.entries.into_iter().map(Entry::from).collect(),
        batch: payload.batch_id,
        index: payload.batch_index,
        of: payload.batch_size.try_into().unwrap_or(0),
    })
}
