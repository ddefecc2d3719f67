//! Whose entries fill the audit trail. Each realm has a share of it, and so have the deeds of
//! administrators: where there are too many, the largest share gives its oldest entry. A share that
//! is not larger than an equal part for everybody therefore loses nothing to the others.

use oathd_core::AccountName;
use rusqlite::{Connection, OptionalExtension};

use super::entry::Actor;

/// The share of what administrators do, and of what concerns the whole service.
const ADMINISTRATION: &str = "";

/// The share that an entry is part of, by name.
pub(super) fn of<'a>(actor: &Actor, account: Option<&'a AccountName>) -> &'a str {
    match account {
        // Attempts and owners' changes come from somewhere.
        Some(account) if actor.class.is_some() => account.realm().as_str(),
        _ => ADMINISTRATION,
    }
}

/// Counts new entries; gives the number of the share.
pub(super) fn count(connection: &Connection, name: &str, entries: usize) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "INSERT INTO share (name, entries) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET entries = entries + ?2 RETURNING id",
        )?
        .query_row((name, entries), |row| row.get(0))
}

/// Counts entries that went.
pub(super) fn uncount(connection: &Connection, id: i64, entries: u64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE share SET entries = max(entries - ?, 0) WHERE id = ?")?
        .execute((entries, id))
        .map(drop)
}

/// How many entries there are.
pub(super) fn total(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT ifnull(sum(entries), 0) FROM share")?
        .query_row((), |row| row.get(0))
}

/// The largest share, and its oldest entry.
pub(super) fn next_to_go(connection: &Connection) -> rusqlite::Result<Option<(i64, u64)>> {
    connection
        .prepare_cached(
            "SELECT share, seq FROM audit
             WHERE share = (SELECT id FROM share ORDER BY entries DESC, id LIMIT 1)
             ORDER BY seq LIMIT 1",
        )?
        .query_row((), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}
