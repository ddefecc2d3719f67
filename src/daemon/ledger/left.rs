//! What a restore leaves behind: accounts and factors that the backup does not know.

use oathd_core::{Account, AccountName, Mac};
use rusqlite::Connection;

use super::writing::find;

/// How many are named.
const MOST: usize = 1000;

/// An account, or one factor of an account, that there was before a restore and is not after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The account.
    pub account: AccountName,
    /// What its owner called the factor; `None` where the whole account is gone.
    pub factor: Option<String>,
}

/// What a restore leaves behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftBehind {
    /// How many accounts with a factor there were before; with none, nobody can tell what is lacking.
    pub before: u64,
    /// How many accounts and factors are left.
    pub total: u64,
    /// The first 1000 of them, in the order of their accounts.
    pub named: Vec<Left>,
}

impl LeftBehind {
    /// Compares the store before, `here`, with the accounts after.
    pub(super) fn of(here: &Connection, after: &Connection) -> rusqlite::Result<LeftBehind> {
        let mut left = LeftBehind::default();
        let sql = "SELECT record FROM account WHERE realm > '' ORDER BY realm, name";
        let mut query = here.prepare(sql)?;
        let mut rows = query.query(())?;
        while let Some(row) = rows.next()? {
            // What cannot be read is lost before.
            let Ok(account) = oathd_core::decode(row.get_ref(0)?.as_blob().unwrap_or_default())
            else {
                continue;
            };
            if account.factors().is_empty() {
                continue;
            }
            left.before += 1;
            let kept = find(after, account.name())?;
            let kept = kept.and_then(|(_, record)| oathd_core::decode(&record).ok());
            // The name of a user of this machine may have been another user's.
            let kept =
                kept.filter(|kept| kept.uid() == account.uid() && !kept.factors().is_empty());
            left.add(&account, kept.as_ref());
        }
        Ok(left)
    }

    fn add(&mut self, before: &Account, after: Option<&Account>) {
        let Some(after) = after else {
            return self.name(before, None);
        };
        let kept = |fingerprint: &Mac| {
            after
                .factors()
                .iter()
                .any(|f| f.fingerprint == *fingerprint)
        };
        for factor in before.factors() {
            if !kept(&factor.fingerprint) {
                self.name(before, Some(factor.label.clone()));
            }
        }
    }

    fn name(&mut self, account: &Account, factor: Option<String>) {
        self.total += 1;
        if self.named.len() < MOST {
            let account = account.name().clone();
            self.named.push(Left { account, factor });
        }
    }
}
