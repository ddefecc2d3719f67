//! Who waits for the list, and for which cards.

use std::time::Instant;

use tokio::sync::oneshot;

use super::{Listed, Registry, Slot, State};
use crate::token::Token;

/// Who waits for the list.
pub(crate) struct Asker {
    pub(crate) reply: oneshot::Sender<Listed>,
    /// Which tokens the asker is after; none for all.
    pub(crate) wanted: Option<Wanted>,
}

/// Whether a token is the one that somebody is after.
pub(crate) type Wanted = Box<dyn Fn(&Token) -> bool + Send>;

/// A card that is being asked who it is.
pub(super) struct Asking {
    /// It was held the last time that it was asked.
    pub(super) again: bool,
    /// Another program holds it.
    pub(super) refused: bool,
    /// Nobody who can have another token waits for it longer.
    pub(super) until: Instant,
}

impl Registry {
    /// When something is due that nobody will report.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let now = Instant::now();
        let waits = self.slots.values().filter_map(|slot| match &slot.state {
            State::Identifying(asking) => Some(asking.until),
            State::Token(_) | State::Not(_) => None,
        });
        let waits = waits.filter(|until| !self.waiting.is_empty() && *until > now);
        waits.chain(self.watch_until()).min()
    }

    /// Whether nothing more is to come that somebody should wait for. A card that another program
    /// holds is not worth it to those who can have another token: the one they want or, when they
    /// want none in particular and the card was held before, any.
    pub(super) fn is_settled(&self, wanted: Option<&Wanted>) -> bool {
        let now = Instant::now();
        let served = self
            .tokens()
            .any(|token| wanted.is_none_or(|wanted| wanted(token)));
        let awaited = |slot: &Slot| match &slot.state {
            State::Identifying(asking) => {
                let idle = asking.refused && (asking.again || wanted.is_some());
                !(served && (idle || asking.until <= now))
            }
            State::Token(_) | State::Not(_) => false,
        };
        self.seen && !self.slots.values().any(awaited)
    }
}
