//! Plain JSON exports of Aegis, as its `docs/vault.md` describes them.

use serde::Deserialize;

use super::entry::Entry;
use super::json::{self, Bounded, Wiped};
use super::{ImportError, Imported};
use crate::secret::Secret;

#[derive(Deserialize)]
struct Export {
    db: Database,
}

#[derive(Deserialize)]
struct Database {
    entries: Bounded<Stored>,
}

#[derive(Deserialize)]
struct Stored {
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
    issuer: Option<String>,
    #[serde(default)]
    info: Info,
}

#[derive(Default, Deserialize)]
struct Info {
    secret: Option<Wiped>,
    algo: Option<String>,
    digits: Option<i64>,
    period: Option<i64>,
    counter: Option<i64>,
}

impl From<Stored> for Entry {
    fn from(stored: Stored) -> Self {
        let info = stored.info;
        Self {
            issuer: stored.issuer.unwrap_or_default(),
            name: stored.name.unwrap_or_default(),
            kind: stored.kind.unwrap_or_default(),
            algorithm: info.algo,
            digits: info.digits,
            period: info.period,
            counter: info.counter,
            secret: Secret::from_base32(&info.secret.unwrap_or_default().0),
        }
    }
}

/// Reads a plain export.
pub(super) fn parse(export: &str) -> Result<Imported, ImportError> {
    let export: Export = json::read(export)?;
    let entries = export.db.entries.into_vec()?;
    let numbered = (1..).zip(entries);
    Ok(numbered
        .map(|(number, stored)| Entry::from(stored).read(number))
        .collect())
}
