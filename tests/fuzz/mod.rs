//! What may come from outside, each with what must hold for any bytes: one function for each fuzz
//! target. `tests/fuzz/targets` hands it to libFuzzer; a test gives it the committed corpora.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a target reports what it found by panicking"
)]

mod apdu_answers;
mod card_apdus;
mod exchange;
mod fd_intake;
mod import;
mod migrate;
mod otpauth;
mod records;
#[cfg(test)]
mod replay;
mod responses;
mod tlv;

pub use apdu_answers::apdu_answers;
pub use card_apdus::card_apdus;
pub use exchange::exchange;
pub use fd_intake::fd_intake;
pub use import::import;
pub use migrate::migrate;
pub use otpauth::otpauth;
pub use records::records;
pub use responses::responses;
pub use tlv::tlv;

/// An input that is read as a list of choices.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// `len` bytes, or what is left of the input.
    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }
}
