//! Running programs in a world.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use super::{Failure, Process, User, World, log, until, wait};

/// How long a program that answers and ends may take: above every deadline of oathd.
const RUN_BOUND: Duration = Duration::from_secs(150);

/// A command line to be run in a world, with an environment that holds nothing of the machine's
/// but `PATH`.
#[derive(Debug)]
#[must_use]
pub struct Program<'w> {
    world: &'w World,
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    user: User,
    input: Vec<u8>,
}

/// What a program answered.
#[derive(Debug)]
pub struct Output {
    command: String,
    /// How it ended.
    pub status: ExitStatus,
    stdout: String,
    stderr: String,
}

impl World {
    /// `name` from `PATH`, or by its path inside the world.
    pub fn program(&self, name: impl AsRef<OsStr>) -> Program<'_> {
        Program {
            world: self,
            program: name.as_ref().to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            user: User::Root,
            input: Vec::new(),
        }
    }

    /// A program of this workspace, from the folder that cargo builds into.
    ///
    /// # Errors
    /// `Missing` when it is not built.
    pub fn built(&self, name: &str) -> Result<Program<'_>, Failure> {
        if !self.layout.build.join(name).exists() {
            return Err(Failure::Missing(format!(
                "{} lacks {name}: run cargo build --workspace --bins first",
                self.layout.build.display()
            )));
        }
        Ok(self.program(format!("/run/build/{name}")))
    }

    /// Runs oathctl as root.
    ///
    /// # Errors
    /// See [`Program::run`].
    pub fn oathctl(&self, arguments: &[&str]) -> Result<Output, Failure> {
        self.built("oathctl")?.arguments(arguments).run()
    }

    /// Yubico's ykman, prepared by `tests/setup-peers`.
    ///
    /// # Errors
    /// `Missing` when it is not prepared.
    pub fn ykman(&self) -> Result<Program<'_>, Failure> {
        let ykman = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers/venv/bin/ykman");
        if !ykman.exists() {
            return Err(Failure::Missing(
                "no ykman: run tests/setup-peers first".into(),
            ));
        }
        Ok(self
            .program(ykman)
            .environment("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring"))
    }
}

impl Program<'_> {
    /// Adds arguments.
    pub fn arguments<A: AsRef<OsStr>>(mut self, arguments: &[A]) -> Self {
        self.arguments.extend(
            arguments
                .iter()
                .map(|argument| argument.as_ref().to_owned()),
        );
        self
    }

    /// Sets a variable.
    pub fn environment(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Runs it as `user`; root otherwise.
    pub fn user(mut self, user: User) -> Self {
        self.user = user;
        self
    }

    /// What it reads from standard input; nothing otherwise. Less than a pipe holds (64 KiB).
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// When it cannot be started or does not end; not when it fails: see [`Output::stdout`].
    pub fn run(self) -> Result<Output, Failure> {
        let shown = self.shown();
        let (stdout, stderr) = (capture()?, capture()?);
        let mut child = self
            .command()
            .stdin(Stdio::piped())
            .stdout(stdout.reopen().map_err(Failure::io("capture"))?)
            .stderr(stderr.reopen().map_err(Failure::io("capture"))?)
            .spawn()
            .map_err(Failure::io(&shown))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that ends without reading closes the pipe: its own answer says why.
            let _ = stdin.write_all(&self.input);
        }
        let in_time = wait::ends(&child, RUN_BOUND)?;
        if !in_time {
            child.kill().map_err(Failure::io(&shown))?;
        }
        let status = child.wait().map_err(Failure::io(&shown))?;
        let output = Output {
            command: shown,
            status,
            stdout: log::read(stdout.path()),
            stderr: log::read(stderr.path()),
        };
        if in_time {
            Ok(output)
        } else {
            Err(output.refused("did not end"))
        }
    }

    /// Starts it and leaves it running, with its output in the log `name`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(self, name: &str) -> Result<Process, Failure> {
        let path = self.world.layout.path(&format!("log/{name}"));
        let log = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(Failure::io(name))?;
        let stderr = log.try_clone().map_err(Failure::io(name))?;
        let mut child = self
            .command()
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(stderr)
            .spawn()
            .map_err(Failure::io(self.shown()))?;
        if let Some(stdin) = &mut child.stdin {
            stdin.write_all(&self.input).map_err(Failure::io(name))?;
        }
        Ok(Process::new(name.to_owned(), child, path))
    }

    /// Runs it, a program that waits for something `process` does, unless that ends first.
    pub(super) fn succeeds_while(self, process: &mut Process) -> Result<(), Failure> {
        let shown = self.shown();
        let mut waiter = self.start("waiting")?;
        let status = until(&shown, || {
            process.check_alive()?;
            waiter.poll()
        })?;
        if status.success() {
            return Ok(());
        }
        Err(Failure::Ended {
            name: shown,
            status: status.to_string(),
            log: waiter.log(),
        })
    }

    /// The command: every step replaces itself by the next, so that the child is the program.
    fn command(&self) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg("--target")
            .arg(self.world.anchor.pid().to_string());
        command.args(["--mount", "--net", "--"]);
        if self.user != User::Root {
            let id = self.user.uid();
            command.args([
                "setpriv",
                &format!("--reuid={id}"),
                &format!("--regid={id}"),
            ]);
            command.args(["--clear-groups", "--"]);
        }
        command.arg(&self.program).args(&self.arguments);
        command.env_clear();
        command.env(
            "PATH",
            std::env::var_os("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into()),
        );
        command.envs([
            ("HOME", self.user.home()),
            ("USER", self.user.name().into()),
            ("LANG", "C.UTF-8".into()),
        ]);
        command.env("DBUS_SYSTEM_BUS_ADDRESS", super::bus::ADDRESS);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        // A Ctrl-C at the test's terminal reaches the test alone, which ends its worlds in order.
        command.process_group(0);
        command
    }

    fn shown(&self) -> String {
        let mut shown = self.program.to_string_lossy().into_owned();
        for argument in &self.arguments {
            shown.push(' ');
            shown.push_str(&argument.to_string_lossy());
        }
        shown
    }
}

impl Output {
    /// What it printed, when it succeeded.
    ///
    /// # Errors
    /// `Refused`, with everything it said, when it failed.
    pub fn stdout(self) -> Result<String, Failure> {
        if self.status.success() {
            Ok(self.stdout)
        } else {
            Err(self.refused(&self.status.to_string()))
        }
    }

    /// Its exit code and what it complained, when it failed with a code.
    ///
    /// # Errors
    /// `Refused` when it succeeded or was ended by a signal.
    pub fn failure(self) -> Result<(i32, String), Failure> {
        match self.status.code() {
            Some(code) if code != 0 => Ok((code, self.stderr)),
            _ => Err(self.refused(&self.status.to_string())),
        }
    }

    /// What it printed and what it complained, however it ended.
    #[must_use]
    pub fn texts(&self) -> (&str, &str) {
        (&self.stdout, &self.stderr)
    }

    fn refused(&self, status: &str) -> Failure {
        Failure::Refused {
            command: self.command.clone(),
            status: status.to_owned(),
            stdout: self.stdout.clone(),
            stderr: self.stderr.clone(),
        }
    }
}

fn capture() -> Result<tempfile::NamedTempFile, Failure> {
    tempfile::NamedTempFile::new().map_err(Failure::io("capture"))
}
