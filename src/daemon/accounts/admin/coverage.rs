//! Who has a second factor, and who is to have one.

mod people;
mod tally;

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use oathd_api::{ErrorName, wire::administration::CoverageRecord};
use oathd_core::{Account, AccountName, RealmName, policy::Requirement};

use super::Accounts;
use crate::{
    accounts::passwd::{self, Asker, User},
    error::Error,
};
use people::{is_person, people};
use tally::Tally;

/// The ways into this machine that ask for no factor: `sshd` takes a public key without asking PAM
/// for more, `cron` runs what was written before, and root is asked nothing by `su`.
const NOT_ASKED: [&str; 3] = ["sshd_publickey", "cron", "su_by_root"];

/// What is counted while the accounts go by.
#[derive(Default)]
struct Count {
    tally: Tally,
    /// The people of whom no account was seen yet.
    people: BTreeMap<String, User>,
    /// The people with an account, and whether they have a factor.
    seen: Vec<(User, bool)>,
    /// Accounts whose user the file of users does not name.
    others: Vec<AccountName>,
}

impl Count {
    fn add(&mut self, account: &Account, now: u64) {
        if !account.name().realm().is_local() {
            return self.tally.add(account, now);
        }
        let name = account.name().name();
        match self.people.remove(name) {
            Some(user) if Some(user.uid) == account.uid() => {
                self.tally.add(account, now);
                self.seen.push((user, account.is_enrolled()));
            }
            // The account of an earlier user of that name.
            Some(user) => drop(self.people.insert(user.name.clone(), user)),
            None => self.others.push(account.name().clone()),
        }
    }
}

impl Accounts {
    /// Counts the accounts of a realm; the people of this machine for `local`.
    ///
    /// # Errors
    /// `StateUnavailable`.
    pub(crate) async fn coverage(&self, realm: &RealmName) -> Result<CoverageRecord, Error> {
        let now = self.ledger.moment(realm).now;
        let mut count = Count::default();
        if realm.is_local() {
            let people = tokio::task::spawn_blocking(people).await;
            let people = people.unwrap_or_else(|_| Ok(Vec::new()));
            let people =
                people.map_err(|error| Error::because(ErrorName::StateUnavailable, error))?;
            let people = people.into_iter().map(|user| (user.name.clone(), user));
            count.people = people.collect();
        }
        let count = Arc::new(Mutex::new(count));
        let shared = Arc::clone(&count);
        let show = move |account: &Account| {
            lock(&shared).add(account, now);
            ControlFlow::Continue(())
        };
        self.ledger.for_each(Some(realm), show).await?;
        let count = std::mem::take(&mut *lock(&count));
        self.finish(count, realm, now).await
    }

    async fn finish(
        &self,
        count: Count,
        realm: &RealmName,
        now: u64,
    ) -> Result<CoverageRecord, Error> {
        let Count {
            mut tally,
            people,
            mut seen,
            others,
        } = count;
        if !realm.is_local() {
            return Ok(tally.finish(realm.to_string(), Vec::new()));
        }
        for name in others {
            let user = passwd::by_name(Asker::Trusted, name.name()).await?;
            if let Some(user) = user.filter(|user| is_person(user.uid))
                && let Some(account) = self.ledger.read(&name).await?
                && account.uid() == Some(user.uid)
            {
                tally.add(&account, now);
                seen.push((user, account.is_enrolled()));
            }
        }
        for user in people.into_values() {
            tally.add_stranger();
            seen.push((user, false));
        }
        for (user, enrolled) in seen {
            let demanded = self.demanded_of(&user).await?;
            // At once, or from a date on.
            if demanded.at(now, now) != Requirement::NotAsked {
                tally.require((!enrolled).then_some(&user.name));
            }
        }
        Ok(tally.finish(realm.to_string(), NOT_ASKED.map(str::to_owned).into()))
    }
}

fn lock(count: &Mutex<Count>) -> MutexGuard<'_, Count> {
    count.lock().unwrap_or_else(PoisonError::into_inner)
}
