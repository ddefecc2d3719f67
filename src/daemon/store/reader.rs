//! Looks at the database beside the writer: on a connection that can only read, in a thread that
//! ends with the work.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock, Weak},
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{StoreError, schema};

/// What was found to be wrong with the file, if anything.
pub(super) type Damage = Arc<OnceLock<StoreError>>;

/// Opens a database to read it.
pub(crate) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.busy_timeout(std::time::Duration::from_secs(2))?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "cache_size", -512)?;
    Ok(connection)
}

/// Does `work` in a thread of its own.
pub(super) fn run<T: Send + 'static>(
    path: PathBuf,
    work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    reply: impl FnOnce(Result<T, StoreError>) + Send + 'static,
) -> io::Result<()> {
    std::thread::Builder::new()
        .name("store reader".to_owned())
        .spawn(move || {
            let done = open(&path).and_then(|mut connection| work(&mut connection));
            reply(done.map_err(|error| StoreError::unavailable(&path, error)));
        })
        .map(drop)
}

/// What to do about damage. The keys have files of their own, and stay.
const REMEDY: &str = "stop oathd, move the file away, start oathd and restore a backup";

/// Looks through the file for damage, in a thread of its own: of a million accounts that takes
/// most of a second, and a start should not.
pub(super) fn look_for_damage(path: PathBuf, damage: &Damage) -> io::Result<()> {
    let damage = Arc::downgrade(damage);
    let reply = move |verdict: Result<(), StoreError>| {
        if let (Some(damage), Err(mut error)) = (Weak::upgrade(&damage), verdict) {
            if let StoreError::Unavailable { reason, .. } = &mut error {
                *reason = format!("{reason}; {REMEDY}");
            }
            tracing::error!(%error, "the state is damaged and not used");
            let _ = damage.set(error);
        }
    };
    let checked = path.clone();
    let work = move |connection: &mut Connection| Ok(schema::check(connection, &checked));
    run(path, work, move |done| {
        reply(done.and_then(|verdict| verdict))
    })
}
