//! Taking accounts over from another verifier.

mod format;
mod row;
mod take_over;

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use futures_util::{StreamExt, TryStreamExt, stream};
use oathd_api::{
    ErrorName,
    wire::administration::{ImportAccountsOptions, ImportRow},
};
use oathd_core::{AccountName, RealmName};
use zeroize::Zeroizing;

use super::Accounts;
use crate::{
    accounts::passwd::{self, Asker},
    error::Error,
    ledger::{Actor, LedgerError},
    secret_fd,
};
use format::Origin;
use row::{Row, refused, row};
use take_over::{Tools, take_over};

/// How many rows are under way at once: as many are committed in one group.
const AT_ONCE: usize = 64;

/// The bytes of a file or a key.
type Content = Zeroizing<Vec<u8>>;

/// What an administrator asks for, as far as it can be told without looking at accounts.
pub(crate) struct Import {
    origin: Origin,
    file: Content,
    key: Option<Content>,
    dry_run: bool,
}

impl Import {
    /// Reads the options.
    ///
    /// # Errors
    /// `InvalidArgs`, `InvalidFd`.
    pub(crate) fn of(file: Content, options: ImportAccountsOptions) -> Result<Import, Error> {
        let origin = Origin::of(&options)?;
        let key = options.key.as_ref().map(secret_fd::read).transpose()?;
        Ok(Import {
            origin,
            file,
            key,
            dry_run: options.dry_run.unwrap_or(false),
        })
    }
}

/// A row whose account may be made: the uid is that of a local one.
type Ready = Result<(Row, Option<u32>), ImportRow>;

impl Accounts {
    /// Takes over what a file holds, row by row. A row that is refused stops no other.
    ///
    /// # Errors
    /// `InvalidImport`, `VaultKeyUnavailable`, `StateUnavailable`. What was taken over before an
    /// error stays, and is `present` the next time.
    pub(crate) async fn import(
        &self,
        actor: Actor,
        import: Import,
    ) -> Result<Vec<ImportRow>, Error> {
        self.vault.source()?;
        let dry_run = import.dry_run;
        let rows = self.rows(import).await?;
        let mut rows = self.known_users(rows).await?;
        if dry_run {
            refuse_repeated(&mut rows);
        }
        let one = |ready: Ready| async {
            match ready {
                Ok((row, uid)) => self.import_row(&actor, row, uid, dry_run).await,
                Err(refused) => Ok(refused),
            }
        };
        stream::iter(rows)
            .map(one)
            .buffered(AT_ONCE)
            .try_collect()
            .await
    }

    /// The rows of the file. Parsing it and deriving its key take a while, so a thread of its own
    /// does that.
    async fn rows(&self, import: Import) -> Result<Vec<Result<Row, ImportRow>>, Error> {
        let fingerprints = self.ledger.fingerprint_key()?;
        let now = self.ledger.moment(&RealmName::local()).now;
        let read = tokio::task::spawn_blocking(move || {
            let Import {
                origin, file, key, ..
            } = import;
            let entries = origin.read(&file, key.as_ref().map(|key| key.as_slice()))?;
            let rows = entries.into_iter();
            Ok(rows
                .map(|entry| row(entry, &origin, &fingerprints, now))
                .collect())
        });
        read.await
            .unwrap_or_else(|_| Err(Error::new(ErrorName::InvalidImport)))
    }

    /// Refuses the rows of users and realms that this host does not have.
    async fn known_users(&self, rows: Vec<Result<Row, ImportRow>>) -> Result<Vec<Ready>, Error> {
        let settings = self.settings();
        let mut users = HashMap::<String, Option<passwd::User>>::new();
        let mut ready = Vec::with_capacity(rows.len());
        for row in rows {
            ready.push(match row {
                Err(refused) => Err(refused),
                Ok(row) if row.account.realm().is_local() => {
                    let name = row.account.name();
                    let user = match users.entry(name.to_owned()) {
                        Entry::Occupied(known) => known.get().clone(),
                        Entry::Vacant(place) => {
                            let user = passwd::by_name(Asker::Trusted, name).await?;
                            place.insert(user).clone()
                        }
                    };
                    of_user(row, user)
                }
                Ok(row) if settings.realms.contains_key(row.account.realm()) => Ok((row, None)),
                Ok(row) => Err(refused(
                    &row.account.to_string(),
                    "this host has no such realm",
                )),
            });
        }
        Ok(ready)
    }

    async fn import_row(
        &self,
        actor: &Actor,
        row: Row,
        uid: Option<u32>,
        dry_run: bool,
    ) -> Result<ImportRow, Error> {
        let codes = self.ledger.code_key()?;
        let vault = Arc::clone(&self.vault);
        let account = row.account.clone();
        let taken = self
            .ledger
            .change(&account, actor.clone(), move |draft| {
                let tools = Tools {
                    codes: &codes,
                    vault: &vault,
                    dry_run,
                };
                take_over(draft, &row, uid, &tools)
            })
            .await;
        match taken {
            Ok(told) => Ok(told?),
            Err(LedgerError::SeedTaken) => Ok(refused(
                &account.to_string(),
                "another account has the same seed",
            )),
            Err(LedgerError::Record(reason)) => Ok(refused(&account.to_string(), reason)),
            Err(reason) => Err(reason.into()),
        }
    }
}

/// The row of a local user, under the name that the machine writes.
fn of_user(mut row: Row, user: Option<passwd::User>) -> Ready {
    let name = row.account.to_string();
    let Some(user) = user else {
        return Err(refused(&name, "this machine has no such user"));
    };
    match AccountName::new(&user.name, RealmName::local()) {
        Ok(account) => {
            row.account = account;
            Ok((row, Some(user.uid)))
        }
        Err(reason) => Err(refused(&name, reason)),
    }
}

/// Tells of rows whose seed an earlier row has, as the ledger does when rows are kept.
fn refuse_repeated(rows: &mut [Ready]) {
    let mut seen = HashMap::<[u8; 32], AccountName>::new();
    for ready in rows {
        let Ok((row, _)) = ready else { continue };
        match seen.entry(*row.plan.fingerprint.as_bytes()) {
            Entry::Vacant(place) => {
                place.insert(row.account.clone());
            }
            Entry::Occupied(first) => {
                let name = row.account.to_string();
                *ready = Err(match *first.get() == row.account {
                    true => ImportRow {
                        account: name,
                        state: "present".to_owned(),
                        ..ImportRow::default()
                    },
                    false => refused(&name, "another account has the same seed"),
                });
            }
        }
    }
}
