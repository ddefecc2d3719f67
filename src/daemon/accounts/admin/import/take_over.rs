//! Writing a row of an import into its account.

use oathd_api::wire::administration::ImportRow;
use oathd_core::{Account, Holding, MacKey, Sealed, Trust};

use super::row::{Row, refused};
use crate::{
    accounts::seeds,
    ledger::{Draft, What},
    vault::{Vault, VaultError},
};

/// What rows are written with.
pub(super) struct Tools<'a> {
    /// Of recovery codes.
    pub(super) codes: &'a MacKey,
    /// Seals the seeds.
    pub(super) vault: &'a Vault,
    /// Nothing is to be kept.
    pub(super) dry_run: bool,
}

/// Takes a row over, and says what became of it. `uid` is that of the user of a local account. What
/// is refused leaves no trace.
///
/// # Errors
/// Those of the vault; nothing is kept then.
pub(super) fn take_over(
    draft: &mut Draft<'_>,
    row: &Row,
    uid: Option<u32>,
    tools: &Tools<'_>,
) -> Result<ImportRow, VaultError> {
    let outcome = write(draft, row, uid, tools);
    let kept = outcome
        .as_ref()
        .is_ok_and(|told| told.state != "refused" && !tools.dry_run);
    if !kept {
        draft.discard();
    }
    outcome
}

fn write(
    draft: &mut Draft<'_>,
    row: &Row,
    uid: Option<u32>,
    tools: &Tools<'_>,
) -> Result<ImportRow, VaultError> {
    let name = row.account.to_string();
    let now = draft.moment.now;
    if row.plan.generator.needs_clock() && draft.moment.clock == Trust::Doubtful {
        return Ok(refused(&name, "the clock of this host cannot be trusted"));
    }
    // The name was another user's before.
    if draft.is_known() && draft.account.uid() != uid {
        draft.disown();
    }
    if !draft.is_known() {
        draft.create(uid);
    }
    let fingerprint = &row.plan.fingerprint;
    match draft.seed_is_taken(fingerprint) {
        Ok(false) => {}
        Ok(true) => return Ok(refused(&name, "another account has the same seed")),
        // The ledger keeps nothing, and answers with the cause.
        Err(_) => return Ok(refused(&name, "")),
    }
    let known = draft.account.remembers_seed(fingerprint);
    let factors = draft.account.factors();
    let there = factors.iter().find(|f| f.fingerprint == *fingerprint);
    let there = there.map(|factor| factor.id);
    let (id, seed) = match there {
        Some(id) => (id, Sealed(Vec::new())),
        None => {
            let id = draft.account.reserve_id();
            let place = (&row.account, id);
            let sealed = seeds::seal(tools.vault, Holding::Seed, place, row.seed.expose());
            (id, sealed?)
        }
    };
    let added = draft
        .account
        .import_factor(id, &row.plan, &row.label, seed, now);
    let added = match added {
        Ok(added) => added,
        Err(reason) => return Ok(refused(&name, reason)),
    };
    let mut notes = row.notes.clone();
    // Codes that come with a seed that was here before may have been used here.
    if !known && !keep_scratch(&mut draft.account, row, tools.codes, now) {
        notes.push("some recovery codes found no room".to_owned());
    }
    let state = match (&added, tools.dry_run) {
        (None, _) => "present",
        (Some(_), true) => "would_import",
        (Some(_), false) => "imported",
    };
    if added.is_some() {
        draft.note(What::Imported { accounts: 1 });
    }
    draft.record(added);
    Ok(ImportRow {
        account: name,
        state: state.to_owned(),
        reason: None,
        notes,
        factor: Some(id.0),
    })
}

/// Keeps the codes of a row that are good once; says whether all found room.
fn keep_scratch(account: &mut Account, row: &Row, key: &MacKey, now: u64) -> bool {
    if row.scratch.is_empty() {
        return true;
    }
    let (name, set) = account.recovery_for_import();
    let mut all = true;
    for code in &row.scratch {
        all &= set.import_legacy(key, name, code, false, now);
    }
    all
}
