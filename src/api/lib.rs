//! What both sides of the oathd bus agree on: names, option keys, records, errors, exit codes.
//!
//! The daemon and every client link this crate, so that a name is written once. The interface XML
//! in `dbus/` is the contract for everybody else; a test keeps the two equal.
//!
//! Without features the crate is plain text and tables. The feature `wire` adds the records that
//! travel as `a{sv}`, for programs that speak D-Bus through zbus.

pub mod delivery;
mod error;
mod exit;
pub mod names;
#[cfg(feature = "wire")]
pub mod wire;

pub use error::ErrorName;
pub use exit::ExitCode;
