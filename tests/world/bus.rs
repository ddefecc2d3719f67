//! The system bus of a world, and connections to it from the test itself.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;

use rustix::process::Uid;
use rustix::thread::set_thread_res_uid;

use super::{Failure, Process, User, World, until};

/// Where programs inside the world find the bus.
pub(super) const ADDRESS: &str = "unix:path=/run/dbus/system_bus_socket";

const SOCKET: &str = "dbus/system_bus_socket";

impl World {
    pub(super) fn start_bus(&mut self) -> Result<(), Failure> {
        self.layout
            .write("dbus/bus.conf", include_str!("bus.xml"))?;
        copy_files("dbus", "conf", &self.layout.path("dbus/system.d"))?;
        let mut bus = self
            .program("dbus-daemon")
            .arguments(&[
                "--config-file=/run/dbus/bus.conf",
                "--nofork",
                "--nopidfile",
                "--nosyslog",
            ])
            .start("bus")?;
        let socket = self.path(SOCKET);
        until("bus", || {
            bus.check_alive()?;
            Ok(UnixStream::connect(&socket).ok())
        })?;
        self.bus = Some(bus);
        Ok(())
    }

    /// Ends the bus under everybody's feet.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop_bus(&mut self) -> Result<(), Failure> {
        match self.bus.take() {
            Some(mut bus) => bus.end().map(|_| ()),
            None => Ok(()),
        }
    }

    /// Connects the test to the bus as `user`: the bus and polkit see that user's uid, and the
    /// test's own process id.
    ///
    /// # Errors
    /// When the bus is not there or refuses.
    pub async fn connect(&self, user: User) -> Result<zbus::Connection, Failure> {
        let stream = connect_as(self.path(SOCKET), user.uid())?;
        let builder = zbus::connection::Builder::unix_stream(stream).user_id(user.uid());
        Ok(builder.build().await?)
    }

    /// Waits until `name` has an owner on the bus, or `process` has ended without.
    pub(super) fn until_owned(&self, name: &str, process: &mut Process) -> Result<(), Failure> {
        let bound = super::BOUND.as_secs().to_string();
        let waiter =
            self.program("gdbus")
                .arguments(&["wait", "--system", "--timeout", &bound, name]);
        waiter.succeeds_while(process)
    }
}

/// Copies the files ending in `.<extension>` of a folder of this repository.
pub(super) fn copy_files(from: &str, extension: &str, to: &Path) -> Result<(), Failure> {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(from);
    fs::create_dir_all(to).map_err(Failure::io(to.display().to_string()))?;
    let entries = fs::read_dir(&from).map_err(Failure::io(from.display().to_string()))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        if let (true, Some(name)) = (
            path.extension().is_some_and(|e| e == extension),
            path.file_name(),
        ) {
            fs::copy(&path, to.join(name)).map_err(Failure::io(path.display().to_string()))?;
        }
    }
    Ok(())
}

/// Linux keeps credentials per thread, and a socket remembers those of the thread that connected.
fn connect_as(socket: PathBuf, uid: u32) -> Result<UnixStream, Failure> {
    let connecting = thread::spawn(move || {
        let uid = Uid::from_raw(uid);
        set_thread_res_uid(uid, uid, uid)?;
        UnixStream::connect(socket)
    });
    let lost = |_| Failure::Missing("the connecting thread was lost".into());
    connecting
        .join()
        .map_err(lost)?
        .map_err(Failure::io("bus socket"))
}
