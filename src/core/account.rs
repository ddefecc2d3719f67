//! An account: its factors, and everything that is remembered of them.

use serde::{Deserialize, Serialize};

use crate::caller::CallerClass;
use crate::candidate::{RESYNC_STEPS, SKEW};
use crate::charge::{Family, Ledger};
use crate::event::Event;
use crate::factor::{Factor, FactorId, Generator};
use crate::mac::{Mac, MacKey};
use crate::moment::{LONGEST_FLOOR, Moment, Trust};
use crate::name::AccountName;
use crate::out_of_band::{Channel, LiveCode, Quota, Use};
use crate::recovery::{RecoverySet, SET_SIZE};
use crate::recovery_code::RecoveryCode;
use crate::rescue::Rescue;
use crate::watermark::{SeedMarks, Watermark};

/// Factors of an account.
pub const MAX_FACTORS: usize = 16;

/// What an account is to the verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// It has, or can have, a second factor.
    Open,
    /// The second factor was switched off then (Unix seconds). What was used stays used.
    SwitchedOff {
        /// When.
        at: u64,
    },
    /// Nobody's: it stands in for an account that does not exist and accepts nothing.
    Decoy,
}

/// An account, as the store keeps it.
///
/// Methods that change it leave it as it must be stored, also when they refuse. Copies are cheap
/// and hold no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub(crate) name: AccountName,
    pub(crate) uid: Option<u32>,
    pub(crate) standing: Standing,
    pub(crate) generation: u32,
    next_id: u32,
    pub(crate) factors: Vec<Factor>,
    pub(crate) marks: SeedMarks,
    pub(crate) ledger: Ledger,
    pub(crate) recovery: Option<RecoverySet>,
    recovery_generation: u32,
    pub(crate) channels: Vec<Channel>,
    pub(crate) live: Vec<LiveCode>,
    pub(crate) quota: Quota,
    pub(crate) rescue: Option<Rescue>,
    pub(crate) must_reenrol: bool,
    policy_since: Option<u64>,
}

impl Account {
    /// A new account without a factor. A local one is bound to its uid, not only to its name.
    #[must_use]
    pub fn new(name: AccountName, uid: Option<u32>) -> Self {
        Self {
            name,
            uid,
            standing: Standing::Open,
            generation: 0,
            next_id: 1,
            factors: Vec::new(),
            marks: SeedMarks::default(),
            ledger: Ledger::default(),
            recovery: None,
            recovery_generation: 0,
            channels: Vec::new(),
            live: Vec::new(),
            quota: Quota::default(),
            rescue: None,
            must_reenrol: false,
            policy_since: None,
        }
    }

    /// Stands in for an account that does not exist: it is charged, slowed and shut like any
    /// other, and accepts nothing.
    #[must_use]
    pub fn decoy(name: AccountName) -> Self {
        let mut account = Self::new(name, None);
        account.standing = Standing::Decoy;
        account.factors.push(Factor::decoy());
        account
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &AccountName {
        &self.name
    }

    /// The uid of a local account.
    #[must_use]
    pub const fn uid(&self) -> Option<u32> {
        self.uid
    }

    /// What it is.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        self.standing
    }

    /// Rises whenever what was granted before should end: sessions, receipts and enrolments of
    /// another generation are void.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// Its factors.
    #[must_use]
    pub fn factors(&self) -> &[Factor] {
        &self.factors
    }

    /// One factor.
    #[must_use]
    pub fn factor(&self, id: FactorId) -> Option<&Factor> {
        self.factors.iter().find(|factor| factor.id == id)
    }

    /// Its channels.
    #[must_use]
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// Its recovery codes.
    #[must_use]
    pub const fn recovery(&self) -> Option<&RecoverySet> {
        self.recovery.as_ref()
    }

    /// Its open rescue.
    #[must_use]
    pub const fn rescue(&self) -> Option<&Rescue> {
        self.rescue.as_ref()
    }

    /// The charges.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The watermark of a seed.
    #[must_use]
    pub fn watermark(&self, fingerprint: &Mac) -> Watermark {
        self.marks.of(fingerprint)
    }

    /// Whether the account ever had a factor with this seed.
    #[must_use]
    pub fn remembers_seed(&self, fingerprint: &Mac) -> bool {
        self.marks
            .iter()
            .any(|mark| mark.fingerprint == *fingerprint)
    }

    /// Whether a way is shut to a class of callers after too many failures.
    #[must_use]
    pub fn has_shut_way(&self) -> bool {
        let factors = self.factors.iter();
        let recovery = self.recovery.iter().map(|set| set.disabled);
        let channels = self.channels.iter().map(|channel| channel.disabled);
        let rescue = self.rescue.iter().map(|rescue| rescue.disabled);
        factors
            .flat_map(|factor| [factor.codes_disabled, factor.presence_disabled])
            .chain(recovery)
            .chain(channels)
            .chain(rescue)
            .any(|classes| !classes.is_empty())
    }

    /// Whether a second factor is on: one was confirmed and not switched off since.
    #[must_use]
    pub fn is_enrolled(&self) -> bool {
        self.standing == Standing::Open && !self.factors.is_empty()
    }

    /// Whether the owner came in by a way back and has yet to enrol a factor.
    #[must_use]
    pub const fn must_reenrol(&self) -> bool {
        self.must_reenrol
    }

    /// When a policy with days of grace first met it, in Unix seconds.
    #[must_use]
    pub const fn policy_since(&self) -> Option<u64> {
        self.policy_since
    }

    /// Notes that a policy with days of grace has met it; the first time counts. A time that cannot be
    /// believed does not, nor one that is yet to come: a clock that stood ahead told it.
    pub fn meet_policy(&mut self, moment: Moment) {
        if moment.clock == Trust::Good {
            let since = self.policy_since.unwrap_or(moment.now);
            self.policy_since = Some(since.min(moment.now));
        }
    }

    /// Gives out a number for a factor or channel; the number is never given again.
    pub fn reserve_id(&mut self) -> FactorId {
        let id = FactorId(self.next_id);
        self.next_id = self.next_id.saturating_add(1);
        id
    }

    /// The active factors whose end has not come; if it has for all of them and for all
    /// channels, the one that ended last goes on: nobody is locked out by a date.
    pub(crate) fn in_force(&self, now: u64) -> impl Iterator<Item = &Factor> {
        let active = || self.factors.iter().filter(|f| f.is_active());
        let alive = active().any(|f| !f.has_ended(now)) || self.open_channels(now).next().is_some();
        let spared = if alive {
            None
        } else {
            active().max_by_key(|f| f.not_after).map(|f| f.id)
        };
        active().filter(move |f| !f.has_ended(now) || Some(f.id) == spared)
    }

    /// The verified channels whose end has not come.
    pub(crate) fn open_channels(&self, now: u64) -> impl Iterator<Item = &Channel> {
        self.channels
            .iter()
            .filter(move |c| c.verified.is_some() && !c.has_ended(now))
    }

    /// The live login code of a class, on a channel that is still open to it.
    pub(crate) fn live_code(&self, class: CallerClass, now: u64) -> Option<&LiveCode> {
        self.live.iter().find(|live| {
            live.purpose == Use::Login(class)
                && !live.has_ended(now)
                && self
                    .open_channels(now)
                    .any(|c| c.id == live.channel && !c.disabled.contains(class))
        })
    }

    /// Whom to tell of an event: every verified channel but the one that took part in it.
    #[must_use]
    pub fn notice_channels(&self, except: Option<FactorId>, now: u64) -> Vec<FactorId> {
        let others = self.open_channels(now).filter(|c| Some(c.id) != except);
        others.map(|channel| channel.id).collect()
    }

    /// A new set of recovery codes; the old set is gone.
    pub fn issue_recovery_codes(
        &mut self,
        key: &MacKey,
        entropy: &[[u8; 10]; SET_SIZE],
        now: u64,
    ) -> (Vec<RecoveryCode>, Event) {
        let generation = self.next_recovery_generation();
        let (codes, set) = RecoverySet::issue(key, &self.name, generation, entropy, now);
        self.recovery = Some(set);
        self.ledger.reopen(Family::Recovery);
        (codes, Event::RecoveryCodesIssued)
    }

    /// The owner types one recovery code back; see [`RecoverySet::acknowledge`].
    pub fn acknowledge_recovery(&mut self, key: &MacKey, code: &RecoveryCode) -> bool {
        let set = self.recovery.as_mut();
        set.is_some_and(|set| set.acknowledge(key, &self.name, code))
    }

    /// The set that imported codes go into: the present one, or an empty one.
    pub fn recovery_for_import(&mut self) -> (&AccountName, &mut RecoverySet) {
        if self.recovery.is_none() {
            let generation = self.next_recovery_generation();
            self.recovery = Some(RecoverySet::empty(generation));
        }
        let generation = self.recovery_generation;
        (
            &self.name,
            self.recovery
                .get_or_insert_with(|| RecoverySet::empty(generation)),
        )
    }

    fn next_recovery_generation(&mut self) -> u32 {
        self.recovery_generation = self.recovery_generation.saturating_add(1);
        self.recovery_generation
    }

    /// Takes over from `here`, the account in the store that a restore replaces, what must not fall
    /// back: what was used there stays used, and what was granted there ends.
    pub fn outlive(&mut self, here: &Self) {
        for mark in here.marks.iter() {
            // A seed that finds no room has no factor in this record.
            let _ = self
                .marks
                .remember(mark.fingerprint.clone(), mark.watermark);
        }
        self.generation = self.generation.max(here.generation);
        self.next_id = self.next_id.max(here.next_id);
        self.recovery_generation = self.recovery_generation.max(here.recovery_generation);
    }

    /// What a restore of the store asks of an account. `latest` is the latest time that is known
    /// from anywhere, in Unix seconds.
    ///
    /// Recovery codes may have come back to life, so they wait to be renewed; codes in flight and
    /// rescues are void, and so are sessions. The realm's floor refuses time steps of this host's
    /// clock, and where they are longer than a floor is, they are refused here. HOTP goes on
    /// `hotp_skip` counters later. A token with a clock of its own may have been accepted as far ahead
    /// as a resync reaches, so its owner waits that long.
    #[must_use]
    pub fn after_restore(&mut self, latest: u64, hotp_skip: u64) -> Vec<Event> {
        self.live.clear();
        self.rescue = None;
        self.end_grants();
        for factor in &self.factors {
            let next = self
                .marks
                .of(&factor.fingerprint)
                .next()
                .unwrap_or(u64::MAX);
            let up_to = match factor.generator {
                Generator::Totp { period } if period.seconds() <= LONGEST_FLOOR => continue,
                Generator::Totp { period } => period.step(latest).saturating_add(SKEW),
                Generator::Hotp => next.saturating_add(hotp_skip),
                Generator::Clocked { period, skew } => {
                    let step = period.step(latest);
                    step.max(step.saturating_add_signed(skew.into()))
                        .saturating_add(RESYNC_STEPS)
                }
            };
            // Where the mark is higher already, it stays.
            let _ = self.marks.rise(&factor.fingerprint, up_to);
        }
        match &mut self.recovery {
            Some(set) if !set.is_suspended() => {
                set.suspend();
                vec![Event::RecoverySuspended]
            }
            _ => Vec::new(),
        }
    }

    /// Ends everything that was granted before: sessions, API keys, receipts, enrolments.
    pub fn end_grants(&mut self) {
        self.generation = self.generation.saturating_add(1);
    }

    /// Switches the second factor off: seeds, codes and channels are gone; what stays is that
    /// used codes are used, should the same seed come back.
    pub fn switch_off(&mut self, now: u64) -> Event {
        self.standing = Standing::SwitchedOff { at: now };
        self.end_grants();
        self.factors.clear();
        self.recovery = None;
        self.channels.clear();
        self.live.clear();
        self.rescue = None;
        self.must_reenrol = false;
        Event::SwitchedOff
    }

    /// Lifts the waits for an owner who is kept out by others; no failure is forgotten, and what
    /// was disabled stays so.
    pub fn lift_waits(&mut self) {
        self.ledger.lift_waits();
    }
}
