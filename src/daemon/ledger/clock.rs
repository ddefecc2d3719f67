//! Who vouches for the clock of this host: a time service, or an administrator.

use std::sync::Arc;

use oathd_core::{RealmName, highest_floor};
use rusqlite::Connection;
use tokio::sync::Notify;

use super::{
    Ledger,
    entry::{Actor, What},
    error::LedgerError,
};
use crate::store::Abort;

impl Ledger {
    /// Told when the time of day has run away from the time since boot, and nobody vouches for it.
    pub fn doubts(&self) -> Arc<Notify> {
        self.0.times.doubts()
    }

    /// How far the time of day is ahead of the time since boot, in seconds.
    pub fn ahead(&self) -> i64 {
        self.0.times.ahead()
    }

    /// Believes a time of day that is so far ahead, on the word of a time service.
    pub fn vouch(&self, ahead: i64) {
        self.0.times.vouch(ahead);
    }

    /// Believes the clock as it stands, on the word of an administrator; gives the time, in Unix
    /// seconds. A clock that once stood in the future is behind what is remembered until then; a
    /// restore at that time raised floors that refuse everybody's codes until then.
    ///
    /// # Errors
    ///
    /// [`LedgerError`]; the clock is judged as before then.
    pub async fn trust_clock(&self, actor: Actor) -> Result<u64, LedgerError> {
        self.0.keys()?;
        let trusted = self.0.transact(move |shared, connection| {
            let before = shared.times.trust();
            let moment = shared.times.moment(&RealmName::local());
            let noted = vec![What::ClockTrusted];
            let appended = lower_floors(connection, moment.now)
                .map_err(Abort::from)
                .and_then(|()| shared.append(connection, (&actor, None), moment, noted));
            if appended.is_err() {
                shared.times.return_to(before);
            }
            Ok((moment.now, appended?))
        });
        trusted.await
    }
}

fn lower_floors(connection: &Connection, now: u64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE floor SET at = min(at, ?)")?
        .execute([highest_floor(now)])
        .map(drop)
}
