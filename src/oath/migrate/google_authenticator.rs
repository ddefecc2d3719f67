//! `~/.google_authenticator`, the state of pam_google_authenticator (google-authenticator-libpam,
//! `FILEFORMAT`): the secret on the first line, then options and scratch codes.

use std::collections::BTreeSet;

use super::entry::{Entry, bounded, local, number};
use super::{Imported, MigrateError, Note, Reason, Refused, Scratch};
use crate::algorithm::{Algorithm, Digits};
use crate::kind::{Kind, Period};
use crate::secret::Secret;

/// The longest file in bytes, as in pam_google_authenticator.
pub const MAX_LEN: usize = 64 * 1024;

/// How many codes are good at a time when the file does not tell.
const WINDOW: u32 = 3;

/// Reads the state of the user `name`.
///
/// The codes of a skew that was learned are used up, but the file does not keep their steps; such
/// a skew is therefore also [`Note::UsedCodesUnknown`].
///
/// # Errors
/// When anything in the file cannot be used: a file is one credential.
pub fn parse(file: &str, name: &str) -> Result<Imported, MigrateError> {
    let mut lines = (1..).zip(bounded(file, MAX_LEN)?.lines());
    let (_, secret) = lines.next().unwrap_or((1, ""));
    let secret = Secret::from_base32(secret).map_err(|error| at(1, error.into()))?;
    let mut state = State::default();
    let mut scratch = Vec::new();
    for (line, text) in lines {
        match text.strip_prefix("\" ") {
            Some(option) => state.option(option).map_err(|reason| at(line, reason))?,
            None if text.trim().is_empty() => {}
            None => match Scratch::parse(text.trim_end()) {
                Some(code) => scratch.push(code),
                None => return Err(at(line, Reason::Damaged("scratch code")).into()),
            },
        }
    }
    let mut imported = state.finish(secret, name).map_err(|reason| at(1, reason))?;
    imported.scratch = scratch;
    Ok(imported)
}

fn at(line: usize, reason: Reason) -> Refused {
    Refused { line, reason }
}

/// What the options say.
#[derive(Default)]
struct State<'a> {
    seen: BTreeSet<&'a str>,
    totp: bool,
    counter: u64,
    period: Period,
    window: Option<u32>,
    skew: i32,
    used: Option<Vec<u64>>,
}

impl<'a> State<'a> {
    fn option(&mut self, option: &'a str) -> Result<(), Reason> {
        let mut words = option.split_ascii_whitespace();
        let name = words.next().unwrap_or_default();
        if !self.seen.insert(name) {
            return Err(Reason::Repeated("option"));
        }
        let value = words.next();
        let wanted = |what| value.ok_or(Reason::Missing(what));
        match name {
            "TOTP_AUTH" => self.totp = true,
            "HOTP_COUNTER" => self.counter = number(wanted("HOTP_COUNTER")?, "HOTP_COUNTER")?,
            "STEP_SIZE" => {
                let seconds = number(wanted("STEP_SIZE")?, "STEP_SIZE")?;
                self.period = Period::from_seconds(seconds)
                    .filter(|period| period.seconds() <= 60)
                    .ok_or(Reason::Damaged("STEP_SIZE"))?;
            }
            "WINDOW_SIZE" => {
                self.window = value
                    .map(|codes| number(codes, "WINDOW_SIZE"))
                    .transpose()?;
            }
            "TIME_SKEW" => {
                let steps = wanted("TIME_SKEW")?.parse();
                self.skew = steps.map_err(|_| Reason::Damaged("TIME_SKEW"))?;
            }
            "DISALLOW_REUSE" => {
                let steps = value.into_iter().chain(words);
                let steps = steps.map(|step| number(step, "DISALLOW_REUSE"));
                self.used = Some(steps.collect::<Result<_, _>>()?);
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(self, secret: Secret, name: &str) -> Result<Imported, Reason> {
        let mut notes = Vec::new();
        // A counter wins over TOTP_AUTH; a counter of zero is none.
        let (kind, moving) = if self.counter > 0 {
            (Kind::Hotp, Some(self.counter))
        } else if self.totp {
            if self.used.is_none() || self.skew != 0 {
                notes.push(Note::UsedCodesUnknown);
            }
            let period = self.period;
            (
                Kind::Totp { period },
                self.used.unwrap_or_default().into_iter().max(),
            )
        } else {
            return Err(Reason::Missing("TOTP_AUTH or HOTP_COUNTER"));
        };
        if let Some(window) = self.window.filter(|&codes| codes > WINDOW) {
            notes.push(Note::WindowNarrowed(window));
        }
        let entry = Entry {
            line: 1,
            issuer: None,
            name: name.to_owned(),
            kind,
            algorithm: Algorithm::Sha1,
            digits: Digits::Six,
            secret,
            moving,
        };
        let imported = entry.finish()?;
        Ok(Imported {
            account: Some(local(name)),
            skew_steps: if kind == Kind::Hotp { 0 } else { self.skew },
            notes,
            ..imported
        })
    }
}

#[cfg(test)]
#[path = "google_authenticator_tests.rs"]
mod tests;
