//! The channels of an account: adding, verifying, sending, removing.

use crate::account::Account;
use crate::caller::{CallerClass, ClassSet};
use crate::charge::Family;
use crate::event::Event;
use crate::factor::FactorId;
use crate::mac::MacKey;
use crate::out_of_band::{
    Address, Channel, ChannelError, ChannelKind, LiveCode, MAX_CHANNELS, OutOfBandCode, Use,
};
use crate::response::TypedDigits;

impl Account {
    /// Adds a channel. It carries nothing but its own code until that comes back.
    ///
    /// # Errors
    /// [`ChannelError`]
    pub fn add_channel(
        &mut self,
        kind: ChannelKind,
        address: &str,
        not_after: Option<u64>,
    ) -> Result<(FactorId, Event), ChannelError> {
        let address = Address::new(address)?;
        if self.channels.len() == MAX_CHANNELS {
            return Err(ChannelError::TooMany);
        }
        if self
            .channels
            .iter()
            .any(|c| c.kind == kind && c.address == address)
        {
            return Err(ChannelError::Exists);
        }
        let id = self.reserve_id();
        self.channels.push(Channel {
            id,
            kind,
            address,
            verified: None,
            not_after,
            disabled: ClassSet::EMPTY,
        });
        Ok((id, Event::ChannelAdded { channel: id }))
    }

    /// A code to verify a channel with; an earlier one is void.
    ///
    /// # Errors
    /// [`ChannelError`]
    pub fn send_verification(
        &mut self,
        id: FactorId,
        class: CallerClass,
        now: u64,
        key: &MacKey,
        entropy: &[u8; 8],
    ) -> Result<OutOfBandCode, ChannelError> {
        let channel = self.channel(id)?;
        if channel.verified.is_some() {
            return Err(ChannelError::Verified);
        }
        self.send(id, class, Use::Verify, now, key, entropy)
    }

    /// A code to log in with, for the class that asks; an earlier one of that class is void.
    ///
    /// # Errors
    /// [`ChannelError`]
    pub fn send_login_code(
        &mut self,
        id: FactorId,
        class: CallerClass,
        now: u64,
        key: &MacKey,
        entropy: &[u8; 8],
    ) -> Result<(OutOfBandCode, Event), ChannelError> {
        let channel = self.channel(id)?;
        if channel.verified.is_none() {
            return Err(ChannelError::Unverified);
        }
        if channel.has_ended(now) {
            return Err(ChannelError::Ended);
        }
        if channel.disabled.contains(class) {
            return Err(ChannelError::Disabled);
        }
        let code = self.send(id, class, Use::Login(class), now, key, entropy)?;
        Ok((code, Event::CodeSent { channel: id, class }))
    }

    fn send(
        &mut self,
        id: FactorId,
        class: CallerClass,
        purpose: Use,
        now: u64,
        key: &MacKey,
        entropy: &[u8; 8],
    ) -> Result<OutOfBandCode, ChannelError> {
        let address = self.channel(id)?.address.clone();
        self.quota
            .take(&address, class, now)
            .map_err(|retry_after| ChannelError::Throttled { retry_after })?;
        let (code, live) = LiveCode::issue(key, &self.name, id, purpose, entropy, now)
            .ok_or(ChannelError::NoCode)?;
        self.live
            .retain(|other| other.purpose != purpose && !other.has_ended(now));
        self.live.push(live);
        Ok(code)
    }

    /// Verifies a channel by the code that was sent to it.
    ///
    /// # Errors
    /// [`ChannelError`]
    pub fn verify_channel(
        &mut self,
        id: FactorId,
        code: &TypedDigits,
        now: u64,
        key: &MacKey,
    ) -> Result<Event, ChannelError> {
        self.channel(id)?;
        self.live.retain(|live| !live.has_ended(now));
        let waiting = |live: &LiveCode| live.channel == id && live.purpose == Use::Verify;
        let at = self
            .live
            .iter()
            .position(waiting)
            .ok_or(ChannelError::NoCode)?;
        if !bool::from(self.live[at].matches(key, &self.name, code)) {
            self.live[at].tries_left = self.live[at].tries_left.saturating_sub(1);
            let tries_left = self.live[at].tries_left;
            return Err(ChannelError::WrongCode { tries_left });
        }
        self.live.remove(at);
        for channel in self.channels.iter_mut().filter(|c| c.id == id) {
            channel.verified = Some(now);
        }
        self.ledger.reopen(Family::OutOfBand);
        Ok(Event::ChannelVerified { channel: id })
    }

    /// Takes a channel away. The channel is given back: its address is told that it is gone.
    ///
    /// # Errors
    /// [`ChannelError::Unknown`]
    pub fn remove_channel(&mut self, id: FactorId) -> Result<(Channel, Event), ChannelError> {
        let at = self
            .channels
            .iter()
            .position(|c| c.id == id)
            .ok_or(ChannelError::Unknown)?;
        self.live.retain(|live| live.channel != id);
        Ok((
            self.channels.remove(at),
            Event::ChannelRemoved { channel: id },
        ))
    }

    fn channel(&self, id: FactorId) -> Result<&Channel, ChannelError> {
        self.channels
            .iter()
            .find(|c| c.id == id)
            .ok_or(ChannelError::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::out_of_band::{LIFETIME, TRIES};
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    fn key() -> MacKey {
        MacKey::new(Zeroizing::new([2; 32]))
    }

    fn with_channel() -> (Account, FactorId) {
        let mut account = Account::new("alice".parse().unwrap(), Some(1000));
        let (id, _) = account
            .add_channel(ChannelKind::Sms, "+491701234567", None)
            .unwrap();
        (account, id)
    }

    proptest! {
        #[test]
        fn a_channel_is_verified_by_its_code_in_time(entropy: [u8; 8], after in 0u64..1_200, wrong in 0u8..5) {
            let (mut account, id) = with_channel();
            let code = account.send_verification(id, CallerClass::Console, 1_000, &key(), &entropy).unwrap();
            let digits = TypedDigits::parse(code.reveal()).unwrap();
            let other = if code.reveal() == "00000000" { "00000001" } else { "00000000" };
            for _ in 0..wrong {
                let refused = account.verify_channel(id, &TypedDigits::parse(other).unwrap(), 1_000, &key());
                prop_assert!(refused.is_err());
            }
            let verified = account.verify_channel(id, &digits, 1_000 + after, &key()).is_ok();
            prop_assert_eq!(verified, after < LIFETIME && wrong < TRIES);
            prop_assert_eq!(account.channels()[0].verified.is_some(), verified);
            let again = account.verify_channel(id, &digits, 1_000 + after, &key());
            prop_assert!(again.is_err());
        }
    }

    #[test]
    fn what_a_channel_cannot_do_is_named() {
        let (mut account, id) = with_channel();
        let now = 1_000;
        let login = |account: &mut Account, now| {
            account
                .send_login_code(id, CallerClass::Remote, now, &key(), &[1; 8])
                .map(|_| ())
        };
        assert_eq!(login(&mut account, now), Err(ChannelError::Unverified));
        let exists = account
            .add_channel(ChannelKind::Sms, "+491701234567", None)
            .unwrap_err();
        assert_eq!(exists, ChannelError::Exists);
        for address in ["", "a\nb", &"a".repeat(255)] {
            let refused = account
                .add_channel(ChannelKind::Email, address, None)
                .unwrap_err();
            assert_eq!(refused, ChannelError::InvalidAddress);
        }
        let code = account
            .send_verification(id, CallerClass::Remote, now, &key(), &[9; 8])
            .unwrap();
        account
            .verify_channel(id, &TypedDigits::parse(code.reveal()).unwrap(), now, &key())
            .unwrap();
        assert_eq!(
            login(&mut account, now),
            Err(ChannelError::Throttled { retry_after: 30 })
        );
        assert_eq!(login(&mut account, now + 30), Ok(()));
        account.channels[0].not_after = Some(now + 50);
        assert_eq!(login(&mut account, now + 60), Err(ChannelError::Ended));
        assert_eq!(account.notice_channels(None, now), [id]);
        assert_eq!(account.notice_channels(Some(id), now), []);
        let (gone, _) = account.remove_channel(id).unwrap();
        assert_eq!(gone.address.as_str(), "+491701234567");
        assert_eq!(login(&mut account, now + 60), Err(ChannelError::Unknown));
    }

    #[test]
    fn adding_a_channel_again_does_not_start_its_quota_anew() {
        let (mut account, id) = with_channel();
        account
            .send_verification(id, CallerClass::Remote, 50, &key(), &[1; 8])
            .unwrap();
        account.remove_channel(id).unwrap();
        let (again, _) = account
            .add_channel(ChannelKind::Sms, "+491701234567", None)
            .unwrap();
        let refused = account.send_verification(again, CallerClass::Remote, 60, &key(), &[1; 8]);
        assert_eq!(
            refused.unwrap_err(),
            ChannelError::Throttled { retry_after: 20 }
        );
    }
}
