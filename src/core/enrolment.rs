//! Enrolment: a factor counts from the moment that a code of it was seen, and no sooner.

use oathd_oath::{Algorithm, Digits as Length};
use thiserror::Error;

use crate::account::{Account, MAX_FACTORS, Standing};
use crate::caller::ClassSet;
use crate::candidate::{Candidate, Found, Wanted, find_one, find_pair};
use crate::charge::Family;
use crate::event::Event;
use crate::factor::{Custody, Factor, FactorId, Generator, MAX_LABEL, Role, State};
use crate::factors::valid_label;
use crate::mac::Mac;
use crate::moment::{Moment, Trust};
use crate::response::Response;
use crate::watermark::{TooManySeeds, Watermark};

/// How long an enrolment may take, in seconds.
pub const LIFETIME: u64 = 600;
/// Wrong codes after which it is discarded.
pub const TRIES: u8 = 5;
/// Tokens that one seed may be written to at once.
pub const MAX_TOKENS: usize = 4;

/// What is to be enrolled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Time or use.
    pub generator: Generator,
    /// The hash.
    pub algorithm: Algorithm,
    /// The code's length.
    pub digits: Length,
    /// The seed's fingerprint.
    pub fingerprint: Mac,
    /// What of the seed was used elsewhere: for HOTP the counter before its first.
    pub used: Watermark,
    /// When the factor ends, in Unix seconds.
    pub not_after: Option<u64>,
    /// The factor that goes when this one comes.
    pub replaces: Option<FactorId>,
}

impl Plan {
    /// The factor, before a code of it was seen.
    pub(crate) fn pending(
        &self,
        id: FactorId,
        label: &str,
        role: Role,
        custody: Custody,
        now: u64,
    ) -> Factor {
        Factor {
            id,
            label: label.to_owned(),
            generator: self.generator,
            algorithm: self.algorithm,
            digits: self.digits,
            custody,
            role,
            state: State::Pending,
            not_after: self.not_after,
            fingerprint: self.fingerprint.clone(),
            added: now,
            last_used: None,
            codes_disabled: ClassSet::EMPTY,
            presence_disabled: ClassSet::EMPTY,
        }
    }
}

/// Why an enrolment does not go on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EnrolmentError {
    /// It took too long.
    #[error("the enrolment ended; begin again")]
    Expired,
    /// Too many wrong codes.
    #[error("the enrolment was discarded after {TRIES} wrong codes; begin again")]
    Discarded,
    /// The account was changed meanwhile.
    #[error("the account was changed meanwhile; begin again")]
    Stale,
    /// The code is wrong, or does not come from every slot that was written.
    #[error("the code is wrong; {tries_left} tries are left")]
    WrongCode {
        /// Tries that are left.
        tries_left: u8,
    },
    /// The code was used before, perhaps under an earlier enrolment of the same seed.
    #[error("the code was used before; wait for the next one")]
    CodeUsed,
    /// No slot was written and no seed sealed.
    #[error("the seed was not stored yet")]
    NothingWritten,
    /// Tokens cannot look ahead or show their own clock, so such a seed stays with the service.
    #[error("only time-based seeds can be kept on a token alone")]
    NeedsSeed,
    /// A token with a clock is measured by two codes in a row, any other is shown one.
    #[error("a token with a clock needs two codes in a row, any other one code")]
    OneOrTwoCodes,
    /// The clock cannot be believed.
    #[error("the clock cannot be trusted")]
    ClockUntrusted,
    /// The factor to replace is not there.
    #[error("the factor to replace is not there")]
    NothingToReplace,
    /// The account has as many factors as it can.
    #[error("an account has at most {MAX_FACTORS} factors, a seed at most {MAX_TOKENS} tokens")]
    TooMany,
    /// The label is too long or holds a control character.
    #[error("the label takes at most {MAX_LABEL} bytes, without control characters")]
    InvalidLabel,
    /// The account has had too many seeds.
    #[error(transparent)]
    TooManySeeds(#[from] TooManySeeds),
}

/// A pending enrolment. It lives with the client that began it, apart from the account: whatever
/// happens to it, the account stays as it was until a code confirms it.
#[derive(Clone, Debug)]
pub struct Enrolment {
    plan: Plan,
    lost_go: bool,
    generation: u32,
    began: u64,
    tries_left: u8,
    factors: Vec<Factor>,
}

impl Enrolment {
    /// Begins.
    ///
    /// # Errors
    /// [`EnrolmentError`]
    pub fn begin(account: &Account, plan: Plan, now: u64) -> Result<Self, EnrolmentError> {
        if let Some(old) = plan.replaces
            && account.factor(old).is_none()
        {
            return Err(EnrolmentError::NothingToReplace);
        }
        Ok(Self {
            lost_go: false,
            generation: account.generation,
            began: now,
            tries_left: TRIES,
            factors: Vec::new(),
            plan,
        })
    }

    /// The same for a factor that takes the place of all that were lost.
    ///
    /// # Errors
    /// [`EnrolmentError`]
    pub fn begin_for_lost(account: &Account, plan: Plan, now: u64) -> Result<Self, EnrolmentError> {
        if !account.factors.iter().any(is_lost) {
            return Err(EnrolmentError::NothingToReplace);
        }
        Ok(Self {
            lost_go: true,
            ..Self::begin(account, plan, now)?
        })
    }

    /// The seed was written to a slot or sealed, under a number that the account reserved.
    ///
    /// # Errors
    /// [`EnrolmentError`]
    pub fn written(
        &mut self,
        id: FactorId,
        label: &str,
        role: Role,
        custody: Custody,
    ) -> Result<(), EnrolmentError> {
        if !valid_label(label) {
            return Err(EnrolmentError::InvalidLabel);
        }
        if self.factors.len() == MAX_TOKENS {
            return Err(EnrolmentError::TooMany);
        }
        let on_token = matches!(custody, Custody::OnToken { .. });
        if on_token && !matches!(self.plan.generator, Generator::Totp { .. }) {
            return Err(EnrolmentError::NeedsSeed);
        }
        self.factors
            .push(self.plan.pending(id, label, role, custody, self.began));
        Ok(())
    }

    /// Forgets the pending factors, to name them anew under other numbers.
    pub fn forget_written(&mut self) {
        self.factors.clear();
    }

    /// Wrong codes that are left.
    #[must_use]
    pub const fn tries_left(&self) -> u8 {
        self.tries_left
    }

    /// The pending factors.
    #[must_use]
    pub fn factors(&self) -> &[Factor] {
        &self.factors
    }

    /// Whether it can still be confirmed.
    ///
    /// # Errors
    /// [`EnrolmentError::Expired`], [`EnrolmentError::Discarded`]
    pub fn check(&self, now: u64) -> Result<(), EnrolmentError> {
        if self.tries_left == 0 {
            Err(EnrolmentError::Discarded)
        } else if now < self.began || now - self.began >= LIFETIME {
            Err(EnrolmentError::Expired)
        } else {
            Ok(())
        }
    }

    /// The codes to compute for the confirmation: from each slot that was written.
    #[must_use]
    pub fn wanted(&self, account: &Account, moment: Moment) -> Vec<Wanted> {
        let mark = self.mark(account);
        let wanted = |factor: &Factor| match factor.generator {
            Generator::Clocked { .. } => Wanted::for_pair(factor, mark, moment),
            _ => Wanted::for_one(factor, mark, moment),
        };
        self.factors.iter().filter_map(wanted).collect()
    }

    /// Confirms with a typed code, which every slot must have computed: that proves the write and
    /// the clock. The code counts as used. The account's generation rises, so that what was
    /// granted before ends.
    ///
    /// # Errors
    /// [`EnrolmentError`]; the account is as it was.
    pub fn confirm(
        &mut self,
        account: &mut Account,
        response: &Response,
        moment: Moment,
        candidates: &[Candidate],
    ) -> Result<Vec<Event>, EnrolmentError> {
        self.check(moment.now)?;
        self.check_account(account)?;
        if self.plan.generator.needs_clock() && moment.clock == Trust::Doubtful {
            return Err(EnrolmentError::ClockUntrusted);
        }
        let mark = self.mark(account);
        let found: Vec<Found> = self
            .factors
            .iter()
            .map(|factor| match (factor.generator, response) {
                (Generator::Clocked { .. }, Response::Pair(first, second)) => Ok(find_pair(
                    factor,
                    mark,
                    moment.floor,
                    (first, second),
                    candidates,
                )),
                (Generator::Totp { .. } | Generator::Hotp, Response::Digits(typed)) => {
                    Ok(find_one(factor, mark, moment.floor, typed, candidates))
                }
                _ => Err(EnrolmentError::OneOrTwoCodes),
            })
            .collect::<Result<_, _>>()?;
        let first = found.first().and_then(|f| f.fresh);
        let Some(counter) = first.filter(|counter| found.iter().all(|f| f.fresh == Some(*counter)))
        else {
            if found.iter().any(|f| f.used || f.below) {
                return Err(EnrolmentError::CodeUsed);
            }
            self.tries_left -= 1;
            return Err(match self.tries_left {
                0 => EnrolmentError::Discarded,
                tries_left => EnrolmentError::WrongCode { tries_left },
            });
        };
        account
            .marks
            .remember(self.plan.fingerprint.clone(), self.plan.used)?;
        if account.marks.rise(&self.plan.fingerprint, counter).is_err() {
            return Err(EnrolmentError::CodeUsed);
        }
        Ok(self.take_effect(account, counter, moment.now))
    }

    fn check_account(&self, account: &Account) -> Result<(), EnrolmentError> {
        if account.generation != self.generation || account.standing == Standing::Decoy {
            return Err(EnrolmentError::Stale);
        }
        if self.factors.is_empty() {
            return Err(EnrolmentError::NothingWritten);
        }
        let staying = account.factors.iter().filter(|f| !self.takes_place_of(f));
        if staying.count() + self.factors.len() > MAX_FACTORS {
            return Err(EnrolmentError::TooMany);
        }
        Ok(())
    }

    fn takes_place_of(&self, factor: &Factor) -> bool {
        self.plan.replaces == Some(factor.id) || (self.lost_go && is_lost(factor))
    }

    fn take_effect(&mut self, account: &mut Account, counter: u64, now: u64) -> Vec<Event> {
        let (mut events, mut gone) = (Vec::new(), Vec::new());
        account.factors.retain(|factor| {
            let goes = self.takes_place_of(factor);
            if goes {
                gone.push(Event::FactorRemoved { factor: factor.id });
            }
            !goes
        });
        for mut factor in self.factors.drain(..) {
            factor.state = State::Active;
            factor.added = now;
            factor.set_clock(counter, now);
            events.push(Event::FactorAdded { factor: factor.id });
            account.factors.push(factor);
        }
        events.append(&mut gone);
        account.standing = Standing::Open;
        account.must_reenrol = false;
        account.generation = account.generation.saturating_add(1);
        account.ledger.reopen(Family::Codes);
        account.ledger.reopen(Family::Presence);
        self.tries_left = 0;
        events
    }

    fn mark(&self, account: &Account) -> Watermark {
        let mut mark = account.marks.of(&self.plan.fingerprint);
        mark.merge(self.plan.used);
        mark
    }
}

/// Whether a factor is refused because it was lost.
fn is_lost(factor: &Factor) -> bool {
    matches!(
        factor.state,
        State::Suspended { .. } | State::LeftBehind { .. }
    )
}
