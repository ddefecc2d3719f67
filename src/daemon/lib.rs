//! oathd: keeps second factors on hardware tokens and answers for them on D-Bus.
//!
//! The layers, from the ground up:
//!
//! * effects with a trait, so that a test can turn them: [`clock`], [`random`];
//! * what is kept: [`store`] (SQLite), [`vault`] (sealing), and the typed use of both: [`keyring`]
//!   (remembered keys and pairings), [`ledger`] (accounts, and the trail of what happened);
//! * who asks and may they: [`identity`], [`authority`];
//! * how secrets cross the bus: [`secret_fd`];
//! * the process in its system: [`config`], [`logging`], [`notify`].
//!
//! Nothing here wakes an idle process: there are no intervals, only waits for something to happen.

mod accounts;
mod agents;
pub mod authority;
mod bus;
pub mod clock;
pub mod config;
pub mod error;
mod follower;
pub mod identity;
mod idle;
pub mod keyring;
pub mod ledger;
pub mod logging;
mod logind;
pub mod notify;
pub mod random;
pub mod run;
pub mod secret_fd;
mod service;
mod sleep;
pub mod store;
mod time_service;
pub mod vault;

#[cfg(test)]
mod private_bus;
#[cfg(test)]
mod scratch_dir;
