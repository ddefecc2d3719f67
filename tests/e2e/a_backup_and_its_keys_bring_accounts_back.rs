//! Proves: a backup goes into the file that its caller opened, with no seed in plain; what was used
//! up to a restore stays used, recovery codes wait to be renewed, and accounts are those of the
//! backup; a dry run changes nothing; another vault key opens everything, also at the next start; the
//! printed keys bring a state back whose key was lost, and a mistyped line is named.
//! Does not prove: that a crash on the way leaves all or nothing, which the ledger's own tests do.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use oathd_api::ErrorName;
use oathd_api::wire::administration::{ImportAccountsOptions, LeftRecord, RestoreOptions};
use oathd_api::wire::verifier::VerifyOptions;
use oathd_client::Client;
use oathd_daemon::clock::ManualClock;
use oathd_oath::{Algorithm, Digits, Secret, code};
use oathd_tests::world::User;

use crate::desk::{cause, refused};
use crate::near::Near;
use crate::till::settings;

const NOW: u64 = 1_700_000_010;
const SEED: &[u8; 20] = b"a seed in plain text";
const ACCOUNT: &str = "carol@shop";
/// A recovery code of the verifier that the account comes from.
const SCRATCH: &str = "12345678";

struct Shop {
    near: Near,
    root: Client,
}

impl Shop {
    /// One account with a counting token, and one with recovery codes.
    async fn open() -> Shop {
        let near = Near::at(&Arc::new(ManualClock::new(NOW)), settings()).await;
        let root = near.client(User::Root).await;
        let shop = Shop { near, root };
        let hex = data_encoding::HEXLOWER.encode(SEED);
        shop.import(&format!("HOTP carol - {hex}\n"), "pam_oath")
            .await;
        let dave = format!("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n\" TOTP_AUTH\n{SCRATCH}\n");
        shop.import(&dave, "google_authenticator").await;
        shop
    }

    async fn import(&self, file: &str, format: &str) {
        let options = ImportAccountsOptions {
            format: Some(format.to_owned()),
            realm: Some("shop".to_owned()),
            account: Some("dave".to_owned()),
            ..ImportAccountsOptions::default()
        };
        let rows = self.root.administration();
        let rows = rows.import(file.as_bytes(), &options).await.unwrap();
        assert_eq!(rows[0].state, "imported");
    }

    async fn backup(&self) -> File {
        let file = tempfile::tempfile().unwrap();
        let copy = file.try_clone().unwrap();
        let made = self.root.administration().backup(copy).await.unwrap();
        assert_eq!(made.bytes, file.metadata().unwrap().len());
        assert_eq!(made.accounts, 2);
        assert!(made.audit_entries > 2);
        file
    }

    /// Why a response is refused; `None` when it is accepted.
    async fn refuses(&self, account: &str, response: &str) -> Option<ErrorName> {
        let options = VerifyOptions::default();
        let verifier = self.root.verifier();
        match verifier.verify(account, response, &options).await {
            Ok(_) => None,
            refused => Some(cause(refused)),
        }
    }

    async fn escrow(&self) -> String {
        let text = self.root.administration().escrow().await.unwrap();
        text.to_string()
    }

    fn lose(&self, key: &str) {
        fs::remove_file(self.near.world.path("state").join(key)).unwrap();
    }
}

fn code_of(counter: u64) -> String {
    let seed = Secret::new(SEED.to_vec()).unwrap();
    code::hotp(&seed, Algorithm::Sha1, Digits::Six, counter)
}

#[tokio::test]
async fn what_was_used_stays_used_and_the_rest_comes_back() {
    let shop = Shop::open().await;
    let mut file = shop.backup().await;
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.read_to_end(&mut bytes).unwrap();
    assert!(bytes.starts_with(b"SQLite format 3\0"));
    for secret in [SEED.as_slice(), SCRATCH.as_bytes()] {
        assert!(!bytes.windows(secret.len()).any(|part| part == secret));
    }

    // Since then, one code and one recovery code are used, and there is a new account.
    assert_eq!(shop.refuses(ACCOUNT, &code_of(0)).await, None);
    assert_eq!(shop.refuses("dave@shop", SCRATCH).await, None);
    shop.import(&format!("HOTP erin - {:040x}\n", 7), "pam_oath")
        .await;

    let administration = shop.root.administration();
    let names = async || -> Vec<String> {
        let listed = administration.accounts("shop", "", 10).await.unwrap();
        listed.into_iter().map(|account| account.account).collect()
    };
    let dry = RestoreOptions {
        dry_run: Some(true),
    };
    let told = administration
        .restore(file.try_clone().unwrap(), &dry)
        .await;
    let told = told.unwrap();
    assert_eq!((told.accounts, told.suspended), (2, 1));
    let erin = LeftRecord {
        account: "erin@shop".to_owned(),
        factor: None,
    };
    assert_eq!((told.before, told.left_total), (3, 1));
    assert_eq!(told.left, [erin]);
    assert_eq!(names().await.len(), 3);
    assert_eq!(shop.refuses(ACCOUNT, &code_of(1)).await, None);

    let done = administration
        .restore(file, &RestoreOptions::default())
        .await;
    let done = done.unwrap();
    assert_eq!((done.accounts, done.suspended), (2, 1));
    assert!(done.floor >= NOW);
    assert_eq!(names().await, [ACCOUNT, "dave@shop"]);
    for counter in [0, 1] {
        assert!(shop.refuses(ACCOUNT, &code_of(counter)).await.is_some());
    }
    let suspended = Some(ErrorName::RecoverySuspended);
    assert_eq!(shop.refuses("dave@shop", SCRATCH).await, suspended);
    // The counter goes on, and passes over ten beyond the last that is known to have been used.
    assert_eq!(shop.refuses(ACCOUNT, &code_of(13)).await, None);
    let entries = administration.audit(0, 1000).await.unwrap();
    for event in ["backed_up", "restored"] {
        let told = entries.iter().filter(|entry| entry.event == event);
        assert_eq!(told.count(), 1, "{event}");
    }
    assert!(administration.verify_audit().await.unwrap().whole);
    assert_eq!(administration.check().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn files_that_do_not_fit_are_named_and_left_alone() {
    let shop = Shop::open().await;
    let administration = shop.root.administration();
    let mut full = tempfile::tempfile().unwrap();
    full.write_all(b"mine").unwrap();
    let answer = administration.backup(full.try_clone().unwrap()).await;
    assert_eq!(cause(answer), ErrorName::InvalidFd);
    assert_eq!(full.metadata().unwrap().len(), 4);
    let path = tempfile::NamedTempFile::new().unwrap();
    let only_read = File::open(path.path()).unwrap();
    assert_eq!(
        cause(administration.backup(only_read).await),
        ErrorName::InvalidFd
    );
    let (_reader, writer) = std::io::pipe().unwrap();
    let pipe = File::from(OwnedFd::from(writer));
    assert_eq!(
        cause(administration.backup(pipe).await),
        ErrorName::InvalidFd
    );

    let nothing = RestoreOptions::default();
    let answer = administration.restore(full, &nothing).await;
    assert_eq!(cause(answer), ErrorName::InvalidBackup);
    let mut copy = shop.backup().await;
    let page = 4096;
    let rest = copy.metadata().unwrap().len() - page;
    copy.seek(SeekFrom::Start(page)).unwrap();
    copy.write_all(&vec![0xa5; rest as usize]).unwrap();
    let answer = administration.restore(copy, &nothing).await;
    assert_eq!(cause(answer), ErrorName::InvalidBackup);
    assert_eq!(shop.refuses(ACCOUNT, &code_of(0)).await, None);
}

#[tokio::test]
async fn another_vault_key_opens_everything() {
    let mut shop = Shop::open().await;
    let before = shop.escrow().await;
    let backup = shop.backup().await;
    let done = shop.root.administration().rekey(None).await.unwrap();
    assert_eq!((done.resealed, done.source.as_str()), (2, "file"));
    assert_ne!(shop.escrow().await, before);
    assert_eq!(shop.refuses(ACCOUNT, &code_of(0)).await, None);
    shop.near.restart().await;
    assert_eq!(shop.refuses(ACCOUNT, &code_of(1)).await, None);
    // What was sealed under the old key needs the old key.
    let administration = shop.root.administration();
    let answer = administration
        .restore(backup, &RestoreOptions::default())
        .await;
    assert_eq!(cause(answer), ErrorName::VaultKeyUnavailable);
    let answer = administration.rekey(Some(b"too short")).await;
    assert_eq!(cause(answer), ErrorName::InvalidFd);
    assert_eq!(shop.refuses(ACCOUNT, &code_of(2)).await, None);
}

#[tokio::test]
async fn the_keys_on_paper_bring_a_state_back() {
    let mut shop = Shop::open().await;
    let paper = shop.escrow().await;
    let administration = shop.near.client(User::Alice).await.administration();
    assert_eq!(
        cause(administration.escrow().await),
        ErrorName::NotAuthorized
    );
    let answer = administration.restore_keys(&paper).await;
    assert_eq!(cause(answer), ErrorName::NotAuthorized);

    shop.near.stop().await;
    shop.lose("vault.key");
    shop.near.start().await;
    let unavailable = Some(ErrorName::VaultKeyUnavailable);
    assert_eq!(shop.refuses(ACCOUNT, &code_of(0)).await, unavailable);
    let administration = shop.root.administration();
    // One symbol of the second line is another one.
    let line = paper
        .lines()
        .find(|line| line.trim_start().starts_with("V2"));
    let line = line.unwrap();
    let last = line.trim_end().chars().next_back().unwrap();
    let other = if last == '7' { "8" } else { "7" };
    let wrong = format!("{}{other}", line.trim_end().strip_suffix(last).unwrap());
    let (name, details) = refused(
        administration
            .restore_keys(&paper.replace(line, &wrong))
            .await,
    );
    assert_eq!(name, ErrorName::InvalidEscrow);
    assert!(details.detail.unwrap().contains("V2"));
    let answer = administration.restore_keys("nothing of the kind").await;
    assert_eq!(cause(answer), ErrorName::InvalidEscrow);
    assert_eq!(shop.refuses(ACCOUNT, &code_of(0)).await, unavailable);

    administration.restore_keys(&paper).await.unwrap();
    assert_eq!(shop.refuses(ACCOUNT, &code_of(0)).await, None);
    let entries = administration.audit(0, 1000).await.unwrap();
    for event in ["keys_handed_out", "keys_restored"] {
        let told = entries.iter().filter(|entry| entry.event == event);
        assert_eq!(told.count(), 1, "{event}");
    }
    shop.near.restart().await;
    assert_eq!(shop.refuses(ACCOUNT, &code_of(1)).await, None);
}
