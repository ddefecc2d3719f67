//! A long-running program in a world.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::{BOUND, Failure, log, until, wait};

/// How long a program may take to obey SIGTERM before it is killed.
const GRACE: Duration = Duration::from_secs(60);

/// A program with its output in a log and its input open. Ended on drop, by its pid.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    log: PathBuf,
}

impl Process {
    pub(super) fn new(name: String, mut child: Child, log: PathBuf) -> Self {
        let stdin = child.stdin.take();
        Self {
            name,
            child,
            stdin,
            log,
        }
    }

    /// The process id, as the whole machine sees it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it printed so far, stdout and stderr in the order written.
    #[must_use]
    pub fn log(&self) -> String {
        log::read(&self.log)
    }

    /// Writes one line to its standard input.
    ///
    /// # Errors
    /// When it does not read any more.
    pub fn say(&mut self, line: &str) -> Result<(), Failure> {
        let Some(stdin) = &mut self.stdin else {
            return Err(Failure::Missing(format!(
                "the input of {} is closed",
                self.name
            )));
        };
        writeln!(stdin, "{line}")
            .and_then(|()| stdin.flush())
            .map_err(Failure::io(&self.name))
    }

    /// Closes its standard input.
    pub fn close_input(&mut self) {
        self.stdin = None;
    }

    /// Waits until `text` is in the log.
    ///
    /// # Errors
    /// `Ended` when the program ends without; `TimedOut`.
    pub fn until_logged(&mut self, text: &str) -> Result<(), Failure> {
        let what = format!("{text:?} in the log of {}", self.name);
        until(&what, || {
            let alive = self.check_alive();
            if self.log().contains(text) {
                Ok(Some(()))
            } else {
                alive.map(|()| None)
            }
        })
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// When the system cannot tell.
    pub fn poll(&mut self) -> Result<Option<ExitStatus>, Failure> {
        self.child.try_wait().map_err(Failure::io(&self.name))
    }

    /// Fails when the program has ended.
    ///
    /// # Errors
    /// `Ended`, with the log.
    pub fn check_alive(&mut self) -> Result<(), Failure> {
        match self.poll()? {
            None => Ok(()),
            Some(status) => Err(Failure::Ended {
                name: self.name.clone(),
                status: status.to_string(),
                log: self.log(),
            }),
        }
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// `TimedOut`.
    pub fn wait(&mut self) -> Result<ExitStatus, Failure> {
        if !wait::ends(&self.child, BOUND)? {
            return Err(Failure::TimedOut {
                what: format!("end of {}", self.name),
                bound: BOUND,
            });
        }
        self.child.wait().map_err(Failure::io(&self.name))
    }

    /// Sends `signal`.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&mut self, signal: Signal) -> Result<(), Failure> {
        self.check_alive()?;
        kill_process(Pid::from_child(&self.child), signal)
            .map_err(|error| Failure::io(&self.name)(error.into()))
    }

    /// Asks it to end (SIGTERM) and waits until it has; kills it when it does not.
    ///
    /// # Errors
    /// `TimedOut` when it had to be killed.
    pub fn end(&mut self) -> Result<ExitStatus, Failure> {
        if let Some(status) = self.child.try_wait().map_err(Failure::io(&self.name))? {
            return Ok(status);
        }
        self.signal(Signal::TERM)?;
        if wait::ends(&self.child, GRACE)? {
            return self.child.wait().map_err(Failure::io(&self.name));
        }
        self.kill()?;
        Err(Failure::TimedOut {
            what: format!("end of {} by SIGTERM", self.name),
            bound: GRACE,
        })
    }

    /// Ends it at once (SIGKILL).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(&mut self) -> Result<ExitStatus, Failure> {
        self.child
            .kill()
            .and_then(|()| self.child.wait())
            .map_err(Failure::io(&self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Who needs a clean end asks for it with `end`.
        let _ = self.end();
    }
}
