//! Proves: `oathctl doctor` ends with 1 where something does not work and with 0 where nothing is
//! worse than it must be; it names pcscd that is away, that hangs, that refuses oathd and that asks
//! nobody, a polkit that is away, a state that is sealed by a file or by a lost key, settings that
//! could not be read again or name whom this machine does not have, and a key that its token takes no
//! more, each with a command; it tells a user less than an administrator; it ends in time whatever
//! hangs, files of this host included, spends no key and takes no touch from anybody.
//! Does not prove: what it says of systemd, timedated and the logins of a machine.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use oathd_api::ErrorName;
use oathd_client::{Client, DiagnosisRecord};
use oathd_tests::world::{CardSetup, Program, User, World, eventually};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;

use crate::desk::{Desk, SEED, meanwhile, named, touched};
use crate::near::{Near, error};

/// What pcscd registers where it asks polkit about its clients.
const CARD_ACTIONS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<policyconfig>
  <action id="org.debian.pcsc-lite.access_pcsc"><description>d</description><message>m</message>
    <defaults><allow_any>no</allow_any></defaults></action>
  <action id="org.debian.pcsc-lite.access_card"><description>d</description><message>m</message>
    <defaults><allow_any>no</allow_any></defaults></action>
</policyconfig>
"#;
/// The rule that the packages bring.
const CARD_RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../polkit/50-oathd-pcsc.rules");

/// The status of a doctor, and what it found, in JSON.
fn doctor(world: &World, user: User, arguments: &[&str]) -> (i32, Vec<Value>) {
    told(world.built("oathctl").unwrap().user(user), arguments)
}

/// The same of a doctor that is prepared.
fn told(program: Program<'_>, arguments: &[&str]) -> (i32, Vec<Value>) {
    let program = program
        .arguments(&["doctor", "--json"])
        .arguments(arguments);
    let output = program.run().unwrap();
    let status = output.status.code().expect("no signal");
    let told: Value = serde_json::from_str(output.texts().0).unwrap();
    let checks = match status {
        0 => &told["checks"],
        _ => {
            assert_eq!(told["error"]["name"], "ProblemsFound", "{told}");
            &told["error"]["details"]["checks"]
        }
    };
    (status, checks.as_array().unwrap().clone())
}

/// What a check found: its worst verdict and the remedy of that, or nothing where it was not made.
fn verdict<'a>(checks: &'a [Value], check: &str) -> (&'a str, &'a str) {
    let worst = ["problem", "warning", "note", "ok"];
    let of = |word: &str| {
        let mut fit = checks.iter().filter(|found| found["check"] == check);
        fit.find(|found| found["verdict"] == word)
    };
    let found = worst.iter().find_map(|word| of(word));
    found.map_or(("", ""), |found| {
        let word = found["verdict"].as_str().unwrap();
        (word, found["remedy"].as_str().unwrap_or_default())
    })
}

#[track_caller]
fn finds(checks: &[Value], check: &str, expected: (&str, &str)) {
    let (word, remedy) = verdict(checks, check);
    assert_eq!(word, expected.0, "{check}: {checks:#?}");
    assert!(remedy.contains(expected.1), "{check}: {remedy}");
}

#[test]
fn what_works_is_told_from_what_does_not() {
    let mut world = World::with_oathd("").unwrap();
    world.insert_card(CardSetup::default()).unwrap();
    let (_, checks) = doctor(&world, User::Root, &[]);
    for check in ["service", "polkit", "pcscd"] {
        finds(&checks, check, ("ok", ""));
    }
    finds(&checks, "card_policy", ("note", "oathctl pair"));
    finds(&checks, "vault_key", ("warning", "systemd-creds encrypt"));
    let (_, quiet) = doctor(&world, User::Root, &["--quiet"]);
    assert!(quiet.iter().all(|found| found["verdict"] != "ok") && !quiet.is_empty());

    // A user is told what concerns everybody, and asked for no password.
    let (status, checks) = doctor(&world, User::Alice, &[]);
    assert_eq!(status, 0, "{checks:#?}");
    finds(&checks, "polkit", ("note", "guide"));
    finds(&checks, "pcscd", ("ok", ""));
    finds(&checks, "state", ("note", "sudo oathctl doctor"));
    assert_eq!(verdict(&checks, "vault_key"), ("", ""));
    finds(&checks, "factor", ("note", "oathctl enroll"));

    world.stop_polkitd().unwrap();
    let (status, checks) = doctor(&world, User::Alice, &[]);
    assert_eq!(status, 1);
    finds(
        &checks,
        "polkit",
        ("problem", "systemctl start polkit.service"),
    );
    world.start_polkitd("").unwrap();

    world.stop_pcscd().unwrap();
    let (status, checks) = doctor(&world, User::Alice, &[]);
    assert_eq!(status, 1);
    finds(
        &checks,
        "pcscd",
        ("problem", "systemctl enable --now pcscd.socket"),
    );
    assert_eq!(verdict(&checks, "tokens"), ("", ""));
    let shown = world.oathctl(&["doctor"]).unwrap();
    let (told, failed) = shown.texts();
    assert!(
        told.contains("\n         `systemctl enable --now pcscd.socket`\n"),
        "{told}"
    );
    assert!(
        failed.starts_with("oathctl: One problem was found.\n"),
        "{failed}"
    );

    world.stop_oathd().unwrap();
    let (status, checks) = doctor(&world, User::Root, &[]);
    assert_eq!(status, 1);
    finds(&checks, "service", ("problem", "systemctl start oathd"));
    world.stop_bus().unwrap();
    let (status, checks) = doctor(&world, User::Root, &[]);
    assert_eq!(status, 1);
    finds(&checks, "service", ("problem", "bus"));
    finds(&checks, "pam", ("ok", ""));
}

#[test]
fn a_pcscd_that_asks_is_told_by_what_it_would_hear() {
    let mut world = World::new().unwrap();
    let actions = world.path("polkit/actions/org.debian.pcsc-lite.policy");
    fs::write(actions, CARD_ACTIONS).unwrap();
    world.start_pcscd().unwrap();
    world.start_polkitd("").unwrap();
    world.start_oathd(&[]).unwrap();
    let (status, checks) = doctor(&world, User::Alice, &[]);
    assert_eq!(status, 1);
    finds(&checks, "pcscd", ("problem", "50-oathd-pcsc.rules"));
    world
        .start_polkitd(&fs::read_to_string(CARD_RULES).unwrap())
        .unwrap();
    let (status, checks) = doctor(&world, User::Alice, &[]);
    assert_eq!(status, 0, "{checks:#?}");
    finds(&checks, "card_policy", ("ok", ""));
}

#[test]
fn a_pcscd_that_hangs_holds_nobody_up() {
    let mut world = World::new().unwrap();
    // It takes connections, and says nothing.
    let socket = world.path("pcscd/pcscd.comm");
    let _hangs = UnixListener::bind(&socket).unwrap();
    fs::set_permissions(&socket, Permissions::from_mode(0o777)).unwrap();
    world.start_polkitd("").unwrap();
    world.start_oathd(&[]).unwrap();
    for _ in 0..3 {
        let (status, checks) = doctor(&world, User::Alice, &[]);
        assert_eq!(status, 1);
        finds(&checks, "service", ("ok", ""));
        finds(
            &checks,
            "pcscd",
            ("problem", "systemctl restart pcscd.service"),
        );
    }
    let pid = world.oathd().unwrap().pid();
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let names = threads.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    assert_eq!(names.filter(|name| name.trim() == "probe").count(), 1);
}

#[test]
fn a_file_that_hangs_is_named_and_holds_nobody_up() {
    let world = World::with_oathd("").unwrap();
    // Whoever opens it waits for a writer that does not come.
    let file = world.path("gnupg/scdaemon.conf");
    fs::create_dir(file.parent().unwrap()).unwrap();
    mknodat(CWD, &file, FileType::Fifo, Mode::RUSR, 0).unwrap();
    let program = world.built("oathctl").unwrap();
    let (status, checks) = told(program.environment("GNUPGHOME", "/run/gnupg"), &[]);
    assert_eq!(status, 1);
    finds(&checks, "host", ("problem", "journalctl --dmesg"));
    assert_eq!(verdict(&checks, "scdaemon"), ("", ""));
    for check in ["service", "pcscd", "pam"] {
        finds(&checks, check, ("ok", ""));
    }
}

#[test]
fn settings_that_would_not_be_followed_are_named() {
    let mut world = World::new().unwrap();
    let file = world.path("oathd.conf");
    fs::create_dir(world.path("realms.d")).unwrap();
    let realm = "realm = 'shop.example'\nuser = 'no-such-user'\n";
    fs::write(world.path("realms.d/shop.conf"), realm).unwrap();
    let policy = "[policy.groups.no-such-group]\nrule = 'required'\n[policy.groups.root]\n";
    fs::write(&file, policy).unwrap();
    world.start_pcscd().unwrap();
    world.start_polkitd("").unwrap();
    world.start_oathd(&["--config", "/run/oathd.conf"]).unwrap();
    let (_, checks) = doctor(&world, User::Root, &[]);
    finds(
        &checks,
        "settings",
        ("warning", "groupadd --system no-such-group"),
    );
    let told = |checks: &[Value], part: &str| {
        let mut found = checks
            .iter()
            .map(|found| found["finding"].as_str().unwrap());
        found.any(|found| found.contains(part))
    };
    assert!(told(&checks, "shop.example"), "{checks:#?}");
    assert!(!told(&checks, "root,"), "{checks:#?}");
    assert_eq!(
        verdict(&doctor(&world, User::Alice, &[]).1, "settings"),
        ("", "")
    );

    // Nobody told oathd of it yet.
    fs::write(&file, "lingerseconds = 1\n").unwrap();
    let (status, checks) = doctor(&world, User::Root, &[]);
    assert_eq!(status, 1);
    finds(&checks, "settings", ("problem", "systemctl reload oathd"));
    assert!(told(&checks, "lingerseconds"), "{checks:#?}");
    let check = || {
        let program = world.built("oathd").unwrap();
        let program = program.arguments(&["--check", "--config", "/run/oathd.conf"]);
        program.run().unwrap()
    };
    let refused = check();
    assert_eq!(refused.status.code(), Some(69));
    assert!(refused.texts().1.contains("lingerseconds"));
    fs::write(&file, "linger_seconds = 1\n").unwrap();
    assert!(check().status.success());
}

/// The states of the kept keys that a user is told.
async fn keys(client: &Client) -> Vec<(String, String)> {
    let seen = client.diagnose().await.unwrap();
    let keys = seen.keys.into_iter();
    keys.map(|key| (key.kind, key.state)).collect()
}

#[tokio::test]
async fn a_key_that_fits_no_more_is_found_and_left_as_it_is() {
    let near = Near::with_a_token().await;
    let (alice, bob) = (near.client(User::Alice).await, near.client(User::Bob).await);
    let (first, second) = (b"first".as_slice(), b"second".as_slice());
    let token = near.token(User::Alice).await;
    assert_eq!(keys(&alice).await, []);
    token.set_password(first, true).await.unwrap();
    let of = |kind: &str, state: &str| (kind.to_owned(), state.to_owned());
    assert_eq!(keys(&alice).await, [of("remembered", "fits")]);
    // Whose key it is not does not try it.
    assert_eq!(keys(&bob).await, [of("remembered", "untried")]);

    near.another_program_changes_password(Some(first), Some(second));
    for _ in 0..2 {
        assert_eq!(keys(&alice).await, [of("remembered", "refused")]);
    }
    let (_, checks) = doctor(&near.world, User::Alice, &[]);
    finds(
        &checks,
        "kept_keys",
        ("warning", "oathctl password remember --token 12345678"),
    );
    // It was not forgotten by that: whoever uses it is told.
    let rejected = ErrorName::RememberedKeyRejected.as_str();
    assert_eq!(error(token.credentials(true).await), rejected);
    assert_eq!(keys(&alice).await, []);

    token.unlock(second, true).await.unwrap();
    near.another_program_changes_password(Some(second), None);
    // The token is looked at anew by whoever uses it.
    token.describe().await.unwrap();
    assert_eq!(keys(&alice).await, [of("remembered", "open")]);
}

#[tokio::test]
async fn a_doctor_takes_no_touch_from_anybody() {
    let desk = Desk::with_a_token().await;
    let client = desk.client().await;
    let token = desk.token().await;
    token.set_password(b"password", true).await.unwrap();
    token.add(SEED, &touched("mail")).await.unwrap();
    token.add(SEED, &named("more")).await.unwrap();
    let code = token.code("mail", true);
    tokio::pin!(code);
    meanwhile(&mut code, desk.touch_request(0)).await;
    tokio::select! {
        biased;
        early = &mut code => panic!("{early:?}"),
        seen = client.diagnose() => {
            let DiagnosisRecord { tokens, keys, .. } = seen.unwrap();
            assert_eq!((tokens, keys[0].state.as_str()), (1, "untried"));
        }
    }
    let (touched, code) = tokio::join!(desk.touch(0), code);
    let () = touched;
    assert_eq!(code.unwrap().code.len(), 6);
}

#[tokio::test]
async fn a_state_that_does_not_open_is_named() {
    let mut near = Near::with_a_token().await;
    near.token(User::Alice)
        .await
        .set_password(b"password", true)
        .await
        .unwrap();
    near.stop().await;
    fs::remove_file(near.world.path("state/vault.key")).unwrap();
    near.start().await;
    let alice = near.client(User::Alice).await;
    // A token that was there before is seen at once, or as soon as it is asked for.
    let unreadable = async || {
        let keys = keys(&alice).await;
        (keys == [("remembered".to_owned(), "unreadable".to_owned())]).then_some(())
    };
    eventually("the key that does not open", unreadable)
        .await
        .unwrap();
    let (status, checks) = doctor(&near.world, User::Alice, &[]);
    assert_eq!(status, 1);
    finds(
        &checks,
        "vault_key",
        ("problem", "oathctl admin restore-keys"),
    );
    finds(&checks, "kept_keys", ("warning", "password forget"));
}
