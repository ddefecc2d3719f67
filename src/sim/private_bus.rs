//! A system bus for one command and its tests.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    os::unix::{ffi::OsStrExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{net::unix::pipe, time::timeout};

use crate::child::{Child, tied};

/// How long dbus-daemon may take to begin listening.
const PATIENCE: Duration = Duration::from_secs(60);

/// Like a system bus it takes every user and knows them by the kernel's word alone; unlike one it
/// lets everybody talk to everybody and own any name. `@ADDRESS@` is filled in.
const CONFIGURATION: &str = include_str!("private_bus.xml");

/// The name of its socket.
const SOCKET: &str = "bus";

/// The longest path of a socket that libdbus takes, in bytes.
const LONGEST_PATH: usize = 99;

/// Why there is no bus.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BusError {
    /// A file or the process failed.
    #[error("cannot start a private bus: {0}")]
    System(#[from] io::Error),
    /// It ended, or does not listen.
    #[error("dbus-daemon did not start; is it installed (Debian: dbus-daemon)? {log}")]
    Silent {
        /// What it said.
        log: String,
    },
}

/// A running dbus-daemon.
pub(crate) struct PrivateBus {
    address: String,
    /// Where it writes warnings; most are about its own limits and of no use to the command.
    log: PathBuf,
    daemon: Child,
}

impl PrivateBus {
    /// Whether the path of a socket in `folder` is short enough.
    pub(crate) fn fits_into(folder: &Path) -> bool {
        folder.join(SOCKET).as_os_str().len() <= LONGEST_PATH
    }

    /// Starts a bus with its socket and configuration in `folder`, and waits until it listens.
    pub(crate) async fn start(folder: &Path) -> Result<PrivateBus, BusError> {
        let address = format!("unix:path={}", escaped(&folder.join(SOCKET)));
        let (file, log) = (folder.join("bus.conf"), folder.join("bus.log"));
        fs::write(&file, CONFIGURATION.replace("@ADDRESS@", &address))?;
        let mut option = OsString::from("--config-file=");
        option.push(&file);
        let words = ["--nofork", "--nopidfile", "--nosyslog", "--print-address=1"];
        let program = [OsString::from("dbus-daemon"), option]
            .into_iter()
            .chain(words.map(OsString::from));
        let mut command = tied(program);
        // In a process group of its own, it survives the Ctrl-C that is meant for the command.
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .process_group(0);
        let mut bus = PrivateBus {
            address,
            log,
            daemon: Child::start(&mut command)?,
        };
        let listens = timeout(PATIENCE, bus.prints_its_address()).await;
        if matches!(listens, Ok(Ok(true))) {
            return Ok(bus);
        }
        bus.end().await;
        Err(BusError::Silent { log: bus.log() })
    }

    /// Waits for the line that dbus-daemon prints once it listens; `false` when it ends without.
    async fn prints_its_address(&mut self) -> io::Result<bool> {
        let Some(output) = self.daemon.take_stdout() else {
            return Ok(false);
        };
        let output = pipe::Receiver::from_owned_fd(output.into())?;
        loop {
            output.readable().await?;
            match output.try_read(&mut [0; 256]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return Ok(read? > 0),
            }
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What it said so far.
    pub(crate) fn log(&self) -> String {
        fs::read(&self.log).map_or_else(
            |error| error.to_string(),
            |bytes| String::from_utf8_lossy(&bytes).trim_end().to_owned(),
        )
    }

    /// Waits until it ends, which it does not do by itself.
    pub(crate) async fn ended(&mut self) {
        // A child that cannot be waited for has ended.
        let _ = self.daemon.ended().await;
    }

    /// Ends it.
    pub(crate) async fn end(&mut self) {
        // The only error is that there is nothing to end.
        let _ = self.daemon.end().await;
    }
}

/// A path as a value in a D-Bus address: bytes that the specification ("Server Addresses") does not
/// list are written in hexadecimal.
fn escaped(path: &Path) -> String {
    let mut text = String::new();
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-_/.\\*".contains(&byte) {
            text.push(byte.into());
        } else {
            text.push_str(&format!("%{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use proptest::prelude::*;

    use super::*;

    /// What an address says of a path.
    fn read(mut text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(byte) = text.bytes().next() {
            let taken = if byte == b'%' {
                bytes.push(u8::from_str_radix(&text[1..3], 16).unwrap());
                3
            } else {
                bytes.push(byte);
                1
            };
            text = &text[taken..];
        }
        bytes
    }

    proptest! {
        #[test]
        fn any_path_survives_an_address_within_xml(bytes in prop::collection::vec(1u8.., 0..80)) {
            let path = PathBuf::from(OsStr::from_bytes(&bytes));
            let text = escaped(&path);
            prop_assert!(!text.contains([',', ';', ':', '=', '<', '>', '&', '"', '\'', ' ']));
            prop_assert_eq!(read(&text), bytes);
        }
    }
}
