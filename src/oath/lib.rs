//! The OATH vocabulary: secrets, identifiers, HOTP, TOTP, otpauth URIs and import formats.
//!
//! Pure: no clock, no randomness, no files. Time comes in as Unix seconds. Nothing here panics
//! on input, and every input has a limit.
//!
//! ```
//! use oathd_oath::{Kind, code, otpauth};
//!
//! # fn main() -> Result<(), otpauth::UriError> {
//! let credential = otpauth::parse("otpauth://totp/Example:alice?secret=GEZDGNBVGY3TQOJQ")?;
//! assert_eq!(credential.id()?.to_string(), "Example:alice");
//! if let Kind::Totp { period } = credential.kind {
//!     let (secret, algorithm, digits) = (&credential.secret, credential.algorithm, credential.digits);
//!     assert_eq!(code::totp(secret, algorithm, digits, period, 59), "263420");
//!     assert_eq!(period.window(59), (30, 60));
//! }
//! # Ok(())
//! # }
//! ```

mod algorithm;
pub mod code;
mod credential;
mod id;
pub mod import;
mod kind;
mod label;
pub mod migrate;
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
