//! Programs that oathd-sim starts, and that end when it does, even when it is killed.

use std::{
    ffi::OsString,
    io,
    os::unix::process::CommandExt,
    process::{Command, ExitCode, ExitStatus},
    time::Duration,
};

use clap::Args;
use oathd_api::ExitCode as Status;
use rustix::process::{
    Pid, Signal, getpid, getppid, kill_process, set_parent_process_death_signal,
};
use tokio::{
    signal::unix::{Signal as Signals, SignalKind, signal},
    time::timeout,
};

use crate::{complain, fail};

/// How long a program may take to obey SIGTERM.
const GRACE: Duration = Duration::from_secs(5);

/// What a shell answers for a program that it does not find, or may not execute.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

/// Becomes PROGRAM, which gets SIGTERM when the process PARENT ends.
///
/// The kernel keeps that wish across exec, and a process can have it for itself only: so every
/// program is started through this command.
#[derive(Args)]
pub(crate) struct Tied {
    parent: i32,
    #[arg(last = true, required = true)]
    program: Vec<OsString>,
}

/// Runs the command; returns only when it fails.
pub(crate) fn become_tied(tied: Tied) -> ExitCode {
    if let Err(error) = set_parent_process_death_signal(Some(Signal::TERM)) {
        complain(&format_args!("the program will outlive oathd-sim: {error}"));
    }
    // The parent may have ended before it could be noticed.
    if getppid().map(Pid::as_raw_pid) != Some(tied.parent) {
        return fail(Status::Unavailable, &"the parent process is gone");
    }
    let mut words = tied.program.into_iter();
    let name = words.next().unwrap_or_default();
    let error = Command::new(&name).args(words).exec();
    complain(&format_args!("{}: {error}", name.display()));
    ExitCode::from(match error.kind() {
        io::ErrorKind::NotFound => NOT_FOUND,
        _ => NOT_EXECUTABLE,
    })
}

/// The command line that starts a program so that it ends with this process. Its thread must live
/// as long: the kernel takes the end of the thread for that of the parent.
pub(crate) fn tied(program: impl IntoIterator<Item = OsString>) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command
        .args(["tied", &getpid().as_raw_pid().to_string(), "--"])
        .args(program);
    command
}

/// A running program.
pub(crate) struct Child {
    process: std::process::Child,
    deaths: Signals,
}

impl Child {
    /// Starts `command`.
    pub(crate) fn start(command: &mut Command) -> io::Result<Child> {
        // Listened for before there is a child, so that no death goes unheard.
        let deaths = signal(SignalKind::child())?;
        let process = command.spawn()?;
        Ok(Child { process, deaths })
    }

    /// Its standard output, when that is piped and was not taken before.
    pub(crate) fn take_stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.process.stdout.take()
    }

    /// Waits until it ends. May be dropped and called again.
    pub(crate) async fn ended(&mut self) -> io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.process.try_wait()? {
                return Ok(status);
            }
            self.deaths.recv().await;
        }
    }

    /// Sends it a signal, unless it has ended.
    pub(crate) fn send(&mut self, signal: Signal) -> io::Result<()> {
        if self.process.try_wait()?.is_none() {
            kill_process(Pid::from_child(&self.process), signal)?;
        }
        Ok(())
    }

    /// Ends it: asks first.
    pub(crate) async fn end(&mut self) -> io::Result<ExitStatus> {
        self.send(Signal::TERM)?;
        if let Ok(ended) = timeout(GRACE, self.ended()).await {
            return ended;
        }
        self.send(Signal::KILL)?;
        self.ended().await
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Whoever needs to know that it ended has called `end`.
        let _ = self.send(Signal::TERM);
    }
}
