//! The first half of a verification: whether an attempt may be made, and its charge.
//!
//! What [`Account::admit`] changes must be durable before a card is touched or a code computed;
//! what [`Account::judge`] changes, before the answer is given. Attempts at one account and class
//! follow one another; a second one in flight would be charged as if the first had failed.

use crate::account::{Account, Standing};
use crate::caller::CallerClass;
use crate::candidate::Wanted;
use crate::charge::{CAP, Charged, Family};
use crate::event::Event;
use crate::factor::{Factor, FactorId};
use crate::judge::Outcome;
use crate::moment::{Moment, Trust};
use crate::response::Response;

/// An attempt that was charged and may be judged. Judging it again is for a store that found the
/// account changed meanwhile: what was judged first is thrown away.
#[derive(Debug)]
pub struct Ticket {
    pub(crate) charged: Charged,
    pub(crate) claim: Claim,
    /// The codes to compute. A token that is not here is left out; its factor then matches
    /// nothing.
    pub wanted: Vec<Wanted>,
}

/// What an attempt claims.
#[derive(Debug)]
pub(crate) enum Claim {
    /// To know something.
    Typed(Response),
    /// That this factor's token is here and was touched.
    Presence(FactorId),
}

/// What becomes of an attempt before it is looked at.
#[derive(Debug)]
pub enum Admission {
    /// It is charged: compute the codes and judge.
    Admitted(Ticket),
    /// It is answered without being looked at.
    Refused {
        /// The answer.
        outcome: Outcome,
        /// What to write down.
        events: Vec<Event>,
    },
}

impl Admission {
    fn refused(outcome: Outcome) -> Self {
        Self::Refused {
            outcome,
            events: Vec::new(),
        }
    }
}

impl Account {
    /// Charges a typed response. A typo, `?` and nonsense are answered without a charge.
    ///
    /// Answers that name a state, such as [`Outcome::LockedOut`], depend on the account and the
    /// kind of response alone, never on whether it would have been right.
    #[must_use]
    pub fn admit(&mut self, class: CallerClass, response: Response, moment: Moment) -> Admission {
        let family = match &response {
            Response::Help => return Admission::refused(Outcome::Help),
            Response::Typo => return Admission::refused(Outcome::Typo),
            Response::Malformed => return Admission::refused(Outcome::Malformed),
            Response::Recovery(_) => Family::Recovery,
            Response::Bypass(_) => Family::Bypass,
            Response::Pair(..) => Family::Codes,
            Response::Digits(digits) => self.family_of_digits(digits.count(), class, moment),
        };
        let wanted = if family == Family::Codes {
            match self.wanted(class, &response, moment) {
                Ok(wanted) => wanted,
                Err(outcome) => return Admission::refused(outcome),
            }
        } else {
            Vec::new()
        };
        self.charge(family, class, Claim::Typed(response), wanted, moment)
    }

    /// Gives the charge of an attempt back that could not be looked at, such as when no token was
    /// there to compute a code. Whether it would have been right must not be known then.
    pub fn withdraw(&mut self, ticket: &Ticket) {
        self.ledger.refund(&ticket.charged);
    }

    /// Charges an answer to a challenge that a token's presence credential will give. No clock is
    /// needed for it.
    #[must_use]
    pub fn admit_presence(
        &mut self,
        class: CallerClass,
        factor: FactorId,
        moment: Moment,
    ) -> Admission {
        self.charge(
            Family::Presence,
            class,
            Claim::Presence(factor),
            Vec::new(),
            moment,
        )
    }

    fn charge(
        &mut self,
        family: Family,
        class: CallerClass,
        claim: Claim,
        wanted: Vec<Wanted>,
        moment: Moment,
    ) -> Admission {
        if self.is_shut(family, class, &claim) {
            return Admission::refused(Outcome::LockedOut);
        }
        let before = self.ledger.get(family, class);
        if before.wait(moment.now) == 0 && before.failures >= CAP && !self.is_exempt(class) {
            // The last try was charged and never judged.
            let events = self.shut(family, class).into_iter().collect();
            return Admission::Refused {
                outcome: Outcome::LockedOut,
                events,
            };
        }
        match self.ledger.charge(family, class, moment.now) {
            Ok(charged) => Admission::Admitted(Ticket {
                charged,
                claim,
                wanted,
            }),
            Err(retry_after) => Admission::refused(Outcome::Throttled { retry_after }),
        }
    }

    /// Where digits are counted: as a code of a factor if one has codes of that length, else as
    /// the code of a channel or an imported recovery code if there is any.
    fn family_of_digits(&self, count: u8, class: CallerClass, moment: Moment) -> Family {
        let fits = |f: &Factor| u8::from(f.digits) == count && !f.must_rebind(class);
        if count != 8 || self.in_force(moment.now).any(fits) {
            Family::Codes
        } else if self.live_code(class, moment.now).is_some() {
            Family::OutOfBand
        } else if self.recovery.as_ref().is_some_and(|set| set.has_legacy()) {
            Family::Recovery
        } else {
            Family::Codes
        }
    }

    /// Whether eight digits of `class` can be right without being a code of a factor: a code was
    /// sent, or imported recovery codes are left.
    #[must_use]
    pub fn awaits_eight_digits(&self, class: CallerClass, now: u64) -> bool {
        self.live_code(class, now).is_some()
            || self.recovery.as_ref().is_some_and(|set| set.has_legacy())
    }

    /// The codes to compute. Without a clock to believe, only HOTP is left.
    fn wanted(
        &self,
        class: CallerClass,
        response: &Response,
        moment: Moment,
    ) -> Result<Vec<Wanted>, Outcome> {
        let usable: Vec<&Factor> = self
            .in_force(moment.now)
            .filter(|f| !f.must_rebind(class))
            .collect();
        let timed = !usable.is_empty() && usable.iter().all(|f| f.generator.needs_clock());
        if moment.clock == Trust::Doubtful && timed {
            return Err(Outcome::ClockUntrusted);
        }
        let wanted = |factor: &&Factor| {
            let mark = self.marks.of(&factor.fingerprint);
            match response {
                Response::Pair(..) => Wanted::for_pair(factor, mark, moment),
                _ => Wanted::for_one(factor, mark, moment),
            }
        };
        let real: Vec<Wanted> = usable.iter().filter_map(wanted).collect();
        if self.factors.is_empty() {
            let decoy = Factor::decoy();
            return Ok(wanted(&&decoy).into_iter().collect());
        }
        Ok(real)
    }

    /// Root is let to try on at the console: slowed down, but never shut out.
    pub(crate) fn is_exempt(&self, class: CallerClass) -> bool {
        self.uid == Some(0) && class == CallerClass::Console && self.standing != Standing::Decoy
    }

    /// Whether what the attempt is aimed at is there and shut for the class.
    fn is_shut(&self, family: Family, class: CallerClass, claim: &Claim) -> bool {
        match family {
            Family::Codes => {
                let mut active = self.factors.iter().filter(|f| f.is_active()).peekable();
                active.peek().is_some() && active.all(|f| f.codes_disabled.contains(class))
            }
            Family::Presence => {
                let Claim::Presence(id) = claim else {
                    return false;
                };
                self.factor(*id)
                    .is_some_and(|f| f.presence_disabled.contains(class))
            }
            Family::Recovery => self
                .recovery
                .as_ref()
                .is_some_and(|s| s.disabled.contains(class)),
            // A channel that is shut has no live code.
            Family::OutOfBand => false,
            Family::Bypass => self
                .rescue
                .as_ref()
                .is_some_and(|r| r.disabled.contains(class)),
        }
    }

    /// Shuts what a family of responses is aimed at, for one class. What is bound later starts
    /// afresh. Where nothing is there to shut, the count alone keeps it shut.
    pub(crate) fn shut(&mut self, family: Family, class: CallerClass) -> Option<Event> {
        let mut there = false;
        match family {
            Family::Codes => self
                .factors
                .iter_mut()
                .filter(|f| f.is_active())
                .for_each(|factor| {
                    factor.codes_disabled.insert(class);
                    there = true;
                }),
            Family::Presence => self.factors.iter_mut().for_each(|factor| {
                factor.presence_disabled.insert(class);
                there = true;
            }),
            Family::Recovery => self.recovery.iter_mut().for_each(|set| {
                set.disabled.insert(class);
                there = true;
            }),
            Family::OutOfBand => self.channels.iter_mut().for_each(|channel| {
                channel.disabled.insert(class);
                there = true;
            }),
            Family::Bypass => self.rescue.iter_mut().for_each(|rescue| {
                rescue.disabled.insert(class);
                there = true;
            }),
        }
        if there {
            self.ledger.close(family, class);
        }
        there.then_some(Event::Disabled { family, class })
    }
}
