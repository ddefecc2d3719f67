//! Proves: what administrators do for accounts can be done with oathctl alone, and a script gets it
//! in JSON with the documented status: accounts and coverage, an import with its dry run, a rescue
//! and its code, lifted waits, backup,
//! restore, keys, the trail and its chain; users may do none of it.
//! Does not prove: that the rules behind it are right.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use oathd_tests::world::{User, World};
use serde_json::Value;

fn run(world: &World, user: User, line: &str, input: &str) -> (i32, Value) {
    // A reason has blanks of its own.
    let line = format!("{line} --json");
    let arguments: Vec<_> = line
        .split_whitespace()
        .map(|word| word.replace('_', " "))
        .collect();
    let program = world.built("oathctl").unwrap().arguments(&arguments);
    let output = program.user(user).input(input).run().unwrap();
    let (stdout, stderr) = output.texts();
    let said = serde_json::from_str(stdout).unwrap_or_else(|_| panic!("{line}: {stdout}{stderr}"));
    (output.status.code().unwrap(), said)
}

fn json(world: &World, line: &str, input: &str) -> Value {
    let (code, said) = run(world, User::Root, line, input);
    assert_eq!(code, 0, "{line}: {said}");
    said
}

fn fails(world: &World, user: User, line: &str, input: &str) -> (i32, String) {
    let (code, said) = run(world, user, line, input);
    let name = said["error"]["name"].as_str();
    (
        code,
        name.unwrap_or_else(|| panic!("{line}: {said}")).to_owned(),
    )
}

/// Alice has typed her password.
const RULE: &str = r#"polkit.addRule(function(action, subject) {
    if (action.id == "org.oathd.oathd1.change-account" && subject.user == "alice")
        return polkit.Result.YES;
});"#;

fn world() -> World {
    let mut world = World::new().unwrap();
    world.start_polkitd(RULE).unwrap();
    world.start_oathd(&[]).unwrap();
    world
}

/// RFC 4226, appendix D: the seed, and its first codes.
const ALICE: &str = "HOTP alice - 3132333435363738393031323334353637383930\n";
const CODES: [&str; 2] = ["755224", "287082"];

#[test]
fn accounts_are_taken_over_counted_rescued_and_traced() {
    let world = world();
    let import = "admin import --format pam-oath -";
    let planned = json(&world, &format!("{import} --dry-run"), ALICE);
    assert_eq!(planned[0]["state"], "would_import");
    assert_eq!(json(&world, "admin accounts", ""), serde_json::json!([]));
    assert_eq!(json(&world, import, ALICE)[0]["state"], "imported");
    assert_eq!(json(&world, import, ALICE)[0]["state"], "present");
    let wrong = "HOTP nobody-here - 3132333435363738393031323334353637383930\n";
    let refused = fails(&world, User::Root, import, wrong);
    assert_eq!(refused, (65, "EntriesRefused".to_owned()));
    let empty = fails(&world, User::Root, import, "");
    assert_eq!(empty, (65, "InputEmpty".to_owned()));

    let accounts = json(&world, "admin accounts --limit 1", "");
    assert_eq!(
        (&accounts[0]["account"], &accounts[0]["enrolled"]),
        (&"alice@local".into(), &true.into())
    );
    assert_eq!(
        json(&world, "admin accounts --after alice", ""),
        serde_json::json!([])
    );
    let coverage = json(&world, "admin coverage", "");
    assert_eq!(coverage["enrolled"], 1);
    let not_asked = coverage["not_asked"].as_array().unwrap();
    assert!(
        not_asked.contains(&"sshd_publickey".into()),
        "{not_asked:?}"
    );

    let (code, right) = run(&world, User::Alice, "verify", CODES[0]);
    assert_eq!((code, &right["way"]), (0, &"code".into()));
    assert_eq!(
        json(&world, "admin unlock alice", "")["account"],
        "alice@local"
    );
    let unknown = fails(&world, User::Root, "admin unlock bob", "");
    assert_eq!(unknown, (1, "NotEnrolled".to_owned()));

    let rescue = json(&world, "admin rescue alice came_in_person", "");
    assert_eq!(rescue["account"], "alice@local");
    assert!(
        ["issued", "waiting"].contains(&rescue["state"].as_str().unwrap()),
        "{rescue}"
    );
    let (code, _) = run(&world, User::Alice, "admin cancel-rescue", "");
    assert_eq!(code, 0);
    let gone = fails(&world, User::Alice, "admin cancel-rescue", "");
    assert_eq!(gone, (4, "NoRescue".to_owned()));

    let trail = json(&world, "admin audit", "");
    let trail = trail.as_array().unwrap();
    let events: Vec<_> = trail
        .iter()
        .filter_map(|entry| entry["event"].as_str())
        .collect();
    assert!(events.contains(&"verified"), "{events:?}");
    let numbers: Vec<_> = trail
        .iter()
        .filter_map(|entry| entry["seq"].as_u64())
        .collect();
    assert!(numbers.is_sorted() && !numbers.is_empty());
    let last = numbers.last().unwrap();
    assert_eq!(
        json(&world, &format!("admin audit --after {last}"), ""),
        serde_json::json!([])
    );
    let verdict = json(&world, "admin audit --verify", "");
    assert_eq!(
        (&verdict["whole"], &verdict["last"]),
        (&true.into(), &(*last).into())
    );
}

#[test]
fn the_state_is_checked_and_a_file_is_never_written_over() {
    let world = world();
    json(&world, "admin import --format pam-oath -", ALICE);
    assert_eq!(
        json(&world, "admin check", "")["findings"],
        serde_json::json!([])
    );
    fs::write(world.path("there"), "x").unwrap();
    for line in ["admin backup /run/there", "admin escrow --to /run/there"] {
        let refused = fails(&world, User::Root, line, "");
        assert_eq!(refused, (65, "FileExists".to_owned()));
    }
    assert_eq!(fs::read(world.path("there")).unwrap(), b"x");
    let absent = fails(&world, User::Root, "admin restore --yes /run/absent", "");
    assert_eq!(absent, (65, "Unreadable".to_owned()));
    let no_key = fails(&world, User::Root, "admin rekey --key-file /run/there", "");
    assert_eq!(no_key, (65, "InvalidKey".to_owned()));
    let unasked = fails(&world, User::Root, "admin restore /run/there", "");
    assert_eq!(unasked, (64, "ConfirmationRequired".to_owned()));
}

#[test]
fn a_backup_and_a_sheet_of_keys_are_made_and_put_back() {
    let world = world();
    json(&world, "admin import --format pam-oath -", ALICE);
    let made = json(&world, "admin backup /run/backup", "");
    assert_eq!(
        (&made["file"], &made["accounts"]),
        (&"/run/backup".into(), &1.into())
    );
    let mode = fs::metadata(world.path("backup"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let read = json(&world, "admin restore --dry-run /run/backup", "");
    assert_eq!(read["accounts"], 1);
    assert!(
        json(&world, "admin trust-clock", "")["now"]
            .as_u64()
            .unwrap()
            > 1_700_000_000
    );
    json(&world, "admin escrow --to /run/keys", "");
    let sheet = json(&world, "admin escrow", "");
    let text = fs::read_to_string(world.path("keys")).unwrap();
    assert_eq!(sheet["escrow"], text);
    let back = json(&world, "admin restore --yes /run/backup", "");
    assert_eq!(back["accounts"], 1);
    assert_eq!(
        (&back["before"], &back["left"]),
        (&1.into(), &serde_json::json!([]))
    );
    json(&world, "admin restore-keys -", &text);
    let typo = text.replacen("V1 ", "V1 0", 1);
    let refused = fails(&world, User::Root, "admin restore-keys -", &typo);
    assert_eq!(refused, (65, "InvalidEscrow".to_owned()));

    let sealed = json(&world, "admin rekey", "");
    assert_eq!(sealed["source"], "file");
    let other_key = fails(&world, User::Root, "admin restore --yes /run/backup", "");
    assert_eq!(other_key, (69, "VaultKeyUnavailable".to_owned()));
    fs::write(world.path("noise"), "no backup").unwrap();
    let noise = fails(&world, User::Root, "admin restore --yes /run/noise", "");
    assert_eq!(noise, (65, "InvalidBackup".to_owned()));
    assert_eq!(
        json(&world, "admin check", "")["findings"],
        serde_json::json!([])
    );
}

#[test]
fn users_may_do_none_of_it() {
    let world = world();
    json(&world, "admin import --format pam-oath -", ALICE);
    for line in [
        "admin accounts",
        "admin coverage",
        "admin rescue alice because",
        "admin approve alice",
        "admin unlock alice",
        "admin check",
        "admin trust-clock",
        "admin rekey",
        "admin escrow",
        "admin audit",
        "admin audit --verify",
        "admin backup /run/home/bob/backup",
        "admin cancel-rescue alice",
    ] {
        let line = format!("{line} --no-interaction");
        let (code, name) = fails(&world, User::Bob, &line, "");
        assert_eq!(code, 77, "{line}: {name}");
    }
    // What was to be written is not there.
    assert!(!world.path("home/bob/backup").exists());
}
