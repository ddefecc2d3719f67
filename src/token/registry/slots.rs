//! What is in the readers: cards come, are identified, and go.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use super::{Asking, Phase, Registry, Slot, State, Unidentified};
use crate::{
    identity::TokenKey,
    owner::{self, Control, Plan},
    settings::Event,
    token::Token,
    transport::Reader,
};

impl Registry {
    /// Compares the readers with what is known of them. Cards that another program held are asked again.
    pub(super) fn see(&mut self, readers: Vec<Reader>) {
        self.seen = true;
        if std::mem::take(&mut self.lost) {
            tracing::info!("card service back");
            self.raise(Event::ServiceBack);
        }
        let wanted = |reader: &Reader| {
            let names = &self.settings.readers;
            names.is_empty() || names.iter().any(|name| reader.name.contains(name.as_str()))
        };
        let mut present: BTreeMap<String, Reader> = readers
            .into_iter()
            .filter(|reader| reader.atr.is_some() && wanted(reader))
            .map(|reader| (reader.name.clone(), reader))
            .collect();
        let known = std::mem::take(&mut self.slots);
        let (mut left, mut held) = (Vec::new(), Vec::new());
        for (name, slot) in known {
            if present.get(&name) == Some(&slot.reader) {
                present.remove(&name);
                if matches!(slot.state, State::Not(Unidentified::Held)) {
                    held.push(slot.reader);
                } else {
                    self.slots.insert(name, slot);
                }
            } else {
                left.push(slot);
            }
        }
        for slot in &left {
            self.discard(slot);
        }
        if !left.is_empty() {
            self.compare_identities();
        }
        for reader in present.into_values() {
            self.take_on(reader, false);
        }
        for reader in held {
            self.take_on(reader, true);
        }
        self.identify_again();
    }

    /// Starts an owner for the card in a reader; `again` when another program held it the last time.
    fn take_on(&mut self, reader: Reader, again: bool) {
        let key = TokenKey::new();
        let started = owner::start(Plan {
            key,
            reader: reader.clone(),
            source: Arc::clone(&self.source),
            settings: Arc::clone(&self.settings),
            entropy: Arc::clone(&self.entropy),
            report: self.report.clone(),
        });
        match started {
            Ok(lanes) => {
                let slot = Slot {
                    reader: reader.clone(),
                    key,
                    lanes,
                    state: State::Identifying(Asking {
                        again,
                        refused: false,
                        until: Instant::now() + self.settings.busy_deadline,
                    }),
                };
                self.slots.insert(reader.name, slot);
            }
            Err(error) => tracing::error!(%error, "token thread not started"),
        }
    }

    /// Tries cards again that could not be asked.
    pub(super) fn identify_again(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let failed: Vec<(Reader, bool)> = self
            .slots
            .values()
            .filter_map(|slot| match slot.state {
                State::Not(Unidentified::Held) => Some((slot.reader.clone(), true)),
                State::Not(Unidentified::Failed) => Some((slot.reader.clone(), false)),
                _ => None,
            })
            .collect();
        for (reader, held) in failed {
            self.take_on(reader, held);
        }
    }

    /// Notes that another program holds a card that is being asked.
    pub(super) fn refused(&mut self, key: TokenKey) {
        let slot = self.slots.values_mut().find(|slot| slot.key == key);
        if let Some(State::Identifying(asking)) = slot.map(|slot| &mut slot.state) {
            asking.refused = true;
        }
    }

    /// Ends a slot's owner and tells of its token.
    pub(super) fn discard(&mut self, slot: &Slot) {
        slot.lanes.control(Control::Stop);
        if let State::Token(token) = &slot.state {
            self.raise(Event::Removed(token.key()));
        }
    }

    pub(super) fn identified(&mut self, key: TokenKey, found: Result<Token, Unidentified>) {
        let Some(slot) = self.slots.values_mut().find(|slot| slot.key == key) else {
            return;
        };
        match found {
            Ok(token) => {
                slot.state = State::Token(token.clone());
                self.raise(Event::Added(token));
                self.compare_identities();
            }
            Err(reason) => slot.state = State::Not(reason),
        }
    }

    /// A token that an owner lost. The readers are looked at anew: the card may still be there.
    pub(super) fn gone(&mut self, key: TokenKey) {
        let Some(name) = self
            .slots
            .iter()
            .find_map(|(name, slot)| (slot.key == key).then(|| name.clone()))
        else {
            return;
        };
        if let Some(slot) = self.slots.remove(&name) {
            self.discard(&slot);
        }
        self.compare_identities();
        if matches!(self.phase, Phase::Watching(_)) {
            self.open();
        }
    }
}
