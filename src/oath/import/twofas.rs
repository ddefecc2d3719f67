//! Plain JSON exports of 2FAS (`.2fas` files), schema versions 1 to 4.

use serde::Deserialize;

use super::entry::Entry;
use super::json::{self, Bounded, Wiped};
use super::{ImportError, Imported};
use crate::secret::Secret;

#[derive(Deserialize)]
struct Export {
    services: Bounded<Service>,
}

#[derive(Deserialize)]
struct Service {
    name: Option<String>,
    secret: Option<Wiped>,
    #[serde(default)]
    otp: Otp,
}

#[derive(Default, Deserialize)]
struct Otp {
    issuer: Option<String>,
    account: Option<String>,
    label: Option<String>,
    #[serde(rename = "tokenType")]
    kind: Option<String>,
    algorithm: Option<String>,
    digits: Option<i64>,
    period: Option<i64>,
    counter: Option<i64>,
}

impl From<Service> for Entry {
    /// The service's name is what its owner sees; the issuer is what a QR code once said. The
    /// first schema has no type, for it has TOTP only.
    fn from(service: Service) -> Self {
        let otp = service.otp;
        let first = |texts: [Option<String>; 2]| {
            let mut texts = texts.into_iter().flatten();
            texts.find(|text| !text.is_empty()).unwrap_or_default()
        };
        Self {
            issuer: first([service.name, otp.issuer]),
            name: first([otp.account, otp.label]),
            kind: otp.kind.unwrap_or_else(|| "TOTP".to_owned()),
            algorithm: otp.algorithm,
            digits: otp.digits,
            period: otp.period,
            counter: otp.counter,
            secret: Secret::from_base32(&service.secret.unwrap_or_default().0),
        }
    }
}

/// Reads a plain export.
pub(super) fn parse(export: &str) -> Result<Imported, ImportError> {
    let export: Export = json::read(export)?;
    let services = export.services.into_vec()?;
    let numbered = (1..).zip(services);
    Ok(numbered
        .map(|(number, service)| Entry::from(service).read(number))
        .collect())
}
