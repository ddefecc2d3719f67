//! The settings: `/etc/oathd/deliver.conf`, TOML.
//!
//! A kind of address is offered when its section is there; without a file nothing is sent. Keys
//! that are not known are errors, so that a misspelt key is not a silent default.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use lettre::message::Mailbox;
use serde::Deserialize;
use zbus::OwnedObjectPath;

use crate::address::NumberRules;

mod check;
mod file;

/// The file that is read when the command line names none; it may be absent.
pub const DEFAULT_FILE: &str = "/etc/oathd/deliver.conf";

/// The settings in force.
#[derive(Debug, Default)]
pub struct Settings {
    /// What is logged: `off`, `error`, `warn`, `info`, `debug` or `trace`.
    pub log: String,
    pub(crate) limits: Limits,
    pub(crate) sms: Option<Sms>,
    pub(crate) email: Option<Email>,
    pub(crate) command: Option<Program>,
    pub(crate) file: Option<PathBuf>,
}

/// How much and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Messages of a kind under way at once.
    pub(crate) queue: usize,
    /// Attempts a message.
    pub(crate) attempts: u32,
    /// The wait before the second attempt; it doubles from one to the next.
    pub(crate) retry: Duration,
    /// One attempt.
    pub(crate) attempt: Duration,
    /// A message whose sender does not say.
    pub(crate) keep: Duration,
    /// The wait for a report of delivery.
    pub(crate) report: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            queue: 64,
            attempts: 4,
            retry: Duration::from_secs(5),
            attempt: Duration::from_secs(30),
            keep: Duration::from_secs(300),
            report: Duration::from_secs(600),
        }
    }
}

/// `[sms]`
#[derive(Debug)]
pub(crate) struct Sms {
    pub(crate) by: SmsBy,
    pub(crate) rules: NumberRules,
}

/// How text messages go out.
#[derive(Debug)]
pub(crate) enum SmsBy {
    Modem {
        /// This modem only.
        path: Option<OwnedObjectPath>,
        /// Ask the network for a report of delivery.
        report: bool,
    },
    Command(Program),
    File(PathBuf),
}

/// `[email]`
#[derive(Debug)]
pub(crate) struct Email {
    pub(crate) by: EmailBy,
    pub(crate) from: Mailbox,
    pub(crate) subject: String,
    /// Domains whose mail is kept on this machine.
    pub(crate) local_domains: Vec<String>,
}

/// How mail goes out.
#[derive(Debug)]
pub(crate) enum EmailBy {
    Sendmail(PathBuf),
    Smtp(Server),
    Command(Program),
    File(PathBuf),
}

/// `[smtp]`
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
    /// The user, and the file of the password, which is read at every attempt.
    pub(crate) login: Option<(String, PathBuf)>,
    /// A certificate to trust besides those of the system, PEM.
    pub(crate) ca_file: Option<PathBuf>,
}

/// How the way to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Security {
    /// Not at all; to this machine only.
    None,
    /// STARTTLS, or nothing is sent.
    Starttls,
    /// TLS from the first byte.
    Tls,
}

/// A program and its arguments; no shell is involved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<String>,
}

/// What is wrong with the settings, and where.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("{}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not TOML, a key that is not known, or a value of another type; the message shows the line.
    #[error("{}: {source}", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// What and where, key included.
        source: Box<toml::de::Error>,
    },
    /// A value that does not fit its key, or a key that is missing.
    #[error("{}: {key}: {reason}", file.display())]
    Value {
        /// The file.
        file: PathBuf,
        /// The key.
        key: &'static str,
        /// What would fit.
        reason: String,
    },
}

impl Settings {
    /// Reads `file`, which must exist, or [`DEFAULT_FILE`], which may be absent.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] names the file and the key.
    pub fn load(file: Option<&Path>) -> Result<Settings, SettingsError> {
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        match fs::read_to_string(path) {
            Ok(text) => Settings::parse(path, &text),
            Err(error) if error.kind() == io::ErrorKind::NotFound && file.is_none() => {
                Settings::parse(path, "")
            }
            Err(source) => Err(SettingsError::Read {
                file: path.to_owned(),
                source,
            }),
        }
    }

    /// Reads the text of a file, named `path` in errors.
    fn parse(path: &Path, text: &str) -> Result<Settings, SettingsError> {
        let file: file::File = toml::from_str(text).map_err(|source| SettingsError::Syntax {
            file: path.to_owned(),
            source: Box::new(source),
        })?;
        check::settings(&file).map_err(|check::Misfit(key, reason)| SettingsError::Value {
            file: path.to_owned(),
            key,
            reason,
        })
    }
}

#[cfg(test)]
mod man_page;
#[cfg(test)]
mod tests;
