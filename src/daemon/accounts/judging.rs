//! The closures in which an attempt is charged, judged and written down.

use std::sync::Arc;

use oathd_api::{ErrorName, wire::ErrorDetails};
use oathd_core::{
    Accepted, Account, Admission, Bearer, Custody, Event, Factor, Judgement, Lifetime, MacKey,
    Outcome, Receipt, RecoveryCode, Response, Session, Source, Ticket, Way,
};
use oathd_token::Entropy;
use zeroize::Zeroizing;

use super::{
    Attempts, Told, Who,
    attempts::Taken,
    candidates::{Computed, DecoySeed, seed_codes},
    change::{channel_of, new_bearer},
    failure::throttled,
};
use crate::{
    error::Error,
    ledger::{Draft, LedgerError},
    vault::Vault,
};

/// What it takes to judge one attempt; it goes to the store's thread.
#[derive(Clone)]
pub(super) struct Judge {
    pub(super) who: Who,
    pub(super) attempts: Attempts,
    pub(super) vault: Arc<Vault>,
    pub(super) decoy: DecoySeed,
    pub(super) key: Arc<MacKey>,
    pub(super) entropy: Entropy,
    /// How long the session lives that begins on success, if one shall.
    pub(super) session: Option<Lifetime>,
}

/// An attempt that is charged and not yet judged.
pub(super) struct Charged {
    pub(super) ticket: Ticket,
    taken: Taken,
    /// The alarm of the realm, if this attempt raised it.
    alarm: Option<Told>,
}

/// What becomes of an attempt in its first change.
pub(super) enum First {
    /// It is answered.
    Concluded(Concluded),
    /// A token must be asked, in turn; nothing was charged.
    Queue,
    /// A token must be asked; the charge is kept.
    Charged(Box<Charged>),
}

/// An answer, and what its owner is told.
pub(super) struct Concluded {
    pub(super) answer: Result<Box<Granted>, Error>,
    pub(super) told: Vec<Told>,
}

/// What an accepted attempt grants.
pub(super) struct Granted {
    pub(super) receipt: Receipt,
    pub(super) codes_left: Option<u32>,
    pub(super) replacement: Option<RecoveryCode>,
    pub(super) session: Option<Bearer>,
}

impl Concluded {
    fn refused(error: Error) -> Concluded {
        Concluded {
            answer: Err(error),
            told: Vec::new(),
        }
    }
}

impl Judge {
    /// Charges what was typed, and judges it where no token has a say. `in_turn` says that no other
    /// attempt at this account and class is under way.
    pub(super) fn typed(&self, draft: &mut Draft<'_>, typed: &str, in_turn: bool) -> First {
        self.who.enter(draft);
        let response = Response::classify(typed);
        if !in_turn && may_need_token(&draft.account, &response) {
            draft.discard();
            return First::Queue;
        }
        let admit = |draft: &mut Draft<'_>| {
            let moment = draft.moment;
            draft.account.admit(self.who.class, response, moment)
        };
        let charged = match self.admit(draft, admit) {
            Ok(charged) => charged,
            Err(concluded) => return First::Concluded(concluded),
        };
        let on_token = |source: &Source| matches!(source, Source::Slot(_));
        if charged.ticket.wanted.iter().any(|w| on_token(&w.source)) {
            return First::Charged(Box::new(charged));
        }
        First::Concluded(self.judge(draft, charged, Computed::default(), typed))
    }

    /// Charges an attempt in the bucket of its realm and at its account.
    pub(super) fn admit(
        &self,
        draft: &mut Draft<'_>,
        admit: impl FnOnce(&mut Draft<'_>) -> Admission,
    ) -> Result<Charged, Concluded> {
        self.who.enter(draft);
        let (realm, now) = (self.who.account.realm(), draft.moment.now);
        let (taken, alarm) = match self.attempts.take(realm, self.who.class, now) {
            Ok(taken) => taken,
            Err(seconds) => return Err(Concluded::refused(throttled(seconds))),
        };
        let admission = admit(draft);
        let alarm = alarm.and_then(|alarm| self.write_down(draft, vec![alarm], None));
        match admission {
            Admission::Admitted(ticket) => Ok(Charged {
                ticket,
                taken,
                alarm,
            }),
            Admission::Refused { outcome, events } => {
                self.attempts.give_back(taken);
                let told = self.write_down(draft, events, None);
                Err(Concluded {
                    answer: Err(refusal(&outcome)),
                    told: alarm.into_iter().chain(told).collect(),
                })
            }
        }
    }

    /// Judges what was typed against the codes of tokens and of seeds. Where none could be computed,
    /// the state is told and the charge given back: nothing was looked at, whatever was typed. Eight
    /// digits are looked at all the same where they can be something else, such as a code that was
    /// sent.
    pub(super) fn judge(
        &self,
        draft: &mut Draft<'_>,
        charged: Charged,
        mut computed: Computed,
        typed: &str,
    ) -> Concluded {
        let Charged {
            ticket,
            taken,
            alarm,
        } = charged;
        seed_codes(
            &mut computed,
            &draft.account,
            &ticket.wanted,
            &self.vault,
            &self.decoy,
        );
        let failure = computed.failure();
        let response = Response::classify(typed);
        let (class, now) = (self.who.class, draft.moment.now);
        let sent = matches!(&response, Response::Digits(digits) if digits.count() == 8)
            && draft.account.awaits_eight_digits(class, now);
        match failure {
            Some(failure) if !sent => {
                draft.account.withdraw(&ticket);
                self.attempts.give_back(taken);
                Concluded {
                    answer: Err(failure),
                    told: alarm.into_iter().collect(),
                }
            }
            failure => {
                let mut fresh = Zeroizing::new([0; 10]);
                (self.entropy)(fresh.as_mut_slice());
                let moment = draft.moment;
                let judged = draft.account.judge(
                    &ticket,
                    moment,
                    &computed.candidates,
                    &self.key,
                    Some(&fresh),
                );
                let mut concluded = self.conclude(draft, (taken, alarm), judged);
                if let (Some(failure), Err(error)) = (failure, &mut concluded.answer) {
                    *error = failure;
                }
                concluded
            }
        }
    }

    /// Gives an attempt back that was charged and could not be looked at.
    pub(super) fn withdraw(&self, draft: &mut Draft<'_>, charged: Charged) -> Vec<Told> {
        self.who.enter(draft);
        draft.account.withdraw(&charged.ticket);
        self.attempts.give_back(charged.taken);
        charged.alarm.into_iter().collect()
    }

    /// Judges the answer of a token to a challenge.
    pub(super) fn presence(
        &self,
        draft: &mut Draft<'_>,
        charged: Charged,
        expected: &[u8],
        answer: &[u8],
    ) -> Concluded {
        self.who.enter(draft);
        let Charged {
            ticket,
            taken,
            alarm,
        } = charged;
        let moment = draft.moment;
        let judged = draft
            .account
            .judge_presence(&ticket, expected, answer, moment, &self.key);
        match judged {
            Ok(judged) => self.conclude(draft, (taken, alarm), judged),
            Err(reason) => Concluded::refused(Error::because(ErrorName::TokenFault, reason)),
        }
    }

    /// What a token's codes say, in the second change of an attempt.
    pub(super) fn typed_on_token(
        &self,
        draft: &mut Draft<'_>,
        charged: Charged,
        computed: Computed,
        typed: &str,
    ) -> Concluded {
        self.who.enter(draft);
        self.judge(draft, charged, computed, typed)
    }

    fn conclude(
        &self,
        draft: &mut Draft<'_>,
        (taken, alarm): (Taken, Option<Told>),
        judged: Judgement,
    ) -> Concluded {
        let Judgement { outcome, events } = judged;
        if !matches!(outcome, Outcome::WrongCode { .. }) {
            self.attempts.give_back(taken);
        }
        let way = match &outcome {
            Outcome::Accepted(accepted) => Some(accepted.way),
            _ => None,
        };
        let is_replay = |event: &Event| matches!(event, Event::CodeReplayed { .. });
        let (account, class) = (&self.who.account, self.who.class);
        let events = match events.iter().any(is_replay) {
            true if !self
                .attempts
                .is_new_replay(account, class, draft.moment.now) =>
            {
                Vec::new()
            }
            _ => events,
        };
        let told = self.write_down(draft, events, way);
        let answer = match outcome {
            Outcome::Accepted(accepted) => self.grant(draft, accepted).map(Box::new),
            refused => Err(refusal(&refused)),
        };
        let told = alarm.into_iter().chain(told).collect();
        Concluded { answer, told }
    }

    fn grant(&self, draft: &mut Draft<'_>, accepted: Accepted) -> Result<Granted, Error> {
        let now = draft.moment.now;
        let receipt = Receipt::issue(
            &draft.account,
            self.who.class,
            &accepted,
            self.who.holder(),
            now,
        );
        let session = self
            .session
            .map(|lifetime| self.begin_session(draft, lifetime, &accepted));
        let session = session.transpose().inspect_err(|_| draft.discard())?;
        let left = draft.account.recovery().map(|set| set.left());
        Ok(Granted {
            receipt,
            codes_left: left.map(|left| u32::try_from(left).unwrap_or(u32::MAX)),
            replacement: accepted.replacement,
            session,
        })
    }

    fn begin_session(
        &self,
        draft: &mut Draft<'_>,
        lifetime: Lifetime,
        accepted: &Accepted,
    ) -> Result<Bearer, LedgerError> {
        let bearer = new_bearer(&self.entropy);
        let by_factor = !accepted.way.is_recovery();
        let now = draft.moment.now;
        let session = Session::begin(&bearer, lifetime, accepted.generation, by_factor, now);
        draft.keep_session(&session)?;
        Ok(bearer)
    }

    /// Writes events down; gives what is told of them, on every channel but the one that was used.
    fn write_down(
        &self,
        draft: &mut Draft<'_>,
        events: Vec<Event>,
        way: Option<Way>,
    ) -> Option<Told> {
        let used = way.and_then(channel_of);
        let told = Told::of(&draft.account, &events, used, draft.moment.now);
        draft.record(events);
        told
    }
}

/// Whether a token may have a say in whether the response is right.
fn may_need_token(account: &Account, response: &Response) -> bool {
    let on_token = |factor: &Factor| matches!(factor.custody, Custody::OnToken { .. });
    matches!(response, Response::Digits(_) | Response::Pair(..))
        && account.factors().iter().any(on_token)
}

/// Why all codes of a factor count as used for a while.
const USED_UP: &str = "until then all codes of the factor count as used, as a backup was restored or the \
                       clock once stood ahead; take another way in, and enrol the factor anew";

/// A refusal as the caller is told.
pub(super) fn refusal(outcome: &Outcome) -> Error {
    match outcome {
        Outcome::WrongCode { retry_after } => {
            let retry_after = Some(*retry_after).filter(|seconds| *seconds > 0);
            let details = ErrorDetails {
                retry_after,
                ..ErrorDetails::default()
            };
            Error::with(ErrorName::WrongCode, details)
        }
        Outcome::CodeUsed => Error::new(ErrorName::CodeUsed),
        Outcome::UsedUp { retry_after } => Error::with(
            ErrorName::CodeUsed,
            ErrorDetails {
                detail: Some(USED_UP.to_owned()),
                retry_after: Some(*retry_after),
                ..ErrorDetails::default()
            },
        ),
        Outcome::Typo => Error::because(ErrorName::InvalidResponse, "typo"),
        Outcome::Malformed => Error::because(ErrorName::InvalidResponse, "malformed"),
        Outcome::Help => Error::because(ErrorName::InvalidResponse, "help"),
        Outcome::Throttled { retry_after } => throttled(*retry_after),
        Outcome::LockedOut => Error::new(ErrorName::LockedOut),
        Outcome::ClockUntrusted => Error::new(ErrorName::ClockUntrusted),
        Outcome::RecoverySuspended => Error::new(ErrorName::RecoverySuspended),
        // What was accepted is granted, and never comes here.
        Outcome::Accepted(_) => Error::new(ErrorName::StateUnavailable),
    }
}
