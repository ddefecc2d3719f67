//! The settings: `/etc/oathd/deliver.conf`, TOML.
//!
//! A kind of address is offered when its section is there; without a file nothing is sent. Keys
//! that are not known are errors, so that a misspelt key is not a silent default.

use std::{
    fmt::Display,
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use lettre::message::Mailbox;
use phonenumber::country;
use serde::Deserialize;
use zbus::OwnedObjectPath;

use crate::{address::NumberRules, logging, message::check_subject};

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
    /// Messages under way at once.
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

/// A key, and what would fit.
struct Misfit(&'static str, String);

impl Misfit {
    fn new(key: &'static str, reason: impl Display) -> Misfit {
        Misfit(key, reason.to_string())
    }
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
        Settings::check(file).map_err(|Misfit(key, reason)| SettingsError::Value {
            file: path.to_owned(),
            key,
            reason,
        })
    }

    fn check(file: file::File) -> Result<Settings, Misfit> {
        let log = file.log.clone().unwrap_or_else(|| "info".to_owned());
        logging::parse(&log).map_err(|error| Misfit::new("log", error))?;
        Ok(Settings {
            log,
            limits: limits(&file)?,
            sms: file
                .sms
                .as_ref()
                .map(|sms| check_sms(sms, &file))
                .transpose()?,
            email: file
                .email
                .as_ref()
                .map(|email| check_email(email, &file))
                .transpose()?,
            command: file.command.as_ref().map(program).transpose()?,
            file: file.file.as_ref().map(output).transpose()?,
        })
    }
}

fn limits(file: &file::File) -> Result<Limits, Misfit> {
    let default = Limits::default();
    let seconds =
        |key, value: Option<u32>, range: std::ops::RangeInclusive<u32>, default| match value {
            None => Ok(default),
            Some(value) if range.contains(&value) => Ok(Duration::from_secs(value.into())),
            Some(_) => Err(Misfit(key, format!("{} to {}", range.start(), range.end()))),
        };
    let count = |key, value: Option<u32>, most: u32, default| match value {
        None => Ok(default),
        Some(value) if (1..=most).contains(&value) => Ok(value),
        Some(_) => Err(Misfit(key, format!("1 to {most}"))),
    };
    Ok(Limits {
        queue: count("queue", file.queue, 1024, 64)? as usize,
        attempts: count("attempts", file.attempts, 20, default.attempts)?,
        retry: seconds("retry_seconds", file.retry_seconds, 0..=300, default.retry)?,
        attempt: seconds(
            "attempt_seconds",
            file.attempt_seconds,
            1..=120,
            default.attempt,
        )?,
        keep: seconds("keep_seconds", file.keep_seconds, 1..=3600, default.keep)?,
        report: seconds(
            "report_seconds",
            file.report_seconds,
            1..=3600,
            default.report,
        )?,
    })
}

fn check_sms(sms: &file::Sms, file: &file::File) -> Result<Sms, Misfit> {
    let country = sms
        .country
        .as_deref()
        .map(country::Id::from_str)
        .transpose();
    let country = country.map_err(|_| Misfit::new("sms.country", "two letters, such as DE"))?;
    for (key, prefixes) in [("sms.allow", &sms.allow), ("sms.deny", &sms.deny)] {
        let fits = |p: &String| {
            p.strip_prefix('+')
                .is_some_and(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
        };
        if !prefixes.iter().all(fits) {
            return Err(Misfit::new(key, "starts of numbers, such as +49"));
        }
    }
    let path = sms
        .modem
        .as_deref()
        .map(OwnedObjectPath::try_from)
        .transpose();
    let path = path.map_err(|_| Misfit::new("sms.modem", "an object path of ModemManager"))?;
    Ok(Sms {
        by: match sms.by {
            file::SmsBy::Modem => SmsBy::Modem {
                path,
                report: sms.report.unwrap_or(true),
            },
            file::SmsBy::Command => SmsBy::Command(program(
                file.command.as_ref().ok_or_else(|| missing("command"))?,
            )?),
            file::SmsBy::File => {
                SmsBy::File(output(file.file.as_ref().ok_or_else(|| missing("file"))?)?)
            }
        },
        rules: NumberRules {
            country,
            allow: sms.allow.clone(),
            deny: sms.deny.clone(),
        },
    })
}

fn check_email(email: &file::Email, file: &file::File) -> Result<Email, Misfit> {
    let subject = email
        .subject
        .clone()
        .unwrap_or_else(|| "Security message".to_owned());
    check_subject(&subject).map_err(|error| Misfit::new("email.subject", error))?;
    Ok(Email {
        by: match email.by {
            file::EmailBy::Sendmail => EmailBy::Sendmail(match &file.sendmail {
                Some(sendmail) => absolute("sendmail.program", &sendmail.program)?,
                None => PathBuf::from("/usr/sbin/sendmail"),
            }),
            file::EmailBy::Smtp => {
                EmailBy::Smtp(server(file.smtp.as_ref().ok_or_else(|| missing("smtp"))?)?)
            }
            file::EmailBy::Command => EmailBy::Command(program(
                file.command.as_ref().ok_or_else(|| missing("command"))?,
            )?),
            file::EmailBy::File => {
                EmailBy::File(output(file.file.as_ref().ok_or_else(|| missing("file"))?)?)
            }
        },
        from: Mailbox::from_str(&email.from).map_err(|error| Misfit::new("email.from", error))?,
        subject,
        local_domains: email.local_domains.clone(),
    })
}

fn server(smtp: &file::Smtp) -> Result<Server, Misfit> {
    let security = smtp.security.unwrap_or(Security::Starttls);
    if security == Security::None && !is_loopback(&smtp.host) {
        return Err(Misfit::new(
            "smtp.security",
            "`none` is for servers on this machine only",
        ));
    }
    let login = match (&smtp.user, &smtp.password_file) {
        (None, None) => None,
        (Some(user), Some(path)) => Some((user.clone(), absolute("smtp.password_file", path)?)),
        _ => {
            return Err(Misfit::new(
                "smtp.user",
                "user and password_file go together",
            ));
        }
    };
    let port = smtp.port.unwrap_or(match security {
        Security::None => 25,
        Security::Starttls => 587,
        Security::Tls => 465,
    });
    let ca_file = smtp
        .ca_file
        .as_ref()
        .map(|path| absolute("smtp.ca_file", path));
    Ok(Server {
        host: smtp.host.clone(),
        port,
        security,
        login,
        ca_file: ca_file.transpose()?,
    })
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn program(command: &file::Command) -> Result<Program, Misfit> {
    Ok(Program {
        path: absolute("command.program", &command.program)?,
        arguments: command.arguments.clone(),
    })
}

fn output(output: &file::Output) -> Result<PathBuf, Misfit> {
    absolute("file.path", &output.path)
}

fn absolute(key: &'static str, path: &Path) -> Result<PathBuf, Misfit> {
    match path.is_absolute() {
        true => Ok(path.to_owned()),
        false => Err(Misfit::new(key, "an absolute path")),
    }
}

fn missing(section: &'static str) -> Misfit {
    Misfit::new(section, "this section is needed")
}

#[cfg(test)]
mod tests;
