//! What an owner should look after before it is too late.

use crate::account::Account;
use crate::factor::FactorId;
use crate::moment::{Moment, Trust};

const DAY: u64 = 86_400;
/// A factor that was not used for so long may be gone, in seconds.
pub const UNSEEN: u64 = 90 * DAY;
/// An address that was not verified for so long may be another's, in seconds.
pub const STALE: u64 = 365 * DAY;
/// How long before an end the owner is told, in days.
pub const NOTICE_DAYS: [u64; 3] = [30, 7, 1];

/// A concern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// The owner came in by a way back and has yet to enrol a factor.
    MustReenrol,
    /// No recovery codes are there.
    NoRecoveryCodes,
    /// The set should be renewed: few are left, or weak or suspended ones are in it.
    RenewRecoveryCodes {
        /// How many are left.
        left: usize,
    },
    /// Nobody has shown that the codes were written down.
    UnacknowledgedRecoveryCodes,
    /// There is one factor and no channel.
    SingleFactor,
    /// A factor was not used for 90 days.
    Unseen(FactorId),
    /// An address was verified more than a year ago.
    StaleAddress(FactorId),
    /// A factor or a channel ends soon.
    Ends {
        /// Which.
        id: FactorId,
        /// The smallest of [`NOTICE_DAYS`] that is not less than the days left.
        within_days: u64,
    },
    /// The clock of this host cannot be believed.
    ClockUntrusted,
}

impl Account {
    /// The concerns, the gravest first. None for an account without a second factor.
    #[must_use]
    pub fn concerns(&self, moment: Moment) -> Vec<Concern> {
        if !self.is_enrolled() {
            return Vec::new();
        }
        let now = moment.now;
        let mut concerns = Vec::new();
        if self.must_reenrol {
            concerns.push(Concern::MustReenrol);
        }
        if moment.clock == Trust::Doubtful {
            concerns.push(Concern::ClockUntrusted);
        }
        match &self.recovery {
            None => concerns.push(Concern::NoRecoveryCodes),
            Some(set) if set.needs_renewal() => {
                concerns.push(Concern::RenewRecoveryCodes { left: set.left() });
            }
            Some(set) if !set.is_acknowledged() => {
                concerns.push(Concern::UnacknowledgedRecoveryCodes);
            }
            Some(_) => {}
        }
        if self.in_force(now).count() < 2 && self.open_channels(now).next().is_none() {
            concerns.push(Concern::SingleFactor);
        }
        for factor in self.in_force(now) {
            let seen = factor.last_used.unwrap_or(factor.added);
            if now.saturating_sub(seen) >= UNSEEN {
                concerns.push(Concern::Unseen(factor.id));
            }
            concerns.extend(ends(factor.id, factor.not_after, now));
        }
        for channel in self.open_channels(now) {
            if channel
                .verified
                .is_some_and(|at| now.saturating_sub(at) >= STALE)
            {
                concerns.push(Concern::StaleAddress(channel.id));
            }
            concerns.extend(ends(channel.id, channel.not_after, now));
        }
        concerns
    }
}

fn ends(id: FactorId, not_after: Option<u64>, now: u64) -> Option<Concern> {
    let left = not_after?.saturating_sub(now);
    let within_days = NOTICE_DAYS
        .into_iter()
        .rev()
        .find(|days| left <= days * DAY)?;
    Some(Concern::Ends { id, within_days })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::CallerClass;
    use crate::out_of_band::ChannelKind;
    use crate::response::TypedDigits;
    use crate::stand::{START, Stand, TOTP, key};

    #[test]
    fn an_address_is_old_after_a_year() {
        let mut stand = Stand::new(1000);
        stand.enrol(1, TOTP, None, START).unwrap();
        let account = &mut stand.account;
        let added = account.add_channel(ChannelKind::Email, "ada@example.org", None);
        let (id, _) = added.unwrap();
        let class = CallerClass::Console;
        let sent = account.send_verification(id, class, START, &key(), &[1; 8]);
        let code = TypedDigits::parse(sent.unwrap().reveal()).unwrap();
        account.verify_channel(id, &code, START, &key()).unwrap();
        for (day, old) in [(0, false), (364, false), (365, true), (366, true)] {
            let concerns = account.concerns(Moment::at(START + day * DAY));
            assert_eq!(concerns.contains(&Concern::StaleAddress(id)), old, "{day}");
        }
    }

    #[test]
    fn concerns_come_and_go() {
        let mut stand = Stand::new(1000);
        assert_eq!(stand.account.concerns(Moment::at(START)), []);
        let id = stand.enrol(1, TOTP, None, START).unwrap();
        let now = Moment::at(START);
        assert_eq!(
            stand.account.concerns(now),
            [Concern::NoRecoveryCodes, Concern::SingleFactor]
        );
        let (codes, _) = stand
            .account
            .issue_recovery_codes(&key(), &[[1; 10]; 10], START);
        stand.enrol(2, TOTP, None, START).unwrap();
        assert_eq!(
            stand.account.concerns(now),
            [Concern::UnacknowledgedRecoveryCodes]
        );
        assert!(stand.account.acknowledge_recovery(&key(), &codes[0]));
        assert_eq!(stand.account.concerns(now), []);
        let doubtful = Moment {
            clock: Trust::Doubtful,
            ..now
        };
        assert_eq!(stand.account.concerns(doubtful), [Concern::ClockUntrusted]);
        stand
            .account
            .set_factor_end(id, Some(START + 40 * DAY))
            .unwrap();
        for (day, within) in [
            (9, None),
            (10, Some(30)),
            (32, Some(30)),
            (33, Some(7)),
            (39, Some(1)),
        ] {
            let expected: Vec<_> = within
                .map(|within_days| Concern::Ends { id, within_days })
                .into_iter()
                .collect();
            assert_eq!(
                stand.account.concerns(Moment::at(START + day * DAY)),
                expected,
                "{day}"
            );
        }
        let later = stand.account.concerns(Moment::at(START + 91 * DAY));
        assert_eq!(
            later.len(),
            2,
            "the other factor is alone, and unseen: {later:?}"
        );
    }
}
