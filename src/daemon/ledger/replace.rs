//! Takes the rows of a backup over.

use std::collections::BTreeSet;

use hmac::Hmac;
use oathd_core::{Event, Generator, LONGEST_FLOOR, RealmName, RecordError, raised_floor};
use rusqlite::{Connection, types::Value};
use sha2::Sha256;

use super::{
    shares,
    trail::{self, Ends},
    verdict,
    writing::find,
};

/// How many counters of HOTP are passed over: as many as one look-ahead reaches, so that the next
/// code of the token is found.
const HOTP_SKIP: u64 = 10;

/// What was taken over.
pub(super) struct Replaced {
    pub(super) accounts: u64,
    pub(super) recovery_suspended: u64,
    /// The longest period among the factors that a floor covers, in seconds.
    longest: u32,
    realms: BTreeSet<String>,
}

/// Replaces all accounts and seeds. Sessions and API keys are void after a restore, so they go. What
/// the accounts `here`, the store as it was before, remember of used codes is kept.
pub(super) fn accounts(
    connection: &Connection,
    backup: &Connection,
    here: &Connection,
    latest: u64,
) -> rusqlite::Result<Result<Replaced, RecordError>> {
    connection.execute_batch(
        "DELETE FROM session; DELETE FROM api_key; DELETE FROM seed; DELETE FROM account;",
    )?;
    let mut replaced = Replaced {
        accounts: 0,
        recovery_suspended: 0,
        longest: 30,
        realms: BTreeSet::from([RealmName::LOCAL.to_owned()]),
    };
    let mut query = backup.prepare("SELECT id, realm, name, record FROM account ORDER BY id")?;
    let mut insert = connection
        .prepare_cached("INSERT INTO account (id, realm, name, record) VALUES (?, ?, ?, ?)")?;
    let mut rows = query.query(())?;
    while let Some(row) = rows.next()? {
        let (id, realm): (i64, String) = (row.get(0)?, row.get(1)?);
        let (name, record): (String, Vec<u8>) = (row.get(2)?, row.get(3)?);
        if realm.is_empty() {
            insert.execute((id, realm, name, record))?;
            continue;
        }
        let mut account = match oathd_core::decode(&record) {
            Ok(account) => account,
            Err(error) => return Ok(Err(error)),
        };
        if let Some((_, record)) = find(here, account.name())?
            && let Ok(here) = oathd_core::decode(&record)
        {
            account.outlive(&here);
        }
        let events = account.after_restore(latest, HOTP_SKIP);
        let record = match oathd_core::encode(&account) {
            Ok(record) => record,
            Err(error) => return Ok(Err(error)),
        };
        insert.execute((id, &realm, name, record))?;
        let periods = account.factors().iter().filter_map(|f| match f.generator {
            Generator::Totp { period } if period.seconds() <= LONGEST_FLOOR => {
                Some(period.seconds())
            }
            _ => None,
        });
        replaced.longest = periods.fold(replaced.longest, u32::max);
        replaced.accounts += 1;
        replaced.recovery_suspended += u64::from(events.contains(&Event::RecoverySuspended));
        replaced.realms.insert(realm);
    }
    // In the order of the index: each page is written once. It fits the accounts; that was checked.
    take_over(connection, backup, "seed")?;
    Ok(Ok(replaced))
}

/// Raises the floor of every realm that has accounts, or a floor. The new floor, and all of them.
pub(super) fn raise_floors(
    connection: &Connection,
    backup: &Connection,
    replaced: &Replaced,
    latest: u64,
) -> rusqlite::Result<(u64, Vec<(RealmName, u64)>)> {
    let raised = raised_floor(0, latest, replaced.longest);
    let mut realms = replaced.realms.clone();
    let mut raise = connection.prepare(
        "INSERT INTO floor (realm, at) VALUES (?1, ?2)
         ON CONFLICT (realm) DO UPDATE SET at = max(at, ?2)",
    )?;
    for source in [backup, connection] {
        let mut query = source.prepare("SELECT realm, at FROM floor")?;
        let rows = query.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
        for (realm, at) in rows.collect::<rusqlite::Result<Vec<(String, u64)>>>()? {
            raise.execute((&realm, at))?;
            realms.insert(realm);
        }
    }
    for realm in &realms {
        raise.execute((realm, raised))?;
    }
    let names = realms.iter().filter_map(|realm| realm.parse().ok());
    Ok((raised, names.map(|realm| (realm, raised)).collect()))
}

/// Takes over the audit trail and what the keyring keeps, for a store that keeps nothing. What its
/// own trail says comes after the entries of the backup. Says whether the end of the backup's
/// trail fits its seal.
pub(super) fn adopt(
    connection: &Connection,
    backup: &Connection,
    key: &Hmac<Sha256>,
) -> rusqlite::Result<bool> {
    let own = connection
        .prepare("SELECT at, entry, name FROM audit JOIN share ON share.id = share ORDER BY seq")?
        .query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<Vec<(u64, Vec<u8>, String)>>>()?;
    for table in ["audit", "share", "trail", "pairing", "remembered_key"] {
        connection.execute(&format!("DELETE FROM {table}"), ())?;
        take_over(connection, backup, table)?;
    }
    let whole = verdict::end_fits(connection, key)?;
    if !whole {
        trail::mend(connection)?;
    }
    let mut ends = Ends::read(connection)?.map_or_else(Ends::default, |(ends, _)| ends);
    for (at, entry, share) in own {
        let share = shares::count(connection, &share, 1)?;
        ends.append_bytes(connection, (at, share), &entry)?;
    }
    if ends != Ends::default() {
        ends.write(connection, key)?;
    }
    Ok(whole)
}

/// Copies a table; both have the same columns.
fn take_over(connection: &Connection, backup: &Connection, table: &str) -> rusqlite::Result<()> {
    let mut query = backup.prepare(&format!("SELECT * FROM {table}"))?;
    let columns = query.column_count();
    let places = vec!["?"; columns].join(", ");
    let mut insert = connection.prepare(&format!("INSERT INTO {table} VALUES ({places})"))?;
    let mut rows = query.query(())?;
    while let Some(row) = rows.next()? {
        for column in 0..columns {
            insert.raw_bind_parameter(column + 1, row.get::<_, Value>(column)?)?;
        }
        insert.raw_execute()?;
    }
    Ok(())
}
