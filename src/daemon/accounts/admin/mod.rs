//! What administrators do for accounts.

mod console;
mod coverage;
mod import;
mod rescue;
mod state;
mod trail;

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use oathd_api::{
    ErrorName,
    wire::{
        account::AccountRecord,
        administration::{AuditRecord, AuditVerdict, ImportRow},
    },
};
use oathd_core::{Account, AccountName, RealmName};

use super::{
    Accounts,
    describe::{Grants, describe},
    passwd::{self, Asker},
    sessions::grants,
};
use crate::{
    authority::Action,
    error::Error,
    ledger::{Actor, Draft, What},
    service::{Call, Service},
};
pub(crate) use import::Import;

/// The most accounts or entries in one answer.
const MOST: u32 = 1000;

/// How many accounts of an answer are looked at in one go.
const AT_ONCE: usize = 64;

/// The account that an administrator names, and the uid of a local one as this machine says.
struct Named {
    account: AccountName,
    uid: Option<u32>,
}

impl Named {
    /// A local account goes by the name that the machine writes.
    async fn find(account: AccountName) -> Result<Named, Error> {
        if !account.realm().is_local() {
            return Ok(Named { account, uid: None });
        }
        let user = passwd::by_name(Asker::Trusted, account.name()).await?;
        let user = user.ok_or_else(|| Error::new(ErrorName::NotEnrolled))?;
        Ok(Named {
            account: AccountName::new(&user.name, RealmName::local())?,
            uid: Some(user.uid),
        })
    }

    /// Makes the record of an earlier user of the name look as if it were not there.
    fn enter(&self, draft: &mut Draft<'_>) {
        if draft.is_known() && self.uid != draft.account.uid() {
            draft.disown();
        }
    }
}

/// Who does something, as the audit trail names an administrator.
fn actor(call: &Call) -> Actor {
    Actor {
        uid: call.caller.uid,
        class: None,
        service: None,
    }
}

/// How many of at most [`MOST`] are wanted.
fn limited(limit: u32) -> Result<usize, Error> {
    match limit {
        1..=MOST => Ok(limit as usize),
        _ => Err(Error::invalid_args(format!("limit is 1 to {MOST}"))),
    }
}

impl Service {
    /// Finds out whether a caller may look after a realm: an administrator, or the realm's service.
    pub(crate) async fn may_oversee(&self, call: &Call, realm: &str) -> Result<RealmName, Error> {
        let realm: RealmName = realm.parse()?;
        let settings = self.accounts().settings();
        let owner = settings.realms.get(&realm).and_then(|realm| realm.uid);
        if owner != Some(call.caller.uid) {
            self.authorize(call, Action::Administer, None).await?;
        }
        Ok(realm)
    }

    /// Accounts of a realm by name.
    pub(crate) async fn list_accounts(
        &self,
        realm: &RealmName,
        after: &str,
        limit: u32,
    ) -> Result<Vec<AccountRecord>, Error> {
        let accounts = self.accounts();
        let now = accounts.ledger.moment(realm).now;
        let after = Some(after.to_owned()).filter(|after| !after.is_empty());
        let listed = accounts.ledger.list(realm, after, limited(limit)?).await?;
        let one = |account: Account| async move {
            let grants = accounts.grants(&account).await?;
            Ok(describe(&account, grants, now))
        };
        stream::iter(listed)
            .map(one)
            .buffered(AT_ONCE)
            .try_collect()
            .await
    }

    /// Lifts the waits of an account.
    pub(crate) async fn unlock_account(
        self: &Arc<Self>,
        call: &Call,
        account: &str,
    ) -> Result<(), Error> {
        let named = Named::find(account.parse()?).await?;
        self.carry_through(call, move |service, call| async move {
            service.accounts().unlock(actor(&call), named).await
        })
        .await
    }

    /// Takes over what another verifier kept.
    pub(crate) async fn import(
        self: &Arc<Self>,
        call: &Call,
        import: Import,
    ) -> Result<Vec<ImportRow>, Error> {
        self.carry_through(call, move |service, call| async move {
            service.accounts().import(actor(&call), import).await
        })
        .await
    }

    /// Entries of the audit trail.
    pub(crate) async fn audit(&self, after: u64, limit: u32) -> Result<Vec<AuditRecord>, Error> {
        let entries = self.accounts().ledger.audit(after, limited(limit)?).await?;
        Ok(entries.into_iter().map(trail::record).collect())
    }

    /// Whether the audit trail is whole.
    pub(crate) async fn verify_audit(&self) -> Result<AuditVerdict, Error> {
        let verdict = self.accounts().ledger.verify_audit().await?;
        Ok(trail::verdict(&verdict))
    }
}

impl Accounts {
    /// What a realm's account was handed. Nobody else's is handed anything.
    async fn grants(&self, account: &Account) -> Result<Grants, Error> {
        if account.name().realm().is_local() {
            return Ok(Grants::default());
        }
        let looking = Actor {
            uid: 0,
            class: None,
            service: None,
        };
        let look = self.ledger.change(account.name(), looking, |draft| {
            draft.discard();
            grants(draft)
        });
        Ok(look.await??)
    }

    async fn unlock(&self, actor: Actor, named: Named) -> Result<(), Error> {
        let account = named.account.clone();
        let change = self.ledger.change(&account, actor, move |draft| {
            named.enter(draft);
            if !draft.is_known() {
                draft.discard();
                return Err(Error::new(ErrorName::NotEnrolled));
            }
            draft.account.lift_waits();
            draft.note(What::Unlocked);
            Ok(())
        });
        change.await?
    }
}
