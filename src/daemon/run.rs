//! The life of the service, from the bus connection to its end.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use oathd_api::names::BUS_NAME;
use oathd_token::{Entropy, Event, Hub, Settings, transport::Source};
use tokio::sync::mpsc;
use zbus::Connection;

use crate::{
    accounts::{self, Accounts},
    authority::{Authorizer, Polkit},
    bus,
    clock::Clock,
    config::Config,
    identity::Callers,
    idle,
    keyring::Keyring,
    ledger::Ledger,
    notify::{self, Watchdog},
    random::Random,
    service::{Alarm, Parts, Service},
    sleep,
    store::{Store, StoreError},
    time_service,
    vault::Vault,
};

/// How long the end waits for work that must not be cut in half.
const SETTLE: Duration = Duration::from_secs(20);

/// How long an idle end waits for calls that came with it: together with [`SETTLE`] less than the
/// `TimeoutStopSec=` of the unit.
const LAST_CALLS: Duration = Duration::from_secs(5);

/// Which bus to serve on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bus {
    /// The system bus; polkit decides who may.
    System,
    /// The session bus; its owner and root may.
    Session,
    /// A bus at an address; the daemon's own user and root may.
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

/// What the service is given. The program gives it pcscd and the system's clock; a simulator gives
/// it cards and a clock of its own.
pub struct Sources {
    /// Where tokens turn up.
    pub tokens: Arc<dyn Source>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where keys and challenges come from.
    pub random: Arc<dyn Random>,
}

/// What the running service is told.
#[derive(Debug)]
pub enum Control {
    /// Take up other settings.
    Reload(Box<Config>),
    /// End.
    Stop,
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
    /// The state cannot be used.
    #[error("cannot use the state: {0}")]
    Store(#[from] StoreError),
}

/// Serves on `bus` until it is told to stop, with its state in `state`.
///
/// `authorizer` replaces the one that fits the bus; tests give one.
///
/// # Errors
///
/// See [`RunError`].
pub async fn run(
    bus: Bus,
    state: PathBuf,
    config: Config,
    sources: Sources,
    authorizer: Option<Authorizer>,
    mut control: mpsc::Receiver<Control>,
) -> Result<(), RunError> {
    let (service, mut events) = open(&bus, &state, &config, &sources, authorizer).await?;
    let connection = &service.connection;
    bus::serve(&service).await?;
    notify::ready();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "ready");
    let mut watchdog = Watchdog::from_environment();
    let followers = (sleep::follow(&service), time_service::follow(&service));
    let mut idle = std::pin::pin!(idle::due(&service, config.idle_exit));
    let outcome = loop {
        tokio::select! {
            command = control.recv() => match command {
                Some(Control::Reload(config)) => {
                    notify::reloading();
                    let (hub, fresh) = hub(&sources, &config, &service.entropy);
                    service.replace_hub(hub, config.call_deadline).await;
                    service.accounts().take_up(config.accounts);
                    idle.set(idle::due(&service, config.idle_exit));
                    events = fresh;
                    notify::ready();
                    tracing::info!("settings taken up");
                }
                Some(Control::Stop) | None => break Ok(()),
            },
            Some(event) = events.recv() => handle(&service, event).await,
            () = connection.closed() => break Err(RunError::BusGone),
            () = watchdog.due() => watchdog.feed(),
            () = &mut idle => {
                tracing::info!("nobody has asked for a while");
                // Before the name goes: systemd would take a call that comes after for one to an
                // oathd that runs, and start none.
                notify::stopping();
                connection.release_name(BUS_NAME).await?;
                // Bounded below: what is not over by then is waited for there.
                let _ = tokio::time::timeout(LAST_CALLS, idle::last_calls(&service)).await;
                break Ok(());
            }
        }
    };
    drop(followers);
    close(&service, outcome.is_ok()).await?;
    outcome
}

/// Opens the state and the way to tokens and bus; nothing is served yet.
async fn open(
    bus: &Bus,
    state: &Path,
    config: &Config,
    sources: &Sources,
    authorizer: Option<Authorizer>,
) -> Result<(Arc<Service>, mpsc::Receiver<Event>), RunError> {
    let store = Store::open(state)?;
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let (random, clock) = (&sources.random, &sources.clock);
    let vault = Vault::load(&store, state, credentials.as_deref(), Arc::clone(random)).await?;
    let vault = Arc::new(vault);
    let keyring = Keyring::open(store.clone(), Arc::clone(&vault), Arc::clone(clock)).await?;
    // The last that a start needs of the store: it may be found to be damaged from then on.
    let ledger = Ledger::open(store, state, Arc::clone(random), Arc::clone(clock)).await?;
    let connection = connect(bus).await?;
    let authorizer = match authorizer {
        Some(authorizer) => authorizer,
        None => authorizer_for(bus, &connection).await?,
    };
    let random = Arc::clone(random);
    let entropy: Entropy = Arc::new(move |buffer| random.fill(buffer));
    let (hub, events) = hub(sources, config, &entropy);
    let accounts = Accounts::new(accounts::Parts {
        ledger,
        vault,
        clock: Arc::clone(clock),
        entropy: Arc::clone(&entropy),
        connection: connection.clone(),
        settings: config.accounts.clone(),
    });
    let service = Service::new(Parts {
        accounts,
        callers: Callers::new(&connection).await?,
        connection,
        hub,
        call_deadline: config.call_deadline,
        clock: Arc::clone(clock),
        entropy,
        keyring,
        authorizer,
        settings_file: config.file.clone(),
    });
    Ok((service, events))
}

/// Waits for what must not be cut in half, and gives everything back. `is_there` says whether the bus
/// is.
async fn close(service: &Arc<Service>, is_there: bool) -> Result<(), RunError> {
    notify::stopping();
    tracing::info!("stopping");
    let settled = async {
        let settled = service.settle().await;
        service.end_enrollments().await;
        settled
    };
    let settled = tokio::time::timeout(SETTLE, settled).await;
    if settled.is_err() {
        tracing::warn!("work is left unfinished");
    }
    service.release().await;
    if is_there {
        service.connection.release_name(BUS_NAME).await?;
        // The objects hold the connection and the store: neither ends before they are taken off.
        service.withdraw_all().await;
        bus::retire(service).await?;
        service.connection.clone().close().await?;
    }
    Ok(())
}

async fn connect(bus: &Bus) -> zbus::Result<Connection> {
    let builder = match bus {
        Bus::System => zbus::connection::Builder::system(),
        Bus::Session => zbus::connection::Builder::session(),
        Bus::Address(address) => zbus::connection::Builder::address(address.as_str()),
    };
    builder.build().await
}

async fn authorizer_for(bus: &Bus, connection: &Connection) -> zbus::Result<Authorizer> {
    Ok(match bus {
        Bus::System => Authorizer::Polkit(Polkit::new(connection).await?),
        Bus::Session | Bus::Address(_) => Authorizer::Owner {
            uid: rustix::process::geteuid().as_raw(),
        },
    })
}

fn hub(sources: &Sources, config: &Config, entropy: &Entropy) -> (Hub, mpsc::Receiver<Event>) {
    let settings = Settings {
        readers: config.readers.clone(),
        extra_aids: config.extra_aids.clone(),
        linger: config.linger,
        busy_deadline: config.busy_deadline,
        call_deadline: config.call_deadline,
        ..Settings::default()
    };
    Hub::new(Arc::clone(&sources.tokens), settings, Arc::clone(entropy))
}

/// Makes the bus follow what happened to a token.
async fn handle(service: &Arc<Service>, event: Event) {
    match event {
        Event::Added(token) => {
            if let Err(error) = service.token_added(token).await {
                tracing::error!(?error, "token not shown");
            }
        }
        Event::Removed(key) => service.token_removed(key).await,
        Event::Changed(key) => service.token_changed(key, None).await,
        Event::Reset(key) => service.token_changed(key, Some(Alarm::Reset)).await,
        Event::Duplicated(one, other) => {
            for key in [one, other] {
                service.token_changed(key, Some(Alarm::Duplicated)).await;
            }
        }
        Event::ServiceLost => tracing::warn!("the smart card service went away"),
        Event::ServiceBack => tracing::info!("the smart card service is back"),
    }
}
