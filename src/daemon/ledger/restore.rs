//! The accounts of a backup in place of those here.
//!
//! What a backup brings back may have been used since: sessions and API keys end, recovery codes
//! wait to be renewed, and every realm gets a floor below which no time step is accepted.

use std::{
    fs::File,
    io::{self, Seek, SeekFrom},
    path::Path,
};

use oathd_core::RealmName;
use rusqlite::Connection;

use super::{
    Ledger, Shared,
    backup::Scratch,
    check,
    entry::{Actor, What},
    error::LedgerError,
    keys,
    left::LeftBehind,
    replace,
    trail::Ends,
    writing::{Worked, failed, refused},
};
use crate::{
    store::{Extent, StoreError, reader, schema},
    vault::{key, mark},
};

/// Why a backup is not restored. Nothing is changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The file is no backup of oathd, or is damaged.
    #[error("the backup cannot be used: {0}")]
    Unusable(String),
    /// The backup was made under another key.
    #[error("the backup belongs to another {key}; put that key back first")]
    OtherKey {
        /// Which key.
        key: &'static str,
    },
    /// The accounts here cannot be read or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<StoreError> for RestoreError {
    fn from(error: StoreError) -> RestoreError {
        RestoreError::Ledger(error.into())
    }
}

/// What a restore has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreReport {
    /// How many accounts there are.
    pub accounts: u64,
    /// How many of them have recovery codes that wait to be renewed.
    pub recovery_suspended: u64,
    /// The last entry of the backup's audit trail.
    pub backup_seq: u64,
    /// Codes of time steps that began at or before this are refused, in Unix seconds.
    pub floor: u64,
    /// Whether the audit trail and the pairings of the backup were taken over too, because this
    /// store had none. The keyring is to be read again then.
    pub adopted: bool,
    /// What was here and is not in the backup.
    pub left: LeftBehind,
}

impl Ledger {
    /// Replaces all accounts by those of a backup, read from the beginning of `from`. `latest` is
    /// the latest time, in Unix seconds, at which codes are known to have been accepted elsewhere.
    /// A dry run tells the same, and changes nothing.
    ///
    /// # Errors
    ///
    /// [`RestoreError`]
    pub async fn restore(
        &self,
        from: File,
        latest: Option<u64>,
        actor: Actor,
        dry_run: bool,
    ) -> Result<RestoreReport, RestoreError> {
        self.0.keys()?;
        let _turn = self.0.copying.lock().await;
        let folder = self.0.folder.clone();
        let fetched = tokio::task::spawn_blocking(move || fetch(from, &folder)).await;
        let scratch = fetched.map_err(unusable)??;
        let restored = self.0.transact_then(
            Extent::Everything,
            move |shared, connection| {
                let backup = reader::open(&scratch.path)?;
                shared.restore(connection, &backup, latest, (&actor, dry_run))
            },
            |_| (),
        );
        restored.await?
    }
}

impl Shared {
    fn restore(
        &self,
        connection: &Connection,
        backup: &Connection,
        latest: Option<u64>,
        (actor, dry_run): (&Actor, bool),
    ) -> Worked<Result<RestoreReport, RestoreError>> {
        if let Some(key) = other_key(connection, backup)? {
            return Err(refused(Err(RestoreError::OtherKey { key })));
        }
        let ends = Ends::read(backup)?.map_or_else(Ends::default, |(ends, _)| ends);
        if !dry_run {
            self.times.believe(ends.latest);
        }
        let moment = self.times.moment(&RealmName::local());
        let latest = latest.unwrap_or(0).max(ends.latest);
        let known = [moment.now, self.times.latest(), latest];
        let latest = known.into_iter().fold(0, u64::max);

        let adopted = !key::is_in_use(connection)?;
        let mut happened = Vec::new();
        if adopted {
            let keys = self.keys().map_err(failed)?;
            if !replace::adopt(connection, backup, &keys.trail)? {
                happened.push(What::TrailBroken);
            }
        }
        let here = reader::open(self.store.path())?;
        let replaced = match replace::accounts(connection, backup, &here, latest)? {
            Ok(replaced) => replaced,
            Err(error) => return Err(refused(Err(unusable(error)))),
        };
        let (floor, floors) = replace::raise_floors(connection, backup, &replaced, latest)?;
        let report = RestoreReport {
            accounts: replaced.accounts,
            recovery_suspended: replaced.recovery_suspended,
            backup_seq: ends.last,
            floor,
            adopted,
            left: LeftBehind::of(&here, connection)?,
        };
        if dry_run {
            return Err(refused(Ok(report)));
        }
        // Should the restore not be kept, a floor that is too high for a minute does no harm.
        self.times.raise(floors);
        happened.push(What::Restored {
            accounts: replaced.accounts,
            backup_seq: ends.last,
        });
        let appended = self.append(connection, (actor, None), moment, happened)?;
        Ok((Ok(report), appended))
    }
}

/// Brings a backup into the state folder, and looks at all of it.
fn fetch(mut from: File, folder: &Path) -> Result<Scratch, RestoreError> {
    let (scratch, mut copy) = Scratch::make(folder, "restore.tmp").map_err(unusable)?;
    from.seek(SeekFrom::Start(0)).map_err(unusable)?;
    io::copy(&mut from, &mut copy).map_err(unusable)?;
    let mut connection = Connection::open(&scratch.path).map_err(unusable)?;
    // The copy of a file in use has a journal, and no backup here needs one.
    let mode = connection.pragma_update(None, "journal_mode", "DELETE");
    mode.map_err(unusable)?;
    if schema::of(&connection).map_err(unusable)? < schema::WITH_ACCOUNTS {
        return Err(unusable("it holds no accounts"));
    }
    schema::migrate(&mut connection, &scratch.path).map_err(unusable)?;
    let mut findings = check::pages(&connection).map_err(unusable)?;
    if findings.is_empty() {
        check::accounts(&connection, &mut findings).map_err(unusable)?;
    }
    match findings.into_iter().next() {
        Some(finding) => Err(unusable(finding)),
        None => Ok(scratch),
    }
}

/// The key of the backup that is not the one here.
fn other_key(
    connection: &Connection,
    backup: &Connection,
) -> rusqlite::Result<Option<&'static str>> {
    // Nothing was sealed in a store without the mark of a vault key.
    let vault = mark::kept(backup, key::CHECK)?;
    if vault.is_some() && vault != mark::kept(connection, key::CHECK)? {
        return Ok(Some("vault key"));
    }
    let codes = mark::kept(backup, keys::CHECK)?;
    let same = codes == mark::kept(connection, keys::CHECK)?;
    Ok((!same).then_some("key of the recovery codes"))
}

fn unusable(reason: impl ToString) -> RestoreError {
    RestoreError::Unusable(reason.to_string())
}
