//! How long entries of the audit trail are kept.

use oathd_core::{Moment, Trust};
use rusqlite::Connection;

use super::trail::{Ends, Head};

/// After how many entries the oldest are looked at, and twice as many can go: a backlog shrinks.
const STRIDE: u64 = 64;

/// How many entries are kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// At most so many.
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
    /// Lets the oldest entries go, now and then. The base of the trail follows them.
    pub(super) fn apply(
        self,
        connection: &Connection,
        ends: &mut Ends,
        before: u64,
        moment: Moment,
    ) -> rusqlite::Result<()> {
        if before / STRIDE == ends.last / STRIDE {
            return Ok(());
        }
        let sql = "SELECT seq, at, head FROM audit WHERE seq > ? ORDER BY seq LIMIT ?";
        let mut query = connection.prepare_cached(sql)?;
        let mut rows = query.query((ends.base, 2 * STRIDE))?;
        let mut gone: Option<(u64, Head)> = None;
        while let Some(row) = rows.next()? {
            let (seq, at): (u64, u64) = (row.get(0)?, row.get(1)?);
            let surplus = ends.last.saturating_sub(seq) >= self.entries;
            // A clock that cannot be believed makes nothing old.
            let old = moment.clock == Trust::Good && at.saturating_add(self.age) < moment.now;
            if seq == ends.last || !(surplus || old) {
                break;
            }
            gone = Some((seq, row.get(2)?));
        }
        if let Some((seq, head)) = gone {
            (ends.base, ends.base_head) = (seq, head);
            connection
                .prepare_cached("DELETE FROM audit WHERE seq <= ?")?
                .execute([seq])?;
        }
        Ok(())
    }
}
