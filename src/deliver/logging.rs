//! The log: lines on standard error, which systemd takes to the journal.

use std::io::IsTerminal;

use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
};

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Not one of the six words.
    #[error("{0:?} is not a level: off, error, warn, info, debug, trace")]
    Level(String),
    /// Something else took the process's log before.
    #[error("the log is set up already")]
    Taken,
}

/// Logs what this crate says at `level`. Other crates are silent at every level: the D-Bus library
/// would describe messages, and a mail library talk about mailboxes.
///
/// # Errors
///
/// [`LogError`].
pub fn init(level: &str) -> Result<(), LogError> {
    let filter = Targets::new().with_target("oathd_deliver", parse(level)?);
    let plain = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_filter(filter);
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(plain))
        .map_err(|_| LogError::Taken)
}

/// Reads a level.
///
/// # Errors
///
/// [`LogError::Level`].
pub(crate) fn parse(level: &str) -> Result<LevelFilter, LogError> {
    match level {
        "off" => Ok(LevelFilter::OFF),
        "error" => Ok(LevelFilter::ERROR),
        "warn" => Ok(LevelFilter::WARN),
        "info" => Ok(LevelFilter::INFO),
        "debug" => Ok(LevelFilter::DEBUG),
        "trace" => Ok(LevelFilter::TRACE),
        other => Err(LogError::Level(other.to_owned())),
    }
}
