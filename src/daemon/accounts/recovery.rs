//! Recovery codes: a new set, and the proof that one was written down.

use std::sync::Arc;

use oathd_api::ErrorName;
use oathd_core::{Account, Event, MacKey, RecoveryCode, Response, recovery::SET_SIZE};
use zeroize::Zeroizing;

use super::{
    Accounts, Who,
    change::{Done, Permit, enrolled, handed_out},
};
use crate::{
    error::Error,
    ledger::What,
    service::{Call, Service},
};

/// The random bytes of a set of recovery codes.
pub(super) type SetEntropy = Zeroizing<[[u8; 10]; SET_SIZE]>;

impl Accounts {
    /// Random bytes for a set of recovery codes.
    pub(super) fn set_entropy(&self) -> SetEntropy {
        let mut bytes = Zeroizing::new([[0; 10]; SET_SIZE]);
        bytes.iter_mut().for_each(|code| (self.entropy)(code));
        bytes
    }
}

impl Service {
    /// A new set of recovery codes, a line each, in a memory file; the old set is void.
    pub(crate) async fn new_recovery_codes(
        self: &Arc<Self>,
        call: &Call,
        who: &Who,
        permit: Permit,
    ) -> Result<zbus::OwnedFd, Error> {
        let accounts = self.accounts();
        let (key, entropy) = (accounts.ledger.code_key()?, accounts.set_entropy());
        self.keep_change(call, who, Some(permit), move |draft, _| {
            enrolled(draft)?;
            let now = draft.moment.now;
            let (codes, event) = issue(&mut draft.account, &key, &entropy, now)?;
            Ok(Done::with(codes, event))
        })
        .await
    }

    /// One of the codes was typed back, so they were written down; it stays unused.
    pub(crate) async fn acknowledge_recovery(
        self: &Arc<Self>,
        call: &Call,
        who: &Who,
        code: &str,
    ) -> Result<(), Error> {
        let Response::Recovery(code) = Response::classify(code) else {
            return Err(Error::new(ErrorName::InvalidResponse));
        };
        let key = self.accounts().ledger.code_key()?;
        self.keep_change(call, who, None, move |draft, _| {
            enrolled(draft)?;
            let before = draft.account.recovery().map(|set| set.is_acknowledged());
            if !draft.account.acknowledge_recovery(&key, &code) {
                return Err(Error::new(ErrorName::WrongCode));
            }
            if before == Some(false) {
                draft.note(What::RecoveryAcknowledged);
            }
            Ok(Done::quiet(()))
        })
        .await
    }
}

/// Issues a set; the memory file is made before anything is kept, for there is no second look.
pub(super) fn issue(
    account: &mut Account,
    key: &MacKey,
    entropy: &SetEntropy,
    now: u64,
) -> Result<(zbus::OwnedFd, Event), Error> {
    let (codes, event) = account.issue_recovery_codes(key, entropy, now);
    Ok((handed_out(lines(&codes).as_bytes())?, event))
}

/// The codes, a line each.
fn lines(codes: &[RecoveryCode]) -> Zeroizing<String> {
    // Reserved whole, so that growing leaves no copy behind: 18 symbols, dashes, the line's end.
    let mut text = Zeroizing::new(String::with_capacity(codes.len() * 32));
    for code in codes {
        text.push_str(&code.reveal());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_ten_lines_that_read_back() {
        let key = MacKey::new(Zeroizing::new([1; 32]));
        let mut account = Account::new("alice".parse().unwrap(), None);
        let mut entropy: SetEntropy = Zeroizing::new([[0; 10]; SET_SIZE]);
        for (number, code) in (0..).zip(entropy.iter_mut()) {
            code.fill(number);
        }
        let (codes, _) = account.issue_recovery_codes(&key, &entropy, 5);
        let text = lines(&codes);
        assert_eq!(text.lines().count(), SET_SIZE);
        assert_eq!(text.capacity(), SET_SIZE * 32);
        for line in text.lines() {
            let Response::Recovery(code) = Response::classify(line) else {
                panic!("no recovery code");
            };
            assert!(account.acknowledge_recovery(&key, &code));
        }
    }
}
