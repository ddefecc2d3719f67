//! What the hub is told once, and what it tells.

use std::{sync::Arc, time::Duration};

use crate::{identity::TokenKey, token::Token};

/// Fills a buffer with random bytes fit for keys and challenges.
pub type Entropy = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// The hub's limits and choices.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Reader names to use, by substring; empty means all.
    pub readers: Vec<String>,
    /// Application identifiers to try after the OATH one.
    pub extra_aids: Vec<Vec<u8>>,
    /// How long connections to the card service outlive their last use.
    pub linger: Duration,
    /// How long a request waits to begin before it is `Busy`.
    pub busy_deadline: Duration,
    /// How long a call may last altogether.
    pub call_deadline: Duration,
    /// A computation without an answer for this long is taken as a wait for a touch.
    pub touch_hint: Duration,
    /// How many requests may wait for one token.
    pub queue: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            readers: Vec::new(),
            extra_aids: Vec::new(),
            linger: Duration::from_secs(5),
            busy_deadline: Duration::from_secs(5),
            call_deadline: Duration::from_secs(20),
            touch_hint: Duration::from_millis(500),
            queue: 32,
        }
    }
}

/// Something happened to a token or to the card service.
#[derive(Debug, Clone)]
pub enum Event {
    /// A token was found.
    Added(Token),
    /// A token left.
    Removed(TokenKey),
    /// Its public facts changed: the password was set or cleared, or it is no longer duplicated.
    Changed(TokenKey),
    /// Its OATH application was reset: every credential is gone and its device id is another.
    Reset(TokenKey),
    /// Both tokens show the same identity; both are refused until one leaves.
    Duplicated(TokenKey, TokenKey),
    /// The card service went away, and every token with it.
    ServiceLost,
    /// The card service is there again.
    ServiceBack,
}
