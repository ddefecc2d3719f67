//! YKOATH, the protocol of the OATH application: every request as a [`Command`](crate::apdu::Command) and
//! every answer as a value. Pure functions; who sends what, and when, is decided elsewhere.

mod calculate;
mod credentials;
mod password;
mod put;
mod select;

pub use calculate::{
    Computed, Listing, calculate, calculate_all, calculate_full, parse_calculate,
    parse_calculate_all, parse_calculate_full, step_challenge,
};
pub use credentials::{Listed, delete, list, parse_list, rename, reset};
pub use password::{clear_code, parse_validate, set_code, validate};
pub use put::put;
pub use select::{AID, SelectAnswer, parse_select, select};

/// The instruction that fetches the rest of a long answer.
pub const SEND_REMAINING: u8 = 0xa5;

/// Field tags.
mod tag {
    pub(super) const NAME: u8 = 0x71;
    pub(super) const NAME_LIST: u8 = 0x72;
    pub(super) const KEY: u8 = 0x73;
    pub(super) const CHALLENGE: u8 = 0x74;
    pub(super) const RESPONSE: u8 = 0x75;
    pub(super) const TRUNCATED: u8 = 0x76;
    pub(super) const COUNTER: u8 = 0x77;
    pub(super) const PROPERTY: u8 = 0x78;
    pub(super) const VERSION: u8 = 0x79;
    pub(super) const INITIAL_COUNTER: u8 = 0x7a;
    pub(super) const TOUCH: u8 = 0x7c;
    /// Serial number of cards that make a new salt at each selection.
    pub(super) const SERIAL: u8 = 0x8f;
}
