//! What the service sees of itself and its surroundings. Nothing here asks a person, spends an
//! attempt or makes a token blink, and whatever hangs is left behind in time for an answer.

use std::{future::Future, path::Path, sync::Arc, time::Duration};

use oathd_api::wire::diagnosis::{DiagnosisRecord, KeptKeyRecord};
use oathd_core::{RealmName, Trust};
use oathd_token::{AccessKey, CardService, Token, TokenError};
use rustix::fs::statfs;

use super::{Call, Service};
use crate::{
    accounts::passwd::{self, Asker},
    authority::{Action, CardPolicy},
    config::Config,
    error::Error,
    keyring::KeptKey,
    vault::{KeySource, Vault, key},
};

/// How long each part may take.
const PART: Duration = Duration::from_secs(3);

/// What is left of a call for the answer itself.
const RESERVE: Duration = Duration::from_millis(500);

/// What is seen of tokens.
#[derive(Default)]
struct Cards {
    service: &'static str,
    detail: Option<String>,
    tokens: Vec<Token>,
    held: bool,
}

impl Service {
    /// Tells what is seen; all of it to administrators.
    pub(crate) async fn diagnose(&self, call: &Call) -> Result<DiagnosisRecord, Error> {
        let complete = self.administers(call);
        let complete = in_part(call, complete).await.unwrap_or(false);
        let policy = in_part(call, self.authorizer.card_policy());
        let (cards, policy) = tokio::join!(self.cards(call), policy);
        let keys = self.keys(call, complete, &cards.tokens).await;
        let moment = self.accounts().ledger.moment(&RealmName::local());
        let record = DiagnosisRecord {
            complete,
            card_service: cards.service.to_owned(),
            card_service_detail: cards.detail,
            card_policy: policy_word(policy.unwrap_or(CardPolicy::Unknown)).to_owned(),
            tokens: u32::try_from(cards.tokens.len()).unwrap_or(u32::MAX),
            held: cards.held,
            duplicated: has_twins(&cards.tokens),
            clock_trusted: moment.clock == Trust::Good,
            keys,
            ..DiagnosisRecord::default()
        };
        Ok(match complete {
            true => {
                let record = self.with_state(call, record).await;
                self.with_settings(call, record).await
            }
            false => record,
        })
    }

    /// Whether the caller may administer, without being asked for anything.
    async fn administers(&self, call: &Call) -> bool {
        let may = self
            .authorizer
            .allow(&call.caller, Action::Administer, false, &[]);
        may.await.is_ok()
    }

    async fn cards(&self, call: &Call) -> Cards {
        let hub = self.hub();
        let (service, detail) = match hub.probe(left(call)).await {
            CardService::Ready => ("ready", None),
            CardService::Away { reason } => ("away", Some(reason)),
            CardService::Silent => ("silent", None),
        };
        if service != "ready" {
            return Cards {
                service,
                detail,
                ..Cards::default()
            };
        }
        let (tokens, held) = match in_part(call, hub.tokens()).await {
            Some(Ok(tokens)) => (tokens, hub.leaves_out_held()),
            // What the service says of readers is seen once it is asked for a token.
            Some(Err(_)) => (Vec::new(), false),
            None => (hub.listed(), true),
        };
        Cards {
            service,
            detail,
            tokens,
            held,
        }
    }

    async fn keys(&self, call: &Call, complete: bool, tokens: &[Token]) -> Vec<KeptKeyRecord> {
        let own = Some(call.caller.uid).filter(|_| !complete);
        let kept = in_part(call, self.keyring.kept(own)).await;
        let mut records = Vec::new();
        for key in kept.and_then(Result::ok).unwrap_or_default() {
            let state = self.state_of(call, &key, tokens).await;
            let serial = key.serial.or_else(|| {
                let token = tokens.iter().find(|token| is_of(token, &key));
                token.and_then(|token| token.info().serial)
            });
            records.push(KeptKeyRecord {
                uid: key.uid,
                token: serial.map_or_else(
                    || String::from_utf8_lossy(&key.device_id).into_owned(),
                    |serial| serial.to_string(),
                ),
                kind: if key.paired { "paired" } else { "remembered" }.to_owned(),
                state: state.to_owned(),
            });
        }
        records
    }

    /// What a kept key is worth to its token. A token is asked with the key of the caller alone.
    async fn state_of(&self, call: &Call, key: &KeptKey, tokens: &[Token]) -> &'static str {
        let Some(token) = tokens.iter().find(|token| is_of(token, key)) else {
            let same = |token: &Token| key.serial.is_some() && token.info().serial == key.serial;
            return if tokens.iter().any(same) {
                "reset"
            } else {
                "away"
            };
        };
        if !token.info().protected {
            return "open";
        }
        if key.uid != call.caller.uid {
            return "untried";
        }
        let kept = async {
            Ok::<_, Error>(if key.paired {
                let pairing = self.keyring.pairing(key.uid, &key.device_id).await?;
                pairing.map(|pairing| pairing.access)
            } else {
                self.keyring.remembered(key.uid, &key.device_id).await?
            })
        };
        let access = match in_part(call, kept).await {
            Some(Ok(Some(bytes))) => AccessKey::from_bytes(bytes.as_slice()),
            Some(Ok(None)) | None => return "untried",
            Some(Err(_)) => None,
        };
        let Some(access) = access else {
            return "unreadable";
        };
        // It takes no counter, and no touch: YKOATH VALIDATE.
        let asked = token.within(left(call));
        match asked.validate(Some(access.into())).await {
            Ok(()) => "fits",
            Err(TokenError::WrongPassword) => "refused",
            Err(_) => "untried",
        }
    }

    /// Adds what concerns the state as a whole.
    async fn with_state(&self, call: &Call, mut record: DiagnosisRecord) -> DiagnosisRecord {
        let accounts = self.accounts();
        if let Some(condition) = in_part(call, accounts.ledger.condition()).await {
            let folder = &condition.folder;
            let (looked, vault) = (folder.clone(), Arc::clone(&accounts.vault));
            let look = move || (file_system(&looked), has_spare_key(&vault, &looked));
            let ((file_system, free), spare_key) = apart(call, look).await.unwrap_or_default();
            record.vault_key_file_left = Some(spare_key);
            record.codes_key = Some(condition.codes_key);
            record.state_folder = Some(folder.display().to_string());
            record.state_file_system = file_system.map(str::to_owned);
            record.state_free = free;
            record.state_writable = Some(condition.trial.is_ok());
            record.state_detail = condition.trial.err().map(|error| error.to_string());
        } else {
            record.state_writable = Some(false);
            record.state_detail = Some("the store does not answer".to_owned());
        }
        let (source, detail) = match accounts.vault.source() {
            Ok(KeySource::Credential) => ("credential", None),
            Ok(KeySource::File) => ("file", None),
            Err(error) => ("unavailable", Some(error.to_string())),
        };
        record.vault_key = Some(source.to_owned());
        record.vault_key_detail = detail;
        record
    }

    /// Adds what is wrong with the settings, in force and on the disk.
    async fn with_settings(&self, call: &Call, mut record: DiagnosisRecord) -> DiagnosisRecord {
        let settings = self.accounts().settings();
        let unknown = in_part(
            call,
            passwd::unknown_among(Asker::Trusted, settings.groups()),
        )
        .await;
        record.unknown_groups = unknown.and_then(Result::ok);
        let unserved = settings
            .realms
            .iter()
            .filter(|(_, realm)| realm.uid.is_none());
        record.unserved_realms = Some(unserved.map(|(name, _)| name.to_string()).collect());
        if let Some(file) = self.settings_file.clone() {
            let read = apart(call, move || Config::load(Some(&file))).await;
            record.settings_detail = match read {
                Some(read) => read.err().map(|error| error.line()),
                None => Some("they cannot be read in time".to_owned()),
            };
        }
        record
    }
}

/// How long a part of this call may take.
fn left(call: &Call) -> Duration {
    PART.min(call.left().saturating_sub(RESERVE))
}

/// What a part gives, unless it takes too long.
async fn in_part<T>(call: &Call, part: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(left(call), part).await.ok()
}

/// What `work` that blocks gives, unless it takes too long; then its thread is left behind.
async fn apart<T: Send + 'static>(
    call: &Call,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let work = tokio::task::spawn_blocking(work);
    in_part(call, work).await.and_then(Result::ok)
}

fn is_of(token: &Token, key: &KeptKey) -> bool {
    token.info().device_id.as_bytes() == key.device_id
}

fn has_twins(tokens: &[Token]) -> bool {
    tokens.iter().enumerate().any(|(number, token)| {
        let mut others = tokens.iter().skip(number + 1);
        let id = &token.info().device_id;
        others.any(|other| other.info().device_id == *id)
    })
}

fn has_spare_key(vault: &Vault, folder: &Path) -> bool {
    vault.source() == Ok(KeySource::Credential) && folder.join(key::FILE).exists()
}

const fn policy_word(policy: CardPolicy) -> &'static str {
    match policy {
        CardPolicy::Allowed => "allowed",
        CardPolicy::Refused => "refused",
        CardPolicy::Unasked => "unasked",
        CardPolicy::Unknown => "unknown",
    }
}

/// The kind of file system that a folder is on, and the bytes that are free in it.
fn file_system(folder: &Path) -> (Option<&'static str>, Option<u64>) {
    let Ok(found) = statfs(folder) else {
        return (None, None);
    };
    // The numbers of Linux, statfs(2).
    let kind = match u32::try_from(found.f_type).unwrap_or_default() {
        0x0102_1994 => "tmpfs",
        0x8584_58f6 => "ramfs",
        0x794c_7630 => "overlay",
        0x9123_683e => "btrfs",
        0x2fc1_2fc1 => "zfs",
        0xca45_1a4e => "bcachefs",
        0x6969 => "nfs",
        _ => "other",
    };
    let block = u64::try_from(found.f_bsize).unwrap_or_default();
    (Some(kind), Some(found.f_bavail.saturating_mul(block)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_is_known_by_its_number() {
        assert_eq!(file_system(Path::new("/proc")).0, Some("other"));
        assert_eq!(file_system(Path::new("/nowhere")), (None, None));
        let (kind, free) = file_system(Path::new("/dev/shm"));
        assert_eq!(kind, Some("tmpfs"));
        assert!(free.is_some());
    }
}
