//! The real polkitd in a world, with rules of the test and nobody's sessions.
//!
//! Without logind no subject is active or local, so an action without a rule follows `allow_any`.

use std::fs;

use super::bus::copy_files;
use super::{Failure, World};

const POLKITD: &str = "/usr/lib/polkit-1/polkitd";

impl World {
    /// Starts polkitd with the actions of this repository, those of `tests/polkit`, and `rules`,
    /// JavaScript as in `/etc/polkit-1/rules.d`. A running one is replaced.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_polkitd(&mut self, rules: &str) -> Result<(), Failure> {
        self.stop_polkitd()?;
        let actions = self.layout.path("polkit/actions");
        copy_files("polkit", "policy", &actions)?;
        copy_files("tests/polkit", "policy", &actions)?;
        self.layout.write("polkit/rules/50-test.rules", rules)?;
        let mut polkitd = self.program(POLKITD).start("polkitd")?;
        self.until_owned("org.freedesktop.PolicyKit1", &mut polkitd)?;
        let log = polkitd.log();
        if log.contains("Error compiling") || log.contains("Error evaluating") {
            return Err(Failure::Ended {
                name: "the rules".into(),
                status: "refused by polkitd".into(),
                log,
            });
        }
        self.polkitd = Some(polkitd);
        Ok(())
    }

    /// Ends polkitd: nobody can be authorized by it from then on.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop_polkitd(&mut self) -> Result<(), Failure> {
        if let Some(mut polkitd) = self.polkitd.take() {
            polkitd.end()?;
            fs::remove_file(self.layout.path("log/polkitd"))
                .map_err(Failure::io("polkitd's log"))?;
        }
        Ok(())
    }
}
