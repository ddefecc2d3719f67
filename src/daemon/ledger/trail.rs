//! The audit trail: a chain of hashes over its entries, whose end is sealed.
//!
//! The head of an entry is SHA-256 over the head before, its number, its time and its bytes. The
//! row of `trail` holds both ends, under an HMAC-SHA-256 of this host's key: entries that were
//! changed, left out, moved or cut off at either end do not fit it. Those that oathd let go in the
//! middle have left a [gap](super::gaps).

use hmac::{Hmac, Mac};
use rusqlite::{Connection, OptionalExtension, Row};
use sha2::{Digest, Sha256};

use super::entry::{self, Actor, What};
use oathd_core::AccountName;

/// A hash, or a seal.
pub(super) type Head = [u8; 32];

/// How many entries pass between two heads in the journal, and between two looks at old entries.
const STRIDE: u64 = 1024;

/// Both ends of the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ends {
    /// The last entry that was let go, and its head.
    pub(super) base: u64,
    pub(super) base_head: Head,
    /// The last entry, and its head.
    pub(super) last: u64,
    pub(super) head: Head,
    /// The latest time that was believed.
    pub(super) latest: u64,
}

impl Ends {
    /// What the row says, and its seal; `None` before the first entry.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Option<(Ends, Head)>> {
        let read = |row: &Row<'_>| {
            let ends = Ends {
                base: row.get(0)?,
                base_head: row.get(1)?,
                last: row.get(2)?,
                head: row.get(3)?,
                latest: row.get(4)?,
            };
            Ok((ends, row.get(5)?))
        };
        connection
            .prepare_cached("SELECT base, base_head, last, head, latest, seal FROM trail")?
            .query_row((), read)
            .optional()
    }

    /// Writes the row.
    pub(super) fn write(
        &self,
        connection: &Connection,
        key: &Hmac<Sha256>,
    ) -> rusqlite::Result<()> {
        let row = (
            self.base,
            self.base_head,
            self.last,
            self.head,
            self.latest,
            self.seal(key),
        );
        connection
            .prepare_cached(
                "REPLACE INTO trail (id, base, base_head, last, head, latest, seal)
                 VALUES (1, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(row)
            .map(drop)
    }

    /// Whether `seal` was made over this.
    pub(super) fn fits(&self, key: &Hmac<Sha256>, seal: &Head) -> bool {
        self.authenticate(key).verify_slice(seal).is_ok()
    }

    fn seal(&self, key: &Hmac<Sha256>) -> Head {
        self.authenticate(key).finalize().into_bytes().into()
    }

    fn authenticate(&self, key: &Hmac<Sha256>) -> Hmac<Sha256> {
        let mut mac = key.clone();
        for number in [self.base, self.last, self.latest] {
            mac.update(&number.to_be_bytes());
        }
        mac.update(&self.base_head);
        mac.update(&self.head);
        mac
    }

    /// Adds an entry. The row is written afterwards, by [`Ends::write`].
    pub(super) fn append(
        &mut self,
        connection: &Connection,
        (at, share): (u64, i64),
        (actor, account, what): (&Actor, Option<&AccountName>, What),
    ) -> rusqlite::Result<()> {
        let bytes = entry::encode(actor, account, what);
        self.append_bytes(connection, (at, share), &bytes)
    }

    /// Adds an entry as it is kept.
    pub(super) fn append_bytes(
        &mut self,
        connection: &Connection,
        (at, share): (u64, i64),
        bytes: &[u8],
    ) -> rusqlite::Result<()> {
        self.last += 1;
        self.head = next_head(&self.head, self.last, at, bytes);
        connection
            .prepare_cached("INSERT INTO audit VALUES (?, ?, ?, ?, ?)")?
            .execute((self.last, at, bytes, self.head, share))
            .map(drop)
    }
}

/// The head in a column; one of another length fits nothing.
pub(super) fn read_head(row: &Row<'_>, column: usize) -> rusqlite::Result<Head> {
    let bytes: Vec<u8> = row.get(column)?;
    Ok(bytes.try_into().unwrap_or_default())
}

/// The head after an entry.
pub(super) fn next_head(before: &Head, seq: u64, at: u64, entry: &[u8]) -> Head {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(seq.to_be_bytes());
    hash.update(at.to_be_bytes());
    hash.update(entry);
    hash.finalize().into()
}

/// Tells the journal the head: a file that was rolled back does not fit it.
pub(super) fn publish(ends: &Ends) {
    if ends.last == 0 {
        return;
    }
    let head = data_encoding::HEXLOWER.encode(&ends.head);
    tracing::info!(target: "oathd::audit", seq = ends.last, head, "head of the audit trail");
}

/// Whether the journal is told of the head after entries up to `last`.
pub(super) fn is_milestone(before: u64, last: u64) -> bool {
    before / STRIDE != last / STRIDE
}

/// Makes a broken trail go on: after its last entry, whatever that is.
pub(super) fn mend(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .execute(
            "REPLACE INTO trail (id, base, base_head, last, head, latest, seal)
             SELECT 1, ifnull(base, 0), ifnull(base_head, zeroblob(32)),
                    ifnull(audit.seq, 0), ifnull(audit.head, zeroblob(32)),
                    ifnull(latest, 0), zeroblob(32)
             FROM (SELECT 1 AS one)
                LEFT JOIN trail ON trail.id = one
                LEFT JOIN (SELECT seq, head FROM audit ORDER BY seq DESC LIMIT 1) AS audit",
            (),
        )
        .map(drop)
}
