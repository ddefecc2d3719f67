//! The service under test in a world, as the packages start it: user `oathd`, system bus.

use super::{Failure, Process, User, World};

impl World {
    /// Starts oathd with further `arguments` and waits until it owns its name. A running one is
    /// ended first; the state folder is kept.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_oathd(&mut self, arguments: &[&str]) -> Result<(), Failure> {
        self.stop_oathd()?;
        let mut oathd = self
            .built("oathd")?
            .arguments(&["--bus", "system", "--state", "/run/state", "--log", "debug"])
            .arguments(arguments)
            .user(User::Oathd)
            .start("oathd")?;
        self.until_owned(oathd_api::names::BUS_NAME, &mut oathd)?;
        self.oathd = Some(oathd);
        Ok(())
    }

    /// Ends oathd by SIGTERM.
    ///
    /// # Errors
    /// When it does not obey.
    pub fn stop_oathd(&mut self) -> Result<(), Failure> {
        match self.oathd.take() {
            Some(mut oathd) => oathd.end().map(|_| ()),
            None => Ok(()),
        }
    }

    /// The running oathd.
    ///
    /// # Errors
    /// `Missing` when none was started.
    pub fn oathd(&mut self) -> Result<&mut Process, Failure> {
        self.oathd
            .as_mut()
            .ok_or_else(|| Failure::Missing("no oathd in this world".into()))
    }
}
