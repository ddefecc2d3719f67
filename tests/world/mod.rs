//! A world: one private mount and network namespace with everything oathd meets on a machine.
//!
//! Inside it `/run`, the user database, polkit's rules and actions are the world's own, and so is
//! the loopback network on which software tokens reach their readers: any number of worlds run side
//! by side, next to the machine's own services, and nothing of them outlives the test. A world
//! needs root, because mounting does.
//!
//! ```no_run
//! use oathd_tests::world::{CardSetup, Failure, World};
//!
//! fn main() -> Result<(), Failure> {
//!     let mut world = World::new()?;
//!     world.start_pcscd()?;
//!     world.start_oathd(&[])?;
//!     world.insert_card(CardSetup::default())?;
//!     let _tokens = world.oathctl(&["tokens"])?.stdout()?;
//!     Ok(())
//! }
//! ```

mod anchor;
mod bus;
mod card;
mod failure;
mod layout;
mod log;
mod oathd;
mod pcscd;
mod polkit;
mod process;
mod program;
mod user;
mod wait;

use anchor::Anchor;
use layout::Layout;

pub use card::{Card, CardSetup};
pub use failure::Failure;
pub use pcscd::{READERS, reader_name};
pub use process::Process;
pub use program::{Output, Program};
pub use user::User;
pub use wait::{BOUND, eventually, until};

/// A private machine in small. What runs in it is ended, and its folder removed, on drop; when the
/// test is failing then, the logs are printed first.
#[derive(Debug)]
pub struct World {
    // Fields are dropped in this order: clients before what they talk to, the namespace last.
    oathd: Option<Process>,
    cards: Vec<Card>,
    pcscd: Option<Process>,
    polkitd: Option<Process>,
    bus: Option<Process>,
    anchor: Anchor,
    layout: Layout,
}

impl World {
    /// A world with a system bus and nothing else in it.
    ///
    /// # Errors
    /// When not root, when a program is missing, or when the bus does not come up.
    pub fn new() -> Result<Self, Failure> {
        let layout = Layout::create()?;
        let anchor = Anchor::drop_into(&layout)?;
        let mut world = Self {
            oathd: None,
            cards: Vec::new(),
            pcscd: None,
            polkitd: None,
            bus: None,
            anchor,
            layout,
        };
        world.start_bus()?;
        Ok(world)
    }

    /// A world with a bus, pcscd, polkitd with `rules`, and oathd; no token yet.
    ///
    /// # Errors
    /// When one of them does not come up.
    pub fn with_oathd(rules: &str) -> Result<Self, Failure> {
        let mut world = Self::new()?;
        world.start_pcscd()?;
        world.start_polkitd(rules)?;
        world.start_oathd(&[])?;
        Ok(world)
    }

    /// The path outside the world of what is `/run/<name>` inside it.
    #[must_use]
    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.layout.path(name)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            log::print_all(&self.layout.path("log"));
        }
    }
}
