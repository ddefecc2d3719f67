//! Logins to this machine that the factor opened: each bound to the session of logind that began with
//! it, so that it can stand for the factor in there as a realm's session does.
//!
//! Nothing waits for the end of such a session: one that logind does not know any more cannot be a
//! caller's.

use oathd_api::{
    ErrorName,
    wire::verifier::{BoundRecord, VerifyOptions},
};
use oathd_core::{Bearer, Lifetime, Receipt, Session};

use super::{Standing, Who, sessions::alive};
use crate::{
    error::Error,
    ledger::{Draft, LedgerError, What},
    logind,
    service::{Call, Service},
};

/// What a login that is bound must be, whatever its caller says of it.
const UNFIT: &str = "logind knows no such session of the user that began after the verification";

impl Service {
    /// Redeems the receipt of a login, which is used up whatever comes of it, and binds the session
    /// that began with it.
    pub(crate) async fn bind_session(
        &self,
        call: &Call,
        account: &str,
        (receipt, session): (&str, &str),
        options: VerifyOptions,
    ) -> Result<BoundRecord, Error> {
        let (service, host) = (options.service.as_deref(), options.remote_host.as_deref());
        let who = self.who(call, account, service, host).await?;
        if who.standing != Standing::Root {
            return Err(Error::new(ErrorName::NotAuthorized));
        }
        if !who.account.realm().is_local() {
            let reason = "accounts of a realm have sessions of their own";
            return Err(Error::because(ErrorName::Unsupported, reason));
        }
        let accounts = self.accounts();
        let receipt = accounts.receipts.take(receipt);
        let receipt = receipt
            .filter(|receipt| receipt.account == who.account)
            .ok_or_else(|| Error::new(ErrorName::ProofRequired))?;
        let seconds = accounts.settings().logins_prove;
        let bearer = match seconds > 0 && !receipt.is_recovery() {
            true => Some(self.bearer_of(session, &who, &receipt).await?),
            false => None,
        };
        let (entering, holder) = (who.clone(), who.holder());
        let bind = move |draft: &mut Draft<'_>| {
            entering.enter(draft);
            if !draft.is_known() {
                return Err(Error::new(ErrorName::ProofRequired));
            }
            let (generation, now) = (draft.account.generation(), draft.moment.now);
            receipt.redeem(&holder, generation, now)?;
            let Some(bearer) = bearer else {
                return Ok(BoundRecord::default());
            };
            let lifetime = Lifetime {
                idle: seconds,
                absolute: seconds,
            };
            let session = Session::begin(&bearer, lifetime, generation, true, now);
            draft.keep_session(&session)?;
            draft.note(What::SessionBegun);
            let until = Some(now.saturating_add(seconds));
            Ok(BoundRecord { until })
        };
        let bound = accounts.ledger.change(&who.account, who.actor(), |draft| {
            let bound = bind(draft);
            if !matches!(bound, Ok(BoundRecord { until: Some(_) })) {
                draft.discard();
            }
            bound
        });
        bound.await?
    }

    /// What stands for a session of logind that a receipt opened.
    async fn bearer_of(&self, id: &str, who: &Who, receipt: &Receipt) -> Result<Bearer, Error> {
        let found = tokio::time::timeout(logind::PATIENCE, logind::session(&self.connection, id));
        let fits = |session: &logind::Session| began_with(session, id, who.uid, receipt.issued);
        match found.await {
            Ok(Ok(session)) if fits(&session) => {
                let key = self.accounts().ledger.code_key()?;
                Ok(session.login.bearer(&key))
            }
            found => {
                tracing::debug!(?found, "a login is not bound");
                Err(Error::because(ErrorName::ProofRequired, UNFIT))
            }
        }
    }

    /// What stands for the session in which a program of the account's own user calls, where the
    /// factor opened that session and the settings let it prove something. logind is asked only where
    /// there is such a session at all.
    pub(crate) async fn own_login(&self, call: &Call, who: &Who) -> Option<Bearer> {
        let accounts = self.accounts();
        let seconds = accounts.settings().logins_prove;
        if seconds == 0 || who.uid != Some(who.caller_uid) {
            return None;
        }
        let bound = self.bound(who, seconds).await.unwrap_or_default();
        if bound.is_empty() {
            return None;
        }
        let own = logind::session_of(&self.connection, &call.caller.unique_name);
        let session = match tokio::time::timeout(logind::PATIENCE, own).await {
            Ok(Ok(session)) => session?,
            failed => {
                tracing::debug!(?failed, "the session of a caller is not known");
                return None;
            }
        };
        let bearer = session.login.bearer(&*accounts.ledger.code_key().ok()?);
        let counts = session.is_a_persons()
            && session.uid == who.caller_uid
            && bound.iter().any(|bound| *bound.hash() == bearer.hash());
        counts.then_some(bearer)
    }

    /// The logins of an account that are younger than the settings of the moment say.
    async fn bound(&self, who: &Who, seconds: u64) -> Result<Vec<Session>, LedgerError> {
        let (entering, ledger) = (who.clone(), &self.accounts().ledger);
        let read = ledger.change(&who.account, who.actor(), move |draft| {
            entering.enter(draft);
            draft.discard();
            let now = draft.moment.now;
            let mut bound = alive(draft)?;
            bound
                .retain(|session| session.by_factor && now.saturating_sub(session.began) < seconds);
            Ok(bound)
        });
        read.await?
    }
}

/// Whether a session is that of a login which was verified at `issued`, in Unix seconds.
fn began_with(session: &logind::Session, id: &str, uid: Option<u32>, issued: u64) -> bool {
    session.is_a_persons()
        // logind has ids, such as `auto`, that stand for others.
        && session.login.id == id
        && Some(session.uid) == uid
        && session.login.began / 1_000_000 >= issued
}
