//! Proves: what each of the other verifiers kept is taken over whole – a code that was used there
//! is refused and the next one accepted, by the token's own clock or counter; scratch codes are good
//! once – and taking it over again, also after it was used here, changes nothing; a dry run tells the
//! same and keeps nothing; a row that is refused says why and stops no other.
//! Does not prove: that the files are those that other verifiers write, which the readers' own tests do.

use std::sync::Arc;

use oathd_api::ErrorName;
use oathd_api::wire::administration::{ImportAccountsOptions, ImportRow};
use oathd_api::wire::verifier::VerifyOptions;
use oathd_client::Client;
use oathd_daemon::clock::ManualClock;
use oathd_daemon::secret_fd;
use oathd_oath::{Algorithm, Digits, Secret, code};
use oathd_tests::world::User;

use crate::desk::{cause, refused};
use crate::near::Near;
use crate::till::settings;

/// A time at which a step of 30 s begins.
const NOW: u64 = 1_700_000_010;
const STEP: u64 = NOW / 30;

/// The realm shop, which alice's service owns, at a time of the test's.
struct Shop {
    near: Near,
    clock: Arc<ManualClock>,
    root: Client,
    service: Client,
}

impl Shop {
    async fn open() -> Shop {
        let clock = Arc::new(ManualClock::new(NOW));
        let near = Near::at(&clock, settings()).await;
        Shop {
            root: near.client(User::Root).await,
            service: near.client(User::Alice).await,
            clock,
            near,
        }
    }

    async fn import(&self, file: &str, options: &ImportAccountsOptions) -> Vec<ImportRow> {
        let administration = self.root.administration();
        administration
            .import(file.as_bytes(), options)
            .await
            .unwrap()
    }

    /// Why a response is refused; `None` when it is accepted.
    async fn refuses(&self, account: &str, response: &str) -> Option<ErrorName> {
        let verifier = self.service.verifier();
        let answer = verifier
            .verify(account, response, &VerifyOptions::default())
            .await;
        match answer {
            Ok(_) => None,
            refused => Some(cause(refused)),
        }
    }
}

fn from(format: &str) -> ImportAccountsOptions {
    ImportAccountsOptions {
        format: Some(format.to_owned()),
        realm: Some("shop".to_owned()),
        ..ImportAccountsOptions::default()
    }
}

fn seed(number: u8) -> Secret {
    Secret::new(vec![number; 20]).unwrap()
}

fn hex(number: u8) -> String {
    format!("{number:02x}").repeat(20)
}

fn code_of(number: u8, counter: u64) -> String {
    code::hotp(&seed(number), Algorithm::Sha1, Digits::Six, counter)
}

/// The state of each row.
fn states(rows: &[ImportRow]) -> Vec<&str> {
    rows.iter().map(|row| row.state.as_str()).collect()
}

#[tokio::test]
async fn google_authenticator_keeps_its_used_codes_and_scratch_codes() {
    let shop = Shop::open().await;
    let mut options = from("google_authenticator");
    options.account = Some("carol".to_owned());
    let secret = seed(1).to_base32();
    let file = format!(
        "{}\n\" DISALLOW_REUSE {} {}\n\" TOTP_AUTH\n12345678\n87654321\n",
        secret.as_str(),
        STEP - 1,
        STEP + 2
    );
    options.dry_run = Some(true);
    let rows = shop.import(&file, &options).await;
    assert_eq!(states(&rows), ["would_import"]);
    let nobody = shop.root.administration().accounts("shop", "", 10).await;
    assert_eq!(nobody.unwrap(), []);

    options.dry_run = None;
    let rows = shop.import(&file, &options).await;
    assert_eq!(states(&rows), ["imported"]);
    assert_eq!(rows[0].account, "carol@shop");
    assert!(rows[0].factor.is_some() && !rows[0].notes.is_empty());
    let used = Some(ErrorName::CodeUsed);
    for step in [STEP - 1, STEP, STEP + 1] {
        assert_eq!(shop.refuses("carol@shop", &code_of(1, step)).await, used);
    }
    assert_eq!(shop.refuses("carol@shop", "12345678").await, None);

    // The file says more than the time: the code of the step after next was used there as well.
    shop.clock.set(NOW + 60);
    assert_eq!(
        shop.refuses("carol@shop", &code_of(1, STEP + 2)).await,
        used
    );
    assert_eq!(
        shop.refuses("carol@shop", &code_of(1, STEP + 3)).await,
        None
    );

    assert_eq!(states(&shop.import(&file, &options).await), ["present"]);
    assert_eq!(shop.refuses("carol@shop", "12345678").await, used);
    assert_eq!(
        shop.refuses("carol@shop", &code_of(1, STEP + 3)).await,
        used
    );
    // What will go says what replaces it, and works until then.
    let carol = shop.root.accounts().describe("carol@shop").await.unwrap();
    assert!(carol.recovery.unwrap().codes.iter().any(|code| code.legacy));
    let deprecated = shop.service.deprecated().await.unwrap();
    assert_eq!(deprecated["legacy_recovery"], "recovery");
    assert_eq!(shop.refuses("carol@shop", "87654321").await, None);
}

#[tokio::test]
async fn pam_oath_goes_on_with_its_counter() {
    let shop = Shop::open().await;
    let last = code_of(2, 41);
    let file = format!(
        "HOTP carol - {} 41 {last} 2023-11-14T22:00:00L\nHOTP/T30 dave - {}\n",
        hex(2),
        hex(3)
    );
    let options = from("pam_oath");
    for state in ["imported", "present"] {
        let rows = shop.import(&file, &options).await;
        assert_eq!(states(&rows), [state; 2]);
    }
    assert!(shop.refuses("carol@shop", &last).await.is_some());
    assert_eq!(shop.refuses("carol@shop", &code_of(2, 42)).await, None);
    shop.import(&file, &options).await;
    assert!(shop.refuses("carol@shop", &code_of(2, 42)).await.is_some());
    assert_eq!(shop.refuses("carol@shop", &code_of(2, 43)).await, None);
    shop.clock.set(NOW + 60);
    assert_eq!(shop.refuses("dave@shop", &code_of(3, STEP + 2)).await, None);
}

#[tokio::test]
async fn privacyidea_tells_realm_and_kind() {
    let shop = Shop::open().await;
    let file = format!(
        "# version: 2\ncarol,res,shop,OATH1,{},hotp,6,7\ndave,res,shop,TOTP1,{},totp,6,60\n",
        hex(4),
        hex(5)
    );
    let mut options = from("privacyidea");
    options.realm = None;
    for state in ["imported", "present"] {
        assert_eq!(states(&shop.import(&file, &options).await), [state; 2]);
    }
    assert!(shop.refuses("carol@shop", &code_of(4, 6)).await.is_some());
    assert_eq!(shop.refuses("carol@shop", &code_of(4, 7)).await, None);
    let step = NOW / 60;
    let used = Some(ErrorName::CodeUsed);
    assert_eq!(shop.refuses("dave@shop", &code_of(5, step)).await, used);
    shop.clock.set(NOW + 120);
    assert_eq!(shop.refuses("dave@shop", &code_of(5, step + 2)).await, None);
    let listed = shop.root.administration().accounts("shop", "", 10).await;
    let labels: Vec<_> = listed
        .unwrap()
        .into_iter()
        .map(|account| account.factors[0].label.clone())
        .collect();
    assert_eq!(labels, ["OATH1", "TOTP1"]);
}

/// A container with one package; `inside` stands in its key.
fn container(head: &str, algorithm: &str, inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><KeyContainer Version=\"1.0\" \
         xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\" \
         xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" \
         xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\">{head}<KeyPackage><DeviceInfo>\
         <SerialNo>987654321</SerialNo></DeviceInfo><Key Id=\"k\" \
         Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:{algorithm}\">{inside}</Key>\
         </KeyPackage></KeyContainer>"
    )
}

#[tokio::test]
async fn a_container_keeps_the_clock_of_its_token() {
    let shop = Shop::open().await;
    let secret = data_encoding::BASE64.encode(seed(6).expose());
    let inside = format!(
        "<Data><Secret><PlainValue>{secret}</PlainValue></Secret>\
         <TimeDrift><PlainValue>5</PlainValue></TimeDrift></Data>\
         <UserId>UID=carol,DC=example,DC=org</UserId>"
    );
    let file = container("", "totp", &inside);
    let options = from("pskc");
    for state in ["imported", "present"] {
        let rows = shop.import(&file, &options).await;
        assert_eq!(states(&rows), [state], "{rows:?}");
        assert_eq!(rows[0].account, "carol@shop");
    }
    let used = Some(ErrorName::CodeUsed);
    assert_eq!(
        shop.refuses("carol@shop", &code_of(6, STEP + 5)).await,
        used
    );
    shop.clock.set(NOW + 60);
    assert_eq!(
        shop.refuses("carol@shop", &code_of(6, STEP + 7)).await,
        None
    );
}

/// Figure 6 of RFC 6030, without its manufacturer.
fn figure_6() -> String {
    let method =
        "<xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#aes128-cbc\"/>";
    let value = |text: &str| {
        format!(
            "{method}<xenc:CipherData><xenc:CipherValue>{text}</xenc:CipherValue></xenc:CipherData>"
        )
    };
    let head = format!(
        "<EncryptionKey><ds:KeyName>Pre-shared-key</ds:KeyName></EncryptionKey>\
         <MACMethod Algorithm=\"http://www.w3.org/2000/09/xmldsig#hmac-sha1\"><MACKey>{}</MACKey></MACMethod>",
        value("ESIzRFVmd4iZABEiM0RVZgKn6WjLaTC1sbeBMSvIhRejN9vJa2BOlSaMrR7I5wSX")
    );
    let inside = format!(
        "<AlgorithmParameters><ResponseFormat Length=\"8\" Encoding=\"DECIMAL\"/></AlgorithmParameters>\
         <Data><Secret><EncryptedValue>{}</EncryptedValue><ValueMAC>Su+NvtQfmvfJzF6bmQiJqoLRExc=</ValueMAC>\
         </Secret><Counter><PlainValue>0</PlainValue></Counter></Data>",
        value("AAECAwQFBgcICQoLDA0OD+cIHItlB3Wra1DUpxVvOx2lef1VmNPCMl8jwZqIUqGv")
    );
    container(&head, "hotp", &inside)
}

#[tokio::test]
async fn an_encrypted_container_opens_with_its_key_alone() {
    let shop = Shop::open().await;
    let with = |key: Option<&str>| ImportAccountsOptions {
        account: Some("carol".to_owned()),
        key: key.map(|key| secret_fd::create(key.as_bytes()).unwrap().into()),
        ..from("pskc")
    };
    let administration = shop.root.administration();
    let file = figure_6();
    for key in [
        None,
        Some("12345678901234567890123456789013"),
        Some("qwerty"),
    ] {
        let answer = administration.import(file.as_bytes(), &with(key)).await;
        let (name, details) = refused(answer);
        assert_eq!(name, ErrorName::InvalidImport);
        assert!(details.detail.is_some());
    }
    let rows = shop
        .import(&file, &with(Some("12345678901234567890123456789012\n")))
        .await;
    assert_eq!(states(&rows), ["imported"], "{rows:?}");
    // RFC 4226 appendix D, with eight digits.
    assert_eq!(shop.refuses("carol@shop", "84755224").await, None);
}

#[tokio::test]
async fn a_refused_row_says_why_and_stops_no_other() {
    let shop = Shop::open().await;
    let file = format!(
        "HOTP carol - {0}\nHOTP eve - {0}\nHOTP/T45 fay - {1}\nHOTP gil - zz\nHOTP dave - {2}\nHOTP carol - {0}\n",
        hex(7),
        hex(8),
        hex(9)
    );
    let options = from("pam_oath");
    let dry = ImportAccountsOptions {
        dry_run: Some(true),
        ..from("pam_oath")
    };
    let no = "refused";
    let told = shop.import(&file, &dry).await;
    let would = "would_import";
    assert_eq!(states(&told), [would, no, no, no, would, "present"]);
    let rows = shop.import(&file, &options).await;
    assert_eq!(
        states(&rows),
        ["imported", no, no, no, "imported", "present"]
    );
    for row in rows.iter().filter(|row| row.state == no) {
        assert!(row.reason.as_ref().is_some_and(|reason| !reason.is_empty()));
    }
    let elsewhere = ImportAccountsOptions {
        realm: Some("bank".to_owned()),
        ..from("pam_oath")
    };
    let rows = shop
        .import(&format!("HOTP carol - {}\n", hex(10)), &elsewhere)
        .await;
    assert_eq!(states(&rows), [no]);
    let here = ImportAccountsOptions {
        realm: Some("local".to_owned()),
        ..from("pam_oath")
    };
    let file = format!("HOTP no-such-user - {}\n", hex(11));
    assert_eq!(states(&shop.import(&file, &here).await), [no]);
    let administration = shop.root.administration();
    let nonsense = administration.import(&[0xff, 0xfe], &options).await;
    assert_eq!(cause(nonsense), ErrorName::InvalidImport);
    let listed = administration.accounts("shop", "", 10).await.unwrap();
    let names: Vec<_> = listed
        .iter()
        .map(|account| account.account.as_str())
        .collect();
    assert_eq!(names, ["carol@shop", "dave@shop"]);
}

#[tokio::test]
async fn a_doubtful_clock_takes_over_no_codes_of_time() {
    let shop = Shop::open().await;
    shop.clock.leap(NOW + 86_400);
    let file = format!("HOTP/T30 carol - {}\nHOTP dave - {}\n", hex(12), hex(13));
    let options = from("pam_oath");
    let rows = shop.import(&file, &options).await;
    assert_eq!(states(&rows), ["refused", "imported"]);
    shop.clock.vouch(true);
    let rows = shop.import(&file, &options).await;
    assert_eq!(states(&rows), ["imported", "present"]);
}

#[tokio::test]
async fn what_was_taken_over_outlives_oathd() {
    let mut shop = Shop::open().await;
    let file = format!("HOTP carol - {}\n", hex(14));
    let options = from("pam_oath");
    assert_eq!(states(&shop.import(&file, &options).await), ["imported"]);
    assert_eq!(shop.refuses("carol@shop", &code_of(14, 0)).await, None);
    shop.near.restart().await;
    assert!(shop.refuses("carol@shop", &code_of(14, 0)).await.is_some());
    assert_eq!(states(&shop.import(&file, &options).await), ["present"]);
    assert!(shop.refuses("carol@shop", &code_of(14, 0)).await.is_some());
    assert_eq!(shop.refuses("carol@shop", &code_of(14, 1)).await, None);
}
