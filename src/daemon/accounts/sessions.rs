//! Sessions and API keys, which a realm's service is handed for its users.

use std::sync::Arc;

use oathd_api::{
    ErrorName,
    wire::{account::EndOptions, verifier::SessionRecord},
};
use oathd_core::{ApiKey, Session};

use super::{
    Standing, Who,
    change::{Done, Permit, bearer, handed_out, new_bearer},
    describe::Grants,
};
use crate::{
    error::Error,
    ledger::{Draft, LedgerError, What},
    service::{Call, Service},
};

/// The sessions of an account that can still be used.
pub(super) fn alive(draft: &mut Draft<'_>) -> Result<Vec<Session>, LedgerError> {
    let (generation, now) = (draft.account.generation(), draft.moment.now);
    let sessions = draft.sessions()?.into_iter().map(|row| row.session);
    Ok(sessions
        .filter(|session| session.is_alive(generation, now))
        .collect())
}

/// What an account was handed that can still be used.
pub(super) fn grants(draft: &mut Draft<'_>) -> Result<Grants, LedgerError> {
    let generation = draft.account.generation();
    let key = draft.api_key()?;
    // A login to this machine may have ended unseen, and nobody was handed anything for it.
    let sessions = match draft.account.name().realm().is_local() {
        true => 0,
        false => alive(draft)?.len(),
    };
    Ok(Grants {
        api_key_issued: key
            .filter(|key| key.generation == generation)
            .map(|key| key.issued),
        sessions: u32::try_from(sessions).unwrap_or(u32::MAX),
    })
}

/// Sessions and keys are for the accounts of a service on this host, and that service alone hands
/// them out.
pub(crate) fn of_realm(who: &Who) -> Result<(), Error> {
    match who.standing {
        Standing::Owner => Err(Error::new(ErrorName::NotAuthorized)),
        Standing::Root if who.account.realm().is_local() => {
            let reason = "users of this machine have no sessions or API keys of oathd";
            Err(Error::because(ErrorName::Unsupported, reason))
        }
        Standing::Root | Standing::Realm => Ok(()),
    }
}

impl Service {
    /// Begins a session, and hands its token out.
    pub(crate) async fn begin_session(
        self: &Arc<Self>,
        call: &Call,
        who: &Who,
        permit: Permit,
    ) -> Result<zbus::OwnedFd, Error> {
        let lifetime = self.session_lifetime(who)?;
        let (bearer, uid) = (new_bearer(&self.accounts().entropy), who.uid);
        self.keep_change(call, who, Some(permit), move |draft, way| {
            draft.create(uid);
            let (generation, now) = (draft.account.generation(), draft.moment.now);
            let by_factor = way.is_some_and(|way| !way.is_recovery());
            let session = Session::begin(&bearer, lifetime, generation, by_factor, now);
            draft.keep_session(&session)?;
            draft.note(What::SessionBegun);
            Ok(Done::quiet(handed_out(bearer.expose())?))
        })
        .await
    }

    /// The sessions that are alive.
    pub(crate) async fn list_sessions(
        self: &Arc<Self>,
        call: &Call,
        who: &Who,
    ) -> Result<Vec<SessionRecord>, Error> {
        self.keep_change(call, who, None, move |draft, _| {
            let must_reenrol = draft.account.must_reenrol();
            let alive = alive(draft)?;
            let records = alive.iter().map(|session| record(session, must_reenrol));
            Ok(Done::quiet(records.collect()))
        })
        .await
    }

    /// Ends sessions; says how many that were alive.
    pub(crate) async fn end_sessions(
        self: &Arc<Self>,
        call: &Call,
        who: &Who,
        options: EndOptions,
    ) -> Result<u32, Error> {
        let only = options.session.as_ref().map(bearer).transpose()?;
        let keep = options.keep.as_ref().map(bearer).transpose()?;
        if only.is_some() && keep.is_some() {
            return Err(Error::invalid_args("session and keep exclude each other"));
        }
        let (only, keep) = (only.map(|one| one.hash()), keep.map(|one| one.hash()));
        self.keep_change(call, who, None, move |draft, _| {
            let (generation, now) = (draft.account.generation(), draft.moment.now);
            let mut count = 0;
            for row in draft.sessions()? {
                let hash = Some(*row.session.hash());
                if only.is_some() && only != hash || keep.is_some() && keep == hash {
                    continue;
                }
                draft.end_session(row.id)?;
                count += u32::from(row.session.is_alive(generation, now));
            }
            if count > 0 {
                draft.note(What::SessionsEnded { count });
            }
            Ok(Done::quiet(count))
        })
        .await
    }

    /// Makes the API key, and hands it out; the one before is void.
    pub(crate) async fn new_api_key(
        self: &Arc<Self>,
        call: &Call,
        who: &Who,
        permit: Permit,
    ) -> Result<zbus::OwnedFd, Error> {
        let (bearer, uid) = (new_bearer(&self.accounts().entropy), who.uid);
        self.keep_change(call, who, Some(permit), move |draft, _| {
            draft.create(uid);
            let (generation, now) = (draft.account.generation(), draft.moment.now);
            let key = ApiKey::issue(&bearer, generation, now);
            draft.set_api_key(Some(&key))?;
            draft.note(What::ApiKeyIssued);
            Ok(Done::quiet(handed_out(bearer.expose())?))
        })
        .await
    }

    /// Voids the API key.
    pub(crate) async fn remove_api_key(
        self: &Arc<Self>,
        call: &Call,
        who: &Who,
    ) -> Result<(), Error> {
        self.keep_change(call, who, None, move |draft, _| {
            if draft.api_key()?.is_some() {
                draft.set_api_key(None)?;
                draft.note(What::ApiKeyRemoved);
            }
            Ok(Done::quiet(()))
        })
        .await
    }
}

/// A session as the bus tells it.
pub(super) fn record(session: &Session, must_reenrol: bool) -> SessionRecord {
    SessionRecord {
        began: session.began,
        last_used: session.last_used,
        until: session.began.saturating_add(session.lifetime.absolute),
        idle_until: session.last_used.saturating_add(session.lifetime.idle),
        by_factor: session.by_factor,
        must_reenrol,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oathd_core::{Bearer, Lifetime};
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    proptest! {
        /// What is listed as alive is what would be accepted.
        #[test]
        fn alive_is_what_a_check_would_accept(
            used in 0u64..2_000, after in 0u64..2_000, generation in 0u32..2,
        ) {
            let bearer = || Bearer::new(Zeroizing::new([1; 32]));
            let lifetime = Lifetime { idle: 600, absolute: 1_500 };
            let mut session = Session::begin(&bearer(), lifetime, 0, true, 1_000);
            session.last_used += used;
            let now = session.last_used + after;
            let alive = session.is_alive(generation, now);
            let told = record(&session, false);
            prop_assert!(!alive || now < told.until && now < told.idle_until);
            prop_assert_eq!(session.check(&bearer(), generation, now).is_ok(), alive);
        }
    }
}
