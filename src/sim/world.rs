//! What is around the command of `oathd-sim run`: a private bus, oathd, tokens.

use std::{
    fs::{self, DirBuilder, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::{Args, ValueEnum};
use futures_util::StreamExt;
use oathd_api::names::BUS_NAME;
use oathd_card::{CardOptions, Profile, SharedCard, StateError, Touch};
use oathd_daemon::{
    authority::{Action, Authorizer},
    clock::{Clock, SystemClock},
    config::{Config, NamedRealm},
    random::SystemRandom,
    run::{Bus, Control, RunError, Sources, run},
};
use oathd_sim::{
    in_process::InProcess,
    sim1::{self, Sim1Error},
};
use tempfile::TempDir;
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinHandle},
    time::timeout,
};
use zbus::{Connection, fdo::DBusProxy};

use crate::{
    clock_choice::ClockChoice,
    private_bus::{BusError, PrivateBus},
};

/// How long oathd may take to take its name, and to end: a machine that runs tests has much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the command line says of the surroundings.
#[derive(Args)]
pub(crate) struct WorldArguments {
    /// The model: yubikey-5.7, yubikey-5.4, yubikey-4.3 or neo
    #[arg(long, value_name = "PROFILE", default_value_t)]
    profile: Profile,

    /// How many tokens there are, up to 16
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=16))]
    tokens: u8,

    /// The serial number of the first token; the others follow
    #[arg(long, value_name = "N", default_value_t = 12_345_678)]
    serial: u32,

    /// The clock that oathd reads: system; manual, which stands still until org.oathd.Sim1 turns
    /// it; or the time in Unix seconds at which that one begins
    #[arg(long, value_name = "CLOCK", default_value = "system")]
    clock: ClockChoice,

    /// Who touches the tokens when they ask: never, always (at once), or manual (org.oathd.Sim1)
    #[arg(long, value_name = "WHO", default_value = "always")]
    touch: Touch,

    /// How long a token waits for a touch, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 15_000)]
    touch_timeout: u64,

    /// Whose calls oathd serves: those of the user who runs it and of root, or everybody's
    #[arg(long, value_name = "WHOM", value_enum, default_value_t = Allow::Owner)]
    allow: Allow,

    /// A realm of accounts and the uid of the service that owns it; may be given more than once
    #[arg(long = "realm", value_name = "NAME=UID")]
    realms: Vec<NamedRealm>,

    /// Keeps the tokens and what oathd stores in DIR, seeds in the clear, and starts with what is
    /// there
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

/// Whom oathd lets do everything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Allow {
    Owner,
    Everybody,
}

/// Why there is no world, or no longer one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("the private bus ended before the command: {0}")]
    BusEnded(String),
    #[error(transparent)]
    Sim1(#[from] Sim1Error),
    #[error("cannot use the state of a token: {0}")]
    Token(#[from] StateError),
    #[error("oathd failed: {0}")]
    Oathd(#[from] RunError),
    #[error("oathd ended before the command")]
    OathdEnded,
    #[error("oathd did not take its name within {} s", PATIENCE.as_secs())]
    OathdSilent,
    #[error("{what}: {source}")]
    System {
        what: &'static str,
        source: io::Error,
    },
}

impl Failure {
    /// Something that the system refused.
    pub(crate) fn system(what: &'static str) -> impl FnOnce(io::Error) -> Failure {
        move |source| Failure::System { what, source }
    }
}

impl From<zbus::Error> for Failure {
    fn from(error: zbus::Error) -> Failure {
        Failure::Sim1(error.into())
    }
}

/// A bus with oathd and `org.oathd.Sim1` on it.
pub(crate) struct World {
    cards: Vec<SharedCard>,
    /// Keeps `org.oathd.Sim1` on the bus.
    sim1: Connection,
    control: mpsc::Sender<Control>,
    oathd: JoinHandle<Result<(), RunError>>,
    bus: PrivateBus,
    folder: TempDir,
}

impl World {
    /// Makes everything, and waits until oathd has its name.
    pub(crate) async fn start(arguments: &WorldArguments) -> Result<World, Failure> {
        let folder = folder().map_err(Failure::system("no temporary folder"))?;
        let state = match &arguments.state {
            Some(state) => state.clone(),
            None => folder.path().join("state"),
        };
        make_private(&state).map_err(Failure::system("no folder for the state"))?;
        let cards = cards(arguments, &state)?;
        let bus = PrivateBus::start(folder.path()).await?;
        let clock = arguments.clock.manual();
        let sim1 = sim1::serve(bus.address(), clock.clone(), &cards, arguments.touch).await?;
        let sources = Sources {
            tokens: Arc::new(InProcess::new(&cards).map_err(Failure::system("no thread"))?),
            clock: clock.map_or(Arc::new(SystemClock) as Arc<dyn Clock>, |clock| clock),
            random: Arc::new(SystemRandom),
        };
        let names = DBusProxy::new(&sim1).await?;
        let mut owners = names
            .receive_name_owner_changed_with_args(&[(0, BUS_NAME)])
            .await?;
        let (control, commands) = mpsc::channel(1);
        let mut oathd = tokio::spawn(run(
            Bus::Address(bus.address().to_owned()),
            state.join("oathd"),
            arguments.config(),
            sources,
            arguments.allow.authorizer(),
            commands,
        ));
        tokio::select! {
            named = timeout(PATIENCE, owners.next()) => {
                named.map_err(|_| Failure::OathdSilent)?;
            }
            ended = &mut oathd => return Err(why(ended)),
        }
        Ok(World {
            cards,
            sim1,
            control,
            oathd,
            bus,
            folder,
        })
    }

    /// Where the bus listens.
    pub(crate) fn address(&self) -> &str {
        self.bus.address()
    }

    /// Waits until the bus or oathd ends, which they do not do by themselves. To be called until
    /// it answers, and not again.
    pub(crate) async fn lost(&mut self) -> Failure {
        tokio::select! {
            ended = &mut self.oathd => why(ended),
            () = self.bus.ended() => Failure::BusEnded(self.bus.log()),
        }
    }

    /// Takes everything away. Work that is still under way finds its token pulled.
    pub(crate) async fn end(mut self) {
        self.cards.iter().for_each(SharedCard::remove);
        if !self.oathd.is_finished() && self.control.send(Control::Stop).await.is_ok() {
            match timeout(PATIENCE, &mut self.oathd).await {
                Ok(Ok(Ok(()))) => {}
                Ok(ended) => crate::complain(&why(ended)),
                Err(_) => crate::complain(&"oathd does not end; left behind"),
            }
        }
        // A connection that loses its bus before its name complains in the log.
        let _ = self.sim1.release_name(sim1::BUS_NAME).await;
        self.bus.end().await;
        if let Err(error) = self.folder.close() {
            crate::complain(&error);
        }
    }
}

impl WorldArguments {
    /// What cannot be, although each option by itself can.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        let others = u32::from(self.tokens.saturating_sub(1));
        let last = self.serial.checked_add(others);
        last.is_none()
            .then_some("no serial number above 4294967295 is left for the other tokens")
    }

    /// The settings of oathd.
    fn config(&self) -> Config {
        let mut config = Config::default();
        let realms = self.realms.iter().cloned();
        config.accounts.realms = realms.map(|named| (named.name, named.realm)).collect();
        config
    }
}

fn why(ended: Result<Result<(), RunError>, JoinError>) -> Failure {
    match ended {
        Ok(Err(error)) => error.into(),
        Ok(Ok(())) | Err(_) => Failure::OathdEnded,
    }
}

impl Allow {
    /// `None` leaves it to oathd, which serves its own user and root on a private bus.
    fn authorizer(self) -> Option<Authorizer> {
        match self {
            Allow::Owner => None,
            Allow::Everybody => Some(Authorizer::Fixed(Action::ALL.iter().copied().collect())),
        }
    }
}

/// A folder that every user may pass through to the socket, but not look into. It is in `/tmp` where
/// the usual place has too long a name for a socket.
fn folder() -> io::Result<TempDir> {
    let usual = std::env::temp_dir();
    let place = match PrivateBus::fits_into(&usual.join("oathd-sim-XXXXXX")) {
        true => usual.as_path(),
        false => Path::new("/tmp"),
    };
    let folder = tempfile::Builder::new()
        .prefix("oathd-sim-")
        .tempdir_in(place)?;
    fs::set_permissions(folder.path(), Permissions::from_mode(0o711))?;
    Ok(folder)
}

fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// The tokens, each with a file of its own in `state`.
fn cards(arguments: &WorldArguments, state: &Path) -> Result<Vec<SharedCard>, StateError> {
    let card = |serial: u32| {
        SharedCard::new(CardOptions {
            profile: arguments.profile,
            serial,
            state_file: arguments
                .state
                .is_some()
                .then(|| state.join(format!("token-{serial}"))),
            touch: arguments.touch,
            touch_timeout: Duration::from_millis(arguments.touch_timeout),
            ..CardOptions::default()
        })
    };
    let serials = arguments.serial..=u32::MAX;
    serials.take(arguments.tokens.into()).map(card).collect()
}
