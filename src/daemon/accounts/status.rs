//! What is asked of an account, and which ways are open.

use oathd_api::wire::verifier::{ConcernRecord, StatusRecord, VerifyOptions, WayRecord};
use oathd_core::{
    Account, FactorId, Moment, OpenKind, OpenWay, Trust, health::Concern, policy::Requirement,
};

use super::{Who, masked, sessions::alive};
use crate::{
    error::Error,
    ledger::LedgerError,
    service::{Call, Service},
};

impl Service {
    /// Tells what is asked of the account at a login, and which ways are open to the caller's class.
    pub(crate) async fn status(
        &self,
        call: &Call,
        account: &str,
        options: VerifyOptions,
    ) -> Result<StatusRecord, Error> {
        let (service, host) = (options.service.as_deref(), options.remote_host.as_deref());
        let who = self.who(call, account, service, host).await?;
        let (account, has_session) = self.as_kept(&who).await?;
        let has_session = has_session || self.own_login(call, &who).await.is_some();
        let ledger = &self.accounts().ledger;
        let moment = ledger.moment(who.account.realm());
        let requirement = self.requirement(&who, &account, moment.now).await?;
        let ways = account.open_ways(who.class, moment, has_session);
        let settings = self.accounts().settings();
        let (requirement, requirement_until) = words(requirement);
        Ok(StatusRecord {
            account: who.account.to_string(),
            enrolled: account.is_enrolled(),
            requirement: requirement.to_owned(),
            requirement_until,
            must_reenrol: account.must_reenrol(),
            ways: ways.iter().map(|way| way_record(&account, way)).collect(),
            concerns: concerns(&account, moment),
            recovery_codes_left: account.recovery().map(|set| count(set.left())),
            clock_trusted: moment.clock == Trust::Good,
            support_contact: settings.support_contact.clone(),
        })
    }

    /// The account as it is kept, or a decoy, and whether a session that the factor opened is alive.
    async fn as_kept(&self, who: &Who) -> Result<(Account, bool), LedgerError> {
        let ledger = &self.accounts().ledger;
        let stranger = || Account::decoy(who.account.clone());
        if who.account.realm().is_local() {
            let account = ledger.read(&who.account).await?;
            let account = account.filter(|account| who.owns(account));
            return Ok((account.unwrap_or_else(stranger), false));
        }
        ledger
            .change(&who.account, who.actor(), |draft| {
                draft.discard();
                let has_one = alive(draft)?.iter().any(|session| session.by_factor);
                Ok((draft.account.clone(), has_one))
            })
            .await?
    }

    /// What the policy asks of an account. Days of grace begin when a user of this machine is asked
    /// about for the first time, which is written down.
    pub(crate) async fn requirement(
        &self,
        who: &Who,
        account: &Account,
        now: u64,
    ) -> Result<Requirement, Error> {
        let is_enrolled = account.is_enrolled();
        if is_enrolled || !who.account.realm().is_local() {
            return Ok(asked(is_enrolled));
        }
        let demanded = self.accounts().demanded(who.asker(), who.uid).await?;
        // What a clock that stood ahead told is yet to come, and begins anew.
        let since = account.policy_since().filter(|since| *since <= now);
        let first = demanded.at(since.unwrap_or(now), now);
        if who.uid.is_some() && since.is_none() && first != demanded.at(0, now) {
            self.meet_policy(who).await?;
        }
        Ok(first)
    }

    async fn meet_policy(&self, who: &Who) -> Result<(), LedgerError> {
        let meeting = who.clone();
        let ledger = &self.accounts().ledger;
        ledger
            .change(&who.account, who.actor(), move |draft| {
                meeting.enter(draft);
                draft.create(meeting.uid);
                draft.account.meet_policy(draft.moment);
            })
            .await
    }
}

/// What is asked where no policy has a say.
const fn asked(is_enrolled: bool) -> Requirement {
    match is_enrolled {
        true => Requirement::Asked,
        false => Requirement::NotAsked,
    }
}

const fn words(requirement: Requirement) -> (&'static str, Option<u64>) {
    match requirement {
        Requirement::Asked => ("asked", None),
        Requirement::NotAsked => ("not_asked", None),
        Requirement::NotAskedUntil(until) => ("not_asked_until", Some(until)),
        Requirement::EnrolFirst => ("enrol_first", None),
    }
}

fn way_record(account: &Account, way: &OpenWay) -> WayRecord {
    let record = |kind: &str| WayRecord {
        kind: kind.to_owned(),
        wait: way.wait,
        ..WayRecord::default()
    };
    match way.kind {
        OpenKind::Code(id) => of_factor(account, id, record("code")),
        OpenKind::Presence(id) => of_factor(account, id, record("presence")),
        OpenKind::Recovery { left } => WayRecord {
            left: Some(count(left)),
            ..record("recovery")
        },
        OpenKind::OutOfBand(id) => of_channel(account, id, record("out_of_band")),
        OpenKind::Session => record("session"),
        OpenKind::Bypass => record("bypass"),
        OpenKind::Administrator => record("administrator"),
    }
}

fn of_factor(account: &Account, id: FactorId, record: WayRecord) -> WayRecord {
    let factor = account.factor(id);
    WayRecord {
        id: Some(id.0),
        label: factor.map(|factor| factor.label.clone()),
        not_after: factor.and_then(|factor| factor.not_after),
        ..record
    }
}

fn of_channel(account: &Account, id: FactorId, record: WayRecord) -> WayRecord {
    let channel = account.channels().iter().find(|channel| channel.id == id);
    WayRecord {
        id: Some(id.0),
        label: channel.map(|channel| masked(channel.kind, &channel.address)),
        not_after: channel.and_then(|channel| channel.not_after),
        ..record
    }
}

/// What the owner should look after.
pub(crate) fn concerns(account: &Account, moment: Moment) -> Vec<ConcernRecord> {
    let record = |kind: &str| ConcernRecord {
        kind: kind.to_owned(),
        ..ConcernRecord::default()
    };
    let about = |kind, id: FactorId| ConcernRecord {
        id: Some(id.0),
        ..record(kind)
    };
    let concerns = account.concerns(moment).into_iter();
    concerns
        .map(|concern| match concern {
            Concern::MustReenrol => record("must_reenrol"),
            Concern::ClockUntrusted => record("clock_untrusted"),
            Concern::NoRecoveryCodes => record("no_recovery_codes"),
            Concern::RenewRecoveryCodes { left } => ConcernRecord {
                left: Some(count(left)),
                ..record("renew_recovery_codes")
            },
            Concern::UnacknowledgedRecoveryCodes => record("unacknowledged_recovery_codes"),
            Concern::SingleFactor => record("single_factor"),
            Concern::Unseen(id) => about("unseen", id),
            Concern::StaleAddress(id) => about("stale_address", id),
            Concern::Ends { id, within_days } => ConcernRecord {
                within_days: u32::try_from(within_days).ok(),
                ..about("ends", id)
            },
        })
        .collect()
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
