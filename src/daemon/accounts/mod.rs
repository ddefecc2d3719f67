//! The verifier half of the service: accounts, who may speak for them, what they are asked and told.
//!
//! [`Accounts`] is what all of it shares. A method of the bus finds out for whom it speaks
//! ([`who`]), changes the account in one closure of the [`Ledger`], and answers when that is on the
//! disk.

mod admin;
mod attempts;
mod candidates;
mod change;
mod channels;
pub(crate) mod deliver;
mod demand;
mod describe;
mod disable;
mod enrolling;
mod factors;
mod failure;
mod grants;
mod group;
mod judging;
mod logins;
mod mask;
mod notices;
pub(crate) mod passwd;
mod pending;
mod presence;
mod receipts;
mod recovery;
pub(crate) mod seeds;
mod sending;
mod sessions;
mod status;
mod verify;
mod waiting;
mod who;

use std::sync::{Arc, Mutex, PoisonError};

use oathd_token::Entropy;

pub(crate) use admin::Import;
pub(crate) use attempts::Attempts;
use candidates::DecoySeed;
pub(crate) use change::Permit;
pub(crate) use channels::channel_kind;
pub(crate) use deliver::Deliver;
pub(crate) use enrolling::{Enrollment, Enrollments, Replaced, read_options, replaced};
pub(crate) use mask::masked;
pub(crate) use notices::{Notices, Told};
pub(crate) use receipts::Receipts;
pub(crate) use sessions::of_realm;
pub(crate) use who::{Standing, Who};

use crate::{clock::Clock, config::AccountSettings, ledger::Ledger, vault::Vault};

/// What everything about accounts shares.
pub(crate) struct Accounts {
    pub(crate) ledger: Ledger,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Entropy,
    pub(crate) receipts: Receipts,
    pub(crate) deliver: Deliver,
    pub(crate) notices: Notices,
    pub(crate) attempts: Attempts,
    pub(crate) enrollments: Enrollments,
    decoy: DecoySeed,
    settings: Mutex<Arc<AccountSettings>>,
}

/// What [`Accounts`] are made of.
pub(crate) struct Parts {
    pub(crate) ledger: Ledger,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Entropy,
    pub(crate) connection: zbus::Connection,
    pub(crate) settings: AccountSettings,
}

impl Accounts {
    pub(crate) fn new(parts: Parts) -> Accounts {
        let deliver = Deliver::new(parts.connection);
        let mut decoy = [0; 20];
        (parts.entropy)(&mut decoy);
        let decoy = DecoySeed::new(decoy);
        parts.ledger.set_retention(parts.settings.audit);
        Accounts {
            ledger: parts.ledger,
            vault: parts.vault,
            clock: parts.clock,
            receipts: Receipts::new(Arc::clone(&parts.entropy)),
            entropy: parts.entropy,
            notices: Notices::new(deliver.clone()),
            deliver,
            attempts: Attempts::default(),
            enrollments: Enrollments::default(),
            decoy,
            settings: Mutex::new(Arc::new(parts.settings)),
        }
    }

    /// The settings in force.
    pub(crate) fn settings(&self) -> Arc<AccountSettings> {
        Arc::clone(&self.settings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes other settings up.
    pub(crate) fn take_up(&self, settings: AccountSettings) {
        self.ledger.set_retention(settings.audit);
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    /// Random bytes.
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.entropy)(&mut bytes);
        bytes
    }
}
