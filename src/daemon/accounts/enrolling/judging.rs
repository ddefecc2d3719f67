//! The confirmation of an enrollment, on the store's thread: one commit, or nothing.

use std::sync::Arc;

use oathd_core::{
    ApiKey, Bearer, Candidate, Custody, Enrolment, EnrolmentError, Event, FactorId, Holding,
    MacKey, Response, Role, TypedDigits, Wanted,
};
use oathd_oath::{Algorithm, Digits, Secret};
use zeroize::Zeroizing;

use crate::{
    accounts::{
        candidates::codes_of,
        change::handed_out,
        recovery::{SetEntropy, issue},
        seeds,
    },
    error::Error,
    ledger::{Draft, What},
    vault::Vault,
};

/// A verifier slot whose token was asked.
pub(super) struct Asked {
    pub(super) slot: oathd_core::Slot,
    /// The key of the token's presence credential.
    pub(super) presence: Zeroizing<Vec<u8>>,
    /// What it answered for which counters.
    pub(super) codes: Vec<(u64, TypedDigits)>,
}

/// Where the codes of the new factors are computed.
pub(super) enum Origin {
    /// From the seed, which is then sealed.
    Seed(Secret),
    /// In slots that were asked already; a factor each.
    Slots(Vec<Asked>),
}

/// Everything that a confirmation needs besides the account.
pub(super) struct Attempt {
    pub(super) rules: Enrolment,
    pub(super) origin: Origin,
    pub(super) response: Response,
    pub(super) uid: Option<u32>,
    pub(super) label: String,
    pub(super) role: Role,
    pub(super) algorithm: Algorithm,
    pub(super) digits: Digits,
    /// The session that goes on.
    pub(super) keep: Option<Bearer>,
    /// Whether to make recovery codes; by default where the account has none that are good.
    pub(super) recovery_codes: Option<bool>,
    pub(super) code_key: Arc<MacKey>,
    pub(super) entropy: SetEntropy,
    /// The API key in place of the one before, if there was one.
    pub(super) api_key: Bearer,
    pub(super) vault: Arc<Vault>,
}

/// What a confirmation brought.
pub(super) struct Confirmed {
    pub(super) factors: Vec<u32>,
    pub(super) recovery_codes: Option<zbus::OwnedFd>,
    pub(super) api_key: Option<zbus::OwnedFd>,
    pub(super) ended_sessions: u32,
    pub(super) events: Vec<Event>,
}

/// Why a confirmation is refused.
pub(super) enum Refused {
    /// By the rules; wrong codes count.
    Rules(EnrolmentError),
    /// By the state.
    State(Error),
}

impl From<EnrolmentError> for Refused {
    fn from(reason: EnrolmentError) -> Refused {
        Refused::Rules(reason)
    }
}

/// The state cannot be used.
fn state(reason: impl Into<Error>) -> Refused {
    Refused::State(reason.into())
}

impl Attempt {
    /// Confirms, and gives back the rules with the tries that are left. When it is refused, nothing
    /// of the account has changed.
    pub(super) fn judge(
        mut self,
        draft: &mut Draft<'_>,
    ) -> (Enrolment, Result<Confirmed, Refused>) {
        let generation = draft.account.generation();
        draft.create(self.uid);
        let confirmed = self.confirm(draft, generation);
        if confirmed.is_err() {
            draft.discard();
        }
        self.rules.forget_written();
        (self.rules, confirmed)
    }

    fn confirm(&mut self, draft: &mut Draft<'_>, before: u32) -> Result<Confirmed, Refused> {
        let now = draft.moment.now;
        self.name_factors(draft)?;
        let factors: Vec<FactorId> = self.rules.factors().iter().map(|f| f.id).collect();
        let wanted = self.rules.wanted(&draft.account, draft.moment);
        let candidates = self.candidates(&wanted);
        let (account, moment) = (&mut draft.account, draft.moment);
        let mut events = self
            .rules
            .confirm(account, &self.response, moment, &candidates)?;
        let good = |set: &oathd_core::RecoverySet| set.left() > 0 && !set.is_suspended();
        let has_codes = account.recovery().is_some_and(good);
        let recovery_codes = match self.recovery_codes.unwrap_or(!has_codes) {
            true => {
                let issued = issue(account, &self.code_key, &self.entropy, now);
                let (codes, event) = issued.map_err(state)?;
                events.push(event);
                Some(codes)
            }
            false => None,
        };
        draft.record(events.iter().cloned());
        Ok(Confirmed {
            factors: factors.into_iter().map(|factor| factor.0).collect(),
            recovery_codes,
            ended_sessions: self.end_sessions(draft, before).map_err(state)?,
            api_key: self.replace_api_key(draft).map_err(state)?,
            events,
        })
    }

    /// Gives each new factor a number of the account, and seals what the service keeps of it.
    fn name_factors(&mut self, draft: &mut Draft<'_>) -> Result<(), Refused> {
        let account = &mut draft.account;
        let name = account.name().clone();
        match &self.origin {
            Origin::Seed(seed) => {
                let id = account.reserve_id();
                let sealed = seeds::seal(&self.vault, Holding::Seed, (&name, id), seed.expose());
                let custody = Custody::Sealed(sealed.map_err(state)?);
                self.rules.written(id, &self.label, self.role, custody)?;
            }
            Origin::Slots(asked) => {
                for asked in asked {
                    let id = account.reserve_id();
                    let (holding, place) = (Holding::PresenceKey, (&name, id));
                    let presence = seeds::seal(&self.vault, holding, place, &asked.presence);
                    let custody = Custody::OnToken {
                        slot: asked.slot.clone(),
                        presence: Some(presence.map_err(state)?),
                    };
                    self.rules.written(id, &self.label, self.role, custody)?;
                }
            }
        }
        Ok(())
    }

    /// The codes that the typed one is compared with.
    fn candidates(&mut self, wanted: &[Wanted]) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        match &mut self.origin {
            Origin::Seed(seed) => {
                let form = (self.algorithm, self.digits);
                for wanted in wanted {
                    candidates.extend(codes_of(seed, form, wanted));
                }
            }
            // The factors were named in the order of the slots.
            Origin::Slots(asked) => {
                for (factor, asked) in self.rules.factors().iter().zip(asked) {
                    for (counter, code) in asked.codes.drain(..) {
                        candidates.push(Candidate {
                            factor: factor.id,
                            counter,
                            source: factor.custody.source(),
                            code,
                        });
                    }
                }
            }
        }
        candidates
    }

    /// Ends the sessions of the account but the one to keep; says how many were alive.
    fn end_sessions(&self, draft: &mut Draft<'_>, before: u32) -> Result<u32, Error> {
        let (generation, now) = (draft.account.generation(), draft.moment.now);
        let mut ended = 0;
        for mut row in draft.sessions()? {
            let kept = self
                .keep
                .as_ref()
                .is_some_and(|bearer| row.session.check(bearer, before, now).is_ok());
            if kept {
                row.session.carry_over(generation);
                draft.keep_session(&row.session)?;
            } else {
                draft.end_session(row.id)?;
                ended += u32::from(row.session.is_alive(before, now));
            }
        }
        if ended > 0 {
            draft.note(What::SessionsEnded { count: ended });
        }
        Ok(ended)
    }

    /// An API key in place of the one that the account had.
    fn replace_api_key(&self, draft: &mut Draft<'_>) -> Result<Option<zbus::OwnedFd>, Error> {
        if draft.api_key()?.is_none() {
            return Ok(None);
        }
        let (generation, now) = (draft.account.generation(), draft.moment.now);
        let key = ApiKey::issue(&self.api_key, generation, now);
        draft.set_api_key(Some(&key))?;
        draft.note(What::ApiKeyIssued);
        handed_out(self.api_key.expose()).map(Some)
    }
}
