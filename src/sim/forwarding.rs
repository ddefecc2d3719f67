//! Signals that are meant for the command.

use std::{fs::File, io};

use rustix::process::Signal;
use tokio::signal::unix::{self, SignalKind, signal};

/// The signals that end a program from outside.
pub(crate) struct Forwarding {
    interrupt: unix::Signal,
    terminate: unix::Signal,
    hang_up: unix::Signal,
    quit: unix::Signal,
}

impl Forwarding {
    /// Takes the signals from now on.
    pub(crate) fn new() -> io::Result<Forwarding> {
        Ok(Forwarding {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    /// Waits for one of them.
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::INT,
            _ = self.terminate.recv() => Signal::TERM,
            _ = self.hang_up.recv() => Signal::HUP,
            _ = self.quit.recv() => Signal::QUIT,
        }
    }
}

/// Whether the command has the signal already: a terminal sends Ctrl-C and Ctrl-\ to everybody in
/// the foreground, and many programs take a second one for impatience. A process cannot tell who
/// sent a signal, so one sent to oathd-sim alone while it is in the foreground stays there.
pub(crate) fn came_from_the_terminal(signal: Signal) -> bool {
    [Signal::INT, Signal::QUIT].contains(&signal)
        && File::open("/dev/tty")
            .ok()
            .and_then(|terminal| rustix::termios::tcgetpgrp(terminal).ok())
            .is_some_and(|foreground| foreground == rustix::process::getpgrp())
}
