//! A copy of the store for an administrator.

use std::{
    fs::{self, File},
    io::{self, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use oathd_core::RealmName;
use rusqlite::{Connection, OpenFlags};

use super::{
    Ledger,
    entry::{Actor, What},
    error::LedgerError,
};
use crate::store::StoreError;

/// A file in the state folder that is gone when this is.
pub(super) struct Scratch {
    pub(super) path: PathBuf,
}

impl Scratch {
    /// Makes the file, empty and private; what an end left of an earlier one goes.
    pub(super) fn make(folder: &Path, name: &str) -> io::Result<(Scratch, File)> {
        let scratch = Scratch {
            path: folder.join(name),
        };
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&scratch.path)?;
        Ok((scratch, file))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// What a copy holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupReport {
    /// Its size.
    pub bytes: u64,
    /// Accounts in it.
    pub accounts: u64,
    /// Entries of the audit trail in it.
    pub audit_entries: u64,
}

impl Ledger {
    /// Writes a copy of the whole store into a file, from its beginning, and waits until it is on
    /// the disk. The keys are not in it: see [`escrow`](Ledger::escrow).
    ///
    /// # Errors
    ///
    /// [`LedgerError::Store`]; what the file holds then is of no use.
    pub async fn backup(&self, into: File, actor: Actor) -> Result<BackupReport, LedgerError> {
        let _turn = self.0.copying.lock().await;
        // First, so that the copy itself says when it was made.
        let noted = self.0.transact(move |shared, connection| {
            let moment = shared.times.moment(&RealmName::local());
            let what = vec![What::BackedUp];
            let appended = shared.append(connection, (&actor, None), moment, what)?;
            Ok(((), appended))
        });
        noted.await?;
        let folder = self.0.folder.clone();
        let copy = move |connection: &mut Connection| Ok(copy(connection, &folder, into));
        let copied = self.0.store.inspect(copy).await?;
        let reason = |reason| StoreError::unavailable(self.0.store.path(), reason);
        Ok(copied.map_err(reason)?)
    }
}

fn copy(connection: &Connection, folder: &Path, mut into: File) -> Result<BackupReport, String> {
    let failed = |error: io::Error| format!("the copy: {error}");
    let (scratch, mut copy) = Scratch::make(folder, "backup.tmp").map_err(failed)?;
    let place = scratch.path.to_str().ok_or("the path is not UTF-8")?;
    let sql = "VACUUM INTO ?";
    connection
        .execute(sql, [place])
        .map_err(|error| format!("the copy: {error}"))?;
    into.seek(SeekFrom::Start(0)).map_err(failed)?;
    into.set_len(0).map_err(failed)?;
    let bytes = io::copy(&mut copy, &mut into).map_err(failed)?;
    into.sync_all().map_err(failed)?;
    let counted = count(&scratch.path).map_err(|error| format!("the copy: {error}"));
    let (accounts, audit_entries) = counted?;
    Ok(BackupReport {
        bytes,
        accounts,
        audit_entries,
    })
}

/// How many accounts and entries a copy holds.
fn count(path: &Path) -> rusqlite::Result<(u64, u64)> {
    let copy = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let count = |sql| copy.query_row(sql, (), |row| row.get(0));
    Ok((
        count("SELECT count(*) FROM account WHERE realm > ''")?,
        count("SELECT count(*) FROM audit WHERE share IS NOT NULL")?,
    ))
}
