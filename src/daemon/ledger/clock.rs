//! Who vouches for the clock of this host: a time service, or an administrator.

use std::sync::{Arc, Mutex};

use oathd_core::{RealmName, highest_floor};
use rusqlite::Connection;
use tokio::sync::Notify;

use super::{
    Ledger,
    entry::{Actor, What},
    error::LedgerError,
    lock,
};
use crate::store::Extent;

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
        let before = Arc::new(Mutex::new(None));
        let (shared, kept_before) = (Arc::clone(&self.0), Arc::clone(&before));
        let trusted = self.0.transact_then(
            Extent::Rows,
            move |shared, connection| {
                *lock(&before) = Some(shared.times.trust());
                let moment = shared.times.moment(&RealmName::local());
                lower_floors(connection, moment.now)?;
                let noted = vec![What::ClockTrusted];
                let appended = shared.append(connection, (&actor, None), moment, noted)?;
                Ok((moment.now, appended))
            },
            move |kept| {
                if let (Some(before), false) = (lock(&kept_before).take(), kept) {
                    shared.times.return_to(before);
                }
            },
        );
        trusted.await
    }
}

fn lower_floors(connection: &Connection, now: u64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE floor SET at = min(at, ?)")?
        .execute([highest_floor(now)])
        .map(drop)
}
