//! For which account a caller speaks, and as what.

use oathd_api::ErrorName;
use oathd_core::{Account, AccountName, CallerClass, RealmName, receipt::Holder};

use super::passwd::{self, Asker};
use crate::{
    error::Error,
    ledger::{Actor, Draft},
    service::{Call, Service},
};

/// The longest name of a service that asks, in bytes.
const MAX_SERVICE: usize = 64;

/// The longest name of a remote host, in bytes.
const MAX_HOST: usize = 255;

/// A caller who may speak for an account.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    pub(crate) account: AccountName,
    pub(crate) standing: Standing,
    pub(crate) class: CallerClass,
    /// The PAM service or program that asks, as it calls itself; may be empty.
    pub(crate) service: String,
    pub(crate) caller_uid: u32,
    /// The uid of a local account, as this machine says.
    pub(crate) uid: Option<u32>,
}

/// What a caller is to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The superuser.
    Root,
    /// A program of the account's own user.
    Owner,
    /// The service that the account's realm belongs to.
    Realm,
}

impl Service {
    /// Finds out for which account a call speaks; the empty name is the caller's own user. Whoever
    /// may not learns nothing: no account is looked at.
    ///
    /// `service` and `remote_host` are what the caller says of itself.
    pub(crate) async fn who(
        &self,
        call: &Call,
        account: &str,
        service: Option<&str>,
        remote_host: Option<&str>,
    ) -> Result<Who, Error> {
        let service = fitting(service, MAX_SERVICE, "service")?;
        let host = fitting(remote_host, MAX_HOST, "remote_host")?;
        let caller = call.caller.uid;
        let found = call.in_time(async {
            match account.parse::<AccountName>() {
                _ if account.is_empty() => own(caller).await,
                Ok(name) if name.realm().is_local() => local(caller, name).await,
                Ok(name) => Ok((name.clone(), self.of_realm(caller, name.realm())?, None)),
                Err(reason) => Err(reason.into()),
            }
        });
        let late = "looking the user up takes too long";
        let found = found.await;
        let found = found.unwrap_or_else(|| Err(Error::because(ErrorName::StateUnavailable, late)));
        let (account, standing, uid) = found?;
        if !host.is_empty() && standing != Standing::Root {
            return Err(Error::invalid_args("remote_host is for root"));
        }
        let class = match standing {
            Standing::Root if host.is_empty() => CallerClass::Console,
            Standing::Root => CallerClass::Remote,
            Standing::Owner => CallerClass::OwnPrograms,
            Standing::Realm => CallerClass::RealmService,
        };
        Ok(Who {
            account,
            standing,
            class,
            service: service.to_owned(),
            caller_uid: caller,
            uid,
        })
    }

    fn of_realm(&self, caller: u32, realm: &RealmName) -> Result<Standing, Error> {
        let settings = self.accounts().settings();
        let owner = settings.realms.get(realm).and_then(|realm| realm.uid);
        match caller {
            0 => Ok(Standing::Root),
            uid if owner == Some(uid) => Ok(Standing::Realm),
            _ => Err(Error::new(ErrorName::NotAuthorized)),
        }
    }
}

/// The account of the calling user.
async fn own(caller: u32) -> Result<(AccountName, Standing, Option<u32>), Error> {
    let user = passwd::by_uid(Asker::of(caller), caller).await?;
    let user = user.ok_or_else(|| Error::new(ErrorName::NotAuthorized))?;
    let name = AccountName::new(&user.name, RealmName::local())?;
    Ok((name, standing_of(caller, Some(caller))?, Some(caller)))
}

/// The account of a user of this machine, under the name that the machine writes.
async fn local(
    caller: u32,
    name: AccountName,
) -> Result<(AccountName, Standing, Option<u32>), Error> {
    let user = passwd::by_name(Asker::of(caller), name.name()).await?;
    let uid = user.as_ref().map(|user| user.uid);
    let standing = standing_of(caller, uid)?;
    let name = match user {
        Some(user) => AccountName::new(&user.name, RealmName::local())?,
        None => name,
    };
    Ok((name, standing, uid))
}

fn standing_of(caller: u32, owner: Option<u32>) -> Result<Standing, Error> {
    match caller {
        0 => Ok(Standing::Root),
        uid if owner == Some(uid) => Ok(Standing::Owner),
        _ => Err(Error::new(ErrorName::NotAuthorized)),
    }
}

fn fitting<'a>(text: Option<&'a str>, most: usize, key: &str) -> Result<&'a str, Error> {
    let text = text.unwrap_or_default();
    if text.len() > most || text.chars().any(char::is_control) {
        return Err(Error::invalid_args(format!(
            "{key} is longer than {most} bytes, or not one line"
        )));
    }
    Ok(text)
}

impl Who {
    /// For whom users are looked up.
    pub(super) const fn asker(&self) -> Asker {
        Asker::of(self.caller_uid)
    }

    /// As the audit trail names the caller.
    pub(crate) fn actor(&self) -> Actor {
        Actor {
            uid: self.caller_uid,
            class: Some(self.class),
            service: Some(self.service.clone()).filter(|service| !service.is_empty()),
        }
    }

    /// To whom a receipt of this call belongs.
    pub(crate) fn holder(&self) -> Holder {
        Holder {
            uid: self.caller_uid,
            service: self.service.clone(),
        }
    }

    /// Whether a record is this account's: the name of a local one may have been given to another
    /// user since, who gets nothing of it. A record whose user is not found stands: its factor is
    /// asked for.
    pub(crate) fn owns(&self, record: &Account) -> bool {
        !self.account.realm().is_local() || self.uid.is_none() || record.uid() == self.uid
    }

    /// Makes a record of another user with the same name look as if it were not there. To be called
    /// first in every change.
    pub(crate) fn enter(&self, draft: &mut Draft<'_>) {
        if draft.is_known() && !self.owns(&draft.account) {
            draft.disown();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        clock::SystemClock, ledger::Ledger, random::SystemRandom, scratch_dir::private_dir,
        store::Store,
    };

    #[test]
    fn anybody_else_is_nobody() {
        assert_eq!(standing_of(0, Some(7)).unwrap(), Standing::Root);
        assert_eq!(standing_of(7, Some(7)).unwrap(), Standing::Owner);
        for owner in [Some(0), Some(8), None] {
            let refused = standing_of(7, owner).unwrap_err();
            assert_eq!(refused.oathd_name(), Some(ErrorName::NotAuthorized));
        }
    }

    #[tokio::test]
    async fn the_machine_says_who_a_user_is() {
        let (name, standing, uid) = own(0).await.unwrap();
        assert_eq!((standing, uid), (Standing::Root, Some(0)));
        let (same, _, uid) = local(0, name.clone()).await.unwrap();
        assert_eq!((same, uid), (name.clone(), Some(0)));
        assert!(local(12_345, name).await.is_err());
        let nobody = "no-such-user".parse().unwrap();
        assert_eq!(local(0, nobody).await.unwrap().2, None);
        assert!(fitting(Some("a\nb"), 64, "service").is_err());
    }

    #[tokio::test]
    async fn a_name_that_another_user_had_begins_anew() {
        let dir = private_dir();
        let store = Store::open(dir.path()).unwrap();
        let (random, clock) = (Arc::new(SystemRandom), Arc::new(SystemClock));
        let ledger = Ledger::open(store, dir.path(), random, clock).await;
        let ledger = ledger.unwrap();
        let who = |uid| Who {
            account: "ada".parse().unwrap(),
            standing: Standing::Owner,
            class: CallerClass::OwnPrograms,
            service: String::new(),
            caller_uid: uid,
            uid: Some(uid),
        };
        let not_found = Who {
            uid: None,
            ..who(0)
        };
        let (first, second) = (who(1_000), who(1_001));
        let enter = async |who: &Who, begin: bool| {
            let (entering, uid) = (who.clone(), who.uid);
            let entered = ledger.change(&who.account, who.actor(), move |draft| {
                entering.enter(draft);
                let known = draft.is_known();
                if begin {
                    draft.create(uid);
                    draft.account.meet_policy(oathd_core::Moment::at(5));
                }
                (known, draft.account.policy_since())
            });
            entered.await.unwrap()
        };
        assert_eq!(enter(&first, true).await, (false, Some(5)));
        assert_eq!(enter(&first, false).await, (true, Some(5)));
        assert_eq!(enter(&not_found, false).await, (true, Some(5)));
        assert_eq!(enter(&second, false).await, (false, None));
        assert_eq!(enter(&first, false).await, (true, Some(5)));
        assert_eq!(enter(&second, true).await, (false, Some(5)));
        assert_eq!(enter(&second, false).await, (true, Some(5)));
        assert_eq!(enter(&first, false).await, (false, None));
    }
}
