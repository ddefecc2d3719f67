//! Turns the file as it is written into settings that fit together.

use std::{
    fmt::Display,
    net::IpAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use lettre::message::Mailbox;
use phonenumber::country;
use zbus::OwnedObjectPath;

use super::{Email, EmailBy, Limits, Program, Security, Server, Settings, Sms, SmsBy, file};
use crate::{address::NumberRules, logging, message::check_subject};

/// A key, and what would fit.
pub(super) struct Misfit(pub(super) &'static str, pub(super) String);

impl Misfit {
    fn new(key: &'static str, reason: impl Display) -> Misfit {
        Misfit(key, reason.to_string())
    }
}

pub(super) fn settings(file: &file::File) -> Result<Settings, Misfit> {
    let log = file.log.clone().unwrap_or_else(|| "info".to_owned());
    logging::parse(&log).map_err(|error| Misfit::new("log", error))?;
    Ok(Settings {
        log,
        limits: limits(file)?,
        sms: file
            .sms
            .as_ref()
            .map(|sms| check_sms(sms, file))
            .transpose()?,
        email: file
            .email
            .as_ref()
            .map(|email| check_email(email, file))
            .transpose()?,
        command: file.command.as_ref().map(program).transpose()?,
        file: file.file.as_ref().map(output).transpose()?,
    })
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
            file::SmsBy::Command => SmsBy::Command(program(needed("command", &file.command)?)?),
            file::SmsBy::File => SmsBy::File(output(needed("file", &file.file)?)?),
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
            file::EmailBy::Smtp => EmailBy::Smtp(server(needed("smtp", &file.smtp)?)?),
            file::EmailBy::Command => EmailBy::Command(program(needed("command", &file.command)?)?),
            file::EmailBy::File => EmailBy::File(output(needed("file", &file.file)?)?),
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

/// A section that another one refers to.
fn needed<'f, S>(name: &'static str, section: &'f Option<S>) -> Result<&'f S, Misfit> {
    let section = section.as_ref();
    section.ok_or_else(|| Misfit::new(name, "this section is needed"))
}
