//! The program `oathd-deliver`.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use oathd_deliver::{
    logging,
    run::{Bus, run},
    settings::Settings,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

/// Sends one-time codes and notices for oathd: SMS, mail, a program, a file.
#[derive(Parser)]
#[command(
    version,
    about,
    after_help = "\
oathd calls it on the bus as org.oathd.Deliver1; without settings it sends nothing.
On a bus other than the system bus, its own user and root may call.

Example:
  oathd-deliver --bus session --config ./deliver.conf --idle-exit 60"
)]
struct Arguments {
    /// The bus to serve on: system, session, or an address such as unix:path=/run/x.
    #[arg(long, default_value = "system", value_name = "BUS")]
    bus: Bus,

    /// The settings file. Default: /etc/oathd/deliver.conf.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// What to log: off, error, warn, info, debug, trace. Default: as the settings say.
    #[arg(long, value_name = "LEVEL")]
    log: Option<String>,

    /// End after so many seconds without anything to do.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    idle_exit: Option<u32>,
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
            // Before the log is set up, this is all there is; a closed standard error changes nothing.
            let _ = writeln!(io::stderr(), "oathd-deliver: {error}");
            ExitCode::from(oathd_api::ExitCode::Unavailable as u8)
        }
    }
}

fn serve(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::load(arguments.config.as_deref())?;
    logging::init(arguments.log.as_deref().unwrap_or(&settings.log))?;
    forbid_core_dumps();
    let idle_exit = arguments.idle_exit.map(|s| Duration::from_secs(s.into()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (sender, stop) = oneshot::channel();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            // Without a receiver the service has ended.
            let _ = sender.send(());
        });
        run(arguments.bus, settings, idle_exit, stop).await?;
        Ok(())
    })
}

/// Codes pass through this process: it leaves no image of itself behind.
fn forbid_core_dumps() {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "core dumps are possible");
    }
}
