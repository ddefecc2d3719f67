//! Proves: what is for administrators is done for root and for whom polkit grants just that, and for
//! nobody else; a realm's service lists and counts the accounts of its own realm and does no more;
//! a list comes in pages, in order and whole; the count names who is to have a factor and has none;
//! what was done is in the trail, whose chain fits.
//! Does not prove: dialogues, which need a session.

use std::fs;
use std::os::fd::OwnedFd;

use oathd_api::ErrorName;
use oathd_api::names::{ADMINISTRATION_INTERFACE, ROOT_PATH};
use oathd_api::wire::administration::{AuditRecord, ImportAccountsOptions};
use oathd_client::Client;
use oathd_daemon::authority::Action;
use oathd_daemon::secret_fd;
use oathd_tests::world::{User, World};
use zbus::{Connection, Fd, Variant};

use crate::desk::cause;
use crate::raw::{Options, call};

const ADMINISTRATION: (&str, &str) = (ROOT_PATH, ADMINISTRATION_INTERFACE);

/// The administrator, and the user as whom the service of the realm shop runs.
const ADMINISTRATOR: User = User::Alice;
const SERVICE: User = User::Bob;

/// A world where every user must have a factor, and `shop` is a realm.
fn world() -> World {
    let mut world = World::new().unwrap();
    fs::write(world.path("oathd.conf"), "[policy]\nrule = \"required\"\n").unwrap();
    let realms = world.path("realms.d");
    fs::create_dir(&realms).unwrap();
    let shop = format!("realm = \"shop\"\nuid = {}\n", SERVICE.uid());
    fs::write(realms.join("shop.conf"), shop).unwrap();
    world.start_oathd(&["--config", "/run/oathd.conf"]).unwrap();
    world
}

async fn client(world: &World, user: User) -> Client {
    Client::with(world.connect(user).await.unwrap()).without_interaction()
}

/// HOTP rows, each with a seed of its own.
fn rows<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let rows = names.into_iter().zip(0u32..);
    rows.map(|(name, number)| format!("HOTP {name} - {number:040x}\n"))
        .collect()
}

fn pam_oath(realm: &str) -> ImportAccountsOptions {
    ImportAccountsOptions {
        format: Some("pam_oath".to_owned()),
        realm: Some(realm.to_owned()),
        ..ImportAccountsOptions::default()
    }
}

/// Calls every method: the action that it asks for, the method, and the error if there was one.
async fn call_all(
    connection: &Connection,
    realm: &str,
) -> Vec<(Action, &'static str, Option<String>)> {
    let none = Options::new();
    let import = Options::from([
        ("format", Variant::from("pam_oath")),
        ("dry_run", Variant::from(true)),
    ]);
    let file = || Fd::from(secret_fd::create(b"# empty\n").unwrap());
    let copy = || Fd::from(OwnedFd::from(tempfile::tempfile().unwrap()));
    let mut answers = Vec::new();
    macro_rules! ask {
        ($($action:ident: $member:literal, $body:expr;)+) => {
            $(answers.push((
                Action::$action,
                $member,
                call(connection, ADMINISTRATION, $member, &$body).await.err(),
            ));)+
        };
    }
    ask! {
        Administer: "ListAccounts", (realm, "", 10u32, &none);
        Administer: "Coverage", (realm, &none);
        Administer: "Unlock", ("root", &none);
        Administer: "Import", (file(), &import);
        Administer: "Backup", (copy(), &none);
        Administer: "Restore", (copy(), &none);
        Administer: "Rekey", (&none,);
        Administer: "Audit", (0u64, 10u32, &none);
        Administer: "VerifyAudit", (&none,);
        Administer: "Check", (&none,);
        RescueAccount: "Rescue", ("root", "lost", &none);
        RescueAccount: "Approve", ("root", &none);
    }
    answers
}

fn is_refused(error: Option<&String>) -> bool {
    error.is_some_and(|name| name == ErrorName::NotAuthorized.bus_name())
}

/// Rules that grant one action to the administrator.
fn grant(action: Action) -> String {
    format!(
        r#"polkit.addRule(function(action, subject) {{
            var asked = action.id == "{}" && subject.user == "{}";
            return asked ? polkit.Result.YES : polkit.Result.NO;
        }});"#,
        action.id(),
        ADMINISTRATOR.name()
    )
}

#[tokio::test]
async fn a_grant_opens_its_methods_and_a_realm_its_own_lists() {
    let mut world = world();
    let administrator = world.connect(ADMINISTRATOR).await.unwrap();
    let service = world.connect(SERVICE).await.unwrap();
    for granted in [
        Action::Administer,
        Action::RescueAccount,
        Action::ChangeAccount,
    ] {
        world.start_polkitd(&grant(granted)).unwrap();
        for (action, member, error) in call_all(&administrator, "local").await {
            let told = format!("{member} with {}: {error:?}", granted.id());
            assert_eq!(is_refused(error.as_ref()), action != granted, "{told}");
        }
        for (_, member, error) in call_all(&service, "local").await {
            assert!(is_refused(error.as_ref()), "{member}: {error:?}");
        }
        for (_, member, error) in call_all(&service, "shop").await {
            let lists = ["ListAccounts", "Coverage"].contains(&member);
            assert_eq!(is_refused(error.as_ref()), !lists, "{member}: {error:?}");
        }
    }
    world.stop_polkitd().unwrap();
    let root = world.connect(User::Root).await.unwrap();
    for (_, member, error) in call_all(&root, "bank").await {
        let expected = match member {
            "Unlock" | "Rescue" | "Approve" => Some(ErrorName::NotEnrolled.bus_name()),
            "Restore" => Some(ErrorName::InvalidBackup.bus_name()),
            _ => None,
        };
        assert_eq!(error.as_deref(), expected, "{member}");
    }
}

#[tokio::test]
async fn a_list_comes_in_pages_and_whole() {
    let world = world();
    let names: Vec<String> = (0..25).map(|number| format!("user{number:02}")).collect();
    let root = client(&world, User::Root).await;
    let file = rows(names.iter().rev().map(String::as_str));
    let options = pam_oath("shop");
    let administration = root.administration();
    let imported = administration.import(file.as_bytes(), &options);
    assert_eq!(imported.await.unwrap().len(), names.len());
    let service = client(&world, SERVICE).await;
    let (mut listed, mut sizes, mut after) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = service.administration().accounts("shop", &after, 10).await;
        let page = page.unwrap();
        sizes.push(page.len());
        let Some(last) = page.last() else { break };
        after = last.account.trim_end_matches("@shop").to_owned();
        listed.extend(page);
    }
    assert_eq!(sizes, [10, 10, 5, 0]);
    let told: Vec<_> = listed
        .iter()
        .map(|account| account.account.as_str())
        .collect();
    let expected: Vec<_> = names.iter().map(|name| format!("{name}@shop")).collect();
    assert_eq!(told, expected);
    assert!(
        listed
            .iter()
            .all(|account| account.enrolled && account.uid.is_none())
    );
    for limit in [0, 1001] {
        let answer = service.administration().accounts("shop", "", limit).await;
        assert!(answer.is_err(), "{limit}");
    }
    let coverage = service.administration().coverage("shop").await.unwrap();
    assert_eq!((coverage.accounts, coverage.enrolled), (25, 25));
    assert_eq!((coverage.required, coverage.with_backup), (0, 0));
    assert!(coverage.missing.is_empty() && coverage.not_asked.is_empty());
}

#[tokio::test]
async fn the_count_names_who_has_none_and_the_trail_what_was_done() {
    let world = world();
    let root = client(&world, User::Root).await;
    let administration = root.administration();
    let before = administration.coverage("local").await.unwrap();
    assert_eq!(before.enrolled, 0);
    let file = rows([User::Alice.name(), "root"]);
    let imported = administration
        .import(file.as_bytes(), &pam_oath("local"))
        .await;
    assert!(imported.unwrap().iter().all(|row| row.state == "imported"));
    let after = administration.coverage("local").await.unwrap();
    assert_eq!((after.accounts, after.enrolled), (before.accounts, 2));
    let missing = |name: &str| after.missing.iter().any(|user| user == name);
    assert!(missing("bob") && missing("oathd"));
    assert!(!missing("alice") && !missing("root") && !missing("daemon"));
    assert_eq!(after.required, after.missing.len() as u64 + 1);
    assert_eq!(before.required, after.required);
    assert_eq!(after.not_asked, ["sshd_publickey", "cron", "su_by_root"]);

    administration.unlock("alice").await.unwrap();
    let unknown = administration.unlock("bob").await;
    assert_eq!(cause(unknown), ErrorName::NotEnrolled);
    let entries = administration.audit(0, 1000).await.unwrap();
    assert!(entries.is_sorted_by(|one, next| one.seq + 1 == next.seq));
    let told = |event: &str| -> Vec<&AuditRecord> {
        entries
            .iter()
            .filter(|entry| entry.event == event)
            .collect()
    };
    assert_eq!((told("imported").len(), told("factor_added").len()), (2, 2));
    let [unlocked] = told("unlocked")[..] else {
        panic!("{entries:?}");
    };
    let expected = AuditRecord {
        seq: unlocked.seq,
        at: unlocked.at,
        uid: 0,
        account: Some("alice@local".to_owned()),
        event: "unlocked".to_owned(),
        ..AuditRecord::default()
    };
    assert_eq!(unlocked, &expected);
    let rest = administration.audit(unlocked.seq - 1, 1).await.unwrap();
    assert_eq!(rest, [expected]);
    let verdict = administration.verify_audit().await.unwrap();
    assert!(verdict.whole && verdict.finding.is_none() && verdict.head.len() == 64);
    assert_eq!(verdict.entries, entries.len() as u64);
    assert_eq!(administration.check().await.unwrap(), Vec::<String>::new());
}
