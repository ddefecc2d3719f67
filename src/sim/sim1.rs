//! `org.oathd.Sim1`: a bus name by which a test turns the clock and handles the tokens.
//!
//! The interface XML is in `dbus/sim/`. Whoever is on the bus may call: the bus is a private one,
//! made for the test.

mod card;
mod clock;

use std::{io, sync::Arc};

use oathd_card::{SharedCard, Touch};
use oathd_daemon::clock::ManualClock;
use zbus::Connection;

use card::Card;
use clock::Clock;

/// The name on the bus.
pub const BUS_NAME: &str = "org.oathd.Sim1";

/// The object of the clock. Card number N, counted from 0, is at `card/N` below it.
pub const ROOT_PATH: &str = "/org/oathd/Sim1";

/// Why there is no control over the simulation.
#[derive(Debug, thiserror::Error)]
pub enum Sim1Error {
    /// The bus did not let this user in.
    #[error(
        "the bus refuses user {uid}: {source}; dbus-daemon takes only whom the user database knows (getent passwd {uid})"
    )]
    Refused {
        /// Who runs this program.
        uid: u32,
        /// How the connection failed.
        source: zbus::Error,
    },
    /// The bus refused.
    #[error("cannot offer {BUS_NAME} on the bus: {0}")]
    Bus(#[from] zbus::Error),
    /// The system has no thread to spare.
    #[error("cannot watch a card: {0}")]
    Thread(#[from] io::Error),
}

/// Connects to the bus at `address`, shows `clock` (if it can be set) and `cards`, which begin with
/// `touch`, and takes the name. The objects live as long as the connection.
///
/// # Errors
/// [`Sim1Error`].
pub async fn serve(
    address: &str,
    clock: Option<Arc<ManualClock>>,
    cards: &[SharedCard],
    touch: Touch,
) -> Result<Connection, Sim1Error> {
    let connection = zbus::connection::Builder::address(address).build().await;
    let connection = connection.map_err(|source| Sim1Error::Refused {
        uid: rustix::process::geteuid().as_raw(),
        source,
    })?;
    let server = connection.object_server();
    if let Some(clock) = clock {
        server.at(ROOT_PATH, Clock::new(clock)).await?;
    }
    for (number, card) in cards.iter().enumerate() {
        let path = format!("{ROOT_PATH}/card/{number}");
        Card::publish(&connection, path, card, touch).await?;
    }
    connection.request_name(BUS_NAME).await?;
    Ok(connection)
}
