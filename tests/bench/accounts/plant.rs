//! A realm full of accounts, written by the ledger's own code while no oathd runs.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::sync::Arc;

use futures_util::future::join_all;
use oathd_core::enrolment::Plan;
use oathd_core::{Generator, Sealed, Watermark, fingerprint};
use oathd_daemon::clock::SystemClock;
use oathd_daemon::ledger::{Actor, Draft, Ledger};
use oathd_daemon::random::SystemRandom;
use oathd_daemon::store::Store;
use oathd_daemon::vault::{Binding, Purpose, Vault};
use oathd_oath::{Algorithm, Digits, Period, Secret, code};
use oathd_tests::world::User;

use crate::Result;

/// How many changes are under way at once: what the store lets wait.
const BATCH: u32 = 256;

/// How long ago the accounts were taken over, in seconds.
const HOUR: u64 = 3_600;

/// The name of account `number`.
pub(super) fn account(number: u32) -> String {
    format!("user{number:07}@bench")
}

/// The seed of account `number`.
pub(super) fn seed(number: u32) -> Result<Secret> {
    Ok(Secret::new(number.to_be_bytes().repeat(5))?)
}

/// The code of account `number`, for the step that is `ahead` of the present one.
pub(super) fn present_code(number: u32, ahead: i64) -> Result<String> {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_secs();
    let step = now / u64::from(Period::DEFAULT.seconds());
    Ok(code::hotp(
        &seed(number)?,
        Algorithm::Sha1,
        Digits::Six,
        step.saturating_add_signed(ahead),
    ))
}

/// Fills the empty state folder of an oathd with `count` accounts of one sealed factor each, whose
/// codes were never used.
pub(super) fn plant(folder: &Path, count: u32) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let random = Arc::new(SystemRandom);
        let store = Store::open(folder)?;
        let vault = Vault::load(&store, folder, None, random.clone()).await?;
        let vault = Arc::new(vault);
        let ledger = Ledger::open(store, folder, random, Arc::new(SystemClock)).await?;
        for first in (0..count).step_by(BATCH as usize) {
            let batch = first..count.min(first + BATCH);
            let planted = join_all(batch.map(|number| add(&ledger, &vault, number))).await;
            planted.into_iter().collect::<Result<()>>()?;
        }
        Result::Ok(())
    })?;
    for entry in fs::read_dir(folder)? {
        let uid = Some(User::Oathd.uid());
        chown(entry?.path(), uid, uid)?;
    }
    Ok(())
}

async fn add(ledger: &Ledger, vault: &Arc<Vault>, number: u32) -> Result<()> {
    let seed = seed(number)?;
    let plan = Plan {
        generator: Generator::Totp {
            period: Period::DEFAULT,
        },
        algorithm: Algorithm::Sha1,
        digits: Digits::Six,
        fingerprint: fingerprint(&*ledger.fingerprint_key()?, &seed),
        used: Watermark::NONE,
        not_after: None,
        replaces: None,
    };
    let actor = Actor {
        uid: 0,
        class: None,
        service: None,
    };
    let (name, vault) = (account(number).parse()?, Arc::clone(vault));
    let add = move |draft: &mut Draft<'_>| -> std::result::Result<(), String> {
        draft.create(None);
        // A code of before the import is not accepted.
        let (factor, now) = (draft.account.reserve_id(), draft.moment.now - HOUR);
        let place = Binding::Factor {
            account: draft.account.name(),
            factor,
        };
        let sealed = vault.seal(Purpose::AccountSeed, place, seed.expose());
        let sealed = Sealed(sealed.map_err(|error| error.to_string())?);
        let added = draft
            .account
            .import_factor(factor, &plan, "bench", sealed, now);
        draft.record(added.map_err(|error| error.to_string())?);
        Ok(())
    };
    Ok(ledger.change(&name, actor, add).await??)
}
