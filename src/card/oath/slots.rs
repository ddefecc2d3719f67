//! What is stored: PUT, DELETE, RENAME, LIST.

use super::{COUNTER, KEY, NAME, NAME_LIST, Oath, PROPERTY};
use crate::algorithm::Algorithm;
use crate::credential::{Challenge, Credential, Kind};
use crate::key::Key;
use crate::profile::Profile;
use crate::status::{Reply, Status};
use crate::tlv::{self, Reader};

/// The longest id in bytes.
const LONGEST_NAME: usize = 64;
/// The shortest key in bytes; a host pads.
const SHORTEST_KEY: usize = 14;
/// Challenges may only rise.
const ONLY_INCREASING: u8 = 0x01;
/// Every calculation needs a touch.
const REQUIRE_TOUCH: u8 = 0x02;
/// The buffer that has to hold all of CALCULATE ALL on a NEO, in bytes.
const NEO_BUFFER: usize = 2048;
/// What CALCULATE ALL needs there for a credential besides its id, in bytes.
const NEO_OVERHEAD: usize = 9;

impl Oath {
    /// Where the credential with this id is.
    pub(super) fn find(&self, name: &[u8]) -> Option<usize> {
        self.state
            .credentials
            .iter()
            .position(|credential| credential.name == name)
    }

    /// PUT: stores a credential; one with the same id is overwritten without a word.
    pub(super) fn put(&mut self, data: &[u8]) -> Reply {
        let credential = parse_put(self.profile, data)?;
        match self
            .find(&credential.name)
            .map(|at| &mut self.state.credentials[at])
        {
            Some(old) => {
                self.damaged.remove(&credential.name);
                *old = credential;
            }
            None => {
                self.room_for(&credential.name)?;
                self.state.credentials.push(credential);
            }
        }
        self.changed = true;
        Ok(Vec::new())
    }

    fn room_for(&self, name: &[u8]) -> Result<(), Status> {
        let stored = &self.state.credentials;
        let fits = match self.profile.capacity() {
            Some(capacity) => stored.len() < capacity,
            None => {
                let names = stored
                    .iter()
                    .map(|credential| &credential.name[..])
                    .chain([name]);
                names.map(|name| name.len() + NEO_OVERHEAD).sum::<usize>() <= NEO_BUFFER
            }
        };
        match (fits && !self.full, self.profile) {
            (true, _) => Ok(()),
            (false, Profile::Neo) => Err(Status::FAILED),
            (false, _) => Err(Status::NO_SPACE),
        }
    }

    /// DELETE: forgets a credential.
    pub(super) fn delete(&mut self, data: &[u8]) -> Reply {
        let mut reader = Reader::new(data);
        let name = reader.take(NAME)?;
        reader.end()?;
        let at = self.find(name).ok_or(Status::NO_SUCH_OBJECT)?;
        self.state.credentials.remove(at);
        self.damaged.remove(name);
        self.changed = true;
        Ok(Vec::new())
    }

    /// RENAME: gives a credential another id, unless that is taken.
    pub(super) fn rename(&mut self, data: &[u8]) -> Reply {
        let mut reader = Reader::new(data);
        let old = reader.take(NAME)?;
        let new = checked_name(reader.take(NAME)?)?;
        reader.end()?;
        let at = self.find(old).ok_or(Status::NO_SUCH_OBJECT)?;
        if self.find(new).is_some() {
            return Err(Status::NO_SUCH_OBJECT);
        }
        if self.damaged.remove(old) {
            self.damaged.insert(new.to_vec());
        }
        self.state.credentials[at].name = new.to_vec();
        self.changed = true;
        Ok(Vec::new())
    }

    /// LIST: kind, algorithm and id of everything.
    pub(super) fn list(&self) -> Vec<u8> {
        let mut answer = Vec::new();
        for credential in &self.state.credentials {
            let mut value = vec![credential.type_byte()];
            value.extend(&credential.name);
            tlv::put(&mut answer, NAME_LIST, &value);
        }
        answer
    }
}

fn checked_name(name: &[u8]) -> Result<&[u8], Status> {
    if (1..=LONGEST_NAME).contains(&name.len()) {
        Ok(name)
    } else {
        Err(Status::WRONG_SYNTAX)
    }
}

/// Reads the data of PUT: id, key, [properties], [initial counter], in this order.
fn parse_put(profile: Profile, data: &[u8]) -> Result<Credential, Status> {
    let mut reader = Reader::new(data);
    let name = checked_name(reader.take(NAME)?)?;
    let &[type_byte, digits, ref key @ ..] = reader.take(KEY)? else {
        return Err(Status::WRONG_SYNTAX);
    };
    let property = if reader.peek() == Some(PROPERTY) {
        reader.take_byte(PROPERTY)?
    } else {
        0
    };
    let counter = if reader.peek() == Some(COUNTER) {
        Some(reader.take(COUNTER)?)
    } else {
        None
    };
    reader.end()?;

    let algorithm = Algorithm::from_nibble(type_byte & 0x0F)
        .filter(|algorithm| profile.allows(*algorithm))
        .ok_or(Status::WRONG_SYNTAX)?;
    let kind = match (type_byte & 0xF0, counter) {
        (0x10, None) => Kind::Hotp { counter: 0 },
        (0x10, Some(&[a, b, c, d])) => Kind::Hotp {
            counter: u32::from_be_bytes([a, b, c, d]).into(),
        },
        (0x20, None) => Kind::Totp,
        _ => return Err(Status::WRONG_SYNTAX),
    };
    let touch = property & REQUIRE_TOUCH != 0;
    let sound = (6..=8).contains(&digits)
        && (SHORTEST_KEY..=algorithm.block_len()).contains(&key.len())
        && property & !(ONLY_INCREASING | REQUIRE_TOUCH) == 0
        && (!touch || profile.touch());
    if !sound {
        return Err(Status::WRONG_SYNTAX);
    }
    Ok(Credential {
        name: name.to_vec(),
        kind,
        algorithm,
        digits,
        key: Key::new(key),
        touch,
        rising: (property & ONLY_INCREASING != 0).then(Challenge::default),
    })
}
