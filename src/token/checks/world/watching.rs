//! Waiting for cards to come and go, and for the service to come back.

use std::sync::{Arc, Mutex};

use super::{World, away};
use crate::transport::{Absence, Reader, ReaderWatch, TransportError};

pub(super) struct Looking {
    pub(super) world: World,
    pub(super) ended: Arc<Mutex<bool>>,
    pub(super) told: Option<Vec<Reader>>,
}

impl Drop for Looking {
    fn drop(&mut self) {
        self.world.lock().watches -= 1;
        self.world.0.changed.notify_all();
    }
}

impl ReaderWatch for Looking {
    fn next(&mut self) -> Result<Option<Vec<Reader>>, TransportError> {
        let mut state = self.world.lock();
        loop {
            if *self.ended.lock().unwrap() {
                return Ok(None);
            }
            if state.down {
                return Err(away());
            }
            let now: Vec<Reader> = state
                .bays
                .iter()
                .map(|(name, bay)| Reader {
                    name: name.clone(),
                    events: bay.events,
                    atr: bay.card.as_ref().map(|card| card.atr().to_vec()),
                })
                .collect();
            if self.told.as_ref() != Some(&now) {
                self.told = Some(now.clone());
                return Ok(Some(now));
            }
            state = self.world.0.changed.wait(state).unwrap();
        }
    }
}

pub(super) struct Away {
    pub(super) world: World,
    pub(super) ended: Arc<Mutex<bool>>,
}

impl Absence for Away {
    fn wait(&mut self) {
        let ended = |away: &Away| *away.ended.lock().unwrap();
        let state = self.world.lock();
        let back = self
            .world
            .0
            .changed
            .wait_while(state, |state| state.down && !ended(self));
        drop(back.unwrap());
    }
}
