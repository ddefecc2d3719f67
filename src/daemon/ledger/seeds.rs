//! Which account holds a seed: no two hold the same, or one person could stand for two.

use oathd_core::Account;
use rusqlite::{Connection, OptionalExtension};

/// The fingerprints of the factors of an account.
pub(super) fn of(account: &Account) -> Vec<[u8; 32]> {
    let factors = account.factors().iter();
    let mut seeds: Vec<_> = factors
        .map(|factor| *factor.fingerprint.as_bytes())
        .collect();
    // A seed that was written to several tokens is several factors.
    seeds.sort_unstable();
    seeds.dedup();
    seeds
}

/// Brings the index up to date; says whether all seeds are this account's alone.
pub(super) fn follow(
    connection: &Connection,
    row: i64,
    before: &[[u8; 32]],
    now: &[[u8; 32]],
) -> rusqlite::Result<bool> {
    for gone in before.iter().filter(|seed| !now.contains(seed)) {
        connection
            .prepare_cached("DELETE FROM seed WHERE fingerprint = ? AND account = ?")?
            .execute((gone, row))?;
    }
    for new in now.iter().filter(|seed| !before.contains(seed)) {
        if holder(connection, new)?.is_some() {
            return Ok(false);
        }
        connection
            .prepare_cached("INSERT INTO seed (fingerprint, account) VALUES (?, ?)")?
            .execute((new, row))?;
    }
    Ok(true)
}

/// The account that holds a seed.
pub(super) fn holder(
    connection: &Connection,
    fingerprint: &[u8; 32],
) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT account FROM seed WHERE fingerprint = ?")?
        .query_row([fingerprint], |row| row.get(0))
        .optional()
}
