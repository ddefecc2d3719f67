//! What oathd keeps: the key that seals it, and the disk that it is on.

use oathd_client::DiagnosisRecord;

use super::{Facts, Finding};
use crate::output::harmless;

/// Bytes below which the state is about to fail: SQLite's journal takes up to 4 MiB.
const SCARCE: u64 = 16 << 20;

/// Bytes below which somebody should look.
const LITTLE: u64 = 256 << 20;

pub(super) fn rules(facts: &Facts) -> Vec<Finding> {
    let Some(seen) = &facts.diagnosis else {
        return Vec::new();
    };
    if !seen.complete {
        return vec![Finding::note(
            "state",
            "The vault key, the state and the keys of other users are told to administrators alone.",
            "`sudo oathctl doctor`",
        )];
    }
    let folder = harmless(seen.state_folder.as_deref().unwrap_or("the state folder"));
    let mut found = vec![vault_key(seen, &folder)];
    if seen.vault_key_file_left == Some(true) {
        found.push(Finding::warning(
            "vault_key",
            format!("The vault key is a credential, and {folder}/vault.key still lies beside what it seals."),
            format!("Lock a copy of it away (`oathctl admin escrow`), then `rm {folder}/vault.key`."),
        ));
    }
    if seen.codes_key == Some(false) {
        found.push(Finding::problem(
            "codes_key",
            "The key of the accounts and their recovery codes is missing or another one: nobody can be verified.",
            format!("Put {folder}/codes.key back, or `oathctl admin restore-keys` with the printed sheet."),
        ));
    }
    found.push(disk(seen, &folder));
    found
}

fn vault_key(seen: &DiagnosisRecord, folder: &str) -> Finding {
    match seen.vault_key.as_deref() {
        Some("credential") => Finding::ok("vault_key", "The vault key is a systemd credential."),
        Some("file") => Finding::warning(
            "vault_key",
            format!(
                "The vault key is a file: whoever copies {folder} can open what is sealed in it."
            ),
            format!(
                "`systemd-creds encrypt --name=oathd.vault-key --tpm2-pcrs= {folder}/vault.key \
                 /etc/credstore.encrypted/oathd.vault-key && systemctl restart oathd`, then lock a copy away and remove the file."
            ),
        ),
        _ => {
            let detail = harmless(
                seen.vault_key_detail
                    .as_deref()
                    .unwrap_or("no reason is told"),
            );
            Finding::problem(
                "vault_key",
                format!("What oathd has sealed cannot be opened ({detail})."),
                "Put the key back, or `oathctl admin restore-keys` with the printed sheet.",
            )
        }
    }
}

fn disk(seen: &DiagnosisRecord, folder: &str) -> Finding {
    if seen.state_writable != Some(true) {
        let detail = harmless(seen.state_detail.as_deref().unwrap_or("no reason is told"));
        return Finding::problem(
            "state",
            format!("oathd cannot use its state ({detail})."),
            format!(
                "`df {folder}`, `journalctl --unit=oathd.service`; a backup comes back by `oathctl admin restore`."
            ),
        );
    }
    let free = seen.state_free.unwrap_or(u64::MAX);
    if free < LITTLE {
        let what = format!("{} MiB are free where {folder} is.", free >> 20);
        let remedy =
            format!("`df {folder}`; `journalctl --vacuum-size=100M` and `apt clean` make room.");
        return match free < SCARCE {
            true => Finding::problem("state", what, remedy),
            false => Finding::warning("state", what, remedy),
        };
    }
    match seen.state_file_system.as_deref() {
        Some(kind @ ("tmpfs" | "ramfs")) => Finding::problem(
            "state",
            format!(
                "{folder} is in memory ({kind}): every account is gone after a restart of the machine."
            ),
            format!("Mount a disk at {folder}; `oathctl admin backup` takes the accounts along."),
        ),
        Some(kind @ "overlay") => Finding::warning(
            "state",
            format!(
                "{folder} is on a layer over another file system ({kind}), which goes with its container."
            ),
            format!("Mount a disk at {folder}; `oathctl admin backup` takes the accounts along."),
        ),
        Some(kind @ "nfs") => Finding::warning(
            "state",
            format!("{folder} is on a network file system ({kind}), where a lock may not hold."),
            format!("Mount a local disk at {folder}."),
        ),
        Some(kind @ ("btrfs" | "zfs" | "bcachefs")) => Finding::note(
            "state",
            format!(
                "{folder} is on {kind}: a snapshot that is put back brings used codes back, and oathd does not notice."
            ),
            "Leave it out of what is rolled back; go back by `oathctl admin backup` and `oathctl admin restore`.",
        ),
        _ => Finding::ok("state", format!("{folder} can be written, and has room.")),
    }
}
