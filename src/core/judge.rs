//! The second half of a verification: whether a charged attempt was right.

use subtle::{Choice, ConstantTimeEq};
use thiserror::Error;

use crate::account::{Account, Standing};
use crate::candidate::{Candidate, Found, find_one, find_pair};
use crate::charge::Family;
use crate::event::Event;
use crate::factor::{Factor, Generator};
use crate::mac::MacKey;
use crate::moment::Moment;
use crate::recovery::{RecoverySet, Verdict};
use crate::recovery_code::RecoveryCode;
use crate::rescue::BypassCode;
use crate::response::{Response, TypedDigits};
use crate::verify::{Claim, Ticket};
use crate::way::Way;

/// What an account without recovery codes is compared with, so that it takes the same path.
static NO_CODES: RecoverySet = RecoverySet::empty(0);

/// The answer to an attempt.
#[derive(Debug)]
pub enum Outcome {
    /// It was right.
    Accepted(Accepted),
    /// It was not.
    WrongCode {
        /// Seconds to wait before the next attempt.
        retry_after: u64,
    },
    /// It was right once, and used.
    CodeUsed,
    /// It is right, and belongs to a time whose codes all count as used: after a restore, or because
    /// the clock once stood ahead and codes of that time were used.
    UsedUp {
        /// Seconds until the first code that does not.
        retry_after: u64,
    },
    /// A check symbol does not fit; nothing was charged.
    Typo,
    /// It could not be a response; nothing was charged.
    Malformed,
    /// The caller asks which ways are open.
    Help,
    /// Too many attempts; this one was not looked at.
    Throttled {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// The factor must be bound anew; this attempt was not looked at.
    LockedOut,
    /// The clock cannot be believed, and all factors need it.
    ClockUntrusted,
    /// The recovery code is right, but the set waits to be renewed after a restore.
    RecoverySuspended,
}

/// What an accepted attempt grants.
#[derive(Debug)]
pub struct Accepted {
    /// By what it was accepted.
    pub way: Way,
    /// The account's generation, for the receipt.
    pub generation: u32,
    /// Whether the owner has yet to enrol a factor.
    pub must_reenrol: bool,
    /// The code that replaces a used recovery code, to be handed to its owner.
    pub replacement: Option<RecoveryCode>,
}

/// An answer, and what to write down.
#[derive(Debug)]
pub struct Judgement {
    /// The answer.
    pub outcome: Outcome,
    /// The events, in order.
    pub events: Vec<Event>,
}

/// The length of a challenge's answer does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the expected answer is empty")]
pub struct EmptyAnswer;

/// What a response turned out to be.
pub(crate) enum Match {
    Fresh(Way, Option<u64>),
    Recovery {
        at: usize,
        way: Way,
    },
    Used,
    /// Right, but for so many seconds no code can be told from a used one.
    UsedUp(u64),
    Suspended,
    Nothing,
}

impl Account {
    /// Judges a typed response that was admitted. `candidates` are the codes that the ticket
    /// wanted, the counters of one factor in order; all of them are compared. `key` is that of
    /// recovery and sent codes; `replacement` is fresh entropy when a used recovery code can be
    /// replaced at once.
    #[must_use]
    pub fn judge(
        &mut self,
        ticket: &Ticket,
        moment: Moment,
        candidates: &[Candidate],
        key: &MacKey,
        replacement: Option<&[u8; 10]>,
    ) -> Judgement {
        let Claim::Typed(response) = &ticket.claim else {
            return self.settle(ticket, Match::Nothing, moment, key, None);
        };
        let found = match response {
            Response::Digits(typed) => self.match_digits(ticket, typed, moment, candidates, key),
            Response::Pair(first, second) => self.match_codes(ticket, moment, |account, factor| {
                let mark = account.marks.of(&factor.fingerprint);
                match factor.generator {
                    Generator::Totp { .. } => Found::default(),
                    _ => find_pair(factor, mark, moment.floor, (first, second), candidates),
                }
            }),
            Response::Recovery(code) => {
                let set = self.recovery.as_ref().unwrap_or(&NO_CODES);
                verdict(
                    set.find(key, &self.name, code),
                    Way::Recovery,
                    set.is_suspended(),
                )
            }
            Response::Bypass(code) => self.match_bypass(ticket, code, moment, key),
            Response::Typo | Response::Help | Response::Malformed => Match::Nothing,
        };
        self.settle(ticket, found, moment, key, replacement)
    }

    /// Judges a token's answer to a challenge against the answer that its key gives.
    ///
    /// # Errors
    /// [`EmptyAnswer`]: no key was at hand. The charge stays.
    pub fn judge_presence(
        &mut self,
        ticket: &Ticket,
        expected: &[u8],
        answer: &[u8],
        moment: Moment,
        key: &MacKey,
    ) -> Result<Judgement, EmptyAnswer> {
        if expected.is_empty() {
            return Err(EmptyAnswer);
        }
        let class = ticket.charged.class();
        let same = bool::from(expected.ct_eq(answer));
        let usable = |f: &&Factor| {
            matches!(ticket.claim, Claim::Presence(id) if id == f.id)
                && f.custody.proves_presence()
                && !f.presence_disabled.contains(class)
        };
        let factor = self.in_force(moment.now).find(usable).map(|f| f.id);
        let found = match factor {
            Some(id) if same && self.standing == Standing::Open => {
                Match::Fresh(Way::Presence(id), None)
            }
            _ => Match::Nothing,
        };
        Ok(self.settle(ticket, found, moment, key, None))
    }

    /// TypedDigits are compared with everything they could be; which of them fits is told afterwards.
    fn match_digits(
        &self,
        ticket: &Ticket,
        typed: &TypedDigits,
        moment: Moment,
        candidates: &[Candidate],
        key: &MacKey,
    ) -> Match {
        let class = ticket.charged.class();
        let code = self.match_codes(ticket, moment, |account, factor| {
            let mark = account.marks.of(&factor.fingerprint);
            find_one(factor, mark, moment.floor, typed, candidates)
        });
        let sent = self.live_code(class, moment.now);
        let sent = sent
            .filter(|live| live.matches(key, &self.name, typed).into())
            .map(|live| live.channel);
        let set = self.recovery.as_ref().unwrap_or(&NO_CODES);
        let legacy = if typed.count() == 8 && !set.disabled.contains(class) {
            verdict(
                set.find_legacy(key, &self.name, typed),
                Way::LegacyRecovery,
                set.is_suspended(),
            )
        } else {
            Match::Nothing
        };
        match (code, sent, legacy) {
            (fresh @ Match::Fresh(..), _, _) => fresh,
            (_, Some(channel), _) => Match::Fresh(Way::OutOfBand(channel), None),
            (code @ (Match::Used | Match::UsedUp(_)), None, Match::Nothing) => code,
            (_, None, legacy) => legacy,
        }
    }

    /// Tries `find` on every factor that the class may use, to the end. A decoy takes the same
    /// path: its seed was never enrolled, so no code of it can be accepted.
    fn match_codes(
        &self,
        ticket: &Ticket,
        moment: Moment,
        find: impl Fn(&Self, &Factor) -> Found,
    ) -> Match {
        let mut result = Match::Nothing;
        if ticket.charged.family() != Family::Codes {
            return result;
        }
        let class = ticket.charged.class();
        for factor in self.in_force(moment.now).filter(|f| !f.must_rebind(class)) {
            // What was not asked for is not compared: a doubtful clock wants no time-based code.
            if !ticket
                .wanted
                .iter()
                .any(|wanted| wanted.factor == factor.id)
            {
                continue;
            }
            let found = find(self, factor);
            let mark = self.marks.of(&factor.fingerprint);
            let ahead = factor.generator.is_ahead(mark, moment);
            match (found.fresh, &result) {
                (_, Match::Fresh(..)) => {}
                (Some(counter), _) => result = Match::Fresh(Way::Code(factor.id), Some(counter)),
                (None, _) if found.used && !ahead => result = Match::Used,
                (None, Match::Nothing) if found.used || found.below => {
                    result = Match::UsedUp(factor.generator.used_for(mark, moment));
                }
                (None, _) => {}
            }
        }
        result
    }

    fn match_bypass(
        &self,
        ticket: &Ticket,
        code: &BypassCode,
        moment: Moment,
        key: &MacKey,
    ) -> Match {
        let class = ticket.charged.class();
        let same = self.rescue.as_ref().map_or(Choice::from(0), |rescue| {
            let open = Choice::from(u8::from(!rescue.disabled.contains(class)));
            rescue.matches(key, &self.name, code, moment.now) & open
        });
        if same.into() {
            Match::Fresh(Way::Bypass, None)
        } else {
            Match::Nothing
        }
    }
}

fn verdict(verdict: Verdict, way: Way, suspended: bool) -> Match {
    match verdict {
        Verdict::Fresh(_) if suspended => Match::Suspended,
        Verdict::Fresh(at) => Match::Recovery { at, way },
        Verdict::Used => Match::Used,
        Verdict::Wrong => Match::Nothing,
    }
}
