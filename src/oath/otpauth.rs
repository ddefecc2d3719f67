//! `otpauth://` URIs, read and written.
//!
//! The format is the one that Google Authenticator's wiki describes ("Key Uri Format"), with what
//! issuers make of it: missing counters, lower-case algorithms, `otpauth://steam`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::algorithm::{Algorithm, Digits};
use crate::credential::NewCredential;
use crate::id::InvalidName;
use crate::kind::{Kind, Period};
use crate::label::{as_read, split_issuer};
use crate::query::{Plus, Query, after_scheme, decode};
use crate::secret::{InvalidSecret, Secret};

/// Why a URI is not a credential. Nothing of the URI is part of the error: a secret may have been put
/// where something else belongs.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UriError {
    /// Longer than [`MAX_LEN`].
    #[error("the URI is longer than {MAX_LEN} bytes")]
    TooLong,
    /// It does not begin with `otpauth://`.
    #[error("this is not an otpauth:// URI")]
    Scheme,
    /// The part after the scheme is neither `totp` nor `hotp`.
    #[error("the URI is neither for totp nor for hotp")]
    Type,
    /// A percent-encoding that is not UTF-8.
    #[error("the URI's percent-encoding is not UTF-8")]
    Encoding,
    /// There is no `secret`.
    #[error("the URI has no secret")]
    NoSecret,
    /// One parameter twice, so that nobody can say which one counts.
    #[error("the URI has more than one {0}")]
    Repeated(
        /// The parameter.
        &'static str,
    ),
    /// A parameter that cannot be understood or that tokens do not have.
    #[error("the URI's {0} is not supported")]
    Unsupported(
        /// The parameter.
        &'static str,
    ),
    /// The secret is not one.
    #[error(transparent)]
    Secret(#[from] InvalidSecret),
    /// The label does not make an id.
    #[error(transparent)]
    Name(#[from] InvalidName),
}

/// The longest URI in bytes.
pub const MAX_LEN: usize = 4096;

/// Reads one URI.
///
/// The parameter `issuer` wins over the label's; one with a colon (`localhost:8080`) is an issuer up
/// to there, as tokens' tools read the id. A Steam credential (`otpauth://steam`,
/// `encoder=steam`, or five digits and the issuer Steam in any case) gets the issuer `Steam`.
/// Spaces around issuer and name are dropped.
///
/// # Errors
/// See [`UriError`].
pub fn parse(uri: &str) -> Result<NewCredential, UriError> {
    if uri.len() > MAX_LEN {
        return Err(UriError::TooLong);
    }
    let rest = after_scheme(uri, "otpauth://").ok_or(UriError::Scheme)?;
    let (path, query) = Query::split(rest);
    let (kind, label) = path.split_once('/').unwrap_or((path, ""));
    let parameter = |name| query.get(name, Plus::Space);

    let label = decode(label, Plus::Literal)?;
    let label = label.trim_start();
    let parameter_issuer = parameter("issuer")?;
    let told = parameter_issuer.as_ref().map(|issuer| issuer.trim());
    let told = told.filter(|issuer| !issuer.is_empty());
    // An issuer that holds a colon is known in the label by its repetition alone.
    let repeated = told.and_then(|issuer| label.strip_prefix(issuer)?.strip_prefix(':'));
    let (mut issuer, name) = match (repeated, split_issuer(label)) {
        (Some(name), _) => (told, name),
        (None, (issuer, name)) => (told.or(issuer.map(str::trim)), name),
    };
    issuer = issuer.filter(|issuer| !issuer.is_empty());

    let digits = parameter("digits")?;
    let digits = digits.as_ref().map(|digits| digits.trim());
    let (kind, steam) = match kind.to_ascii_lowercase().as_str() {
        "hotp" => (Kind::Hotp, false),
        "totp" => {
            let encoder = parameter("encoder")?;
            let named = issuer.is_some_and(|issuer| issuer.eq_ignore_ascii_case(STEAM));
            let steam = encoder.is_some_and(|encoder| encoder.eq_ignore_ascii_case(STEAM))
                || named && digits == Some("5");
            (totp(&query)?, steam)
        }
        "steam" => (totp(&query)?, true),
        _ => return Err(UriError::Type),
    };
    if steam {
        issuer = Some(STEAM);
    }

    let (issuer, name) = as_read(issuer, name.trim());
    let credential = NewCredential {
        issuer,
        name,
        kind,
        algorithm: match parameter("algorithm")? {
            Some(name) => name
                .trim()
                .parse()
                .map_err(|_| UriError::Unsupported("algorithm"))?,
            None => Algorithm::Sha1,
        },
        digits: match digits {
            None => Digits::Six,
            Some("5") if steam => Digits::Six,
            Some(digits) => (digits.parse().ok())
                .and_then(|digits: u8| digits.try_into().ok())
                .ok_or(UriError::Unsupported("digits"))?,
        },
        counter: match (kind, parameter("counter")?) {
            (Kind::Hotp, Some(counter)) => {
                (counter.trim().parse()).map_err(|_| UriError::Unsupported("counter"))?
            }
            _ => 0,
        },
        secret: Secret::from_base32(&parameter("secret")?.ok_or(UriError::NoSecret)?)?,
    };
    credential.id()?;
    Ok(credential)
}

const STEAM: &str = "Steam";

fn totp(query: &Query<'_>) -> Result<Kind, UriError> {
    let period = match query.get("period", Plus::Space)? {
        Some(period) => (period.trim().parse().ok())
            .and_then(Period::from_seconds)
            .ok_or(UriError::Unsupported("period"))?,
        None => Period::DEFAULT,
    };
    Ok(Kind::Totp { period })
}

/// Writes a URI that [`parse`] reads back. Values that are everybody's default are written, too:
/// some programs do not know the defaults. A Steam credential says five digits, by which other
/// programs know it.
#[must_use]
pub fn format(credential: &NewCredential) -> Zeroizing<String> {
    let issuer = credential.issuer.as_deref().unwrap_or_default();
    let name = credential.name.as_str();
    let secret = credential.secret.to_base32();
    // Reserved whole, so that growing leaves no copy of the secret behind.
    let room = 3 * (2 * issuer.len() + name.len()) + secret.len() + 128;
    let mut uri = Zeroizing::new(String::with_capacity(room));

    uri.push_str(match credential.kind {
        Kind::Totp { .. } => "otpauth://totp/",
        Kind::Hotp => "otpauth://hotp/",
    });
    if !issuer.is_empty() {
        uri.extend(utf8_percent_encode(issuer, RESERVED));
        uri.push(':');
    }
    uri.extend(utf8_percent_encode(name, RESERVED));
    uri.push_str("?secret=");
    uri.push_str(&secret);
    if !issuer.is_empty() {
        uri.push_str("&issuer=");
        uri.extend(utf8_percent_encode(issuer, RESERVED));
    }
    uri.push_str("&algorithm=");
    uri.push_str(credential.algorithm.as_str());
    let digits = match credential.digits {
        Digits::Six if credential.is_steam() => 5,
        digits => digits.into(),
    };
    uri.push_str("&digits=");
    uri.push_str(&u8::to_string(&digits));
    let (name, number) = match credential.kind {
        Kind::Totp { period } => ("&period=", period.seconds()),
        Kind::Hotp => ("&counter=", credential.counter),
    };
    uri.push_str(name);
    uri.push_str(&number.to_string());
    uri
}

/// Everything but the unreserved characters of RFC 3986 section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

#[cfg(test)]
#[path = "otpauth_tests.rs"]
mod tests;
