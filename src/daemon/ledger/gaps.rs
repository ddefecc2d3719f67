//! Entries of the audit trail that were let go while older ones stay.
//!
//! In the place of a run of them stands the row of the last: its head, on which the chain goes on,
//! and an HMAC that says that oathd itself let them go.

use hmac::{Hmac, Mac};
use rusqlite::{Connection, OptionalExtension, Row};
use sha2::Sha256;

use super::trail::{Head, read_head};

/// The first byte, where an entry has its version.
const MARK: u8 = 0;

/// The mark, the first number and the seal.
const LENGTH: usize = 1 + 8 + 32;

/// A row that stands for others.
pub(super) struct Gap {
    /// The number of the first entry that it stands for; its own is the last.
    pub(super) first: u64,
    seal: Head,
}

impl Gap {
    /// The gap of bytes; `None` for those of an entry.
    pub(super) fn read(bytes: &[u8]) -> Option<Gap> {
        let bytes: &[u8; LENGTH] = bytes.try_into().ok()?;
        let (mark, rest) = bytes.split_first()?;
        let (first, seal) = rest.split_first_chunk()?;
        (*mark == MARK).then_some(Gap {
            first: u64::from_be_bytes(*first),
            seal: seal.try_into().ok()?,
        })
    }

    /// Whether oathd made it, for this place.
    pub(super) fn fits(&self, key: &Hmac<Sha256>, last: u64, at: u64, head: &Head) -> bool {
        let authenticated = authenticate(key, [self.first, last, at], head);
        authenticated.verify_slice(&self.seal).is_ok()
    }
}

fn authenticate(key: &Hmac<Sha256>, numbers: [u64; 3], head: &Head) -> Hmac<Sha256> {
    let mut mac = key.clone();
    // The seal of the ends is over more bytes, so neither passes for the other.
    for number in numbers {
        mac.update(&number.to_be_bytes());
    }
    mac.update(head);
    mac
}

/// A row of the trail.
struct Place {
    seq: u64,
    at: u64,
    entry: Vec<u8>,
    head: Head,
}

impl Place {
    fn of(row: &Row<'_>) -> rusqlite::Result<Place> {
        Ok(Place {
            seq: row.get(0)?,
            at: row.get(1)?,
            entry: row.get(2)?,
            head: read_head(row, 3)?,
        })
    }

    /// The first number of the gap that this is.
    fn gap(&self, key: &Hmac<Sha256>) -> Option<u64> {
        let gap = Gap::read(&self.entry)?;
        gap.fits(key, self.seq, self.at, &self.head)
            .then_some(gap.first)
    }
}

/// Lets an entry go that is not the first. Gaps beside it become one with it, so there are never more
/// of them than entries. What does not fit is left, to be found.
pub(super) fn make(connection: &Connection, key: &Hmac<Sha256>, seq: u64) -> rusqlite::Result<()> {
    let look = |condition: &str| {
        let sql = format!("SELECT seq, at, entry, head FROM audit WHERE {condition} LIMIT 1");
        let mut query = connection.prepare_cached(&sql)?;
        query.query_row([seq], Place::of).optional()
    };
    let delete = |seq: u64| {
        let mut delete = connection.prepare_cached("DELETE FROM audit WHERE seq = ?")?;
        delete.execute([seq])
    };
    let Some(entry) = look("seq = ?")? else {
        return Ok(());
    };
    let before = look("seq = ? - 1")?.and_then(|place| Some((place.gap(key)?, place.seq)));
    let first = match before {
        Some((first, last)) => {
            delete(last)?;
            first
        }
        None => seq,
    };
    let after = look("seq > ? ORDER BY seq")?;
    let after = after.filter(|place| place.gap(key) == Some(seq + 1));
    let place = match after {
        Some(after) => {
            delete(seq)?;
            after
        }
        None => entry,
    };
    let seal = authenticate(key, [first, place.seq, place.at], &place.head);
    let bytes = [
        &[MARK],
        first.to_be_bytes().as_slice(),
        &seal.finalize().into_bytes(),
    ]
    .concat();
    connection
        .prepare_cached("UPDATE audit SET entry = ?, share = NULL WHERE seq = ?")?
        .execute((bytes, place.seq))
        .map(drop)
}
