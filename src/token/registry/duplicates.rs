//! Two readers that show one identity: what a relay looks like.

use std::sync::atomic::Ordering;

use super::Registry;
use crate::{settings::Event, token::Token};

impl Registry {
    /// Refuses every token that shares its identity with another, and takes back the others.
    pub(super) fn compare_identities(&mut self) {
        let mut due = Vec::new();
        let tokens: Vec<(&Token, bool)> = self
            .tokens()
            .map(|token| (token, token.shared().duplicated.load(Ordering::Acquire)))
            .collect();
        for (token, was) in &tokens {
            let twin = tokens
                .iter()
                .find(|(twin, _)| twin.key() != token.key() && same(token, twin));
            token
                .shared()
                .duplicated
                .store(twin.is_some(), Ordering::Release);
            match twin {
                // Of two that are new to this, the later one tells.
                Some((twin, twin_was)) if !was && (*twin_was || token.key() > twin.key()) => {
                    let readers = (&twin.info().reader, &token.info().reader);
                    tracing::warn!(?readers, "two readers show one token");
                    due.push(Event::Duplicated(twin.key(), token.key()));
                }
                None if *was => due.push(Event::Changed(token.key())),
                _ => {}
            }
        }
        self.due.extend(due);
    }
}

fn same(one: &Token, other: &Token) -> bool {
    let (one, other) = (one.info(), other.info());
    (one.serial.is_some() && one.serial == other.serial) || one.device_id == other.device_id
}
