//! The tables, and the steps that lead to them.

use std::path::Path;

use rusqlite::{Connection, ErrorCode};

use super::StoreError;

/// Step n turns schema n into schema n + 1. A step that was released is never changed.
const STEPS: &[&str] = &[
    // Times are Unix seconds. A device id is what the applet shows, as bytes; a sealed value is
    // bound to its uid, device id and column. A pairing is confirmed (1) from when the token has
    // taken its key until just before the key is taken away.
    "CREATE TABLE meta (
        key TEXT NOT NULL PRIMARY KEY,
        value BLOB NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE remembered_key (
        uid INTEGER NOT NULL,
        device_id BLOB NOT NULL,
        sealed BLOB NOT NULL,
        created INTEGER NOT NULL,
        PRIMARY KEY (uid, device_id)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE pairing (
        uid INTEGER NOT NULL,
        device_id BLOB NOT NULL,
        serial INTEGER,
        sealed_access_key BLOB NOT NULL,
        sealed_presence_key BLOB NOT NULL,
        presence_credential TEXT NOT NULL,
        confirmed INTEGER NOT NULL DEFAULT 0,
        created INTEGER NOT NULL,
        PRIMARY KEY (uid, device_id)
     ) STRICT, WITHOUT ROWID;",
    // Accounts, the seeds that they hold, what was granted to them, and the trail of what happened.
    // The realm '' is nobody's: its rows are written in place of accounts that do not exist.
    "CREATE TABLE account (
        id INTEGER NOT NULL PRIMARY KEY,
        realm TEXT NOT NULL,
        name TEXT NOT NULL,
        record BLOB NOT NULL,
        UNIQUE (realm, name)
     ) STRICT;
     CREATE TABLE seed (
        fingerprint BLOB NOT NULL PRIMARY KEY,
        account INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE session (
        id INTEGER NOT NULL PRIMARY KEY,
        hash BLOB NOT NULL UNIQUE,
        account INTEGER NOT NULL,
        record BLOB NOT NULL
     ) STRICT;
     CREATE INDEX session_of_account ON session (account);
     CREATE TABLE api_key (
        account INTEGER NOT NULL PRIMARY KEY,
        record BLOB NOT NULL
     ) STRICT;
     CREATE TABLE floor (
        realm TEXT NOT NULL PRIMARY KEY,
        at INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE audit (
        seq INTEGER NOT NULL PRIMARY KEY,
        at INTEGER NOT NULL,
        entry BLOB NOT NULL,
        head BLOB NOT NULL
     ) STRICT;
     CREATE TABLE trail (
        id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
        base INTEGER NOT NULL,
        base_head BLOB NOT NULL,
        last INTEGER NOT NULL,
        head BLOB NOT NULL,
        latest INTEGER NOT NULL,
        seal BLOB NOT NULL
     ) STRICT;
     WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 63)
     INSERT INTO account (realm, name, record) SELECT '', i, zeroblob(512) FROM n;",
    // How many entries of the trail are whose; those that were there before are administrators'.
    // The row of entries that were let go is nobody's.
    "CREATE TABLE share (
        id INTEGER NOT NULL PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        entries INTEGER NOT NULL
     ) STRICT;
     ALTER TABLE audit ADD COLUMN share INTEGER;
     INSERT INTO share (id, name, entries) SELECT 1, '', count(*) FROM audit;
     UPDATE audit SET share = 1;
     CREATE INDEX audit_of_share ON audit (share) WHERE share IS NOT NULL;",
];

/// The first schema that knows accounts.
pub(crate) const WITH_ACCOUNTS: i64 = 2;

/// The newest schema that this program knows.
pub(crate) fn newest() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// The schema of a file.
pub(crate) fn of(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", (), |row| row.get(0))
}

/// Refuses a damaged file.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", (), |row| row.get(0))
        .map_err(|error| StoreError::unavailable(path, error))?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(StoreError::unavailable(path, verdict))
    }
}

/// Takes the steps that the file has not taken, all or none.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| StoreError::unavailable(path, error);
    let found = of(connection).map_err(failed)?;
    let steps = usize::try_from(found)
        .ok()
        .and_then(|taken| STEPS.get(taken..));
    let Some(steps) = steps else {
        return Err(StoreError::NewerSchema {
            path: path.to_owned(),
            found,
            known: newest(),
        });
    };
    if steps.is_empty() {
        return Ok(());
    }
    check(connection, path)?;
    take(connection, steps).map_err(|error| {
        let remedy = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => "; it needs as much free space as the file takes",
            _ => "",
        };
        let newest = newest();
        StoreError::unavailable(path, format!("no step to schema {newest}: {error}{remedy}"))
    })
}

fn take(connection: &mut Connection, steps: &[&str]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for step in steps {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", newest())?;
    transaction.commit()
}
