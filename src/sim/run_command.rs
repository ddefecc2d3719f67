//! `oathd-sim run`: a command with a private bus, oathd and tokens around it.

use std::{
    ffi::OsString,
    os::unix::process::ExitStatusExt,
    process::{ExitCode, ExitStatus},
};

use clap::Args;
use oathd_api::ExitCode as Status;
use oathd_daemon::logging;

use crate::{
    child::{Child, tied},
    complain, fail,
    forwarding::{Forwarding, came_from_the_terminal},
    world::{Failure, World, WorldArguments},
};

/// Added to the number of the signal that ended the command, as a shell does.
const BY_SIGNAL: i32 = 128;

/// Runs a command with a private system bus, oathd and simulated tokens.
///
/// The command finds the bus by DBUS_SYSTEM_BUS_ADDRESS, as every program that uses the system bus
/// does; oathd answers on it as org.oathd.Oathd1. org.oathd.Sim1 turns the clock and touches,
/// pulls and inserts the tokens: see docs/ci.md. Nothing is shared with the machine's bus, its
/// oathd or its readers, and any number of commands can run at once.
///
/// Ends with the status of the command: its own, 128 and the number of the signal that ended it,
/// 126 or 127 when it cannot be started; 69 when oathd or the bus fails. The command gets the
/// signals INT, TERM, HUP and QUIT that oathd-sim gets.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    world: WorldArguments,

    /// What oathd logs to the standard error: error, warn, info, debug, trace, or a list such as
    /// info,oathd_token=debug
    #[arg(long, value_name = "FILTER", default_value = "warn")]
    oathd_log: String,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs the command.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    if let Err(error) = logging::init(Some(&arguments.oathd_log), "warn") {
        return fail(Status::Usage, &error);
    }
    if let Some(contradiction) = arguments.world.contradiction() {
        return fail(Status::Usage, &contradiction);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(in_a_world(arguments)),
        Err(error) => Err(Failure::system("no runtime")(error)),
    };
    match outcome {
        Ok(status) => ExitCode::from(status),
        Err(failure) => fail(Status::Unavailable, &failure),
    }
}

/// Makes a world, runs the command in it, and takes the world away.
async fn in_a_world(arguments: Arguments) -> Result<u8, Failure> {
    let mut signals = Forwarding::new().map_err(Failure::system("cannot take signals"))?;
    let mut world = tokio::select! {
        world = World::start(&arguments.world) => world?,
        signal = signals.next() => return Ok(ended_by(signal.as_raw())),
    };
    let outcome = attend(&mut world, &mut signals, arguments.command).await;
    world.end().await;
    outcome
}

/// Runs the command, and gives its status.
async fn attend(
    world: &mut World,
    signals: &mut Forwarding,
    command: Vec<OsString>,
) -> Result<u8, Failure> {
    let mut command = tied(command);
    command.env("DBUS_SYSTEM_BUS_ADDRESS", world.address());
    let mut command =
        Child::start(&mut command).map_err(Failure::system("cannot start the command"))?;
    loop {
        tokio::select! {
            ended = command.ended() => {
                return ended.map(status_of).map_err(Failure::system("the command is lost"));
            }
            failure = world.lost() => {
                // Its status would say nothing: what it relied on is gone.
                let _ = command.end().await;
                return Err(failure);
            }
            signal = signals.next() => {
                if !came_from_the_terminal(signal) && let Err(error) = command.send(signal) {
                    complain(&format_args!("the command gets no signal: {error}"));
                }
            }
        }
    }
}

fn status_of(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(u8::MAX),
        (None, Some(signal)) => {
            complain(&format_args!("the command was ended by signal {signal}"));
            ended_by(signal)
        }
        (None, None) => u8::MAX,
    }
}

fn ended_by(signal: i32) -> u8 {
    u8::try_from(BY_SIGNAL + signal).unwrap_or(u8::MAX)
}
