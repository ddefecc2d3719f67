//! What must be shown before an account is changed: authority, and a proof.

use std::{os::fd::AsFd, sync::Arc};

use oathd_api::{ErrorName, names::CHANGE_SERVICE};
use oathd_core::{Bearer, Change, Event, FactorId, Proof, Receipt, Way, receipt::Holder};
use oathd_token::Entropy;
use zeroize::Zeroizing;

use super::{Standing, Told, Who, enrolling::retired};
use crate::{
    authority::Action,
    error::Error,
    ledger::Draft,
    secret_fd,
    service::{Call, Service},
};

/// What a change came to: the answer, and what happened.
pub(crate) struct Done<T> {
    pub(crate) answer: T,
    pub(crate) events: Vec<Event>,
}

impl<T> Done<T> {
    /// An answer, with the one thing that happened.
    pub(crate) fn with(answer: T, event: Event) -> Done<T> {
        Done {
            answer,
            events: vec![event],
        }
    }

    /// An answer; nothing happened that an owner or the trail is told in the words of the rules.
    pub(crate) fn quiet(answer: T) -> Done<T> {
        Done {
            answer,
            events: Vec::new(),
        }
    }
}

/// What a caller shows with a change; it is judged in the very commit that makes the change.
#[derive(Debug)]
pub(crate) struct Permit {
    change: Change,
    receipt: Option<Receipt>,
    session: Option<Bearer>,
    session_counts: bool,
    holder: Holder,
}

impl Service {
    /// Finds out whether a caller may ask for changes of an account: its own user gives the
    /// password, which is never kept. A realm's service vouches for its users' passwords.
    pub(crate) async fn may_ask(&self, call: &Call, who: &Who) -> Result<(), Error> {
        match who.standing {
            Standing::Root | Standing::Realm => Ok(()),
            Standing::Owner => {
                let account = who.account.to_string();
                let details = [("account", account.as_str())];
                self.authorize_for(call, Action::ChangeAccount, &details)
                    .await
            }
        }
    }

    /// The same, and takes what the caller shows: a receipt, which is used up whatever comes of it,
    /// or the token of a session. Whoever shows nothing may call from a session that the factor
    /// opened.
    pub(crate) async fn may_change(
        &self,
        call: &Call,
        who: &Who,
        change: Change,
        (proof, session): (Option<String>, Option<zbus::OwnedFd>),
    ) -> Result<Permit, Error> {
        let mut session = session.map(|fd| bearer(&fd)).transpose()?;
        if proof.is_none() && session.is_none() {
            if change.is_proved_by_session() {
                session = self.own_login(call, who).await;
            }
            if session.is_none() {
                self.refuse_unproved(who, change).await?;
            }
        }
        self.may_ask(call, who).await?;
        let accounts = self.accounts();
        let settings = accounts.settings();
        Ok(Permit {
            change,
            receipt: proof.and_then(|id| accounts.receipts.take(&id)),
            session,
            session_counts: match who.account.realm().is_local() {
                true => settings.logins_prove > 0,
                false => settings.sessions_prove,
            },
            holder: Holder {
                uid: who.caller_uid,
                service: CHANGE_SERVICE.to_owned(),
            },
        })
    }

    /// Refuses what needs a proof before somebody is asked for the password in vain.
    async fn refuse_unproved(&self, who: &Who, change: Change) -> Result<(), Error> {
        let (account, now) = (self.accounts().ledger.read(&who.account), self.clock.now());
        match account.await?.filter(|account| who.owns(account)) {
            Some(account) => Ok(account.may_change(change, Proof::None, false, now)?),
            None => Ok(()),
        }
    }

    /// Makes a change in one commit with its proof and its entries in the trail, and tells the
    /// owner. `work` is given the way by which the owner was verified, if by one; when it refuses,
    /// nothing is kept.
    pub(crate) async fn keep_change<T, W>(
        self: &Arc<Self>,
        call: &Call,
        who: &Who,
        permit: Option<Permit>,
        work: W,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        W: FnOnce(&mut Draft<'_>, Option<Way>) -> Result<Done<T>, Error> + Send + 'static,
    {
        let who = who.clone();
        self.carry_through(call, move |service, _| async move {
            let accounts = service.accounts();
            let (subject, actor) = (who.clone(), who.actor());
            let change = move |draft: &mut Draft<'_>| {
                subject.enter(draft);
                let done = permit
                    .map_or(Ok(None), |permit| permit.check(draft))
                    .and_then(|way| {
                        let before = draft.account.clone();
                        Ok((work(draft, way)?, way, before))
                    });
                let (done, way, before) = done.inspect_err(|_| draft.discard())?;
                // Those that were told until here are told of what ends it, too.
                let part = way.and_then(channel_of);
                let told = Told::of(&before, &done.events, part, draft.moment.now);
                draft.record(done.events);
                let retired = retired(&before, &draft.account);
                Ok::<_, Error>((done.answer, told, retired))
            };
            let changed = accounts.ledger.change(&who.account, actor, change).await?;
            let (answer, told, retired) = changed?;
            accounts.notices.tell(told);
            service.clear_retired(&who, retired);
            Ok(answer)
        })
        .await
    }
}

/// The channel that took part in a verification.
pub(super) const fn channel_of(way: Way) -> Option<FactorId> {
    match way {
        Way::OutOfBand(channel) => Some(channel),
        Way::Code(_) | Way::Presence(_) | Way::Recovery | Way::LegacyRecovery | Way::Bypass => None,
    }
}

/// Refuses an account without a second factor.
pub(crate) fn enrolled(draft: &Draft<'_>) -> Result<(), Error> {
    match draft.is_known() && draft.account.is_enrolled() {
        true => Ok(()),
        false => Err(Error::new(ErrorName::NotEnrolled)),
    }
}

impl Permit {
    /// Whether what was shown is enough for the account as it is; says by which way the owner was
    /// verified, if by one.
    pub(crate) fn check(self, draft: &mut Draft<'_>) -> Result<Option<Way>, Error> {
        let (account, now) = (&draft.account, draft.moment.now);
        let mut reason = None;
        let mut proof = Proof::None;
        if let Some(receipt) = self.receipt {
            let of_account = receipt.account == *account.name();
            match receipt.redeem(&self.holder, account.generation(), now) {
                Ok(receipt) if of_account => proof = Proof::Verified(receipt.way),
                Ok(_) => reason = Some("the receipt is of another account".to_owned()),
                Err(error) => reason = Some(error.to_string()),
            }
        } else if let Some(bearer) = self.session {
            let generation = account.generation();
            if let Some(mut session) = draft.session(&bearer)?
                && session.check(&bearer, generation, now).is_ok()
                && session.by_factor
            {
                proof = Proof::Session;
            }
        }
        let counts = self.session_counts;
        match draft
            .account
            .may_change(self.change, proof, counts, draft.moment.now)
        {
            Ok(()) => Ok(match proof {
                Proof::Verified(way) => Some(way),
                Proof::None | Proof::Session => None,
            }),
            Err(error) => Err(match reason {
                Some(reason) => Error::because(ErrorName::ProofRequired, reason),
                None => error.into(),
            }),
        }
    }
}

/// The session token or API key in a sealed memory file.
pub(crate) fn bearer(fd: impl AsFd) -> Result<Bearer, Error> {
    Ok(Bearer::new(key(fd)?))
}

/// The 32 bytes in a sealed memory file.
pub(super) fn key(fd: impl AsFd) -> Result<Zeroizing<[u8; 32]>, Error> {
    let content = secret_fd::read(fd)?;
    let mut key = Zeroizing::new([0; 32]);
    if content.len() != key.len() {
        let reason = "the memory file does not hold 32 bytes";
        return Err(Error::because(ErrorName::InvalidFd, reason));
    }
    key.copy_from_slice(&content);
    Ok(key)
}

/// A memory file with a secret, for the one who gets it.
pub(crate) fn handed_out(content: &[u8]) -> Result<zbus::OwnedFd, Error> {
    let fd = secret_fd::create(content);
    let fd = fd.map_err(|error| Error::because(ErrorName::StateUnavailable, error))?;
    Ok(fd.into())
}

/// A new session token or API key.
pub(super) fn new_bearer(entropy: &Entropy) -> Bearer {
    let mut bytes = Zeroizing::new([0; 32]);
    entropy(bytes.as_mut_slice());
    Bearer::new(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_length() {
        for length in [1, 31, 33] {
            let file = secret_fd::create(&vec![7; length]).unwrap();
            let refused = key(file).unwrap_err();
            assert_eq!(refused.oathd_name(), Some(ErrorName::InvalidFd), "{length}");
        }
        let file = secret_fd::create(&[7; 32]).unwrap();
        assert_eq!(*key(file).unwrap(), [7; 32]);
    }
}
