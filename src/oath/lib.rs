//! The OATH vocabulary: secrets, identifiers, HOTP, TOTP, otpauth URIs and import formats.
//!
//! Pure: no clock, no randomness, no files. Time comes in as Unix seconds. Nothing here panics
//! on input, and every input has a limit.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests"
    )
)]

mod algorithm;
pub mod code;
mod credential;
mod id;
pub mod import;
mod kind;
mod label;
pub mod otpauth;
mod query;
mod secret;

pub use algorithm::{Algorithm, Digits, UnknownAlgorithm, UnsupportedDigits};
pub use credential::NewCredential;
pub use id::{CredentialId, InvalidName};
pub use import::ImportError;
pub use kind::{Kind, Period, TypeOnCard};
pub use label::{Label, select};
pub use otpauth::UriError;
pub use secret::{InvalidSecret, Secret};
