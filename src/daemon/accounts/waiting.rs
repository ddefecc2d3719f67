//! What waits to be sent. Each realm has its turn, and where too much waits the realm that waits
//! with most gives its oldest: the same rule as in the audit trail.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound::{Excluded, Unbounded};

use oathd_core::RealmName;

/// Lines of the realms; none is empty.
#[derive(Debug)]
pub(super) struct Waiting<T> {
    lines: BTreeMap<RealmName, VecDeque<T>>,
    /// Whose turn it was last.
    served: Option<RealmName>,
    most: usize,
}

impl<T> Waiting<T> {
    /// At most `most` wait.
    pub(super) const fn new(most: usize) -> Waiting<T> {
        Waiting {
            lines: BTreeMap::new(),
            served: None,
            most,
        }
    }

    /// Puts something into the line of its realm; gives what has no room any more.
    pub(super) fn push(&mut self, realm: &RealmName, item: T) -> Option<T> {
        self.lines.entry(realm.clone()).or_default().push_back(item);
        let total: usize = self.lines.values().map(VecDeque::len).sum();
        if total <= self.most {
            return None;
        }
        let longest = self.lines.iter().max_by_key(|(_, line)| line.len());
        let longest = longest.map(|(realm, _)| realm.clone())?;
        self.take(&longest)
    }

    /// Takes the oldest of the next realm.
    pub(super) fn pop(&mut self) -> Option<T> {
        let served = self.served.as_ref();
        let after = served.and_then(|realm| {
            let mut later = self.lines.range((Excluded(realm), Unbounded));
            later.next()
        });
        let (next, _) = after.or_else(|| self.lines.first_key_value())?;
        let next = next.clone();
        let item = self.take(&next);
        self.served = Some(next);
        item
    }

    fn take(&mut self, realm: &RealmName) -> Option<T> {
        let line = self.lines.get_mut(realm)?;
        let item = line.pop_front();
        if line.is_empty() {
            self.lines.remove(realm);
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REALMS: [&str; 3] = ["bank", "local", "shop"];

    proptest! {
        /// `None` takes one out, `Some` puts one in.
        #[test]
        fn nobody_loses_a_place_or_a_turn_to_the_busy(
            deeds in prop::collection::vec(prop::option::weighted(0.8, 0..REALMS.len()), 1..200),
            most in 1usize..30,
        ) {
            let mut waiting = Waiting::<(usize, usize)>::new(most);
            let mut lines = [const { Vec::<usize>::new() }; REALMS.len()];
            let mut passed_over = [0; REALMS.len()];
            for (number, deed) in deeds.into_iter().enumerate() {
                let Some(realm) = deed else {
                    let taken = waiting.pop();
                    prop_assert_eq!(taken.is_none(), lines.iter().all(Vec::is_empty));
                    let Some((realm, number)) = taken else { continue };
                    prop_assert_eq!(lines[realm].remove(0), number, "the oldest first");
                    passed_over[realm] = 0;
                    for (other, line) in lines.iter().enumerate().filter(|(other, _)| *other != realm) {
                        passed_over[other] = if line.is_empty() { 0 } else { passed_over[other] + 1 };
                        prop_assert!(passed_over[other] < REALMS.len());
                    }
                    continue;
                };
                lines[realm].push(number);
                let name = REALMS[realm].parse().unwrap();
                if let Some((loser, gone)) = waiting.push(&name, (realm, number)) {
                    prop_assert!(lines[loser].len() > most / REALMS.len());
                    prop_assert_eq!(lines[loser].remove(0), gone);
                }
                prop_assert!(lines.iter().map(Vec::len).sum::<usize>() <= most);
            }
        }
    }
}
