//! How long entries of the audit trail are kept.

use hmac::Hmac;
use oathd_core::{Moment, Trust};
use rusqlite::Connection;
use sha2::Sha256;

use super::{
    gaps::{self, Gap},
    shares,
    trail::{Ends, next_head, read_head},
};

/// After how many entries the oldest are looked at, and twice as many can go: a backlog shrinks.
const STRIDE: u64 = 64;

/// How many entries are kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// At most so many; what is too much goes from the realm with the most.
    pub entries: u64,
    /// At most for so long, in seconds.
    pub age: u64,
}

impl Default for Retention {
    fn default() -> Retention {
        Retention {
            entries: 1_000_000,
            age: 400 * 86_400,
        }
    }
}

impl Retention {
    /// Lets entries go, now and then: what is too old, and what is too much. False where what went did
    /// not fit what went before it: nobody finds that later.
    pub(super) fn apply(
        self,
        connection: &Connection,
        key: &Hmac<Sha256>,
        ends: &mut Ends,
        (before, moment): (u64, Moment),
    ) -> rusqlite::Result<bool> {
        if before / STRIDE == ends.last / STRIDE {
            return Ok(true);
        }
        self.let_surplus_go(connection, key, ends)?;
        self.let_old_go(connection, key, ends, moment)
    }

    fn let_surplus_go(
        self,
        connection: &Connection,
        key: &Hmac<Sha256>,
        ends: &mut Ends,
    ) -> rusqlite::Result<()> {
        let surplus = shares::total(connection)?.saturating_sub(self.entries);
        for _ in 0..surplus.min(2 * STRIDE) {
            let Some((share, seq)) = shares::next_to_go(connection)? else {
                break;
            };
            if seq == ends.last {
                break;
            }
            shares::uncount(connection, share, 1)?;
            match seq == ends.base + 1 {
                true => begin_after(connection, ends, seq)?,
                false => gaps::make(connection, key, seq)?,
            }
        }
        Ok(())
    }

    /// The base of the trail follows the oldest entries, and the gaps among them.
    fn let_old_go(
        self,
        connection: &Connection,
        key: &Hmac<Sha256>,
        ends: &mut Ends,
        moment: Moment,
    ) -> rusqlite::Result<bool> {
        let sql =
            "SELECT seq, at, entry, share, head FROM audit WHERE seq > ? ORDER BY seq LIMIT ?";
        let mut query = connection.prepare_cached(sql)?;
        let mut rows = query.query((ends.base, 2 * STRIDE))?;
        let (mut gone, mut fits) = (None, true);
        let (mut before, mut head) = (ends.base, ends.base_head);
        while let Some(row) = rows.next()? {
            let (seq, at): (u64, u64) = (row.get(0)?, row.get(1)?);
            let entry: Vec<u8> = row.get(2)?;
            let gap = Gap::read(&entry);
            // A clock that cannot be believed makes nothing old.
            let old = moment.clock == Trust::Good && at.saturating_add(self.age) < moment.now;
            if seq == ends.last || !(gap.is_some() || old) {
                break;
            }
            if let Some(share) = row.get(3)? {
                shares::uncount(connection, share, 1)?;
            }
            let kept = read_head(row, 4)?;
            fits &= match gap {
                Some(gap) => gap.first == before + 1 && gap.fits(key, seq, at, &kept),
                None => seq == before + 1 && kept == next_head(&head, seq, at, &entry),
            };
            (before, head) = (seq, kept);
            gone = Some(seq);
        }
        if let Some(seq) = gone {
            begin_after(connection, ends, seq)?;
        }
        Ok(fits)
    }
}

/// Makes the trail begin after an entry.
fn begin_after(connection: &Connection, ends: &mut Ends, seq: u64) -> rusqlite::Result<()> {
    let head = connection
        .prepare_cached("SELECT head FROM audit WHERE seq = ?")?
        .query_row([seq], |row| read_head(row, 0))?;
    (ends.base, ends.base_head) = (seq, head);
    connection
        .prepare_cached("DELETE FROM audit WHERE seq <= ?")?
        .execute([seq])
        .map(drop)
}
