//! What the formats have in common.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER_PERMISSIVE;
use zeroize::Zeroizing;

use super::{Account, Imported, MAX_ENTRIES, MigrateError, Migration, Reason, Refused};
use crate::algorithm::{Algorithm, Digits};
use crate::credential::NewCredential;
use crate::kind::{Kind, Period};
use crate::label::{as_read, split_issuer};
use crate::secret::Secret;

/// The longest name or serial in bytes.
const MAX_NAME: usize = 256;

/// No step of a token is beyond this (Unix seconds, in the year 2242): whatever is counts
/// something else, and would lock its owner out for good.
const LAST_STEP_AT: u64 = 1 << 33;

/// An entry as its format tells it.
pub(super) struct Entry {
    pub(super) line: usize,
    pub(super) issuer: Option<String>,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) algorithm: Algorithm,
    pub(super) digits: Digits,
    pub(super) secret: Secret,
    /// HOTP: the next counter. TOTP: the highest step that was used.
    pub(super) moving: Option<u64>,
}

impl Entry {
    /// The credential with the state that all formats can tell.
    pub(super) fn finish(self) -> Result<Imported, Reason> {
        let (counter, watermark) = match self.kind {
            Kind::Hotp => {
                let next = self.moving.unwrap_or_default();
                let counter = u32::try_from(next).map_err(|_| Reason::Unsupported("counter"))?;
                (counter, next.checked_sub(1))
            }
            Kind::Totp { period } => {
                let last = LAST_STEP_AT / u64::from(period.seconds());
                if self.moving.is_some_and(|step| step > last) {
                    return Err(Reason::Damaged("used time step"));
                }
                (0, self.moving)
            }
        };
        // A token would take what is before a colon for the issuer.
        let (issuer, name) = match &self.issuer {
            Some(issuer) => (Some(issuer.as_str()), self.name.as_str()),
            None => split_issuer(&self.name),
        };
        let (issuer, name) = as_read(issuer, name);
        let credential = NewCredential {
            issuer,
            name,
            kind: self.kind,
            algorithm: self.algorithm,
            digits: self.digits,
            counter,
            secret: self.secret,
        };
        credential.id()?;
        Ok(Imported {
            line: self.line,
            account: None,
            credential,
            serial: None,
            watermark,
            skew_steps: 0,
            not_before: None,
            not_after: None,
            scratch: Vec::new(),
            notes: Vec::new(),
        })
    }
}

/// The secret of hexadecimal digits in any case.
pub(super) fn hex(text: &str) -> Result<Secret, Reason> {
    let damaged = || Reason::Damaged("secret");
    let length = HEXLOWER_PERMISSIVE.decode_len(text.len());
    let mut bytes = Zeroizing::new(vec![0; length.map_err(|_| damaged())?]);
    HEXLOWER_PERMISSIVE
        .decode_mut(text.as_bytes(), &mut bytes)
        .map_err(|_| damaged())?;
    Ok(Secret::new(std::mem::take(&mut *bytes))?)
}

/// A decimal number without sign.
pub(super) fn number<T: std::str::FromStr>(text: &str, what: &'static str) -> Result<T, Reason> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if digits => Ok(number),
        _ => Err(Reason::Damaged(what)),
    }
}

/// A code's length.
pub(super) fn digits(text: &str) -> Result<Digits, Reason> {
    let digits: u8 = number(text, "number of digits")?;
    Digits::try_from(digits).map_err(|_| Reason::Unsupported("number of digits"))
}

/// A time step's length.
pub(super) fn period(text: &str) -> Result<Period, Reason> {
    Period::from_seconds(number(text, "time step")?).ok_or(Reason::Damaged("time step"))
}

/// A name or a serial without the spaces around it; none when it is empty.
pub(super) fn name(text: &str, what: &'static str) -> Result<Option<String>, Reason> {
    let text = text.trim();
    if text.len() > MAX_NAME || text.chars().any(char::is_control) {
        return Err(Reason::Damaged(what));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// An account of the machine itself.
pub(super) fn local(user: &str) -> Account {
    Account {
        user: user.to_owned(),
        realm: None,
    }
}

/// Refuses a file of more than `most` bytes; takes the byte order mark off any other.
pub(super) fn bounded(file: &str, most: usize) -> Result<&str, MigrateError> {
    if file.len() > most {
        return Err(MigrateError::TooLarge(most));
    }
    Ok(file.strip_prefix('\u{feff}').unwrap_or(file))
}

/// Adds an entry.
pub(super) fn push(
    migration: &mut Migration,
    line: usize,
    entry: Result<Imported, Reason>,
) -> Result<(), MigrateError> {
    if migration.len() == MAX_ENTRIES {
        return Err(MigrateError::TooMany);
    }
    migration.push(entry.map_err(|reason| Refused { line, reason }));
    Ok(())
}

/// Refuses every entry whose serial another one has.
pub(super) fn refuse_duplicates(migration: &mut Migration) {
    let mut seen = BTreeMap::<String, usize>::new();
    for serial in migration.iter().flatten().filter_map(|i| i.serial.as_ref()) {
        *seen.entry(serial.clone()).or_default() += 1;
    }
    for entry in migration {
        if let Ok(Imported {
            line,
            serial: Some(serial),
            ..
        }) = entry
            && seen.get(serial).is_some_and(|times| *times > 1)
        {
            *entry = Err(Refused {
                line: *line,
                reason: Reason::DuplicateSerial,
            });
        }
    }
}
