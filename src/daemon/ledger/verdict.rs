//! Whether the audit trail is whole.

use std::fmt;

use hmac::Hmac;
use rusqlite::Connection;
use sha2::Sha256;

use super::{
    Ledger,
    entry::{self, What},
    error::LedgerError,
    gaps::Gap,
    trail::{Ends, Head, next_head},
};

/// What a walk along the audit trail found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditVerdict {
    /// The first entry that is kept, if there is one.
    pub first: u64,
    /// The last entry.
    pub last: u64,
    /// How many are kept from the first to the last.
    pub entries: u64,
    /// The head of the last entry, to be compared with the journal: a database file that was put
    /// back as a whole fits itself, but not what the journal was told since.
    pub head: [u8; 32],
    /// What is wrong, first in the order of the entries.
    pub fault: Option<AuditFault>,
}

/// What is wrong with the audit trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditFault {
    /// The seal of its ends is missing, or is not this host's.
    Seal,
    /// An entry is not there.
    Missing {
        /// Its number.
        seq: u64,
    },
    /// An entry is not what was written, or not where.
    Changed {
        /// Its number.
        seq: u64,
    },
    /// An entry stands after the sealed end.
    Surplus {
        /// Its number.
        seq: u64,
    },
    /// oathd itself found the trail broken when it started, and wrote that down.
    Noted {
        /// The number of that entry.
        seq: u64,
    },
}

impl fmt::Display for AuditFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AuditFault::Seal => write!(formatter, "the seal of the audit trail does not fit"),
            AuditFault::Missing { seq } => write!(formatter, "entry {seq} is missing"),
            AuditFault::Changed { seq } => write!(formatter, "entry {seq} was changed"),
            AuditFault::Surplus { seq } => write!(formatter, "entry {seq} was added"),
            AuditFault::Noted { seq } => {
                write!(formatter, "entry {seq} says that the trail was broken")
            }
        }
    }
}

impl Ledger {
    /// Walks along the whole audit trail.
    ///
    /// # Errors
    ///
    /// [`LedgerError`]
    pub async fn verify_audit(&self) -> Result<AuditVerdict, LedgerError> {
        let key = self.0.keys()?.trail.clone();
        let walk = move |connection: &mut Connection| {
            // One look at the file, whatever is appended meanwhile.
            let snapshot = connection.transaction()?;
            walk(&snapshot, &key)
        };
        Ok(self.0.store.inspect(walk).await?)
    }
}

/// Walks along the trail as it is.
pub(super) fn walk(connection: &Connection, key: &Hmac<Sha256>) -> rusqlite::Result<AuditVerdict> {
    let (ends, mut fault) = match Ends::read(connection)? {
        Some((ends, seal)) if ends.fits(key, &seal) => (ends, None),
        Some((ends, _)) => (ends, Some(AuditFault::Seal)),
        None => (Ends::default(), None),
    };
    let (mut noted, mut entries) = (None, 0);
    let (mut seq, mut head) = (ends.base, ends.base_head);
    let mut query = connection.prepare("SELECT seq, at, entry, head FROM audit ORDER BY seq")?;
    let mut rows = query.query(())?;
    while let Some(row) = rows.next()? {
        let (found, at, bytes): (u64, u64, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let kept: Vec<u8> = row.get(3)?;
        let entry = entry::decode(found, at, &bytes);
        // What stands for entries that were let go vouches for itself and for its head.
        let (first, next, fits) = match (Gap::read(&bytes), Head::try_from(kept.as_slice())) {
            (Some(gap), Ok(kept)) => (gap.first, kept, gap.fits(key, found, at, &kept)),
            _ => {
                let next = next_head(&head, found, at, &bytes);
                (found, next, kept == next && entry.is_some())
            }
        };
        let wrong = if found > ends.last {
            Some(AuditFault::Surplus { seq: found })
        } else if first != seq + 1 {
            Some(AuditFault::Missing { seq: seq + 1 })
        } else if !fits {
            Some(AuditFault::Changed { seq: found })
        } else {
            None
        };
        fault = fault.or(wrong);
        entries += u64::from(entry.is_some());
        if entry.is_some_and(|entry| entry.what == What::TrailBroken) {
            noted = noted.or(Some(AuditFault::Noted { seq: found }));
        }
        (seq, head) = (found, next);
    }
    if seq < ends.last {
        fault = fault.or(Some(AuditFault::Missing { seq: seq + 1 }));
    } else if head != ends.head {
        fault = fault.or(Some(AuditFault::Changed { seq }));
    }
    Ok(AuditVerdict {
        first: ends.base + 1,
        last: ends.last,
        entries,
        head: ends.head,
        fault: fault.or(noted),
    })
}

/// Whether the end of the trail is what its seal says; the rest is left to the walk.
pub(super) fn end_fits(connection: &Connection, key: &Hmac<Sha256>) -> rusqlite::Result<bool> {
    let mut query = connection.prepare("SELECT seq, head FROM audit ORDER BY seq DESC LIMIT 1")?;
    let mut rows = query.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let last: Option<(u64, Head)> = rows.next().transpose()?;
    Ok(match (Ends::read(connection)?, last) {
        (None, None) => true,
        (Some((ends, seal)), Some(last)) => ends.fits(key, &seal) && (ends.last, ends.head) == last,
        (Some((ends, seal)), None) => ends.fits(key, &seal) && ends.base == ends.last,
        (None, Some(_)) => false,
    })
}
