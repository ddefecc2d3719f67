//! The life of the service, from the bus connection to its end.

use std::time::Duration;

use oathd_api::names::{DELIVER_BUS_NAME, DELIVER_PATH};
use tokio::sync::{mpsc, oneshot};
use zbus::{
    Connection,
    fdo::{DBusProxy, RequestNameFlags},
};

use crate::{
    access::{Gate, Rule},
    backend::Backend,
    bus::{self, AddressRules, Sender},
    outbox::{News, Outbox, Route},
    settings::Settings,
};

/// Which bus to serve on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bus {
    /// The system bus; root and the owner of oathd's name may call.
    System,
    /// The session bus; its owner and root may call.
    Session,
    /// A bus at an address; the service's own user and root may call.
    Address(String),
}

impl std::str::FromStr for Bus {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Bus, Self::Err> {
        Ok(match text {
            "system" => Bus::System,
            "session" => Bus::Session,
            address => Bus::Address(address.to_owned()),
        })
    }
}

/// Why the service did not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no bus, or it refused the name.
    #[error("cannot serve on the bus: {0}")]
    Bus(#[from] zbus::Error),
    /// The bus went away.
    #[error("the bus went away")]
    BusGone,
}

/// Serves on `bus` until `stop`, or until nothing was asked and nothing was under way for
/// `idle_exit`. Messages that are under way at a stop are given up; their senders see the name go.
///
/// # Errors
///
/// See [`RunError`].
pub async fn run(
    bus: Bus,
    settings: Settings,
    idle_exit: Option<Duration>,
    stop: oneshot::Receiver<()>,
) -> Result<(), RunError> {
    let connection = connect(&bus).await?;
    let (outbox, news) = Outbox::new(settings.limits, |kind| {
        let backend = Backend::choose(&settings, kind, &connection)?;
        Some(Route::new(backend, settings.limits))
    });
    let gate = Gate::new(&connection, rule(&bus)).await?;
    let sender = Sender::new(gate, rules(settings), outbox.clone());
    connection.object_server().at(DELIVER_PATH, sender).await?;
    tokio::spawn(forward(connection.clone(), news));
    // A name that another service has is not taken from it, nor given up to a later one.
    let alone = RequestNameFlags::DO_NOT_QUEUE;
    connection
        .request_name_with_flags(DELIVER_BUS_NAME, alone)
        .await?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "ready");
    tokio::select! {
        // Without a sender nobody can stop the service: it goes on.
        Ok(()) = stop => {
            tracing::info!(given_up = *outbox.busy().borrow(), "stopping");
            connection.release_name(DELIVER_BUS_NAME).await?;
            outbox.close().await;
            // What that sent goes out before this.
            Ok(round_trip(&connection).await?)
        }
        ended = leave_when_idle(&connection, &outbox, idle_exit) => {
            tracing::info!("idle");
            Ok(ended?)
        }
        () = connection.closed() => Err(RunError::BusGone),
    }
}

async fn connect(bus: &Bus) -> zbus::Result<Connection> {
    let builder = match bus {
        Bus::System => zbus::connection::Builder::system(),
        Bus::Session => zbus::connection::Builder::session(),
        Bus::Address(address) => zbus::connection::Builder::address(address.as_str()),
    };
    builder.build().await
}

fn rule(bus: &Bus) -> Rule {
    match bus {
        Bus::System => Rule::OwnerOfOathd,
        Bus::Session | Bus::Address(_) => Rule::User(rustix::process::geteuid().as_raw()),
    }
}

fn rules(settings: Settings) -> AddressRules {
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    AddressRules {
        numbers: settings.sms.map(|sms| sms.rules).unwrap_or_default(),
        local_domains: settings
            .email
            .map(|email| email.local_domains)
            .unwrap_or_default(),
        host,
    }
}

/// Passes news on in their order.
async fn forward(connection: Connection, mut news: mpsc::UnboundedReceiver<News>) {
    while let Some(news) = news.recv().await {
        if let Err(error) = bus::tell(&connection, &news).await {
            tracing::debug!(%error, "signal not sent");
        }
    }
}

/// Returns when the service has been idle for `after`, and its name is given back.
async fn leave_when_idle(
    connection: &Connection,
    outbox: &Outbox,
    after: Option<Duration>,
) -> zbus::Result<()> {
    let Some(after) = after else {
        return std::future::pending().await;
    };
    let mut busy = outbox.busy();
    loop {
        // The sender is part of the outbox, which is there.
        let _ = busy.wait_for(|busy| *busy == 0).await;
        let activity = connection.monitor_activity();
        tokio::select! {
            () = tokio::time::sleep(after) => break,
            () = activity => {}
        }
    }
    connection.release_name(DELIVER_BUS_NAME).await?;
    // What was sent to the name before comes before this answer.
    round_trip(connection).await?;
    let _ = busy.wait_for(|busy| *busy == 0).await;
    // Likewise, the last news go out before it.
    round_trip(connection).await
}

/// Asks the bus something and waits for the answer: what came before has been taken up then, and
/// what went out before has reached the bus.
async fn round_trip(connection: &Connection) -> zbus::Result<()> {
    let bus = DBusProxy::new(connection).await?;
    bus.get_id().await?;
    Ok(())
}
