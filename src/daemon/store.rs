//! What outlives the process: one SQLite file in the state folder.
//!
//! One thread owns the file. Work reaches it over a bounded channel and is committed in groups: an
//! answer is given only after the COMMIT that holds it has reached the disk (WAL,
//! `synchronous=FULL`). A lock file keeps a second oathd out.

pub(crate) mod reader;
pub(crate) mod schema;
mod writer;

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use rusqlite::{Connection, config::DbConfig};
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use writer::Writer;
pub(crate) use writer::{Abort, Extent, REHEARSAL};

/// The database, inside the state folder.
pub(crate) const DATABASE: &str = "oathd.db";

/// The lock file, inside the state folder; who holds its lock owns the folder.
const LOCK: &str = "lock";

/// Why the state cannot be used. On the bus all of them are `StateUnavailable`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk is full, read-only or broken, or the file is damaged.
    #[error("{}: {reason}", path.display())]
    Unavailable {
        /// The file or folder.
        path: PathBuf,
        /// What the system or SQLite said.
        reason: String,
    },
    /// The state folder is open to other users.
    #[error("{} has mode {mode:04o}; make it 0700", path.display())]
    Exposed {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another process holds the state folder.
    #[error("{} is in use by another oathd", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A newer oathd has written the file.
    #[error("{} has schema {found}; this oathd knows schemas up to {known}", path.display())]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The schema of the file.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
    },
}

impl StoreError {
    pub(crate) fn unavailable(path: &Path, reason: impl ToString) -> StoreError {
        StoreError::Unavailable {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}

/// The open store. Clones share it; the last one closes it, and waits until all is written.
#[derive(Clone, Debug)]
pub struct Store {
    writer: Arc<Writer>,
    damage: reader::Damage,
}

impl Store {
    /// Opens the store in the folder `dir`, making both if they are not there (0700, 0600), and
    /// brings its schema up to date. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; the file is left as it was.
    pub fn open(dir: &Path) -> Result<Store, StoreError> {
        make_private(dir)?;
        let lock = lock(dir)?;
        let path = dir.join(DATABASE);
        let failed = |error: rusqlite::Error| StoreError::unavailable(&path, error);
        // SQLite gives its journals the mode of the database.
        private_file(&path).map_err(|error| StoreError::unavailable(&path, error))?;
        let mut connection = Connection::open(&path).map_err(failed)?;
        configure(&connection).map_err(failed)?;
        schema::migrate(&mut connection, &path)?;
        let damage = Arc::new(OnceLock::new());
        let failed = |error: io::Error| StoreError::unavailable(&path, error);
        let writer = Writer::start(connection, path.clone(), lock).map_err(failed)?;
        Ok(Store {
            writer: Arc::new(writer),
            damage,
        })
    }

    /// Does `work`, reading or writing, all or nothing; the answer comes after what was written has
    /// reached the disk. `work` runs on the store's thread: it computes nothing long.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]; nothing of `work` is kept then.
    pub async fn write<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let work = |connection: &Connection| work(connection).map_err(Abort::Sqlite);
        let after = |_: Result<&T, &StoreError>| ();
        self.transact(Extent::Rows, work, after).await
    }

    /// The same for work that can find that it must not be done, and is then taken back. `after`
    /// runs on the store's thread, when the outcome is known and before any other work.
    pub(crate) async fn transact<T, E, W, A>(
        &self,
        extent: Extent,
        work: W,
        after: A,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Abort<E>> + Send + 'static,
        A: FnOnce(Result<&T, &E>) + Send + 'static,
    {
        self.check_damage()?;
        self.writer.run(extent, work, after).await
    }

    fn check_damage(&self) -> Result<(), StoreError> {
        self.damage.get().cloned().map_or(Ok(()), Err)
    }

    /// Begins to look through the whole file for damage, beside the work. Once some is found, every
    /// call fails.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if there is no thread to be had.
    pub fn look_for_damage(&self) -> Result<(), StoreError> {
        let path = self.writer.path();
        reader::look_for_damage(path.to_owned(), &self.damage)
            .map_err(|error| StoreError::unavailable(path, error))
    }

    /// Does `work`, which only reads, beside the writer: it may take long.
    pub(crate) async fn inspect<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.check_damage()?;
        self.examine(work).await
    }

    /// The same, for work that looks for damage itself.
    pub(crate) async fn examine<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let path = self.writer.path();
        let (reply, outcome) = tokio::sync::oneshot::channel();
        let reply = |done| drop(reply.send(done));
        reader::run(path.to_owned(), work, reply)
            .map_err(|error| StoreError::unavailable(path, error))?;
        let ended = |_| StoreError::unavailable(path, "the look at the store gave no answer");
        outcome.await.map_err(ended)?
    }

    /// The file of the database.
    pub(crate) fn path(&self) -> &Path {
        self.writer.path()
    }
}

/// Settings of the connection; see <https://sqlite.org/pragma.html>.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // An administrator's sqlite3 may hold the file for a moment.
    connection.busy_timeout(std::time::Duration::from_secs(2))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cell_size_check", true)?;
    writer::set_cache(connection, Extent::Rows)?;
    // As many as there are: preparing one takes longer than running it.
    connection.set_prepared_statement_cache_capacity(64);
    // A checkpoint every 1000 pages, and a journal that is cut to 4 MiB after it.
    connection.pragma_update(None, "wal_autocheckpoint", 1000)?;
    connection.pragma_update(None, "journal_size_limit", 4 << 20)
}

/// Makes the folder, or checks that nobody else can look into it.
fn make_private(dir: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| StoreError::unavailable(dir, error))?;
    let status = fs::metadata(dir).map_err(|error| StoreError::unavailable(dir, error))?;
    let mode = status.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(StoreError::Exposed {
            path: dir.to_owned(),
            mode,
        });
    }
    Ok(())
}

/// Opens a file that only we can read, making it if it is not there.
fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// Takes the folder for this process, for as long as the file lives.
fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join(LOCK);
    let file = private_file(&path).map_err(|error| StoreError::unavailable(&path, error))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(StoreError::InUse {
            path: dir.to_owned(),
        }),
        Err(error) => Err(StoreError::unavailable(&path, error)),
    }
}

#[cfg(test)]
mod tests;
