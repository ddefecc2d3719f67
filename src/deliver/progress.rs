//! How far a message is, and why.

use oathd_api::delivery::DeliveryState;

/// Why a message is where it is, in a word that programs can rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// ModemManager is not there, or knows no modem that sends messages.
    NoModem,
    /// The mail server cannot be reached.
    NoServer,
    /// The mail server offers no encryption, or none that can be trusted.
    NotEncrypted,
    /// The program cannot be started, or the file not be written.
    CannotStart,
    /// Refused, but not for good.
    Busy,
    /// Refused for good.
    Refused,
    /// One attempt took too long.
    TimedOut,
    /// Its time ran out before an attempt was made.
    Expired,
    /// The network reports that it cannot be delivered.
    Undeliverable,
    /// No report of delivery came.
    NoReport,
}

impl Reason {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Reason::NoModem => "no_modem",
            Reason::NoServer => "no_server",
            Reason::NotEncrypted => "not_encrypted",
            Reason::CannotStart => "cannot_start",
            Reason::Busy => "busy",
            Reason::Refused => "refused",
            Reason::TimedOut => "timed_out",
            Reason::Expired => "expired",
            Reason::Undeliverable => "undeliverable",
            Reason::NoReport => "no_report",
        }
    }
}

/// A state and its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) state: DeliveryState,
    pub(crate) reason: Option<Reason>,
}

impl Progress {
    pub(crate) const QUEUED: Progress = Progress {
        state: DeliveryState::Queued,
        reason: None,
    };
    pub(crate) const SENT: Progress = Progress {
        state: DeliveryState::Sent,
        reason: None,
    };
    pub(crate) const DELIVERED: Progress = Progress {
        state: DeliveryState::Delivered,
        reason: None,
    };

    pub(crate) const fn queued(reason: Reason) -> Progress {
        Progress {
            state: DeliveryState::Queued,
            reason: Some(reason),
        }
    }

    pub(crate) const fn failed(reason: Reason) -> Progress {
        Progress {
            state: DeliveryState::Failed,
            reason: Some(reason),
        }
    }

    pub(crate) const fn unknown(reason: Reason) -> Progress {
        Progress {
            state: DeliveryState::Unknown,
            reason: Some(reason),
        }
    }

    /// The reason as it travels in a signal.
    pub(crate) fn word(self) -> &'static str {
        self.reason.map_or("", Reason::as_str)
    }
}
