//! A stand for tests: a ledger in a folder of its own, with a clock that stands still.

use std::sync::Arc;

use oathd_core::{
    Account, AccountName, CallerClass, Custody, Factor, Generator, Mac, Sealed, Watermark,
    enrolment::Plan,
};
use oathd_oath::{Algorithm, Digits, Period};
use tempfile::TempDir;

use super::*;
use crate::{
    clock::ManualClock,
    random::SystemRandom,
    scratch_dir::private_dir,
    store::DATABASE,
    vault::{Binding, Purpose, Vault},
};

/// What the clock of a stand shows at first.
pub(super) const NOW: u64 = 1_800_000_000;

pub(super) struct Stand {
    pub(super) dir: TempDir,
    pub(super) clock: Arc<ManualClock>,
    ledger: Option<Ledger>,
    vault: Option<Arc<Vault>>,
}

impl Stand {
    pub(super) async fn new() -> Stand {
        let mut stand = Stand {
            dir: private_dir(),
            clock: Arc::new(ManualClock::new(NOW)),
            ledger: None,
            vault: None,
        };
        stand.reopen().await;
        stand
    }

    /// Ends the ledger and opens it again.
    pub(super) async fn reopen(&mut self) {
        self.close();
        let dir = self.dir.path();
        let store = Store::open(dir).unwrap();
        let vault = Vault::load(&store, dir, None, Arc::new(SystemRandom)).await;
        self.vault = Some(Arc::new(vault.unwrap()));
        let clock = Arc::clone(&self.clock);
        let opened = Ledger::open(store, dir, Arc::new(SystemRandom), clock);
        self.ledger = Some(opened.await.unwrap());
    }

    pub(super) fn close(&mut self) {
        self.ledger = None;
        self.vault = None;
    }

    pub(super) fn vault(&self) -> &Arc<Vault> {
        self.vault.as_ref().unwrap()
    }

    pub(super) fn ledger(&self) -> &Ledger {
        self.ledger.as_ref().unwrap()
    }

    /// A change of an account.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        text: &str,
        work: impl FnOnce(&mut Draft<'_>) -> T + Send + 'static,
    ) -> Result<T, LedgerError> {
        self.ledger().change(&name(text), actor(), work).await
    }

    /// An account with a factor whose seed is sealed.
    pub(super) async fn enrol(&self, text: &str, number: u8, generator: Generator) {
        let vault = Arc::clone(self.vault());
        let enrolled = self.change(text, move |draft| {
            draft.create(None);
            let name = draft.account.name().clone();
            let factor = draft.account.reserve_id();
            let place = Binding::Factor {
                account: &name,
                factor,
            };
            let sealed = vault.seal(Purpose::AccountSeed, place, &[number; 20]);
            let sealed = Sealed(sealed.unwrap());
            let now = draft.moment.now - 3600;
            let plan = plan(number, generator);
            let added = draft
                .account
                .import_factor(factor, &plan, "test", sealed, now);
            draft.record(added.unwrap());
        });
        enrolled.await.unwrap();
    }

    /// The seeds of an account, opened.
    pub(super) async fn seeds(&self, text: &str) -> Vec<Vec<u8>> {
        let account = self.ledger().read(&name(text)).await.unwrap().unwrap();
        let open = |factor: &Factor| {
            let Custody::Sealed(sealed) = &factor.custody else {
                panic!("not sealed");
            };
            let place = Binding::Factor {
                account: account.name(),
                factor: factor.id,
            };
            let opened = self.vault().open(Purpose::AccountSeed, place, &sealed.0);
            opened.unwrap().to_vec()
        };
        account.factors().iter().map(open).collect()
    }

    /// Changes the file with a connection of one's own.
    pub(super) fn tamper(&self, sql: &str) {
        self.try_to_tamper(sql).unwrap();
    }

    pub(super) fn try_to_tamper(&self, sql: &str) -> rusqlite::Result<()> {
        Connection::open(self.dir.path().join(DATABASE))?.execute_batch(sql)
    }
}

pub(super) fn name(text: &str) -> AccountName {
    text.parse().unwrap()
}

pub(super) fn actor() -> Actor {
    Actor {
        uid: 1000,
        class: Some(CallerClass::RealmService),
        service: Some("shop".to_owned()),
    }
}

/// The fingerprint of a seed in tests.
pub(super) fn mac(number: u8) -> Mac {
    Mac::from_bytes([number ^ 0x80; 32])
}

/// Takes a factor over, as an importer does.
pub(super) fn import(account: &mut Account, number: u8, generator: Generator, now: u64) -> bool {
    let id = account.reserve_id();
    let sealed = Sealed(vec![number; 61]);
    account
        .import_factor(id, &plan(number, generator), "test", sealed, now)
        .is_ok()
}

fn plan(number: u8, generator: Generator) -> Plan {
    Plan {
        generator,
        algorithm: Algorithm::Sha1,
        digits: Digits::Six,
        fingerprint: mac(number),
        used: Watermark::NONE,
        not_after: None,
        replaces: None,
    }
}

pub(super) const TOTP: Generator = Generator::Totp {
    period: Period::DEFAULT,
};
