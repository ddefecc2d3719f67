//! Hearing of what happens to a card.

use std::{io, thread, time::Duration};

use oathd_card::{CardStatus, SharedCard};

/// Longer than anything waits; the wait begins anew then.
const DAY: Duration = Duration::from_secs(86_400);

/// Calls `tell` from a thread of its own after each change of `card`, until it answers `false`.
/// Changes in quick succession may be told as one. The thread sleeps in between: it ends at the
/// first change that `tell` wants no more of, or with the process.
pub(crate) fn on_each_change(
    card: &SharedCard,
    mut tell: impl FnMut(CardStatus) -> bool + Send + 'static,
) -> io::Result<()> {
    let mut seen = card.status();
    let card = card.clone();
    let watch = move || {
        loop {
            let now = card.wait_for_change(seen.generation, DAY);
            if now.generation != seen.generation && !tell(now) {
                return;
            }
            seen = now;
        }
    };
    let thread = thread::Builder::new().name("card-watch".to_owned());
    thread.spawn(watch).map(|_| ())
}
