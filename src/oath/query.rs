//! Percent-encoding and query parameters of URIs that hold secrets.
//!
//! A general URI parser would leave copies of the secret in memory that nobody wipes.

use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use crate::otpauth::UriError;

/// What a bare plus sign means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plus {
    /// Itself, as in a path or in base64.
    Literal,
    /// A space, as in a form.
    Space,
}

/// Undoes percent-encoding. The buffer is reserved whole, so that growing leaves no copy.
pub(crate) fn decode(text: &str, plus: Plus) -> Result<Zeroizing<String>, UriError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    for (index, part) in text.split('+').enumerate() {
        if index > 0 {
            bytes.push(if plus == Plus::Space { b' ' } else { b'+' });
        }
        bytes.extend(percent_decode_str(part));
    }
    let decoded = str::from_utf8(&bytes).map_err(|_| UriError::Encoding)?;
    Ok(Zeroizing::new(decoded.to_owned()))
}

/// The text after a scheme, in any case: `after_scheme("A://b", "a://")` is `b`.
pub(crate) fn after_scheme<'a>(uri: &'a str, scheme: &str) -> Option<&'a str> {
    let (start, rest) = uri.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// The part of a URI between `?` and `#`.
pub(crate) struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    /// Splits what follows a scheme into its path and its query.
    pub(crate) fn split(rest: &'a str) -> (&'a str, Self) {
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        (path, Self(query))
    }

    /// The decoded value of `name`. Names are known in any case, values are trimmed by whoever
    /// reads them, and parameters nobody asks for are ignored.
    pub(crate) fn get(
        &self,
        name: &'static str,
        plus: Plus,
    ) -> Result<Option<Zeroizing<String>>, UriError> {
        let mut values = self
            .0
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .filter(|(key, _)| key.eq_ignore_ascii_case(name));
        match (values.next(), values.next()) {
            (Some((_, value)), None) => decode(value, plus).map(Some),
            (None, _) => Ok(None),
            (Some(_), Some(_)) => Err(UriError::Repeated(name)),
        }
    }
}
