//! Codes sent to a person on another channel: SMS, mail, and what else the service delivers.

use std::fmt;

use serde::{Deserialize, Serialize};
use subtle::Choice;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::caller::{CallerClass, ClassSet};
use crate::factor::FactorId;
use crate::mac::{Mac, MacKey, Purpose};
use crate::name::AccountName;
use crate::response::TypedDigits;

/// How long a code is good, in seconds.
pub const LIFETIME: u64 = 600;
/// Wrong answers that a code survives, plus one.
pub const TRIES: u8 = 3;
/// Seconds between two codes to one address.
pub const MIN_GAP: u64 = 30;
/// Codes an hour to one address.
pub const PER_HOUR: usize = 5;
/// Codes a day to one address.
pub const PER_DAY: usize = 10;
/// Channels of an account.
pub const MAX_CHANNELS: usize = 8;
/// The longest address in bytes.
pub const MAX_ADDRESS: usize = 254;

const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;
/// Sends remembered for a class, whatever the address. With more in a day, its next one waits.
const MAX_SENT: usize = 32;

/// Why a code is not sent or a channel not changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChannelError {
    /// The account has no such channel.
    #[error("the account has no such channel")]
    Unknown,
    /// The channel waits for the code that was sent to it.
    #[error("the channel is not verified")]
    Unverified,
    /// The channel is verified already.
    #[error("the channel is verified already")]
    Verified,
    /// Its end has come.
    #[error("the channel has ended")]
    Ended,
    /// Too many wrong codes: it must be added anew.
    #[error("the channel is closed after too many wrong codes")]
    Disabled,
    /// Too many codes were asked for.
    #[error("the next code can be sent in {retry_after} s")]
    Throttled {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// The account has as many channels as it can.
    #[error("an account has at most {MAX_CHANNELS} channels")]
    TooMany,
    /// The address is a channel already.
    #[error("the address is a channel already")]
    Exists,
    /// The address is empty, too long, or holds a control character.
    #[error("the address is not one")]
    InvalidAddress,
    /// The code is wrong.
    #[error("the code is wrong; {tries_left} tries are left")]
    WrongCode {
        /// Tries that are left for this code.
        tries_left: u8,
    },
    /// No code is waiting: none was sent, or it ended.
    #[error("no code is waiting")]
    NoCode,
}

/// How a channel reaches a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ChannelKind {
    /// A text message.
    Sms,
    /// Mail.
    Email,
    /// A command of the administrator.
    Command,
    /// A file, for tests.
    File,
    /// An operator who reads the code out.
    Operator,
}

/// Where a channel leads, as the service normalised it. It is personal, so `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address(String);

impl Address {
    /// An address of 1 to [`MAX_ADDRESS`] bytes without control characters; what it means is the
    /// deliverer's matter.
    ///
    /// # Errors
    /// [`ChannelError::InvalidAddress`]
    pub fn new(text: &str) -> Result<Self, ChannelError> {
        let fits = !text.is_empty() && text.len() <= MAX_ADDRESS;
        if fits && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ChannelError::InvalidAddress)
        }
    }

    /// The address, for the one who sends there.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(..)")
    }
}

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// Its number; factors and channels share the numbers.
    pub id: FactorId,
    /// How it reaches its owner.
    pub kind: ChannelKind,
    /// Where to.
    pub address: Address,
    /// When its code came back, in Unix seconds; `None` until then.
    pub verified: Option<u64>,
    /// When it ends, in Unix seconds.
    pub not_after: Option<u64>,
    /// The classes in which its codes are refused for good.
    pub disabled: ClassSet,
}

impl Channel {
    /// Whether its end has come.
    #[must_use]
    pub fn has_ended(&self, now: u64) -> bool {
        self.not_after.is_some_and(|end| now >= end)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Sent {
    address: Address,
    class: CallerClass,
    at: u64,
}

/// The codes sent in the last day. They are counted by address, not by channel: adding a channel
/// again does not start its count anew. Each class has a count of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota(Vec<Sent>);

impl Quota {
    /// Counts a code to `address`.
    ///
    /// # Errors
    /// The seconds to wait; nothing is counted then.
    pub fn take(&mut self, address: &Address, class: CallerClass, now: u64) -> Result<(), u64> {
        // A clock that was set back must not make a send look as if it were yet to come.
        for sent in &mut self.0 {
            sent.at = sent.at.min(now);
        }
        self.0.retain(|sent| now - sent.at < DAY);
        let of_class = self.0.iter().filter(|sent| sent.class == class);
        let to_this = of_class.clone().filter(|sent| sent.address == *address);
        let [of_class, to_this]: [Vec<u64>; 2] = [
            of_class.map(|sent| sent.at).collect(),
            to_this.map(|sent| sent.at).collect(),
        ];
        // The wait until fewer than `most` lie within `span`.
        let wait = |most: usize, span: u64, times: &[u64]| match times.len().checked_sub(most) {
            Some(at) => times[at].saturating_add(span).saturating_sub(now),
            None => 0,
        };
        let waits = [
            wait(1, MIN_GAP, &to_this),
            wait(PER_HOUR, HOUR, &to_this),
            wait(PER_DAY, DAY, &to_this),
            wait(MAX_SENT, DAY, &of_class),
        ];
        match waits.into_iter().max() {
            Some(longest @ 1..) => Err(longest),
            _ => {
                self.0.push(Sent {
                    address: address.clone(),
                    class,
                    at: now,
                });
                Ok(())
            }
        }
    }
}

/// A code on its way to its owner: eight digits, wiped when dropped.
pub struct OutOfBandCode(Zeroizing<String>);

impl OutOfBandCode {
    fn new(entropy: &[u8; 8]) -> Self {
        Self(Zeroizing::new(format!(
            "{:08}",
            u64::from_be_bytes(*entropy) % 100_000_000
        )))
    }

    /// The digits, for the one who sends them.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for OutOfBandCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OutOfBandCode(..)")
    }
}

/// What a sent code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Use {
    /// To log in, by the class that asked for it.
    Login(CallerClass),
    /// To verify its channel.
    Verify,
}

/// A code that was sent. There is one for each use, so that a class that asks again and again does
/// not void the code of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LiveCode {
    pub(crate) channel: FactorId,
    pub(crate) purpose: Use,
    mac: Mac,
    sent: u64,
    pub(crate) tries_left: u8,
}

impl LiveCode {
    pub(crate) fn issue(
        key: &MacKey,
        account: &AccountName,
        channel: FactorId,
        purpose: Use,
        entropy: &[u8; 8],
        now: u64,
    ) -> Option<(OutOfBandCode, Self)> {
        let code = OutOfBandCode::new(entropy);
        let mac = mac(
            key,
            account,
            channel,
            purpose,
            &TypedDigits::parse(code.reveal())?,
        );
        let live = Self {
            channel,
            purpose,
            mac,
            sent: now,
            tries_left: TRIES,
        };
        Some((code, live))
    }

    /// A code ends after its lifetime, and when the clock stands before its sending.
    pub(crate) fn has_ended(&self, now: u64) -> bool {
        self.tries_left == 0 || now < self.sent || now - self.sent >= LIFETIME
    }

    pub(crate) fn matches(
        &self,
        key: &MacKey,
        account: &AccountName,
        code: &TypedDigits,
    ) -> Choice {
        self.mac
            .same(&mac(key, account, self.channel, self.purpose, code))
    }
}

fn mac(
    key: &MacKey,
    account: &AccountName,
    channel: FactorId,
    purpose: Use,
    code: &TypedDigits,
) -> Mac {
    let purpose = match purpose {
        Use::Verify => 0,
        Use::Login(CallerClass::Console) => 1,
        Use::Login(CallerClass::Remote) => 2,
        Use::Login(CallerClass::OwnPrograms) => 3,
        Use::Login(CallerClass::RealmService) => 4,
    };
    let name = account.to_string();
    key.mac(
        Purpose::OutOfBand,
        &[
            name.as_bytes(),
            &channel.0.to_be_bytes(),
            &[purpose],
            code.bytes(),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn to(address: &str) -> Address {
        Address::new(address).unwrap()
    }

    proptest! {
        #[test]
        fn quotas_hold_for_any_rhythm(gaps in prop::collection::vec(0u64..4_000, 0..200)) {
            let mut quota = Quota::default();
            let (mut now, mut sent) = (1_000_000, Vec::new());
            for gap in gaps {
                now += gap;
                if quota.take(&to("a"), CallerClass::Remote, now).is_ok() {
                    sent.push(now);
                }
            }
            prop_assert!(sent.windows(2).all(|w| w[1] - w[0] >= MIN_GAP));
            prop_assert!(sent.windows(PER_HOUR + 1).all(|w| w[PER_HOUR] - w[0] >= HOUR));
            prop_assert!(sent.windows(PER_DAY + 1).all(|w| w[PER_DAY] - w[0] >= DAY));
        }

        #[test]
        fn the_wait_that_is_named_is_enough(times in prop::collection::vec(0u64..100_000, 0..60)) {
            let mut quota = Quota::default();
            for at in times {
                if let Err(wait) = quota.take(&to("a"), CallerClass::Remote, at) {
                    prop_assert!(quota.clone().take(&to("a"), CallerClass::Remote, at + wait).is_ok());
                }
            }
        }

        #[test]
        fn another_class_or_address_has_its_own_quota(count in 1usize..30) {
            let mut quota = Quota::default();
            for _ in 0..count {
                let _ = quota.take(&to("a"), CallerClass::Remote, 5_000);
            }
            prop_assert!(quota.take(&to("a"), CallerClass::Console, 5_000).is_ok());
            prop_assert!(quota.take(&to("b"), CallerClass::Remote, 5_000).is_ok());
        }

        /// Whatever the others have sent, to however many addresses.
        #[test]
        fn no_class_waits_for_another(
            sends in prop::collection::vec((0..CallerClass::ALL.len(), 0u8..40, 0u64..30), 0..300),
        ) {
            let mut quota = Quota::default();
            let mut alone = [const { Quota(Vec::new()) }; CallerClass::ALL.len()];
            let mut now = 1_000_000;
            for (class, address, gap) in sends {
                now += gap;
                let address = to(&address.to_string());
                let expected = alone[class].take(&address, CallerClass::ALL[class], now);
                prop_assert_eq!(quota.take(&address, CallerClass::ALL[class], now), expected);
                prop_assert!(quota.0.len() <= MAX_SENT * CallerClass::ALL.len());
            }
        }

        #[test]
        fn a_code_has_eight_digits_and_one_use(entropy: [u8; 8]) {
            let key = MacKey::new(Zeroizing::new([1; 32]));
            let name: AccountName = "alice".parse().unwrap();
            let purpose = Use::Login(CallerClass::Remote);
            let (code, live) = LiveCode::issue(&key, &name, FactorId(3), purpose, &entropy, 100).unwrap();
            let digits = TypedDigits::parse(code.reveal()).unwrap();
            prop_assert_eq!(digits.count(), 8);
            prop_assert!(bool::from(live.matches(&key, &name, &digits)));
            for other in [Use::Verify, Use::Login(CallerClass::Console)] {
                let other = LiveCode { purpose: other, ..live.clone() };
                prop_assert!(!bool::from(other.matches(&key, &name, &digits)));
            }
            prop_assert!(!live.has_ended(699) && live.has_ended(700) && live.has_ended(99));
        }
    }
}
