//! The program `oathd`: the service on real readers and the system's clock.

use std::{io, path::PathBuf, process::ExitCode, sync::Arc};

use clap::Parser;
use oathd_daemon::{
    clock::SystemClock,
    config::Config,
    logging,
    random::SystemRandom,
    run::{Bus, Control, Sources, run},
};
use oathd_token::pcsc::Pcsc;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

/// Keeps second factors on hardware tokens and answers for them on D-Bus.
#[derive(Parser)]
#[command(
    name = "oathd",
    version,
    about,
    after_help = "\
Usually systemd starts oathd when a program first calls org.oathd.Oathd1 on the system bus.
On a bus other than the system bus, its owner and root may do everything; polkit is not asked.

Examples:
  oathd --bus session --state ~/.local/state/oathd
  oathd --log debug"
)]
struct Arguments {
    /// The bus to serve on: system, session, or an address such as unix:path=/run/x.
    #[arg(long, default_value = "system", value_name = "BUS")]
    bus: Bus,

    /// The folder of what is kept, mode 0700. Default: $STATE_DIRECTORY, else /var/lib/oathd.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// The settings file; files in FILE.d/ follow it. Default: /etc/oathd/oathd.conf.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// What to log: error, warn, info, debug, trace, or a list such as info,oathd_token=debug.
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,

    /// Read the settings, say what is wrong with them, and end.
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nobody is left to be told of a closed output.
            let _ = error.print();
            return match error.use_stderr() {
                true => ExitCode::from(oathd_api::ExitCode::Usage as u8),
                false => ExitCode::SUCCESS,
            };
        }
    };
    match serve(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            logging::last_words(&format!("cannot serve: {error}"));
            ExitCode::from(oathd_api::ExitCode::Unavailable as u8)
        }
    }
}

fn serve(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let loaded = Config::load(arguments.config.as_deref());
    let filter = loaded.as_ref().map_or("info", |config| &config.log);
    logging::init(arguments.log.as_deref(), filter)?;
    let config = loaded?;
    if arguments.check {
        return Ok(());
    }
    forbid_core_dumps();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (sender, control) = mpsc::channel(1);
        listen(sender, arguments.config)?;
        let sources = Sources {
            tokens: Arc::new(Pcsc::new()),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        };
        let state = arguments.state.unwrap_or_else(default_state);
        run(arguments.bus, state, config, sources, None, control).await?;
        Ok(())
    })
}

/// Turns signals into what the service is told.
fn listen(control: mpsc::Sender<Control>, config: Option<PathBuf>) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            let command = tokio::select! {
                _ = terminate.recv() => Control::Stop,
                _ = interrupt.recv() => Control::Stop,
                _ = hang_up.recv() => match reload(config.clone()).await {
                    Some(config) => Control::Reload(Box::new(config)),
                    None => continue,
                },
            };
            if control.send(command).await.is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// Reads the settings again, on a thread that may wait for them.
async fn reload(file: Option<PathBuf>) -> Option<Config> {
    let loading = tokio::task::spawn_blocking(move || Config::load(file.as_deref()));
    match loading.await.ok()? {
        Ok(config) => Some(config),
        Err(error) => {
            tracing::error!("settings kept as they were: {error}");
            None
        }
    }
}

fn default_state() -> PathBuf {
    std::env::var_os("STATE_DIRECTORY").map_or_else(|| "/var/lib/oathd".into(), PathBuf::from)
}

/// Keys and passwords pass through this process: it leaves no image of itself behind.
fn forbid_core_dumps() {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "core dumps are possible");
    }
}
