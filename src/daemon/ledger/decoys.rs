//! Accounts that do not exist, and are charged like those that do.
//!
//! Their charges live in memory alone, and only those of the last few thousand: a stranger must
//! not fill the disk with names. What is written in their place is a row that says nothing.

use std::hash::{DefaultHasher, Hash, Hasher};

use hashlink::LruCache;
use oathd_core::{Account, AccountName, RecordError};
use rusqlite::Connection;

/// How many are remembered.
const REMEMBERED: usize = 4096;

/// How many rows stand in for accounts; the schema makes them.
const ROWS: u64 = 64;

/// Bytes of such a row: what the record of an account with recovery codes takes.
const ROW: usize = 512;

/// The records of accounts that do not exist.
pub(super) struct Decoys(LruCache<AccountName, Vec<u8>>);

impl Decoys {
    pub(super) fn new() -> Decoys {
        Decoys(LruCache::new(REMEMBERED))
    }

    /// The record of a name, in bytes like one from the store.
    pub(super) fn record(&mut self, name: &AccountName) -> Result<Vec<u8>, RecordError> {
        match self.0.get(name) {
            Some(record) => Ok(record.clone()),
            None => oathd_core::encode(&Account::decoy(name.clone())),
        }
    }

    /// Remembers what became of it.
    pub(super) fn keep(&mut self, name: &AccountName, record: Vec<u8>) {
        self.0.insert(name.clone(), record);
    }
}

/// Writes as much as the change of an account writes, and finds it the same way: by the number of its
/// row. The schema makes these rows first, so their numbers begin at 1.
pub(super) fn write_row(
    connection: &Connection,
    name: &AccountName,
    record: &[u8],
) -> rusqlite::Result<()> {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    let row = hasher.finish() % ROWS + 1;
    let mut written = record.to_vec();
    written.resize(ROW.max(record.len()), 0);
    connection
        .prepare_cached("UPDATE account SET record = ? WHERE id = ? AND realm = ''")?
        .execute((written, row))
        .map(drop)
}
