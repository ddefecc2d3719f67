//! An account as the bus tells it: everything but secrets, addresses masked.

use oathd_api::wire::account::{
    AccountRecord, ChannelRecord, FactorRecord, RecoveryCodeRecord, RecoveryRecord, RescueRecord,
};
use oathd_core::{
    Account, Channel, Custody, Factor, Generator, RecoverySet, Rescue, Role, Standing, State,
    index_symbol,
};

use super::{deliver::word, masked};
use crate::error::Error;

/// What a realm's account was handed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grants {
    /// When its API key was made, in Unix seconds.
    pub(crate) api_key_issued: Option<u64>,
    /// Sessions that are alive.
    pub(crate) sessions: u32,
}

/// What is told of an account at `now`.
pub(crate) fn describe(account: &Account, grants: Grants, now: u64) -> AccountRecord {
    AccountRecord {
        account: account.name().to_string(),
        uid: account.uid(),
        enrolled: account.is_enrolled(),
        must_reenrol: account.must_reenrol(),
        switched_off: match account.standing() {
            Standing::SwitchedOff { at } => Some(at),
            Standing::Open | Standing::Decoy => None,
        },
        factors: match account.standing() {
            Standing::Decoy => Vec::new(),
            _ => account.factors().iter().map(factor).collect(),
        },
        channels: account.channels().iter().map(channel).collect(),
        recovery: account.recovery().map(recovery),
        rescue: account
            .rescue()
            .filter(|rescue| !rescue.has_ended(now))
            .map(|open| rescue(open, now)),
        api_key_issued: grants.api_key_issued,
        sessions: grants.sessions,
    }
}

/// The word for a role.
const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Primary => "primary",
        Role::Backup => "backup",
    }
}

/// The role that a word names, if there is one.
pub(super) fn role_of(word: Option<&str>) -> Result<Option<Role>, Error> {
    let all = [Role::Primary, Role::Backup];
    let role = |word| all.into_iter().find(|role| role_word(*role) == word);
    let role = word.map(|word| role(word).ok_or("a role is primary or backup"));
    role.transpose().map_err(Error::invalid_args)
}

fn factor(factor: &Factor) -> FactorRecord {
    let (kind, period) = match factor.generator {
        Generator::Totp { period } => ("totp", Some(period.seconds())),
        Generator::Hotp => ("hotp", None),
        Generator::Clocked { period, .. } => ("clocked", Some(period.seconds())),
    };
    FactorRecord {
        id: factor.id.0,
        label: factor.label.clone(),
        custody: match factor.custody {
            Custody::OnToken { .. } => "token",
            Custody::Sealed(_) => "sealed",
        }
        .to_owned(),
        kind: kind.to_owned(),
        algorithm: factor.algorithm.to_string(),
        digits: u8::from(factor.digits).into(),
        period,
        role: role_word(factor.role).to_owned(),
        state: match factor.state {
            State::Pending => "pending",
            State::Active => "active",
            State::Suspended { .. } | State::LeftBehind { .. } => "suspended",
        }
        .to_owned(),
        added: factor.added,
        last_used: factor.last_used,
        not_after: factor.not_after,
        presence: factor.custody.proves_presence(),
    }
}

fn channel(channel: &Channel) -> ChannelRecord {
    ChannelRecord {
        id: channel.id.0,
        kind: word(channel.kind).to_owned(),
        address: masked(channel.kind, &channel.address),
        verified: channel.verified,
        not_after: channel.not_after,
    }
}

fn recovery(set: &RecoverySet) -> RecoveryRecord {
    let codes = set.codes().iter().map(|code| RecoveryCodeRecord {
        index: code
            .index
            .map(|index| index_symbol(index).to_string())
            .unwrap_or_default(),
        used: code.used,
        legacy: code.index.is_none(),
    });
    RecoveryRecord {
        left: u32::try_from(set.left()).unwrap_or(u32::MAX),
        created: set
            .codes()
            .iter()
            .map(|code| code.issued)
            .min()
            .unwrap_or(0),
        acknowledged: set.is_acknowledged(),
        suspended: set.is_suspended(),
        codes: codes.collect(),
    }
}

fn rescue(rescue: &Rescue, now: u64) -> RescueRecord {
    RescueRecord {
        opened: rescue.opened,
        by: rescue.opened_by,
        reason: rescue.reason.clone(),
        approved_by: rescue.approved_by,
        code_issued: rescue.has_code(now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oathd_core::{ChannelKind, FactorId, MacKey, Sealed, enrolment::Plan};
    use oathd_core::{Mac, Watermark};
    use oathd_oath::{Algorithm, Digits, Kind};
    use zeroize::Zeroizing;

    fn key() -> MacKey {
        MacKey::new(Zeroizing::new([3; 32]))
    }

    fn account() -> Account {
        let mut account = Account::new("alice".parse().unwrap(), Some(1000));
        let plan = Plan {
            generator: Generator::of(Kind::TOTP),
            algorithm: Algorithm::Sha256,
            digits: Digits::Eight,
            fingerprint: Mac::from_bytes([9; 32]),
            used: Watermark::NONE,
            not_after: Some(9_000),
            replaces: None,
        };
        let id = account.reserve_id();
        account
            .import_factor(id, &plan, "drawer", Sealed(vec![0xAA; 40]), 50)
            .unwrap();
        account
            .add_channel(ChannelKind::Email, "alice@example.org", None)
            .unwrap();
        let _ = account.issue_recovery_codes(&key(), &[[7; 10]; 10], 60);
        account
    }

    #[test]
    fn what_is_known_is_told_without_secrets() {
        let told = describe(&account(), Grants::default(), 70);
        assert_eq!(told.account, "alice@local");
        assert_eq!((told.uid, told.enrolled), (Some(1000), true));
        let factor = &told.factors[0];
        assert_eq!(
            (factor.algorithm.as_str(), factor.digits, factor.period),
            ("SHA256", 8, Some(30))
        );
        assert_eq!((factor.state.as_str(), factor.added), ("active", 50));
        assert_eq!(told.channels[0].address, "a…@example.org");
        let recovery = told.recovery.unwrap();
        assert_eq!((recovery.left, recovery.created), (10, 60));
        let indexes: Vec<_> = recovery.codes.iter().map(|c| c.index.as_str()).collect();
        assert_eq!(indexes.concat().len(), 10);
    }

    #[test]
    fn a_decoy_has_nothing() {
        let decoy = Account::decoy("mallory@shop".parse().unwrap());
        let told = describe(&decoy, Grants::default(), 70);
        let empty = AccountRecord {
            account: "mallory@shop".to_owned(),
            ..AccountRecord::default()
        };
        assert_eq!(told, empty);
    }

    #[test]
    fn what_was_switched_off_says_when() {
        let mut account = account();
        account.switch_off(80);
        let told = describe(&account, Grants::default(), 90);
        assert_eq!((told.enrolled, told.switched_off), (false, Some(80)));
        assert!(told.factors.is_empty() && told.recovery.is_none());
    }

    #[test]
    fn a_suspended_factor_is_told_as_one() {
        let mut account = account();
        account.suspend_factor(FactorId(1), 80).unwrap();
        assert!(account.must_reenrol());
        let told = describe(&account, Grants::default(), 90);
        assert_eq!(told.factors[0].state, "suspended");
    }

    #[test]
    fn a_role_is_found_by_its_word() {
        for role in [Role::Primary, Role::Backup] {
            assert_eq!(role_of(Some(role_word(role))).unwrap(), Some(role));
        }
        assert_eq!(role_of(None).unwrap(), None);
        assert!(role_of(Some("first")).is_err());
    }
}
