//! The audit trail in words: one for each event, and a short detail. No secrets, no addresses.

use data_encoding::HEXLOWER;
use oathd_api::wire::administration::{AuditRecord, AuditVerdict as VerdictRecord};
use oathd_core::{CallerClass, Event, Family, Way};

use crate::ledger::{AuditEntry, AuditFault, AuditVerdict, What};

/// An entry as the bus carries it.
pub(super) fn record(entry: AuditEntry) -> AuditRecord {
    let (event, detail) = match &entry.what {
        What::Event(event) => told(event),
        What::Unlocked => ("unlocked", None),
        What::SessionsEnded { count } => ("sessions_ended", Some(format!("sessions: {count}"))),
        What::ApiKeyIssued => ("api_key_issued", None),
        What::Imported { accounts } => ("imported", Some(format!("accounts: {accounts}"))),
        What::BackedUp => ("backed_up", None),
        What::Restored {
            accounts,
            backup_seq,
        } => {
            let detail =
                format!("accounts: {accounts}, from after entry {backup_seq} of the backup");
            ("restored", Some(detail))
        }
        What::Rekeyed => ("rekeyed", None),
        What::TrailBroken => ("trail_broken", None),
        What::ApiKeyRemoved => ("api_key_removed", None),
        What::SessionBegun => ("session_begun", None),
        What::RecoveryAcknowledged => ("recovery_acknowledged", None),
        What::KeysHandedOut => ("keys_handed_out", None),
        What::ClockTrusted => ("clock_trusted", None),
        What::KeysRestored => ("keys_restored", None),
    };
    AuditRecord {
        seq: entry.seq,
        at: entry.at,
        uid: entry.actor.uid,
        class: entry.actor.class.map(|class| class_word(class).to_owned()),
        service: entry.actor.service,
        account: entry.account.map(|account| account.to_string()),
        event: event.to_owned(),
        detail,
        alarm: entry.what.is_alarm(),
    }
}

/// A verdict as the bus carries it.
pub(super) fn verdict(verdict: &AuditVerdict) -> VerdictRecord {
    let AuditVerdict {
        first,
        last,
        entries,
        head,
        fault,
    } = verdict;
    VerdictRecord {
        whole: fault.is_none(),
        entries: *entries,
        first: *first,
        last: *last,
        head: HEXLOWER.encode(head),
        broken_at: fault.and_then(place),
        finding: fault.map(|fault| fault.to_string()),
    }
}

/// The number of the entry that does not fit.
const fn place(fault: AuditFault) -> Option<u64> {
    match fault {
        AuditFault::Seal => None,
        AuditFault::Missing { seq }
        | AuditFault::Changed { seq }
        | AuditFault::Surplus { seq }
        | AuditFault::Noted { seq } => Some(seq),
    }
}

/// The word for an event, and what it is about.
fn told(event: &Event) -> (&'static str, Option<String>) {
    match event {
        Event::Verified { way, .. } => ("verified", Some(by(*way))),
        Event::Failed {
            family, failures, ..
        } => {
            let detail = format!("{}, {failures} in a row", family_word(*family));
            ("failed", Some(detail))
        }
        Event::CodeReplayed { .. } => ("code_replayed", None),
        Event::Disabled { family, class } => {
            let detail = format!("{} for {}", family_word(*family), class_word(*class));
            ("disabled", Some(detail))
        }
        Event::RealmUnderAttack { failures } => {
            ("realm_under_attack", Some(format!("{failures} failures")))
        }
        Event::RecoveryCodesLow { left } => ("recovery_codes_low", Some(format!("{left} left"))),
        Event::RecoveryCodesIssued => ("recovery_codes_issued", None),
        Event::RecoverySuspended => ("recovery_suspended", None),
        Event::Resynchronised { factor } => ("resynchronised", Some(number("factor", factor.0))),
        Event::EnrolmentStarted => ("enrolment_started", None),
        Event::EnrolmentDiscarded => ("enrolment_discarded", None),
        Event::FactorAdded { factor } => ("factor_added", Some(number("factor", factor.0))),
        Event::FactorRemoved { factor } => ("factor_removed", Some(number("factor", factor.0))),
        Event::FactorSuspended { factor } => ("factor_suspended", Some(number("factor", factor.0))),
        Event::SwitchedOff => ("switched_off", None),
        Event::ChannelAdded { channel } => ("channel_added", Some(number("channel", channel.0))),
        Event::ChannelVerified { channel } => {
            ("channel_verified", Some(number("channel", channel.0)))
        }
        Event::ChannelRemoved { channel } => {
            ("channel_removed", Some(number("channel", channel.0)))
        }
        Event::CodeSent { channel, .. } => ("code_sent", Some(number("channel", channel.0))),
        Event::RescueOpened {
            reason, overridden, ..
        } => {
            let detail = match overridden {
                true => format!("by root, over the approvers: {reason}"),
                false => reason.clone(),
            };
            ("rescue_opened", Some(detail))
        }
        Event::RescueApproved { .. } => ("rescue_approved", None),
        Event::RescueCancelled => ("rescue_cancelled", None),
        Event::BypassIssued => ("bypass_issued", None),
        Event::FactorChanged { factor } => ("factor_changed", Some(number("factor", factor.0))),
    }
}

fn number(what: &str, number: u32) -> String {
    format!("{what} {number}")
}

fn by(way: Way) -> String {
    match way {
        Way::Code(factor) => format!("code of factor {}", factor.0),
        Way::Presence(factor) => format!("presence of factor {}", factor.0),
        Way::Recovery => "recovery code".to_owned(),
        Way::LegacyRecovery => "imported recovery code".to_owned(),
        Way::OutOfBand(channel) => format!("code sent to channel {}", channel.0),
        Way::Bypass => "bypass code".to_owned(),
    }
}

const fn family_word(family: Family) -> &'static str {
    match family {
        Family::Codes => "codes",
        Family::Presence => "presence",
        Family::Recovery => "recovery codes",
        Family::OutOfBand => "sent codes",
        Family::Bypass => "bypass codes",
    }
}

const fn class_word(class: CallerClass) -> &'static str {
    match class {
        CallerClass::Console => "console",
        CallerClass::Remote => "remote",
        CallerClass::OwnPrograms => "own_programs",
        CallerClass::RealmService => "realm_service",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Actor;

    #[test]
    fn an_entry_tells_who_did_what_to_whom() {
        let event = Event::Failed {
            family: Family::Codes,
            class: CallerClass::Remote,
            failures: 3,
        };
        let entry = AuditEntry {
            seq: 7,
            at: 1_700_000_000,
            actor: Actor {
                uid: 0,
                class: Some(CallerClass::Remote),
                service: Some("sshd".to_owned()),
            },
            account: Some("alice".parse().unwrap()),
            what: What::Event(event),
        };
        let expected = AuditRecord {
            seq: 7,
            at: 1_700_000_000,
            uid: 0,
            class: Some("remote".to_owned()),
            service: Some("sshd".to_owned()),
            account: Some("alice@local".to_owned()),
            event: "failed".to_owned(),
            detail: Some("codes, 3 in a row".to_owned()),
            alarm: false,
        };
        assert_eq!(record(entry), expected);
    }

    #[test]
    fn a_verdict_counts_and_points() {
        let whole = AuditVerdict {
            first: 5,
            last: 9,
            entries: 4,
            head: [0xab; 32],
            fault: None,
        };
        let told = verdict(&whole);
        assert_eq!((told.whole, told.entries, told.broken_at), (true, 4, None));
        assert_eq!(told.head, "ab".repeat(32));
        let fault = Some(AuditFault::Missing { seq: 7 });
        let told = verdict(&AuditVerdict { fault, ..whole });
        assert_eq!((told.whole, told.broken_at), (false, Some(7)));
        assert_eq!(told.finding.as_deref(), Some("entry 7 is missing"));
        let empty = AuditVerdict {
            first: 1,
            last: 0,
            entries: 0,
            head: [0; 32],
            fault: None,
        };
        assert_eq!(verdict(&empty).entries, 0);
    }

    #[test]
    fn a_replay_is_an_alarm() {
        let class = CallerClass::Console;
        let entry = AuditEntry {
            seq: 1,
            at: 0,
            actor: Actor {
                uid: 0,
                class: None,
                service: None,
            },
            account: None,
            what: What::Event(Event::CodeReplayed { class }),
        };
        let told = record(entry);
        assert_eq!((told.event.as_str(), told.alarm), ("code_replayed", true));
    }
}
