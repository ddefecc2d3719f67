//! Transactions on a card, and what disturbs them.

use oathd_card::SharedCard;

use super::{Trip, World, away};
use crate::{
    transport::{Cards, Channel, TransportError},
    ykoath,
};

/// A connection and the start of the service that it belongs to.
pub(super) struct Connection(pub(super) World, pub(super) u32);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.lock().connections -= 1;
        self.0.0.changed.notify_all();
    }
}

impl Cards for Connection {
    fn transaction(
        &mut self,
        reader: &str,
        work: &mut dyn FnMut(&mut dyn Channel),
    ) -> Result<(), TransportError> {
        let world = &self.0;
        let mut state = world.lock();
        if state.bays.get(reader).is_some_and(|bay| bay.held) {
            state.bays.get_mut(reader).unwrap().queueing += 1;
            world.0.changed.notify_all();
            state = world
                .0
                .changed
                .wait_while(state, |state| state.bays[reader].held)
                .unwrap();
            state.bays.get_mut(reader).unwrap().queueing -= 1;
        }
        if state.down || state.starts != self.1 {
            return Err(away());
        }
        let bay = state.bays.get_mut(reader).ok_or(TransportError::Removed)?;
        if bay.exclusive {
            bay.refusals += 1;
            world.0.changed.notify_all();
            return Err(TransportError::InUse);
        }
        if bay.resets > 0 {
            bay.resets -= 1;
            return Err(TransportError::CardReset);
        }
        let card = bay.card.clone().ok_or(TransportError::Removed)?;
        drop(state);
        work(&mut Line {
            world,
            reader,
            card,
            reset: false,
        });
        Ok(())
    }
}

struct Line<'a> {
    world: &'a World,
    reader: &'a str,
    card: SharedCard,
    reset: bool,
}

impl Channel for Line<'_> {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, TransportError> {
        let (down, trip, alias, unknown) = {
            let mut state = self.world.lock();
            let down = state.down;
            let bay = state.bays.get_mut(self.reader).unwrap();
            bay.log.push(apdu.to_vec());
            // SELECT and CALCULATE ALL share an instruction; only the first has P1 04.
            let ins = if apdu[1] == 0xa4 && apdu[2] == 0x04 {
                0
            } else {
                apdu[1]
            };
            let tripped = |trip: &mut Trip| match trip {
                Trip::Before(wanted)
                | Trip::After(wanted)
                | Trip::Taken(wanted)
                | Trip::Failure(wanted) => *wanted == ins,
            };
            let trip = bay.trip.take_if(tripped);
            bay.exclusive |= matches!(trip, Some(Trip::Taken(_)));
            (down, trip, bay.alias, bay.unknown == Some(ins))
        };
        self.world.0.changed.notify_all();
        if down {
            return Err(away());
        }
        if self.reset {
            return Err(TransportError::CardReset);
        }
        if unknown {
            return Ok(vec![0x6d, 0x00]);
        }
        let apdu = match alias {
            Some(alias) => &called_otherwise(apdu, alias),
            None => apdu,
        };
        match trip {
            None => self
                .card
                .transmit(apdu)
                .map_err(|_| TransportError::Removed),
            Some(Trip::Failure(_)) => Err(TransportError::Reader { code: 0x8010_0001 }),
            Some(trip) => {
                if matches!(trip, Trip::After(_)) {
                    self.card.transmit(apdu).unwrap();
                }
                self.card.power_off();
                self.reset = true;
                Err(TransportError::CardReset)
            }
        }
    }
}

/// What reaches a card whose OATH application goes by `alias`: its own name is nobody's there.
fn called_otherwise(apdu: &[u8], alias: &[u8]) -> Vec<u8> {
    let mut apdu = apdu.to_vec();
    if apdu[..4] == [0, 0xa4, 4, 0] {
        let name = &apdu[5..5 + usize::from(apdu[4])];
        if name == ykoath::AID {
            apdu[5] ^= 0xff;
        } else if name == alias {
            apdu.truncate(4);
            apdu.push(7);
            apdu.extend(ykoath::AID);
        }
    }
    apdu
}
