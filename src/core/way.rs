//! The ways in: what an account accepts in place of its password alone.

use serde::{Deserialize, Serialize};

use crate::factor::FactorId;

/// By what an attempt was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// A code of a factor.
    Code(FactorId),
    /// A token's answer to a challenge.
    Presence(FactorId),
    /// A recovery code.
    Recovery,
    /// A recovery code of another verifier, weak.
    LegacyRecovery,
    /// A code sent to a channel.
    OutOfBand(FactorId),
    /// The code of a rescue.
    Bypass,
}

impl Way {
    /// Whether it is a way back rather than the everyday one: the receipt is marked, the owner is
    /// told, and the account asks for a new enrolment.
    #[must_use]
    pub const fn is_recovery(self) -> bool {
        !matches!(self, Self::Code(_) | Self::Presence(_))
    }
}
