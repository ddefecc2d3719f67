//! The users file of pam_oath and liboath: one credential a line, in fields between white space –
//! type, user, PIN, secret in hexadecimal, moving factor, last code, local time of its use.

use super::date;
use super::entry::{Entry, bounded, hex, local, name, number, push};
use super::{Imported, MigrateError, Migration, Note, Reason};
use crate::algorithm::{Algorithm, Digits};
use crate::code;
use crate::kind::{Kind, Period};
use crate::secret::Secret;

/// The longest file in bytes.
pub const MAX_LEN: usize = 32 << 20;

/// How far from the time of its use the step of the last code is looked for, in seconds: an hour
/// for daylight saving, and one for windows of up to 120 steps.
const SEARCHED: u64 = 2 * 3600;

/// Reads the file of a machine whose local time is `utc_offset` seconds ahead of UTC.
///
/// Empty lines and lines that begin with `#` are skipped. Any other line is a credential or is
/// refused; none is passed over, although pam_oath takes what it does not know for a comment. A
/// user may have several.
///
/// # Errors
/// When the file is too large. A line that cannot be used is an error in its own place.
pub fn parse(file: &str, utc_offset: i32) -> Result<Migration, MigrateError> {
    let mut migration = Migration::new();
    for (line, text) in (1..).zip(bounded(file, MAX_LEN)?.lines()) {
        let mut fields = text.split_ascii_whitespace();
        match fields.next() {
            None => {}
            Some(first) if first.starts_with('#') => {}
            Some(first) => push(&mut migration, line, read(line, first, fields, utc_offset))?,
        }
    }
    Ok(migration)
}

fn read<'a>(
    line: usize,
    kind: &str,
    mut fields: impl Iterator<Item = &'a str>,
    utc_offset: i32,
) -> Result<Imported, Reason> {
    let (kind, digits) = self::kind(kind).ok_or(Reason::Unsupported("type"))?;
    let user = fields.next().ok_or(Reason::Missing("user"))?;
    let user = name(user, "user")?.ok_or(Reason::Missing("user"))?;
    let pin = fields.next().ok_or(Reason::Missing("PIN"))?;
    let secret = hex(fields.next().ok_or(Reason::Missing("secret"))?)?;
    let moving = fields.next().map(|text| number(text, "moving factor"));
    let moving: u64 = moving.transpose()?.unwrap_or_default();
    let last = fields.next();
    let at = fields.next().map(|text| used_at(text, utc_offset));
    let at = at.transpose()?;

    let mut notes = Vec::new();
    if !matches!(pin, "-" | "+") {
        notes.push(Note::PinDropped);
    }
    let (moving, known) = match (kind, last) {
        // The moving factor is the counter of the last code, or the first one's.
        (Kind::Hotp, None) => (Some(moving), true),
        (Kind::Hotp, Some(_)) => (Some(moving.saturating_add(1)), true),
        // Without a last code there was none.
        (Kind::Totp { .. }, None) => (None, true),
        (Kind::Totp { period }, Some(last)) => {
            let step = at.and_then(|at| step_of(&secret, digits, period, last, at));
            (step, step.is_some())
        }
    };
    if !known {
        notes.push(Note::UsedCodesUnknown);
    }
    let entry = Entry {
        line,
        issuer: None,
        name: user.clone(),
        kind,
        algorithm: Algorithm::Sha1,
        digits,
        secret,
        moving,
    };
    let imported = entry.finish()?;
    Ok(Imported {
        account: Some(local(&user)),
        notes,
        ..imported
    })
}

/// Reads `HOTP`, `HOTP/E`, `HOTP/T30` and `HOTP/T60`, each with or without a number of digits.
fn kind(text: &str) -> Option<(Kind, Digits)> {
    let totp = |seconds| Period::from_seconds(seconds).map(|period| Kind::Totp { period });
    let mut parts = text.split('/');
    let (family, factor, digits, rest) = (parts.next(), parts.next(), parts.next(), parts.next());
    let kind = match factor {
        None | Some("E") => Kind::Hotp,
        Some("T30") => totp(30)?,
        Some("T60") => totp(60)?,
        Some(_) => return None,
    };
    let digits = match digits {
        None | Some("6") => Digits::Six,
        Some("7") => Digits::Seven,
        Some("8") => Digits::Eight,
        Some(_) => return None,
    };
    (family == Some("HOTP") && rest.is_none()).then_some((kind, digits))
}

/// The Unix seconds of `YYYY-MM-DDThh:mm:ssL`, which is local time.
fn used_at(text: &str, utc_offset: i32) -> Result<u64, Reason> {
    let damaged = Reason::Damaged("last time");
    let Some((seconds, "L")) = date::local(text) else {
        return Err(damaged);
    };
    u64::try_from(seconds - i64::from(utc_offset)).map_err(|_| damaged)
}

/// The highest step near `at` whose code is `last`. The file keeps no step, and which one it was
/// depends on the token's clock.
fn step_of(secret: &Secret, digits: Digits, period: Period, last: &str, at: u64) -> Option<u64> {
    let from = period.step(at.saturating_sub(SEARCHED));
    let to = period.step(at.saturating_add(SEARCHED));
    (from..=to)
        .rev()
        .find(|&step| code::hotp(secret, Algorithm::Sha1, digits, step) == last)
}

#[cfg(test)]
#[path = "pam_oath_tests.rs"]
mod tests;
