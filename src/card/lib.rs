//! A software token: the YKOATH and management applets as a card that speaks real APDUs.
//!
//! [`Card`] is a state machine without I/O, time or waiting; [`SharedCard`] puts it into a reader
//! of its own, where one thread talks to it while others touch, pull and insert it. Its codec
//! shares nothing with the host's, so that a bug in one cannot hide in the other.
//!
//! It is an instrument for tests: its state file holds seeds in the clear, and it answers any
//! touch it is told to.

mod algorithm;
mod apdu;
#[cfg(test)]
mod behaviour;
mod card;
mod credential;
mod entropy;
mod fault;
mod key;
mod management;
mod oath;
mod options;
mod otp;
mod profile;
mod shared;
mod state;
mod status;
mod tlv;

pub use card::{Card, Outcome};
pub use entropy::{Entropy, SystemEntropy};
pub use fault::{Fault, InvalidFault};
pub use options::{CardOptions, Touch, UnknownTouch};
pub use profile::{Interface, Profile, UnknownInterface, UnknownProfile, Version};
pub use shared::{CardStatus, Removed, SharedCard};
pub use state::{State, StateError};
