//! A run whose command waits, while the test does what the command would.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    time::Duration,
};

use oathd_client::{AddOptions, Client, Token};
use zbus::Proxy;

/// The seed of RFC 6238, appendix B.
pub(crate) const SEED: &[u8] = b"12345678901234567890";

/// Says where the bus is, and ends with the status that it reads; 111 at the end of its input.
const WAITING: &str =
    r#"echo "$DBUS_SYSTEM_BUS_ADDRESS"; read -r status || status=111; exit "$status""#;

/// The program, for a command that is not waited for.
pub(crate) fn oathd_sim() -> Command {
    Command::new(env!("CARGO_BIN_EXE_oathd-sim"))
}

/// Something that must happen, or the test hangs.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future)
        .await
        .expect("nothing happened within a minute")
}

/// A run of `oathd-sim run` with a waiting command. Its temporary files are in a folder of the
/// test's own.
pub(crate) struct Run {
    pub(crate) child: Child,
    pub(crate) address: String,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    folder: tempfile::TempDir,
}

impl Run {
    pub(crate) fn start(options: &[&str]) -> Run {
        let folder = tempfile::tempdir().unwrap();
        let mut child = oathd_sim()
            .env("TMPDIR", folder.path())
            .arg("run")
            .args(options)
            .args(["--", "sh", "-c", WAITING])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut address = String::new();
        output.read_line(&mut address).unwrap();
        Run {
            child,
            address: address.trim_end().to_owned(),
            input,
            output,
            folder,
        }
    }

    pub(crate) fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(&self.address).await.unwrap()
    }

    /// The control of the clock.
    pub(crate) async fn clock(&self) -> Proxy<'static> {
        self.sim1("/org/oathd/Sim1", "org.oathd.Sim1.Clock").await
    }

    /// The control of a card.
    pub(crate) async fn card(&self, number: u8) -> Proxy<'static> {
        let path = format!("/org/oathd/Sim1/card/{number}");
        self.sim1(&path, "org.oathd.Sim1.Card").await
    }

    async fn sim1(&self, path: &str, interface: &'static str) -> Proxy<'static> {
        let client = self.client().await;
        Proxy::new(
            client.connection(),
            "org.oathd.Sim1",
            path.to_owned(),
            interface,
        )
        .await
        .unwrap()
    }

    /// Lets the command end with `status`; what oathd-sim ends with, and what it said.
    pub(crate) fn end(mut self, status: u8) -> (ExitStatus, String) {
        writeln!(self.input, "{status}").unwrap();
        self.ended()
    }

    /// Waits for the end of oathd-sim, and of everybody with a copy of its outputs.
    pub(crate) fn ended(&mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
        let mut said = String::new();
        let stderr = self.child.stderr.take().unwrap();
        BufReader::new(stderr).read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap(), said)
    }

    /// What is left in the folder for temporary files.
    pub(crate) fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

/// Writes the seed of the RFC to the only token: 8 digits, as in its appendix.
pub(crate) async fn add_seed(client: &Client, name: &str, touch: bool) -> Token {
    let token = client.find_token("").await.unwrap();
    let options = AddOptions {
        name: Some(name.to_owned()),
        digits: Some(8),
        touch: Some(touch),
        ..AddOptions::default()
    };
    assert_eq!(token.add(SEED, &options).await.unwrap(), name);
    token
}
