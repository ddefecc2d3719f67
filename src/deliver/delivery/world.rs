//! A private bus, the service on it, and those who call.

pub(crate) mod mail_server;
pub(crate) mod modem_manager;

use std::{
    cell::Cell,
    fs::File,
    io::{BufRead, BufReader, Write},
    os::fd::AsFd,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use futures_util::StreamExt;
use oathd_api::{
    names::{DELIVER_BUS_NAME, DELIVER_PATH, SENDER_INTERFACE},
    wire::deliver::{AddressRecord, DeliveryRecord, SendOptions},
};
use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create},
    process::{Pid, Signal, Uid, kill_process},
    thread::set_thread_res_uid,
};
use tempfile::TempDir;
use zbus::{
    Connection, Fd, MatchRule, Message, MessageStream, connection, fdo::DBusProxy,
    message::Sequence, message::Type,
};

/// The text of every message of these tests; no log may hold it.
pub(crate) const TEXT: &str = "Your code: 4711-canary \"ä\"\nValid for ten minutes.";

/// A telephone number that can take messages.
pub(crate) const NUMBER: &str = "+4915112345678";

/// A mailbox elsewhere.
pub(crate) const MAILBOX: &str = "ann.canary@example.net";

/// Settings that try again at once, and often.
pub(crate) const QUICK: &str = "attempts = 20\nretry_seconds = 0\n";

/// Something that must happen, or the test hangs.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    let bound = tokio::time::timeout(Duration::from_secs(60), future);
    bound.await.expect("nothing happened within a minute")
}

/// A bus and a folder. Everybody may connect, own and send; nobody sees what is not theirs.
pub(crate) struct World {
    daemon: Child,
    folder: TempDir,
}

impl World {
    pub(crate) fn new() -> World {
        World::with_policy(
            "<policy context='default'><allow user='*'/><allow own='*'/>\
             <allow send_destination='*'/><allow receive_sender='*'/></policy>",
        )
    }

    /// A bus whose configuration says who may what.
    pub(crate) fn with_policy(policy: &str) -> World {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("bus.conf");
        let text = format!(
            "<busconfig><type>session</type><listen>unix:path={}</listen>{policy}</busconfig>",
            folder.path().join("bus").display()
        );
        std::fs::write(&config, text).unwrap();
        // Other users must reach the socket.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).unwrap();
        let mut daemon = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", config.display()))
            .args(["--nofork", "--print-address"])
            .stderr(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        let output = daemon.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut ready).unwrap();
        World { daemon, folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A `[command]` section with a shell script of the test's.
    pub(crate) fn hook(&self, script: &str) -> String {
        let path = self.write("hook.sh", script);
        let path = path.display();
        format!("[command]\nprogram = \"/bin/sh\"\narguments = [\"{path}\"]\n")
    }

    /// Connects as this process's user.
    pub(crate) async fn connect(&self) -> Connection {
        let address = format!("unix:path={}", self.path("bus").display());
        let builder = connection::Builder::address(address.as_str());
        builder.build().await.unwrap()
    }

    /// Connects as another user; for root only. A socket remembers the thread that connected it.
    pub(crate) async fn connect_as(&self, uid: u32) -> Connection {
        let path = self.path("bus");
        let connecting = std::thread::spawn(move || {
            let uid = Uid::from_raw(uid);
            set_thread_res_uid(uid, uid, uid).unwrap();
            UnixStream::connect(path).unwrap()
        });
        let stream = connecting.join().unwrap();
        let builder = connection::Builder::unix_stream(stream).user_id(uid);
        builder.build().await.unwrap()
    }

    /// Starts the service on this bus.
    pub(crate) async fn service(&self, settings: &str) -> Service {
        let address = format!("unix:path={}", self.path("bus").display());
        self.start(settings, &["--bus", &address]).await
    }

    /// Starts the service with these options, and waits until it has its name.
    pub(crate) async fn start(&self, settings: &str, options: &[&str]) -> Service {
        let watcher = self.connect().await;
        let bus = DBusProxy::new(&watcher).await.unwrap();
        let mut owners = bus.receive_name_owner_changed().await.unwrap();
        let config = self.write("deliver.conf", settings);
        let log = self.path("log");
        let child = Command::new(env!("CARGO_BIN_EXE_oathd-deliver"))
            .args(options)
            .args(["--log", "trace", "--config"])
            .arg(&config)
            .env(
                "DBUS_SYSTEM_BUS_ADDRESS",
                format!("unix:path={}", self.path("bus").display()),
            )
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let service = Service { child, log };
        soon(async {
            loop {
                let change = owners.next().await.unwrap();
                let args = change.args().unwrap();
                if args.name().as_str() == DELIVER_BUS_NAME && args.new_owner().is_some() {
                    break;
                }
            }
        })
        .await;
        service
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// The running service.
pub(crate) struct Service {
    child: Child,
    log: PathBuf,
}

impl Service {
    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        let waiting = tokio::task::spawn_blocking(move || self.child.wait().unwrap());
        soon(waiting).await.unwrap()
    }

    /// Stops it, and looks through its log for what must not be there.
    pub(crate) async fn stop(self) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).unwrap();
        let log = self.log.clone();
        assert!(self.ended().await.success());
        assert_silent(&log);
    }
}

/// No log holds a text, or says where it went.
fn assert_silent(log: &Path) {
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("ready"), "{log}");
    for secret in ["canary", "ten minutes", "15112345678", "example.net"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

/// A sealed memory file.
pub(crate) fn sealed(text: &[u8]) -> File {
    let file = unsealed(text);
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
    fcntl_add_seals(&file, seals).unwrap();
    file
}

pub(crate) fn unsealed(text: &[u8]) -> File {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(memfd_create("test", flags).unwrap());
    file.write_all(text).unwrap();
    file
}

/// A program that sends messages.
pub(crate) struct Client {
    connection: Connection,
    signals: MessageStream,
    /// When the last answer to `Send` came.
    answered: Cell<Option<Sequence>>,
}

impl Client {
    pub(crate) async fn new(connection: Connection) -> Client {
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .interface(SENDER_INTERFACE)
            .build()
            .unwrap();
        let signals = MessageStream::for_match_rule(rule, &connection, None);
        Client {
            signals: signals.await.unwrap(),
            connection,
            answered: Cell::new(None),
        }
    }

    /// Calls the service; the name of the error if it fails.
    pub(crate) async fn call<B>(&self, method: &str, body: &B) -> Result<Message, String>
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        let interface = Some(SENDER_INTERFACE);
        let name = Some(DELIVER_BUS_NAME);
        let call = self
            .connection
            .call_method(name, DELIVER_PATH, interface, method, body);
        soon(call).await.map_err(|error| match error {
            zbus::Error::MethodError(name, text, _) => {
                format!("{} {}", name.as_str(), text.unwrap_or_default())
            }
            other => other.to_string(),
        })
    }

    pub(crate) async fn check(&self, kind: &str, address: &str) -> Result<AddressRecord, String> {
        let reply = self.call("CheckAddress", &(kind, address)).await?;
        Ok(reply.body().deserialize().unwrap())
    }

    /// Sends what is in `message`.
    pub(crate) async fn send_fd(
        &self,
        kind: &str,
        address: &str,
        message: impl AsFd,
        options: SendOptions,
    ) -> Result<String, String> {
        let body = (kind, address, Fd::from(message.as_fd()), options);
        let reply = self.call("Send", &body).await?;
        self.answered.set(Some(reply.recv_position()));
        Ok(reply.body().deserialize().unwrap())
    }

    /// Sends [`TEXT`].
    pub(crate) async fn send(&self, kind: &str, address: &str) -> Result<String, String> {
        let message = sealed(TEXT.as_bytes());
        self.send_fd(kind, address, message, SendOptions::default())
            .await
    }

    pub(crate) async fn state(&self, id: &str) -> Result<DeliveryRecord, String> {
        let reply = self.call("State", &id).await?;
        Ok(reply.body().deserialize().unwrap())
    }

    /// The next news: id, state, reason. None comes before the answer that names its message, if
    /// one message is sent after the other.
    pub(crate) async fn news(&mut self) -> (String, String, String) {
        let signal = soon(self.signals.next()).await.unwrap().unwrap();
        assert!(self.answered.get() < Some(signal.recv_position()));
        signal.body().deserialize().unwrap()
    }

    /// The next news, which must be of this message: `state reason`, or `state`.
    pub(crate) async fn next(&mut self, id: &str) -> String {
        let (of, state, reason) = self.news().await;
        assert_eq!(of, id);
        format!("{state} {reason}").trim_end().to_owned()
    }

    /// The news of a message until one that is not `queued`.
    pub(crate) async fn outcome(&mut self, id: &str) -> String {
        loop {
            let news = self.next(id).await;
            if !news.starts_with("queued") {
                return news;
            }
        }
    }

    /// The news that have come and were not read.
    pub(crate) async fn unread(&mut self) -> usize {
        // What the service sent before it answers this call has arrived before the answer.
        let _ = self.state("none").await;
        let mut count = 0;
        while let Some(Some(_)) = futures_util::FutureExt::now_or_never(self.signals.next()) {
            count += 1;
        }
        count
    }
}
