//! Submission to a mail server (RFC 5321, RFC 6409).

use std::{
    error::Error as _,
    fs, io,
    path::{Path, PathBuf},
};

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};
use zeroize::Zeroizing;

use super::{Outcome, mail::Mail};
use crate::{
    progress::Reason,
    settings::{Security, Server},
};

/// A server, and how to talk to it. Every mail has a connection of its own, so that nothing is
/// open while there is nothing to send.
#[derive(Debug)]
pub(crate) struct Smtp {
    host: String,
    port: u16,
    security: Security,
    login: Option<(String, PathBuf)>,
    ca_file: Option<PathBuf>,
}

/// Why a connection cannot even be tried.
#[derive(Debug, thiserror::Error)]
enum Unready {
    #[error("{file}: {source}")]
    Read { file: String, source: io::Error },
    #[error("TLS: {0}")]
    Tls(#[from] lettre::transport::smtp::Error),
}

impl Smtp {
    pub(super) fn new(server: &Server) -> Smtp {
        Smtp {
            host: server.host.clone(),
            port: server.port,
            security: server.security,
            login: server.login.clone(),
            ca_file: server.ca_file.clone(),
        }
    }

    pub(super) async fn send(&self, mail: &Mail) -> Outcome {
        let transport = match self.transport() {
            Ok(transport) => transport,
            Err(error) => {
                tracing::warn!(%error, "the mail server cannot be tried");
                return Outcome::Later(Reason::CannotStart);
            }
        };
        match transport.send_raw(&mail.envelope, &mail.bytes).await {
            Ok(_) => Outcome::Sent,
            Err(error) => {
                let outcome = judge(&error);
                // The server's words may name the mailbox: they are not logged.
                tracing::warn!(status = ?error.status().map(|s| s.to_string()), ?outcome, "mail not sent");
                outcome
            }
        }
    }

    fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, Unready> {
        let tls = match self.security {
            Security::None => Tls::None,
            Security::Starttls => Tls::Required(self.parameters()?),
            Security::Tls => Tls::Wrapper(self.parameters()?),
        };
        // Attempts are limited as a whole by whoever makes them.
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&*self.host)
            .port(self.port)
            .timeout(None)
            .tls(tls);
        if let Some((user, file)) = &self.login {
            let password = read(file)?;
            let password = password.trim_end_matches(['\r', '\n']);
            builder = builder.credentials(Credentials::new(user.clone(), password.to_owned()));
        }
        Ok(builder.build())
    }

    fn parameters(&self) -> Result<TlsParameters, Unready> {
        let mut builder = TlsParameters::builder(self.host.clone());
        if let Some(file) = &self.ca_file {
            builder = builder.add_root_certificate(Certificate::from_pem(read(file)?.as_bytes())?);
        }
        Ok(builder.build()?)
    }
}

fn read(file: &Path) -> Result<Zeroizing<String>, Unready> {
    fs::read_to_string(file)
        .map(Zeroizing::new)
        .map_err(|source| Unready::Read {
            file: file.display().to_string(),
            source,
        })
}

/// What an error of the dialogue means for the message. A 4yz answer may change, a 5yz answer will
/// not (RFC 5321 §4.2.1).
fn judge(error: &lettre::transport::smtp::Error) -> Outcome {
    if error.is_transient() {
        Outcome::Later(Reason::Busy)
    } else if error.is_permanent() {
        Outcome::Never(Reason::Refused)
    } else if error.is_client() {
        // The library found that the server lacks something that this mail needs.
        match source_text(error).contains("STARTTLS") {
            true => Outcome::Never(Reason::NotEncrypted),
            false => Outcome::Never(Reason::Refused),
        }
    } else if error.is_tls() || is_broken_handshake(error) {
        Outcome::Later(Reason::NotEncrypted)
    } else {
        Outcome::Later(Reason::NoServer)
    }
}

fn source_text(error: &lettre::transport::smtp::Error) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}

/// A handshake that TLS refused, such as one with a certificate that nobody trusts: an error of
/// the connection whose data, not whose transport, is wrong. It is wrapped more than once.
fn is_broken_handshake(error: &lettre::transport::smtp::Error) -> bool {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    let mut causes = causes.filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::InvalidData)
}
