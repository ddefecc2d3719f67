//! What happened, for the audit trail and for the owner. No secrets, no addresses.

use serde::{Deserialize, Serialize};

use crate::caller::CallerClass;
use crate::charge::Family;
use crate::factor::FactorId;
use crate::way::Way;

/// An event of an account or a realm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A response was accepted.
    Verified {
        /// By what.
        way: Way,
        /// From where.
        class: CallerClass,
    },
    /// A response was wrong.
    Failed {
        /// What was charged.
        family: Family,
        /// From where.
        class: CallerClass,
        /// Consecutive failures with this one.
        failures: u16,
    },
    /// A correct code came a second time: somebody saw it.
    CodeReplayed {
        /// From where.
        class: CallerClass,
    },
    /// Too many failures: what they were aimed at must be bound anew.
    Disabled {
        /// What.
        family: Family,
        /// For whom.
        class: CallerClass,
    },
    /// Many failures over all accounts of a realm.
    RealmUnderAttack {
        /// Failures in ten minutes.
        failures: u32,
    },
    /// Few recovery codes are left.
    RecoveryCodesLow {
        /// How many.
        left: u32,
    },
    /// A new set of recovery codes replaced the old one.
    RecoveryCodesIssued,
    /// The recovery codes are refused until renewed, after a restore.
    RecoverySuspended,
    /// A token and this host agreed on its clock or counter again.
    Resynchronised {
        /// Which.
        factor: FactorId,
    },
    /// An enrolment began.
    EnrolmentStarted,
    /// An enrolment ended without a factor.
    EnrolmentDiscarded,
    /// A factor was confirmed and is accepted.
    FactorAdded {
        /// Which.
        factor: FactorId,
    },
    /// A factor is gone.
    FactorRemoved {
        /// Which.
        factor: FactorId,
    },
    /// A factor is refused, being lost or in doubt.
    FactorSuspended {
        /// Which.
        factor: FactorId,
    },
    /// The second factor was switched off.
    SwitchedOff,
    /// A channel was added and waits for its code.
    ChannelAdded {
        /// Which.
        channel: FactorId,
    },
    /// A channel was verified by its code.
    ChannelVerified {
        /// Which.
        channel: FactorId,
    },
    /// A channel is gone.
    ChannelRemoved {
        /// Which.
        channel: FactorId,
    },
    /// A code was sent to a channel.
    CodeSent {
        /// To which.
        channel: FactorId,
        /// For whom.
        class: CallerClass,
    },
    /// An administrator began a rescue.
    RescueOpened {
        /// Who.
        by: u32,
        /// In the administrator's words.
        reason: String,
        /// Whether root overrode the rule of approvers.
        overridden: bool,
    },
    /// An administrator approved a rescue.
    RescueApproved {
        /// Who.
        by: u32,
    },
    /// A rescue was called off.
    RescueCancelled,
    /// The bypass code of a rescue was issued.
    BypassIssued,
    /// A factor was named anew, or given another end.
    FactorChanged {
        /// Which.
        factor: FactorId,
    },
}

impl Event {
    /// Whether the owner is told on every channel.
    #[must_use]
    pub const fn is_told_to_the_owner(&self) -> bool {
        match self {
            Self::Verified { way, .. } => way.is_recovery(),
            Self::Failed { .. }
            | Self::RealmUnderAttack { .. }
            | Self::EnrolmentStarted
            | Self::EnrolmentDiscarded
            | Self::ChannelAdded { .. } => false,
            Self::CodeReplayed { .. }
            | Self::Disabled { .. }
            | Self::RecoveryCodesLow { .. }
            | Self::RecoveryCodesIssued
            | Self::RecoverySuspended
            | Self::Resynchronised { .. }
            | Self::FactorAdded { .. }
            | Self::FactorRemoved { .. }
            | Self::FactorSuspended { .. }
            | Self::SwitchedOff
            | Self::ChannelVerified { .. }
            | Self::ChannelRemoved { .. }
            | Self::CodeSent { .. }
            | Self::RescueOpened { .. }
            | Self::RescueApproved { .. }
            | Self::RescueCancelled
            | Self::BypassIssued
            | Self::FactorChanged { .. } => true,
        }
    }

    /// Whether it is a sign of an attack.
    #[must_use]
    pub const fn is_alarm(&self) -> bool {
        matches!(
            self,
            Self::CodeReplayed { .. } | Self::Disabled { .. } | Self::RealmUnderAttack { .. }
        )
    }
}
