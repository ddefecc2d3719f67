//! What follows from an attempt that was found right or wrong.

use crate::account::Account;
use crate::charge::wait_after;
use crate::event::Event;
use crate::factor::{FactorId, State};
use crate::judge::{Accepted, Judgement, Match, Outcome};
use crate::mac::MacKey;
use crate::moment::Moment;
use crate::out_of_band::Use;
use crate::recovery::LOW;
use crate::recovery_code::RecoveryCode;
use crate::response::Response;
use crate::verify::{Claim, Ticket};
use crate::way::Way;

impl Account {
    /// Turns what was found into the answer, and the account into what it is from then on.
    pub(crate) fn settle(
        &mut self,
        ticket: &Ticket,
        found: Match,
        moment: Moment,
        key: &MacKey,
        replacement: Option<&[u8; 10]>,
    ) -> Judgement {
        match found {
            Match::Fresh(Way::Code(id), Some(counter)) => {
                self.accept_code(ticket, id, counter, moment)
            }
            Match::Fresh(way, _) => self.accept(ticket, way, moment, None),
            Match::Recovery { at, way } => {
                let mut new = None;
                if let Some(set) = &mut self.recovery {
                    set.consume(at, moment.now);
                    new = replacement
                        .and_then(|entropy| set.replace(key, &self.name, entropy, moment.now));
                }
                self.accept(ticket, way, moment, new)
            }
            Match::Used => {
                self.ledger.refund(&ticket.charged);
                Judgement {
                    outcome: Outcome::CodeUsed,
                    events: vec![Event::CodeReplayed {
                        class: ticket.charged.class(),
                    }],
                }
            }
            Match::UsedUp(retry_after) => {
                self.ledger.refund(&ticket.charged);
                Judgement {
                    outcome: Outcome::UsedUp { retry_after },
                    events: Vec::new(),
                }
            }
            Match::Suspended => {
                self.ledger.refund(&ticket.charged);
                Judgement {
                    outcome: Outcome::RecoverySuspended,
                    events: Vec::new(),
                }
            }
            Match::Nothing => self.fail(ticket, moment),
        }
    }

    /// Accepts a code of a factor, if it can be written down as used.
    fn accept_code(
        &mut self,
        ticket: &Ticket,
        id: FactorId,
        counter: u64,
        moment: Moment,
    ) -> Judgement {
        let mut resynchronised = None;
        if let Some(factor) = self.factors.iter_mut().find(|f| f.id == id) {
            if self.marks.rise(&factor.fingerprint, counter).is_err() {
                return self.fail(ticket, moment);
            }
            factor.last_used = Some(moment.now);
            if matches!(ticket.claim, Claim::Typed(Response::Pair(..))) {
                factor.set_clock(counter, moment.now);
                resynchronised = Some(Event::Resynchronised { factor: id });
            }
        }
        let mut judgement = self.accept(ticket, Way::Code(id), moment, None);
        judgement.events.extend(resynchronised);
        judgement
    }

    /// Everything that follows from success.
    fn accept(
        &mut self,
        ticket: &Ticket,
        way: Way,
        moment: Moment,
        replacement: Option<RecoveryCode>,
    ) -> Judgement {
        let class = ticket.charged.class();
        self.ledger.clear(class);
        let mut events = vec![Event::Verified { way, class }];
        match way {
            Way::Code(_) | Way::Presence(_) => self.must_reenrol = false,
            Way::Recovery | Way::LegacyRecovery => {
                self.must_reenrol = true;
                let left = self.recovery.as_ref().map_or(0, |set| set.left());
                if left <= LOW {
                    events.push(Event::RecoveryCodesLow { left: left as u32 });
                }
            }
            Way::OutOfBand(channel) => {
                self.must_reenrol = true;
                self.live
                    .retain(|live| live.channel != channel || live.purpose != Use::Login(class));
            }
            Way::Bypass => {
                // Whoever needs a rescue has lost the factors, and somebody else may have them.
                self.must_reenrol = true;
                self.rescue = None;
                self.end_grants();
                for factor in &mut self.factors {
                    if factor.is_active() {
                        events.push(Event::FactorSuspended { factor: factor.id });
                    }
                    factor.state = State::LeftBehind { since: moment.now };
                }
            }
        }
        Judgement {
            outcome: Outcome::Accepted(Accepted {
                way,
                generation: self.generation,
                must_reenrol: self.must_reenrol,
                replacement,
            }),
            events,
        }
    }

    /// Everything that follows from failure. The charge stays.
    fn fail(&mut self, ticket: &Ticket, moment: Moment) -> Judgement {
        let (family, class) = (ticket.charged.family(), ticket.charged.class());
        let failures = self.ledger.get(family, class).failures;
        let mut events = vec![Event::Failed {
            family,
            class,
            failures,
        }];
        if matches!(&ticket.claim, Claim::Typed(Response::Digits(typed)) if typed.count() == 8) {
            // Whatever else they could have been, they were a guess at the code that was sent.
            for live in self
                .live
                .iter_mut()
                .filter(|live| live.purpose == Use::Login(class))
            {
                live.tries_left = live.tries_left.saturating_sub(1);
            }
            self.live.retain(|live| !live.has_ended(moment.now));
        }
        if ticket.charged.is_last() && !self.is_exempt(class) {
            events.extend(self.shut(family, class));
        }
        Judgement {
            outcome: Outcome::WrongCode {
                retry_after: wait_after(failures),
            },
            events,
        }
    }
}
