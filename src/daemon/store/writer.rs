//! The thread that owns the database: it commits what is waiting in one go.

use std::{
    fmt,
    fs::File,
    io,
    path::{Path, PathBuf},
    thread::JoinHandle,
};

use rusqlite::Connection;
use rustix::fs::{FlockOperation, flock};
use tokio::sync::{mpsc, oneshot};

use super::StoreError;

/// How much work may wait; callers beyond it wait for room.
const QUEUE: usize = 256;

/// How much work one COMMIT may hold.
const GROUP: usize = 64;

/// Writes something, and nothing that anybody reads. It is random, because SQLite does not write what is
/// there already.
pub(crate) const REHEARSAL: &str =
    "INSERT OR REPLACE INTO meta (key, value) VALUES ('rehearsal', randomblob(8))";

/// Tells a caller its outcome, once the fate of the COMMIT is known.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Does work on the file at a path.
type Run = Box<dyn FnOnce(&Connection, &Path) -> Ran + Send>;

/// Work that waits for its turn.
struct Job {
    extent: Extent,
    run: Run,
}

/// What became of work, but for the COMMIT.
struct Ran {
    answer: Answer,
    failed: bool,
}

/// How much work does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// A few rows. Others share the COMMIT, and a savepoint keeps what fails from them.
    Rows,
    /// All rows, in a transaction of its own: a savepoint would hold all of them in memory.
    Everything,
}

/// Why work is taken back.
pub(crate) enum Abort<E> {
    /// SQLite failed.
    Sqlite(rusqlite::Error),
    /// The work found that it must not be done.
    Refused(E),
}

impl<E> From<rusqlite::Error> for Abort<E> {
    fn from(error: rusqlite::Error) -> Abort<E> {
        Abort::Sqlite(error)
    }
}

/// The sending end, and the thread to wait for.
pub(super) struct Writer {
    path: PathBuf,
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Writer({})", self.path.display())
    }
}

impl Writer {
    /// Starts the thread; `lock` is given up when it ends.
    pub(super) fn start(connection: Connection, path: PathBuf, lock: File) -> io::Result<Writer> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn({
                let path = path.clone();
                move || {
                    work_off(connection, &path, receiver);
                    // Closing would not do if a child process, on its way to exec, shares the file.
                    if let Err(error) = flock(&lock, FlockOperation::Unlock) {
                        tracing::warn!(%error, "the state folder stays locked");
                    }
                }
            })?;
        Ok(Writer {
            path,
            jobs: Some(sender),
            thread: Some(thread),
        })
    }

    /// The file of the database.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// See [`Store::transact`](super::Store::transact).
    pub(super) async fn run<T, E, W, A>(&self, extent: Extent, work: W, after: A) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Abort<E>> + Send + 'static,
        A: FnOnce(Result<&T, &E>) + Send + 'static,
    {
        let (reply, outcome) = oneshot::channel();
        let run = Box::new(move |connection: &Connection, path: &Path| {
            let done = match extent {
                Extent::Rows => in_savepoint(connection, work),
                Extent::Everything => with_room(connection, work),
            };
            let done = done.map_err(|abort| match abort {
                Abort::Sqlite(error) => E::from(StoreError::unavailable(path, error)),
                Abort::Refused(refusal) => refusal,
            });
            let failed = done.is_err();
            let answer = Box::new(move |committed: Result<(), StoreError>| {
                let outcome = match committed {
                    Ok(()) => done,
                    Err(error) => Err(error.into()),
                };
                after(outcome.as_ref());
                // Nobody waits if the caller has gone; what it asked for is done all the same.
                let _ = reply.send(outcome);
            });
            Ran { answer, failed }
        });
        let job = Job { extent, run };
        let ended = || StoreError::unavailable(&self.path, "the store gave no answer");
        let jobs = self.jobs.as_ref().ok_or_else(ended)?;
        jobs.send(job).await.map_err(|_| ended())?;
        outcome.await.map_err(|_| ended())?
    }
}

impl Drop for Writer {
    /// Waits until what was sent is written and the file is closed; the thread itself, where the
    /// last work held the store, does not wait for itself.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("the store's thread has failed");
        }
    }
}

fn in_savepoint<T, E>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Abort<E>>,
) -> Result<T, Abort<E>> {
    let step = |sql| connection.prepare_cached(sql)?.execute(());
    step("SAVEPOINT job")?;
    let done = work(connection);
    // A failing disk may have taken all of the transaction back, and the savepoint with it.
    if done.is_err() && !connection.is_autocommit() {
        step("ROLLBACK TO job")?;
    }
    if !connection.is_autocommit() {
        step("RELEASE job")?;
    }
    done
}

/// Does work for which SQLite may hold more in memory than usual.
fn with_room<T, E>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Abort<E>>,
) -> Result<T, Abort<E>> {
    set_cache(connection, Extent::Everything)?;
    let done = work(connection);
    set_cache(connection, Extent::Rows)?;
    done
}

/// Says how much SQLite may hold in memory.
pub(super) fn set_cache(connection: &Connection, extent: Extent) -> rusqlite::Result<()> {
    // In KiB, when negative: the upper pages of the index of a million accounts, or all of it.
    let size = match extent {
        Extent::Rows => -4096,
        Extent::Everything => -65_536,
    };
    connection.pragma_update(None, "cache_size", size)
}

/// Takes work as it comes: one group after the other, until nobody can send any more.
fn work_off(mut connection: Connection, path: &Path, mut jobs: mpsc::Receiver<Job>) {
    let mut next = None;
    while let Some(first) = next.take().or_else(|| jobs.blocking_recv()) {
        let mut answers = Vec::new();
        let mut group = Group {
            jobs: &mut jobs,
            answers: &mut answers,
            next: &mut next,
        };
        let committed = group.commit(&mut connection, path, first);
        if let Err(error) = &committed {
            tracing::error!(%error, "the state was not written");
            // What reached the journal of it would be taken up by a start after a crash: this takes its
            // place. If it fails too, the next COMMIT does.
            let _ = connection.execute(REHEARSAL, ());
        }
        for answer in answers {
            answer(committed.clone());
        }
    }
}

/// Work that shares a COMMIT.
struct Group<'a> {
    jobs: &'a mut mpsc::Receiver<Job>,
    answers: &'a mut Vec<Answer>,
    /// What was taken out of the queue and belongs to the next group.
    next: &'a mut Option<Job>,
}

impl Group<'_> {
    /// Runs `first` and what waits behind it in one transaction.
    fn commit(
        &mut self,
        connection: &mut Connection,
        path: &Path,
        first: Job,
    ) -> Result<(), StoreError> {
        let failed = |error: rusqlite::Error| StoreError::unavailable(path, error);
        // Deferred: a group that only reads takes no lock and syncs nothing.
        let transaction = connection.transaction().map_err(failed)?;
        let mut job = Some(first);
        while let Some(Job { extent, run }) = job {
            let ran = run(&transaction, path);
            self.answers.push(ran.answer);
            // A failing disk, among others, makes SQLite take the whole transaction back.
            if transaction.is_autocommit() {
                return Err(StoreError::unavailable(path, "SQLite took the group back"));
            }
            if extent == Extent::Everything {
                let ended = match ran.failed {
                    true => transaction.rollback(),
                    false => transaction.commit(),
                };
                // What is not given back is used again: whether this is done changes no outcome.
                let _ = connection.execute_batch("PRAGMA shrink_memory");
                return ended.map_err(failed);
            }
            job = self.follower();
        }
        transaction.commit().map_err(failed)
    }

    /// The next job of the group.
    fn follower(&mut self) -> Option<Job> {
        if self.answers.len() >= GROUP {
            return None;
        }
        let job = self.jobs.try_recv().ok()?;
        match job.extent {
            Extent::Rows => Some(job),
            Extent::Everything => {
                *self.next = Some(job);
                None
            }
        }
    }
}
