//! privacyIDEA's "OATH CSV": serial, seed in hexadecimal, type, digits, then the time step (TOTP)
//! or the counter (HOTP), then the hash. `# version: 2` on the first line puts user, resolver and
//! realm before them. There is no quoting.

use super::entry::{Entry, bounded, digits, hex, name, number, period, push, refuse_duplicates};
use super::{Account, Imported, MigrateError, Migration, Note, Reason};
use crate::algorithm::Algorithm;
use crate::kind::Kind;

/// The longest file in bytes.
pub const MAX_LEN: usize = 32 << 20;

/// Reads the file. Empty lines and lines that begin with `#` are skipped; the resolver is left
/// behind.
///
/// # Errors
/// When the file is too large or of an unknown version. A line that cannot be used is an error in
/// its own place, and so is every line whose serial occurs twice.
pub fn parse(file: &str) -> Result<Migration, MigrateError> {
    let file = bounded(file, MAX_LEN)?;
    let with_user = match version(file) {
        None | Some("0" | "1") => false,
        Some("2") => true,
        Some(_) => return Err(MigrateError::UnknownVersion),
    };
    let mut migration = Migration::new();
    for (line, text) in (1..).zip(file.lines()) {
        if !text.trim().is_empty() && !text.starts_with('#') {
            push(&mut migration, line, read(line, text, with_user))?;
        }
    }
    refuse_duplicates(&mut migration);
    Ok(migration)
}

/// What `# version:` on the first line says.
fn version(file: &str) -> Option<&str> {
    let comment = file.lines().next()?.strip_prefix('#')?;
    Some(comment.trim_start().strip_prefix("version:")?.trim())
}

fn read(line: usize, text: &str, with_user: bool) -> Result<Imported, Reason> {
    let mut columns = text.split(',').map(str::trim);
    // An empty column is a missing one.
    let mut column = || columns.next().filter(|text| !text.is_empty());

    let account = if with_user {
        let (user, _resolver, realm) = (column(), column(), column());
        let told = |text: Option<&str>, what| text.map_or(Ok(None), |text| name(text, what));
        let realm = told(realm, "realm")?;
        told(user, "user")?.map(|user| Account { user, realm })
    } else {
        None
    };
    let serial = column().ok_or(Reason::Missing("serial"))?;
    let serial = name(serial, "serial")?.ok_or(Reason::Missing("serial"))?;
    let secret = hex(column().ok_or(Reason::Missing("seed"))?)?;
    let kind = column().unwrap_or("hotp").to_ascii_lowercase();
    let digits = column().map(digits).transpose()?.unwrap_or_default();
    let moving = column();
    let (kind, moving) = match kind.as_str() {
        "hotp" => {
            let counter = moving.map(|text| number(text, "counter")).transpose()?;
            (Kind::Hotp, counter)
        }
        "totp" => {
            let period = moving.map(period).transpose()?.unwrap_or_default();
            (Kind::Totp { period }, None)
        }
        _ => return Err(Reason::Unsupported("type")),
    };
    let hash = column().map(|hash| hash.parse::<Algorithm>());
    let hash = hash.transpose().map_err(|_| Reason::Unsupported("hash"))?;
    if columns.any(|text| !text.is_empty()) {
        return Err(Reason::Unsupported("column beyond the hash"));
    }

    let mut notes = Vec::new();
    if hash.is_none() && matches!(secret.expose().len(), 32 | 64) {
        notes.push(Note::HashAssumed);
    }
    if kind != Kind::Hotp {
        notes.push(Note::UsedCodesUnknown);
    }
    let entry = Entry {
        line,
        issuer: None,
        name: serial.clone(),
        kind,
        algorithm: hash.unwrap_or_default(),
        digits,
        secret,
        moving,
    };
    let imported = entry.finish()?;
    Ok(Imported {
        account,
        serial: Some(serial),
        notes,
        ..imported
    })
}

#[cfg(test)]
#[path = "privacyidea_tests.rs"]
mod tests;
