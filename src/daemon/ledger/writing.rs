//! A change of an account, as the store's thread does it.

use std::sync::{Arc, PoisonError};

use oathd_core::{AccountName, Moment, RealmName};
use rusqlite::{Connection, OptionalExtension};

use super::{
    Shared, decoys,
    draft::Draft,
    entry::{Actor, What},
    error::LedgerError,
    keys::Keys,
    lock, seeds, shares,
    trail::{self, Ends},
    verdict,
};
use crate::store::{Abort, Extent, StoreError};

/// What became of the trail.
pub(super) struct Appended {
    ends: Ends,
    /// Whether the journal is told.
    is_notable: bool,
}

/// Why a change is not kept.
pub(super) enum Undone<T> {
    Discarded(T),
    Failed(LedgerError),
}

/// What work gives: its answer and what became of the trail, or why it is not kept.
pub(super) type Worked<T> = Result<(T, Option<Appended>), Abort<Undone<T>>>;

impl<T> From<StoreError> for Undone<T> {
    fn from(error: StoreError) -> Undone<T> {
        Undone::Failed(error.into())
    }
}

impl Shared {
    /// Does `work` on the store's thread, in a savepoint. The journal is told of what it added to
    /// the trail once that is on the disk.
    pub(super) async fn transact<T, W>(self: &Arc<Shared>, work: W) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        W: FnOnce(&Shared, &Connection) -> Worked<T> + Send + 'static,
    {
        self.transact_then(Extent::Rows, work, |_| ()).await
    }

    /// The same; `then` runs on the store's thread before anything else does, and is told whether
    /// the work was kept.
    pub(super) async fn transact_then<T, W, A>(
        self: &Arc<Shared>,
        extent: Extent,
        work: W,
        then: A,
    ) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        W: FnOnce(&Shared, &Connection) -> Worked<T> + Send + 'static,
        A: FnOnce(bool) + Send + 'static,
    {
        let (shared, after) = (Arc::clone(self), Arc::clone(self));
        let work = move |connection: &Connection| work(&shared, connection);
        let after = move |outcome: Result<&(T, Option<Appended>), &Undone<T>>| {
            then(outcome.is_ok());
            let Ok((_, Some(appended))) = outcome else {
                return;
            };
            *lock(&after.ends) = appended.ends;
            if appended.is_notable {
                trail::publish(&appended.ends);
            }
        };
        match self.store.transact(extent, work, after).await {
            Ok((answer, _)) => Ok(answer),
            Err(Undone::Discarded(answer)) => Ok(answer),
            Err(Undone::Failed(error)) => Err(error),
        }
    }

    /// Compares the end of the trail with its seal. A trail that does not fit is gone on with, and
    /// says so from then on.
    pub(super) async fn check_end(self: &Arc<Shared>) -> Result<(), StoreError> {
        let checked = self.transact(|shared, connection| {
            let keys = shared.keys().map_err(failed)?;
            if verdict::end_fits(connection, &keys.trail)? {
                return Ok(((), None));
            }
            tracing::error!("the audit trail was changed by somebody else than oathd");
            let moment = shared.times.moment(&RealmName::local());
            trail::mend(connection)?;
            let appended = shared.append(
                connection,
                (&Actor::ITSELF, None),
                moment,
                vec![What::TrailBroken],
            )?;
            Ok(((), appended))
        });
        match checked.await {
            Err(LedgerError::Store(error)) => Err(error),
            _ => Ok(()),
        }
    }

    pub(super) fn keys(&self) -> Result<Arc<Keys>, LedgerError> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let keys = keys.as_ref().map_err(|_| LedgerError::KeyMissing)?;
        Ok(Arc::clone(keys))
    }

    /// The whole of a change.
    pub(super) fn change<T>(
        &self,
        connection: &Connection,
        name: &AccountName,
        actor: &Actor,
        work: impl FnOnce(&mut Draft<'_>) -> T,
    ) -> Worked<T> {
        let found = find(connection, name)?;
        let (row, record) = match found {
            Some((row, record)) => (Some(row), record),
            None => (None, lock(&self.decoys).record(name).map_err(failed)?),
        };
        let account = oathd_core::decode(&record).map_err(failed)?;
        let seeds = match row {
            Some(_) => seeds::of(&account),
            None => Vec::new(),
        };
        let mut draft = Draft {
            account,
            moment: self.times.moment(name.realm()),
            connection,
            row,
            stale: None,
            decoys: &self.decoys,
            happened: Vec::new(),
            discarded: false,
            failed: None,
        };
        let answer = work(&mut draft);
        if let Some(error) = draft.failed {
            return Err(Abort::Sqlite(error));
        }
        if draft.discarded {
            return Err(Abort::Refused(Undone::Discarded(answer)));
        }
        let changed = oathd_core::encode(&draft.account).map_err(failed)?;
        if changed != record {
            match draft.row {
                Some(row) => {
                    write(connection, row, &changed)?;
                    let now = seeds::of(&draft.account);
                    if !seeds::follow(connection, row, &seeds, &now)? {
                        return Err(failed(LedgerError::SeedTaken));
                    }
                }
                None => {
                    decoys::write_row(connection, name, &changed)?;
                    lock(&self.decoys).keep(name, changed);
                }
            }
        }
        let head = self.append(
            connection,
            (actor, Some(name)),
            draft.moment,
            draft.happened,
        );
        Ok((answer, head?))
    }

    /// Adds entries to the trail.
    pub(super) fn append<T>(
        &self,
        connection: &Connection,
        whose: (&Actor, Option<&AccountName>),
        moment: Moment,
        happened: Vec<What>,
    ) -> Result<Option<Appended>, Abort<Undone<T>>> {
        let keys = self.keys().map_err(failed)?;
        Ok(self.append_with(connection, &keys, whose, moment, happened)?)
    }

    /// The same, under keys that are not in use yet.
    pub(super) fn append_with(
        &self,
        connection: &Connection,
        keys: &Keys,
        (actor, account): (&Actor, Option<&AccountName>),
        moment: Moment,
        happened: Vec<What>,
    ) -> rusqlite::Result<Option<Appended>> {
        if happened.is_empty() {
            return Ok(None);
        }
        let mut ends = Ends::read(connection)?
            .map(|(ends, _)| ends)
            .unwrap_or_default();
        let before = ends.last;
        let mut alarm = happened.iter().any(What::is_alarm);
        let share = shares::count(connection, shares::of(actor, account), happened.len())?;
        for what in happened {
            let place = (moment.now, share);
            ends.append(connection, place, (actor, account, what))?;
        }
        ends.latest = self.times.latest();
        let retention = *lock(&self.retention);
        if !retention.apply(connection, &keys.trail, &mut ends, (before, moment))? {
            tracing::error!("entries of the audit trail were changed by somebody else than oathd");
            alarm = true;
            let share = shares::count(connection, shares::of(&Actor::ITSELF, None), 1)?;
            let broken = (&Actor::ITSELF, None, What::TrailBroken);
            ends.append(connection, (moment.now, share), broken)?;
        }
        ends.write(connection, &keys.trail)?;
        Ok(Some(Appended {
            is_notable: alarm || trail::is_milestone(before, ends.last),
            ends,
        }))
    }
}

pub(super) fn failed<T>(error: impl Into<LedgerError>) -> Abort<Undone<T>> {
    Abort::Refused(Undone::Failed(error.into()))
}

/// Gives work up with an answer.
pub(super) fn refused<T>(answer: T) -> Abort<Undone<T>> {
    Abort::Refused(Undone::Discarded(answer))
}

/// The row and the record of an account. Where there is none, its neighbour in the order of names
/// is read in its place, from the disk like any: the time tells nothing.
pub(super) fn find(
    connection: &Connection,
    name: &AccountName,
) -> rusqlite::Result<Option<(i64, Vec<u8>)>> {
    let found = connection
        .prepare_cached(
            "SELECT name = ?2, id, record FROM account WHERE realm = ?1 AND name >= ?2
             ORDER BY name LIMIT 1",
        )?
        .query_row((name.realm().as_str(), name.name()), |row| {
            let row: (bool, i64, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(row)
        })
        .optional()?;
    Ok(found.and_then(|(same, row, record)| same.then_some((row, record))))
}

fn write(connection: &Connection, row: i64, record: &[u8]) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE account SET record = ? WHERE id = ?")?
        .execute((record, row))
        .map(drop)
}
