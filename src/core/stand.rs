//! A stand for tests: an account, the seeds that a service would keep for it, and virtual time.

use std::collections::HashMap;

use oathd_oath::{Algorithm, Digits as Length, Period, Secret, code};
use zeroize::Zeroizing;

use crate::enrolment::Plan;
use crate::*;

/// A time at which a 30 s step begins.
pub(crate) const START: u64 = 1_700_000_010;

pub(crate) fn key() -> MacKey {
    MacKey::new(Zeroizing::new([42; 32]))
}

pub(crate) fn seed(number: u8) -> Secret {
    Secret::new(vec![number; 20]).unwrap()
}

pub(crate) const TOTP: Generator = Generator::Totp {
    period: Period::DEFAULT,
};

pub(crate) fn clocked(skew: i32) -> Generator {
    Generator::Clocked {
        period: Period::DEFAULT,
        skew,
    }
}

pub(crate) struct Stand {
    pub(crate) account: Account,
    pub(crate) seeds: HashMap<FactorId, Secret>,
    pub(crate) length: Length,
}

impl Stand {
    pub(crate) fn new(uid: u32) -> Self {
        Self {
            account: Account::new("alice".parse().unwrap(), Some(uid)),
            seeds: HashMap::new(),
            length: Length::Six,
        }
    }

    /// An account with seed 1, enrolled as TOTP at `START - 60`.
    pub(crate) fn enrolled(uid: u32) -> Self {
        let mut stand = Self::new(uid);
        stand.enrol(1, TOTP, None, START - 60).unwrap();
        stand
    }

    pub(crate) fn plan(
        &self,
        number: u8,
        generator: Generator,
        replaces: Option<FactorId>,
    ) -> Plan {
        Plan {
            generator,
            algorithm: Algorithm::Sha1,
            digits: self.length,
            fingerprint: fingerprint(&key(), &seed(number)),
            used: Watermark::NONE,
            not_after: None,
            replaces,
        }
    }

    /// Enrols a sealed seed and confirms it with the code of `now` (HOTP: of the next counter).
    pub(crate) fn enrol(
        &mut self,
        number: u8,
        generator: Generator,
        replaces: Option<FactorId>,
        now: u64,
    ) -> Result<FactorId, EnrolmentError> {
        self.enrol_plan(
            number,
            self.plan(number, generator, replaces),
            Moment::at(now),
        )
    }

    pub(crate) fn enrol_plan(
        &mut self,
        number: u8,
        plan: Plan,
        moment: Moment,
    ) -> Result<FactorId, EnrolmentError> {
        let id = self.account.reserve_id();
        self.seeds.insert(id, seed(number));
        let (generator, next) = (plan.generator, {
            let mut mark = self.account.watermark(&plan.fingerprint);
            mark.merge(plan.used);
            mark.next().unwrap()
        });
        let mut enrolment = Enrolment::begin(&self.account, plan, moment.now)?;
        enrolment.written(
            id,
            "test",
            Role::Primary,
            Custody::Sealed(Sealed(vec![number])),
        )?;
        let typed = match generator {
            Generator::Hotp => self.code(id, next),
            Generator::Totp { period } => self.code(id, period.step(moment.now)),
            Generator::Clocked { period, skew } => {
                let step = period.step(moment.now).saturating_add_signed(skew.into());
                format!("{} {}", self.code(id, step - 1), self.code(id, step))
            }
        };
        let candidates = self.compute(&enrolment.wanted(&self.account, moment));
        let typed = Response::classify(&typed);
        enrolment.confirm(&mut self.account, &typed, moment, &candidates)?;
        Ok(id)
    }

    pub(crate) fn code(&self, id: FactorId, counter: u64) -> String {
        code::hotp(&self.seeds[&id], Algorithm::Sha1, self.length, counter)
    }

    pub(crate) fn compute(&self, wanted: &[Wanted]) -> Vec<Candidate> {
        let stranger = seed(255);
        let mut candidates = Vec::new();
        for wanted in wanted {
            assert!(wanted.last - wanted.first <= 100);
            let seed = self.seeds.get(&wanted.factor).unwrap_or(&stranger);
            for counter in wanted.first..=wanted.last {
                let code = code::hotp(seed, Algorithm::Sha1, self.length, counter);
                candidates.push(Candidate {
                    factor: wanted.factor,
                    counter,
                    source: wanted.source.clone(),
                    code: TypedDigits::parse(&code).unwrap(),
                });
            }
        }
        candidates
    }

    pub(crate) fn try_at(&mut self, class: CallerClass, text: &str, moment: Moment) -> Judgement {
        let response = Response::classify(text);
        // Through the store and back, as a service would.
        self.account = decode(&encode(&self.account).unwrap()).unwrap();
        match self.account.admit(class, response, moment) {
            Admission::Refused { outcome, events } => Judgement { outcome, events },
            Admission::Admitted(ticket) => {
                self.account = decode(&encode(&self.account).unwrap()).unwrap();
                let candidates = self.compute(&ticket.wanted);
                self.account
                    .judge(&ticket, moment, &candidates, &key(), Some(&[9; 10]))
            }
        }
    }

    pub(crate) fn attempt(&mut self, class: CallerClass, text: &str, now: u64) -> Outcome {
        self.try_at(class, text, Moment::at(now)).outcome
    }

    pub(crate) fn accepts(&mut self, class: CallerClass, text: &str, now: u64) -> bool {
        matches!(self.attempt(class, text, now), Outcome::Accepted(_))
    }
}
