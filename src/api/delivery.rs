//! The words of the delivery service: what it thinks of an address, how far a message is.

/// Whether messages should go to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Nothing speaks against it.
    Ok,
    /// Usable; the reason is for the user to weigh.
    Caution,
    /// Nothing is sent there.
    Refused,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: &'static [Verdict] = &[Verdict::Ok, Verdict::Caution, Verdict::Refused];

    /// The word on the bus.
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Caution => "caution",
            Verdict::Refused => "refused",
        }
    }

    /// Finds the verdict of a word.
    pub fn parse(word: &str) -> Option<Verdict> {
        Verdict::ALL.iter().copied().find(|v| v.as_str() == word)
    }
}

/// How far a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// Not handed on yet.
    Queued,
    /// Handed on; whether it arrives may be told later, or never.
    Sent,
    /// Its receiver has it.
    Delivered,
    /// It did not go out, or did not arrive.
    Failed,
    /// Whether it went out, or arrived, cannot be told.
    Unknown,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: &'static [DeliveryState] = &[
        DeliveryState::Queued,
        DeliveryState::Sent,
        DeliveryState::Delivered,
        DeliveryState::Failed,
        DeliveryState::Unknown,
    ];

    /// The word on the bus.
    pub const fn as_str(self) -> &'static str {
        match self {
            DeliveryState::Queued => "queued",
            DeliveryState::Sent => "sent",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Failed => "failed",
            DeliveryState::Unknown => "unknown",
        }
    }

    /// Finds the state of a word; one that a later release adds is not found.
    pub fn parse(word: &str) -> Option<DeliveryState> {
        let mut all = DeliveryState::ALL.iter().copied();
        all.find(|state| state.as_str() == word)
    }

    /// Whether a message may go from this state to `next`. `Queued` may follow itself with another
    /// reason: another attempt failed.
    ///
    /// ```
    /// use oathd_api::delivery::DeliveryState::{Delivered, Queued, Sent};
    /// assert!(Queued.may_become(Sent) && Sent.may_become(Delivered));
    /// assert!(!Sent.may_become(Queued) && !Delivered.may_become(Sent));
    /// ```
    pub const fn may_become(self, next: DeliveryState) -> bool {
        use DeliveryState::{Delivered, Failed, Queued, Sent, Unknown};
        matches!(
            (self, next),
            (Queued, Queued | Sent | Failed | Unknown) | (Sent, Delivered | Failed | Unknown)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_again() {
        for &verdict in Verdict::ALL {
            assert_eq!(Verdict::parse(verdict.as_str()), Some(verdict));
        }
        for &state in DeliveryState::ALL {
            assert_eq!(DeliveryState::parse(state.as_str()), Some(state));
        }
        assert_eq!(Verdict::parse("sent"), None);
        assert_eq!(DeliveryState::parse("ok"), None);
    }

    #[test]
    fn what_is_over_stays_over() {
        for end in [
            DeliveryState::Delivered,
            DeliveryState::Failed,
            DeliveryState::Unknown,
        ] {
            assert!(DeliveryState::ALL.iter().all(|&next| !end.may_become(next)));
        }
    }
}
