//! The PC/SC service of a world, with readers made of sockets.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::net::UnixStream;

use super::{Failure, World, until};

/// Readers in every world.
pub const READERS: u16 = 4;

/// The port of the first reader. Each instance of the vpcd driver serves two.
const FIRST_PORT: u16 = 0x8C7B;
const READERS_PER_DRIVER: u16 = 2;
const DRIVER: &str = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so";

/// What pcscd calls reader `slot` (0 to [`READERS`] − 1): the driver's name, the reader's number
/// among those of that name, and the slot within the reader.
#[must_use]
pub fn reader_name(slot: u16) -> String {
    format!("{} 00 {:02X}", driver_name(slot), slot % READERS_PER_DRIVER)
}

/// Each driver has a name of its own: pcscd does not number readers of different drivers apart.
fn driver_name(slot: u16) -> String {
    format!("Virtual PCD {}", slot / READERS_PER_DRIVER)
}

/// The port of the loopback network on which the reader's card is awaited.
pub(super) fn port(slot: u16) -> u16 {
    FIRST_PORT + slot
}

impl World {
    /// Starts pcscd with [`READERS`] readers.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_pcscd(&mut self) -> Result<(), Failure> {
        self.start_pcscd_with(&[])
    }

    /// The same with further `arguments`, such as `--apdu`.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_pcscd_with(&mut self, arguments: &[&str]) -> Result<(), Failure> {
        let mut config = String::new();
        for slot in (0..READERS).step_by(READERS_PER_DRIVER.into()) {
            let (name, port, driver) = (driver_name(slot), port(slot), self.driver(slot)?);
            // Writing to a String cannot fail.
            let _ = writeln!(
                config,
                "FRIENDLYNAME \"{name}\"\nDEVICENAME /dev/null:0x{port:X}"
            );
            let _ = writeln!(config, "LIBPATH {driver}\nCHANNELID 0x{port:X}\n");
        }
        self.layout.write("reader.conf.d/vpcd", &config)?;
        let mut pcscd = self
            .program("pcscd")
            .arguments(&["--foreground", "--config", "/run/reader.conf.d"])
            .arguments(arguments)
            .start("pcscd")?;
        let socket = self.path("pcscd/pcscd.comm");
        until("pcscd", || {
            pcscd.check_alive()?;
            Ok(UnixStream::connect(&socket).ok())
        })?;
        self.pcscd = Some(pcscd);
        Ok(())
    }

    /// The driver's path inside the world, a file of its own each: the library has one set of
    /// sockets, and pcscd loads a file once.
    fn driver(&self, slot: u16) -> Result<String, Failure> {
        let file = format!("drivers/vpcd-{slot}.so");
        fs::copy(DRIVER, self.path(&file)).map_err(Failure::io(DRIVER))?;
        Ok(format!("/run/{file}"))
    }

    /// Ends pcscd. The cards lose their readers.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop_pcscd(&mut self) -> Result<(), Failure> {
        match self.pcscd.take() {
            Some(mut pcscd) => pcscd.end().map(|_| ()),
            None => Ok(()),
        }
    }

    /// Kills pcscd as a crash would.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn crash_pcscd(&mut self) -> Result<(), Failure> {
        match self.pcscd.take() {
            Some(mut pcscd) => pcscd.kill().map(|_| ()),
            None => Ok(()),
        }
    }

    /// Ends pcscd, starts it again, and puts the same cards back into the same readers.
    ///
    /// # Errors
    /// When something does not come up.
    pub fn restart_pcscd(&mut self) -> Result<(), Failure> {
        self.stop_pcscd()?;
        self.start_pcscd()?;
        self.reinsert_cards()
    }
}
