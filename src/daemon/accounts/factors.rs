//! The factors of an account: named, suspended, taken away.

use std::sync::Arc;

use oathd_api::{
    ErrorName,
    wire::account::{AccountRecord, FactorOptions},
};
use oathd_core::{Account, Change, Event, FactorError, FactorId, OpenKind};

use super::{
    Who,
    change::{Done, Permit},
    describe::{describe, role_of},
    sessions::grants,
};
use crate::{
    error::Error,
    ledger::{Draft, What},
    service::{Call, Service},
};

impl From<FactorError> for Error {
    fn from(reason: FactorError) -> Error {
        match reason {
            FactorError::Unknown => Error::new(ErrorName::NoSuchFactor),
            FactorError::Last => Error::new(ErrorName::LastFactor),
            FactorError::TooMany | FactorError::TooManySeeds(_) => Error::limits_exceeded(reason),
            FactorError::InvalidLabel => Error::because(ErrorName::InvalidName, reason),
        }
    }
}

impl Service {
    /// Everything about an account but its secrets.
    pub(crate) async fn describe_account(&self, who: &Who) -> Result<AccountRecord, Error> {
        let ledger = &self.accounts().ledger;
        let (subject, actor) = (who.clone(), who.actor());
        let look = move |draft: &mut Draft<'_>| {
            subject.enter(draft);
            let grants = grants(draft)?;
            Ok(describe(&draft.account, grants, draft.moment.now))
        };
        ledger.change(&who.account, actor, look).await?
    }

    /// Takes a factor away.
    pub(crate) async fn remove_factor(
        self: &Arc<Self>,
        call: &Call,
        who: &Who,
        permit: Permit,
        factor: u32,
    ) -> Result<(), Error> {
        self.keep_change(call, who, Some(permit), move |draft, _| {
            let event = known(draft)?.remove_factor(FactorId(factor))?;
            end_grants(draft)?;
            Ok(Done::with((), event))
        })
        .await
    }

    /// Refuses a factor from then on, unless no way in would be left.
    pub(crate) async fn suspend_factor(
        self: &Arc<Self>,
        call: &Call,
        who: &Who,
        permit: Permit,
        factor: u32,
    ) -> Result<(), Error> {
        let class = who.class;
        self.keep_change(call, who, Some(permit), move |draft, _| {
            let moment = draft.moment;
            let account = known(draft)?;
            let event = account.suspend_factor(FactorId(factor), moment.now)?;
            let ways = account.open_ways(class, moment, false);
            if ways.iter().all(|way| way.kind == OpenKind::Administrator) {
                return Err(FactorError::Last.into());
            }
            end_grants(draft)?;
            Ok(Done::with((), event))
        })
        .await
    }

    /// Names a factor and says when it ends.
    pub(crate) async fn change_factor(
        self: &Arc<Self>,
        call: &Call,
        who: &Who,
        factor: u32,
        options: FactorOptions,
    ) -> Result<(), Error> {
        let role = role_of(options.role.as_deref())?;
        let (label, end) = (options.label, options.not_after);
        let shown = (options.proof, options.session);
        let permit = self
            .may_change(call, who, Change::RemoveFactor, shown)
            .await?;
        self.keep_change(call, who, Some(permit), move |draft, _| {
            let (id, account) = (FactorId(factor), known(draft)?);
            let there = account.factor(id).ok_or(FactorError::Unknown)?;
            let label = label.unwrap_or_else(|| there.label.clone());
            let role = role.unwrap_or(there.role);
            account.describe_factor(id, &label, role)?;
            if let Some(end) = end {
                account.set_factor_end(id, Some(end).filter(|end| *end > 0))?;
            }
            Ok(Done::with((), Event::FactorChanged { factor: id }))
        })
        .await
    }
}

/// The account, if there is one: a decoy has no factor to change.
fn known<'a>(draft: &'a mut Draft<'_>) -> Result<&'a mut Account, Error> {
    match draft.is_known() {
        true => Ok(&mut draft.account),
        false => Err(FactorError::Unknown.into()),
    }
}

/// Sweeps up the sessions and the API key that a change has made void.
pub(super) fn end_grants(draft: &mut Draft<'_>) -> Result<(), Error> {
    let count = draft.end_sessions()?;
    if count > 0 {
        draft.note(What::SessionsEnded { count });
    }
    Ok(draft.set_api_key(None)?)
}
