//! What an entry of the audit trail says, and how it is kept: a version byte, then postcard. No
//! secrets, no addresses, no codes.

use oathd_core::{AccountName, CallerClass, Event};
use serde::{Deserialize, Serialize};

/// The version that is written.
const VERSION: u8 = 1;

/// The longest name of a service that is kept, in bytes.
const MAX_SERVICE: usize = 64;

/// Who does something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The user whose program called.
    pub uid: u32,
    /// Where an attempt came from.
    pub class: Option<CallerClass>,
    /// The PAM service or program that asked, as it called itself.
    pub service: Option<String>,
}

impl Actor {
    /// oathd, of its own accord.
    pub(super) const ITSELF: Actor = Actor {
        uid: 0,
        class: None,
        service: None,
    };
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// Something with an account or a realm.
    Event(Event),
    /// Waits of an account were lifted by an administrator.
    Unlocked,
    /// Sessions of an account were ended.
    SessionsEnded {
        /// How many.
        count: u32,
    },
    /// An API key was issued, in place of the one before.
    ApiKeyIssued,
    /// Accounts were taken over from another verifier.
    Imported {
        /// How many.
        accounts: u64,
    },
    /// A copy of the store was handed out.
    BackedUp,
    /// The accounts were replaced with those of a backup.
    Restored {
        /// How many there are.
        accounts: u64,
        /// The last entry of the backup's own trail.
        backup_seq: u64,
    },
    /// Everything sealed was sealed anew, under another key.
    Rekeyed,
    /// At a start the end of the trail did not fit its seal: somebody changed the file.
    TrailBroken,
    /// An API key was taken away.
    ApiKeyRemoved,
    /// A session was begun.
    SessionBegun,
    /// A recovery code was typed back: the codes were written down.
    RecoveryAcknowledged,
    /// The keys of the store were put back from paper.
    KeysRestored,
    /// The keys of the store were handed out to be printed.
    KeysHandedOut,
    /// An administrator said that the clock is right.
    ClockTrusted,
}

impl What {
    /// Whether it is a sign of an attack.
    #[must_use]
    pub const fn is_alarm(&self) -> bool {
        match self {
            What::Event(event) => event.is_alarm(),
            What::TrailBroken => true,
            _ => false,
        }
    }
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number; there are no gaps.
    pub seq: u64,
    /// When it was written, in Unix seconds, by this host's clock.
    pub at: u64,
    /// Who did it.
    pub actor: Actor,
    /// To which account, if to one.
    pub account: Option<AccountName>,
    /// What.
    pub what: What,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    actor: Actor,
    account: Option<AccountName>,
    what: What,
}

/// The bytes of an entry.
pub(super) fn encode(actor: &Actor, account: Option<&AccountName>, what: What) -> Vec<u8> {
    let mut actor = actor.clone();
    if let Some(service) = &mut actor.service {
        let fits = |end: &usize| service.is_char_boundary(*end);
        let end = (0..=MAX_SERVICE.min(service.len())).rev().find(fits);
        service.truncate(end.unwrap_or(0));
    }
    let stored = Stored {
        actor,
        account: account.cloned(),
        what,
    };
    // Nothing in it fails to be written down; an empty entry would be told as damaged.
    postcard::to_extend(&stored, vec![VERSION]).unwrap_or_default()
}

/// The entry of bytes; `None` for bytes that are none.
pub(super) fn decode(seq: u64, at: u64, bytes: &[u8]) -> Option<AuditEntry> {
    let (&VERSION, body) = bytes.split_first()? else {
        return None;
    };
    let (stored, rest) = postcard::take_from_bytes::<Stored>(body).ok()?;
    rest.is_empty().then_some(AuditEntry {
        seq,
        at,
        actor: stored.actor,
        account: stored.account,
        what: stored.what,
    })
}

#[cfg(test)]
mod tests {
    use oathd_core::Family;
    use proptest::prelude::*;

    use super::*;

    fn what() -> impl Strategy<Value = What> {
        prop_oneof![
            any::<u32>().prop_map(|count| What::SessionsEnded { count }),
            (any::<u64>(), any::<u64>()).prop_map(|(accounts, backup_seq)| What::Restored {
                accounts,
                backup_seq
            }),
            any::<u16>().prop_map(|failures| What::Event(Event::Failed {
                family: Family::Codes,
                class: CallerClass::Remote,
                failures
            })),
            (any::<u32>(), "\\PC{0,200}", any::<bool>()).prop_map(|(by, reason, overridden)| {
                What::Event(Event::RescueOpened {
                    by,
                    reason,
                    overridden,
                })
            }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            uid: u32, class in prop::sample::select(&CallerClass::ALL[..]), service in "\\PC{0,80}",
            name in prop::option::of("[a-z@.]{1,20}@[a-z]{1,9}"), what in what(), seq: u64, at: u64,
        ) {
            let account: Option<AccountName> = name.map(|name| name.parse().unwrap());
            let actor = Actor { uid, class: Some(class), service: Some(service.clone()) };
            let bytes = encode(&actor, account.as_ref(), what.clone());
            let entry = decode(seq, at, &bytes).unwrap();
            prop_assert_eq!((entry.seq, entry.at, &entry.account, &entry.what), (seq, at, &account, &what));
            let kept = entry.actor.service.unwrap();
            prop_assert!(service.starts_with(&kept) && kept.len() <= MAX_SERVICE);
            prop_assert!(kept == service || kept.len() > MAX_SERVICE - 4);
            prop_assert_eq!((entry.actor.uid, entry.actor.class), (uid, Some(class)));
            // Nothing may follow, and nothing may be missing.
            prop_assert_eq!(decode(seq, at, &[&bytes[..], &[0]].concat()), None);
            prop_assert_eq!(decode(seq, at, &bytes[..bytes.len() - 1]), None);
        }

        #[test]
        fn no_bytes_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..100), versioned: bool) {
            if let (Some(first), true) = (bytes.first_mut(), versioned) {
                *first = VERSION;
            }
            let _ = decode(1, 2, &bytes);
        }
    }
}
