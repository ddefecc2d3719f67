//! oathd-deliver: sends one-time codes and notices by SMS, mail, hook or file.
//!
//! oathd has no network and starts no programs; this service does, as a user of its own. It keeps
//! nothing on disk and knows nobody: a message comes with its address, and is forgotten once it is
//! on its way.
//!
//! * what may be asked: [`settings`], `address`, `message`;
//! * how a message goes out: `backend`, one file each;
//! * which message is where: `outbox`;
//! * the process in its system: [`run`], [`logging`], `bus`, `access`.

mod access;
mod address;
mod backend;
mod bus;
mod error;
pub mod logging;
mod message;
mod outbox;
mod progress;
pub mod run;
pub mod settings;
mod text_fd;
