//! The ways by which a message goes out.

mod file;
mod hook;
mod mail;
mod modem;
mod program;
mod smtp;

use std::path::PathBuf;

use zbus::Connection;

use crate::{
    message::{Kind, Message},
    progress::{Progress, Reason},
    settings::{EmailBy, Program, Settings, SmsBy},
};
pub(crate) use modem::Report;

/// How an attempt ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Handed on; nothing more will be known.
    Sent,
    /// Handed on; a report may follow.
    Awaited(Box<Report>),
    /// Not sent; another attempt may succeed.
    Later(Reason),
    /// Not sent, and no attempt will change that.
    Never(Reason),
    /// It may have gone out.
    Unknown(Reason),
}

/// One way.
#[derive(Debug)]
pub(crate) enum Backend {
    Modem(modem::Modem),
    Sendmail(mail::Writer, PathBuf),
    Smtp(mail::Writer, smtp::Smtp),
    Hook(Program),
    File(PathBuf),
}

impl Backend {
    /// What the settings say for addresses of this kind, if anything.
    pub(crate) fn choose(
        settings: &Settings,
        kind: Kind,
        connection: &Connection,
    ) -> Option<Backend> {
        Some(match kind {
            Kind::Sms => match &settings.sms.as_ref()?.by {
                SmsBy::Modem { path, report } => {
                    Backend::Modem(modem::Modem::new(connection, path.clone(), *report))
                }
                SmsBy::Command(program) => Backend::Hook(program.clone()),
                SmsBy::File(path) => Backend::File(path.clone()),
            },
            Kind::Email => {
                let email = settings.email.as_ref()?;
                let writer = mail::Writer::new(email);
                match &email.by {
                    EmailBy::Sendmail(program) => Backend::Sendmail(writer, program.clone()),
                    EmailBy::Smtp(server) => Backend::Smtp(writer, smtp::Smtp::new(server)),
                    EmailBy::Command(program) => Backend::Hook(program.clone()),
                    EmailBy::File(path) => Backend::File(path.clone()),
                }
            }
            Kind::Command => Backend::Hook(settings.command.clone()?),
            Kind::File => Backend::File(settings.file.clone()?),
        })
    }

    /// Tries once. Dropping the future ends the attempt, programs included.
    pub(crate) async fn attempt(&self, message: &Message) -> Outcome {
        match self {
            Backend::Modem(modem) => modem.send(message).await,
            Backend::Sendmail(writer, program) => writer.pipe(program, message).await,
            Backend::Smtp(writer, smtp) => match writer.write(message) {
                Some(mail) => smtp.send(&mail).await,
                None => Outcome::Never(Reason::Refused),
            },
            Backend::Hook(program) => hook::send(program, message).await,
            Backend::File(path) => file::append(path, message),
        }
    }

    /// What an attempt amounts to that was ended for taking too long: a program that was killed
    /// has failed, a modem or a server may have finished what it was told.
    pub(crate) const fn overdue(&self) -> Progress {
        match self {
            Backend::Modem(_) | Backend::Smtp(..) => Progress::unknown(Reason::TimedOut),
            Backend::Sendmail(..) | Backend::Hook(_) | Backend::File(_) => {
                Progress::failed(Reason::TimedOut)
            }
        }
    }

    /// How many attempts may run at once. A modem sends one message after the other anyhow.
    pub(crate) const fn width(&self) -> usize {
        match self {
            Backend::Modem(_) | Backend::File(_) => 1,
            Backend::Sendmail(..) | Backend::Smtp(..) | Backend::Hook(_) => 4,
        }
    }
}
