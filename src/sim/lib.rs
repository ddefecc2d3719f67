//! oathd-sim: a software token in a reader, or oathd with tokens for somebody's CI.
//!
//! [`vpcd`] puts a token into a reader of the real pcscd; [`usb`] plugs it into this machine's
//! virtual USB host; [`in_process`] puts tokens before an oathd in the same process, and [`sim1`]
//! lets a test on the bus turn the clock and handle them.

mod changes;
pub mod in_process;
pub mod sim1;
pub mod usb;
pub mod vpcd;
