//! The confirmation of an enrollment: every slot that was written is asked, then the account is
//! changed in one commit.

use std::sync::Arc;

use oathd_api::{
    ErrorName,
    wire::enrollment::{ConfirmOptions, ConfirmedRecord},
};
use oathd_core::{
    Bearer, Candidate, EnrolmentError, FactorId, Moment, Response, Slot, Source, Trust, Wanted,
};
use oathd_oath::{Kind, Period};

use super::{
    Enrollment, Progress,
    judging::{Asked, Attempt, Confirmed, Origin, Refused},
    slots::{WriteRole, retired},
    wish::Keeping,
};
use crate::{
    accounts::{
        Told,
        change::{bearer, new_bearer},
    },
    error::Error,
    service::{Call, Service},
};

/// The steps whose codes are accepted at `now` (RFC 6238 section 5.2).
fn steps(period: Period, now: u64) -> std::ops::RangeInclusive<u64> {
    let step = period.step(now);
    step.saturating_sub(oathd_core::SKEW)..=step.saturating_add(oathd_core::SKEW)
}

impl Service {
    /// Confirms an enrollment with a typed code. The enrollment is over then, also after the last
    /// of its tries and when the account was changed meanwhile.
    pub(crate) async fn confirm_enrollment(
        self: &Arc<Self>,
        call: &Call,
        enrollment: &Arc<Enrollment>,
        code: &str,
        options: ConfirmOptions,
    ) -> Result<ConfirmedRecord, Error> {
        let response = match Response::classify(code) {
            response @ Response::Digits(_) => response,
            _ => return Err(Error::new(ErrorName::InvalidResponse)),
        };
        let keep = options.keep.as_ref().map(bearer).transpose()?;
        let recovery_codes = options.recovery_codes;
        let enrollment = Arc::clone(enrollment);
        self.carry_through(call, move |service, call| async move {
            let confirmed = service
                .try_to_confirm(&call, &enrollment, response, keep, recovery_codes)
                .await;
            match confirmed {
                Ok(confirmed) => {
                    service.retire_enrollment(&enrollment).await;
                    Ok(ConfirmedRecord {
                        factors: confirmed.factors,
                        recovery_codes: confirmed.recovery_codes,
                        api_key: confirmed.api_key,
                        ended_sessions: confirmed.ended_sessions,
                    })
                }
                Err(refused) => {
                    if refused.oathd_name() == Some(ErrorName::EnrollmentExpired) {
                        service.end_enrollment(&enrollment).await;
                    }
                    Err(refused)
                }
            }
        })
        .await
    }

    async fn try_to_confirm(
        self: &Arc<Self>,
        call: &Call,
        enrollment: &Enrollment,
        response: Response,
        keep: Option<Bearer>,
        recovery_codes: Option<bool>,
    ) -> Result<Confirmed, Error> {
        let (accounts, who, wish) = (self.accounts(), &enrollment.who, &enrollment.wish);
        let mut progress = enrollment.open(self).await?;
        let moment = accounts.ledger.moment(who.account.realm());
        let attempt = Attempt {
            origin: self.origin(call, enrollment, &progress, moment).await?,
            rules: progress.rules.clone(),
            response,
            uid: who.uid,
            label: wish.label.clone(),
            role: wish.role,
            algorithm: wish.algorithm,
            digits: wish.digits,
            keep,
            recovery_codes,
            code_key: accounts.ledger.code_key()?,
            entropy: accounts.set_entropy(),
            api_key: new_bearer(&accounts.entropy),
            vault: Arc::clone(&accounts.vault),
        };
        let subject = who.clone();
        let judge = move |draft: &mut crate::ledger::Draft<'_>| {
            subject.enter(draft);
            let before = draft.account.clone();
            let now = draft.moment.now;
            let (rules, confirmed) = attempt.judge(draft);
            let events = match &confirmed {
                Ok(confirmed) => confirmed.events.as_slice(),
                Err(_) => &[],
            };
            let told = Told::of(&before, events, None, now);
            let retired = retired(&before, &draft.account);
            (rules, confirmed, (told, retired))
        };
        let judged = accounts.ledger.change(&who.account, who.actor(), judge);
        let (rules, confirmed, (told, retired)) = judged.await?;
        progress.rules = rules;
        match confirmed {
            Ok(confirmed) => {
                progress.seed = None;
                progress.written.clear();
                accounts.notices.tell(told);
                self.clear_retired(who, retired);
                Ok(confirmed)
            }
            Err(Refused::Rules(reason)) => Err(reason.into()),
            Err(Refused::State(error)) => Err(error),
        }
    }

    /// Asks every slot that was written and can be asked. What is wrong with the tokens or the
    /// clock is told whatever code was typed.
    async fn origin(
        &self,
        call: &Call,
        enrollment: &Enrollment,
        progress: &Progress,
        moment: Moment,
    ) -> Result<Origin, Error> {
        let wish = &enrollment.wish;
        if progress.written.is_empty() && !progress.revealed {
            return Err(EnrolmentError::NothingWritten.into());
        }
        let Kind::Totp { period } = wish.kind else {
            return seed_of(progress);
        };
        if moment.clock == Trust::Doubtful {
            return Err(EnrolmentError::ClockUntrusted.into());
        }
        let steps = steps(period, moment.now);
        self.check_authenticators(call, wish, progress, steps.clone())
            .await?;
        match wish.keeping {
            Keeping::Sealed => seed_of(progress),
            Keeping::OnToken => {
                let asked = self.ask_verifiers(call, enrollment, progress, steps);
                Ok(Origin::Slots(asked.await?))
            }
        }
    }

    /// The answers of the verifier slots.
    async fn ask_verifiers(
        &self,
        call: &Call,
        enrollment: &Enrollment,
        progress: &Progress,
        steps: std::ops::RangeInclusive<u64>,
    ) -> Result<Vec<Asked>, Error> {
        let written = progress.written.iter();
        let written = written.filter(|slot| slot.role == WriteRole::Verifier);
        let mut asked = Vec::new();
        // They are told apart by numbers that no factor has yet.
        let mut wanted = Vec::new();
        for (number, written) in (0..).zip(written) {
            let device = written.device.as_bytes();
            let token = self.token_of(device).await?;
            let Some(pairing) = self.pairing_of(call, &token).await? else {
                let reason = "the token is no longer paired";
                let error = Error::because(ErrorName::PasswordRequired, reason);
                return Err(error.about(written.token.clone()));
            };
            let slot = Slot {
                device: device.to_vec(),
                credential: written.credential.as_bytes().to_vec(),
            };
            wanted.push(Wanted {
                factor: FactorId(number),
                source: Source::Slot(slot.clone()),
                first: *steps.start(),
                last: *steps.end(),
            });
            asked.push(Asked {
                slot,
                presence: pairing.presence,
                codes: Vec::new(),
            });
        }
        if asked.is_empty() {
            return Err(EnrolmentError::NothingWritten.into());
        }
        let mut computed = self
            .candidates_of_slots(call, &enrollment.who, &wanted)
            .await;
        if !computed.failures.is_empty() {
            return Err(computed.failures.remove(0));
        }
        for Candidate {
            factor,
            counter,
            code,
            ..
        } in computed.candidates
        {
            let at = usize::try_from(factor.0).unwrap_or(usize::MAX);
            if let Some(asked) = asked.get_mut(at) {
                asked.codes.push((counter, code));
            }
        }
        Ok(asked)
    }
}

/// The seed, where it is kept by the service.
fn seed_of(progress: &Progress) -> Result<Origin, Error> {
    match &progress.seed {
        Some(seed) => Ok(Origin::Seed(seed.duplicate())),
        None => Err(EnrolmentError::Expired.into()),
    }
}
