//! What a card in a reader is made with.

use crate::profile::{Interface, Profile};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// What answers a request for a touch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Touch {
    /// Nobody: every wait runs into its timeout.
    Never,
    /// Somebody, at once.
    #[default]
    Always,
    /// [`SharedCard::touch`](crate::SharedCard::touch).
    Manual,
}

impl FromStr for Touch {
    type Err = UnknownTouch;

    fn from_str(name: &str) -> Result<Touch, UnknownTouch> {
        match name {
            "never" => Ok(Touch::Never),
            "always" => Ok(Touch::Always),
            "manual" => Ok(Touch::Manual),
            _ => Err(UnknownTouch(name.to_owned())),
        }
    }
}

/// A word that is no way of touching.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("\"{0}\" is no way to touch: use never, always or manual")]
pub struct UnknownTouch(String);

/// What a new card is.
#[derive(Clone, Debug)]
pub struct CardOptions {
    /// The model.
    pub profile: Profile,
    /// How it hangs on its reader.
    pub interface: Interface,
    /// Its serial number.
    pub serial: u32,
    /// The file that keeps its credentials, **in the clear**; without one they go with the card.
    pub state_file: Option<PathBuf>,
    /// Who touches it.
    pub touch: Touch,
    /// How long it waits for a touch; a YubiKey waits 15 s.
    pub touch_timeout: Duration,
}

impl Default for CardOptions {
    fn default() -> CardOptions {
        CardOptions {
            profile: Profile::default(),
            interface: Interface::default(),
            serial: 12_345_678,
            state_file: None,
            touch: Touch::default(),
            touch_timeout: Duration::from_secs(15),
        }
    }
}
