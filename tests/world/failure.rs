//! Why a world could not do what a test asked of it.

use std::time::Duration;
use std::{fmt, io};

/// What went wrong, with what a reader of a failed test needs to see.
#[derive(thiserror::Error)]
pub enum Failure {
    /// The machine lacks something.
    #[error("{0}")]
    Missing(String),
    /// A system call failed.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
    /// A program ended before it was ready.
    #[error("{name} ended early ({status}):\n{log}")]
    Ended {
        /// Which.
        name: String,
        /// How.
        status: String,
        /// What it printed.
        log: String,
    },
    /// Something did not happen within its bound.
    #[error("no {what} after {bound:?}")]
    TimedOut {
        /// What was awaited.
        what: String,
        /// For how long.
        bound: Duration,
    },
    /// A program did not answer as expected.
    #[error("{command}\nexit status {status}\nstdout:\n{stdout}\nstderr:\n{stderr}")]
    Refused {
        /// The command line.
        command: String,
        /// Its exit status, or the signal that ended it.
        status: String,
        /// What it printed.
        stdout: String,
        /// What it complained.
        stderr: String,
    },
    /// The bus said no.
    #[error("bus: {0}")]
    Bus(#[from] zbus::Error),
}

/// What `unwrap` shows: logs with their line breaks.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Failure {
    /// Turns a system error into a failure of `doing`.
    pub(super) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}
