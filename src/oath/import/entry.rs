//! What all exports have in common: an entry as it is told, and the credential it makes.

use super::{Reason, Refused};
use crate::algorithm::{Algorithm, Digits};
use crate::credential::NewCredential;
use crate::kind::{Kind, Period};
use crate::label::{as_read, split_issuer};
use crate::secret::{InvalidSecret, Secret};

/// An entry as an export tells it. What is `None` has its usual default.
pub(super) struct Entry {
    pub(super) issuer: String,
    pub(super) name: String,
    /// `totp`, `hotp` or `steam` in any case; anything else is refused.
    pub(super) kind: String,
    pub(super) algorithm: Option<String>,
    pub(super) digits: Option<i64>,
    pub(super) period: Option<i64>,
    pub(super) counter: Option<i64>,
    pub(super) secret: Result<Secret, InvalidSecret>,
}

impl Entry {
    /// The credential, or its refusal as the export's entry `number`.
    pub(super) fn read(self, number: usize) -> Result<NewCredential, Refused> {
        let label = match (self.issuer.as_str(), self.name.as_str()) {
            ("", "") => None,
            ("", only) | (only, "") => Some(shorten(only)),
            (issuer, name) => Some(shorten(&format!("{issuer}:{name}"))),
        };
        self.credential().map_err(|reason| Refused {
            number,
            label,
            reason,
        })
    }

    fn credential(self) -> Result<NewCredential, Reason> {
        let (issuer, name) = self.label();
        let (issuer, name) = as_read(issuer, name);
        let mut credential = NewCredential {
            issuer,
            name,
            kind: Kind::TOTP,
            algorithm: Algorithm::Sha1,
            digits: Digits::Six,
            counter: 0,
            secret: self.secret?,
        };
        match self.kind.to_ascii_lowercase().as_str() {
            "steam" => credential.issuer = Some("Steam".to_owned()),
            kind @ ("totp" | "hotp") => {
                if let Some(algorithm) = self.algorithm {
                    credential.algorithm =
                        (algorithm.parse()).map_err(|_| unsupported("algorithm", &algorithm))?;
                }
                credential.digits = number(self.digits, "digits", |digits| {
                    u8::try_from(digits).ok()?.try_into().ok()
                })?;
                if kind == "hotp" {
                    credential.kind = Kind::Hotp;
                    credential.counter = number(self.counter, "counter", |c| c.try_into().ok())?;
                } else {
                    let period = number(self.period, "period", |period| {
                        Period::from_seconds(period.try_into().ok()?)
                    })?;
                    credential.kind = Kind::Totp { period };
                }
            }
            _ => return Err(unsupported("type", &self.kind)),
        }
        credential.id()?;
        Ok(credential)
    }

    /// The issuer and the name. Exports repeat the issuer before the name, keep it there alone,
    /// or know no name at all; then the issuer's has to do.
    fn label(&self) -> (Option<&str>, &str) {
        let (issuer, name) = (self.issuer.trim(), self.name.trim());
        let (issuer, name) = match name.strip_prefix(issuer).and_then(|n| n.strip_prefix(':')) {
            _ if issuer.is_empty() => split_issuer(name),
            Some(rest) => (Some(issuer), rest),
            None => (Some(issuer), name),
        };
        let (issuer, name) = (issuer.map(str::trim), name.trim());
        match issuer {
            Some(issuer) if name.is_empty() => (Some(issuer), issuer),
            issuer => (issuer, name),
        }
    }
}

fn number<T: Default>(
    told: Option<i64>,
    what: &'static str,
    read: impl Fn(i64) -> Option<T>,
) -> Result<T, Reason> {
    let Some(value) = told else {
        return Ok(T::default());
    };
    read(value).ok_or_else(|| unsupported(what, &value.to_string()))
}

fn unsupported(what: &'static str, value: &str) -> Reason {
    Reason::Unsupported {
        what,
        value: shorten(value),
    }
}

/// Enough of a text to recognize it.
fn shorten(text: &str) -> String {
    text.chars().take(32).collect()
}
