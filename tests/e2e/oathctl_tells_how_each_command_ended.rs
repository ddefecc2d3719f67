//! Proves: every command of oathctl that needs no terminal does what it says on a token behind the
//! real pcscd; it tells people and programs the same, ends with the documented status, and names
//! in JSON what failed.
//! Does not prove: prompts, `watch` and `agent`, which need a terminal; that codes are right.

use oathd_tests::world::{CardSetup, World};
use serde_json::Value;

const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n";

fn world(tokens: u16) -> World {
    let mut world = World::new().unwrap();
    world.start_pcscd().unwrap();
    for slot in 0..tokens {
        let serial = 12_345_678 + u32::from(slot);
        let setup = CardSetup {
            slot,
            serial,
            ..CardSetup::default()
        };
        world.insert_card(setup).unwrap();
    }
    world.start_oathd(&[]).unwrap();
    world
}

/// Runs oathctl with what is between the blanks of `line`; answers its status and its output.
fn run(world: &World, line: &str, input: &str) -> (i32, String, String) {
    let arguments: Vec<_> = line.split_whitespace().collect();
    let program = world.built("oathctl").unwrap().arguments(&arguments);
    let output = program.input(input).run().unwrap();
    let (stdout, stderr) = output.texts();
    let code = output.status.code().expect("no signal");
    (code, stdout.to_owned(), stderr.to_owned())
}

fn succeeds(world: &World, line: &str, input: &str) -> String {
    let (code, stdout, stderr) = run(world, line, input);
    assert_eq!((code, stderr.as_str()), (0, ""), "{line}: {stdout}");
    stdout
}

fn json(world: &World, line: &str, input: &str) -> Value {
    let line = format!("{line} --json");
    serde_json::from_str(&succeeds(world, &line, input)).expect("JSON")
}

/// A failure says the same to people, in at least two lines, and to programs, in JSON alone.
fn fails(world: &World, line: &str, input: &str, status: i32, name: &str) {
    let (code, stdout, stderr) = run(world, line, input);
    assert_eq!((code, stdout.as_str()), (status, ""), "{line}: {stderr}");
    assert!(
        stderr.starts_with("oathctl: ") && stderr.lines().count() >= 2,
        "{line}: {stderr}"
    );
    let (code, stdout, stderr) = run(world, &format!("{line} --json"), input);
    assert_eq!((code, stderr.as_str()), (status, ""), "{line}: {stdout}");
    let error: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(error["error"]["name"], name, "{line}: {stdout}");
    for key in ["message", "remedy"] {
        assert!(
            error["error"][key]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
    }
}

#[test]
fn credentials_come_and_go() {
    let world = world(1);
    succeeds(&world, "add GitHub:me", SEED);
    let touched = json(&world, "add --issuer GitLab me --touch", SEED);
    assert_eq!(touched[0]["id"], "GitLab:me");
    assert_eq!(touched[0]["tokens"][0], "12345678");
    succeeds(&world, "add Bank:me --type hotp --counter 5", SEED);
    let uris = "otpauth://totp/Long:me?secret=GEZDGNBVGY3TQOJQ&issuer=Long&period=60&digits=8\n";
    succeeds(&world, "add --uri -", uris);
    let made = json(&world, "add --generate Lab:door", "");
    assert!(
        made[0]["uri"]
            .as_str()
            .unwrap()
            .starts_with("otpauth://totp/Lab:door?")
    );
    let export = "otpauth://totp/One:me?secret=GEZDGNBVGY3TQOJQ&issuer=One\n";
    assert_eq!(
        json(&world, "import --dry-run -", export)[0]["result"],
        "planned"
    );
    assert_eq!(json(&world, "import --yes -", export)[0]["result"], "added");

    let ids = "GitHub:me\nGitLab:me\nBank:me\n60/Long:me\nLab:door\nOne:me\n";
    assert_eq!(succeeds(&world, "list", ""), ids);
    let listed = json(&world, "list", "");
    assert_eq!(listed[1]["touch"], true);
    assert_eq!(listed[2]["kind"], "hotp");
    assert_eq!(
        (&listed[3]["period"], &listed[3]["digits"]),
        (&60.into(), &8.into())
    );

    let renamed = json(&world, "rename github GitHub:work", "");
    assert_eq!(
        (&renamed["id"], &renamed["was"]),
        (&"GitHub:work".into(), &"GitHub:me".into())
    );
    assert_eq!(json(&world, "remove One:me --yes", "")["id"], "One:me");
    let info = json(&world, "info", "");
    assert_eq!(
        (&info["used"], &info["serial"]),
        (&5.into(), &12_345_678.into())
    );
    succeeds(&world, "reset --yes", "");
    assert_eq!(succeeds(&world, "list", ""), "");
}

#[test]
fn a_query_that_fits_one_gives_its_code_and_others_say_why_not() {
    let world = world(1);
    succeeds(&world, "add GitHub:me", SEED);
    succeeds(&world, "add GitLab:me --touch", SEED);
    succeeds(&world, "add Bank:me -o hotp", SEED);
    let rows = json(&world, "code", "");
    let reasons: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["reason"])
        .collect();
    assert_eq!(
        reasons,
        [&Value::Null, &"TouchRequired".into(), &"hotp".into()]
    );
    let row = json(&world, "code --single hub --min-left 2", "");
    let seconds = |key: &str| row[key].as_u64().unwrap();
    assert_eq!(seconds("valid_until") - seconds("valid_from"), 30);
    assert_eq!(row["token"], "12345678");
    assert_eq!(row["code"].as_str().unwrap().len(), 6);
    // RFC 4226, appendix D: the first two codes of this seed. Asking spends them.
    assert_eq!(succeeds(&world, "code -s bank", ""), "755224\n");
    assert_eq!(succeeds(&world, "code bank", ""), "Bank:me  287082\n");
    let (code, stdout, stderr) = run(&world, "code -s lab", "");
    assert_eq!((code, stdout.len()), (0, 7));
    assert!(stderr.starts_with("Touch the token"), "{stderr}");

    fails(&world, "code lab --no-touch", "", 5, "TouchRequired");
    fails(&world, "code -s git", "", 4, "AmbiguousCredential");
    fails(&world, "code nothing", "", 4, "NoSuchCredential");
    fails(&world, "code hub --min-left 31", "", 64, "Usage");
    fails(&world, "code --min-left 31", "", 64, "Usage");
    fails(&world, "remove hub", "", 64, "ConfirmationRequired");
    fails(&world, "rename hub GitLab:me", "", 1, "CredentialExists");
    fails(&world, "add GitHub:me", SEED, 1, "CredentialExists");
    fails(&world, "add other", "not base32!\n", 65, "InvalidSecret");
    fails(
        &world,
        "add --uri -",
        "http://example.com\n",
        65,
        "InvalidUri",
    );
    fails(&world, "add --qr /etc/hostname", "", 65, "NoQrCode");
    fails(&world, "import -", "{}", 65, "InvalidExport");
    fails(&world, "list --token 99999999", "", 4, "NoToken");
    fails(&world, "watch", "", 64, "Usage");
    let long = format!("add {}", "x".repeat(65));
    fails(&world, &long, SEED, 65, "InvalidName");
}

/// The first document of a section of the reference.
fn documented(section: &str) -> Value {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/oathctl-json.md");
    let page = std::fs::read_to_string(page).unwrap();
    let after = page.split(&format!("\n## {section}\n")).nth(1).unwrap();
    // A block of its own, or what stands between backquotes.
    let start = after.find("{\"").unwrap();
    let document = serde_json::Deserializer::from_str(&after[start..]);
    document.into_iter().next().unwrap().unwrap()
}

#[test]
fn what_is_told_has_the_keys_that_are_documented() {
    let world = world(1);
    let added = json(&world, "add GitHub:me", SEED);
    succeeds(&world, "add Other:me", SEED);
    let export = "otpauth://totp/One:me?secret=GEZDGNBVGY3TQOJQ\n";
    for (section, told) in [
        ("`add`", &added[0]),
        ("`tokens`, `info`", &json(&world, "tokens", "")[0]),
        ("`tokens`, `info`", &json(&world, "info", "")),
        ("`list`", &json(&world, "list", "")[0]),
        ("`code`", &json(&world, "code", "")[0]),
        ("`code`", &json(&world, "code -s github", "")),
        ("`import`", &json(&world, "import --yes -", export)[0]),
        ("`rename`, `remove`", &json(&world, "rename other A:b", "")),
        ("`password …`, `pair`, `reset`", &json(&world, "pair", "")),
        (
            "`password …`, `pair`, `reset`",
            &json(&world, "password clear", ""),
        ),
    ] {
        let keys = |document: &Value| -> Vec<String> {
            let keys = document.as_object().unwrap().keys();
            keys.cloned().collect()
        };
        assert_eq!(keys(told), keys(&documented(section)), "{section}");
    }
}

#[test]
fn a_password_locks_until_it_is_given() {
    let world = world(1);
    succeeds(&world, "add GitHub:me", SEED);
    succeeds(&world, "password set --password-stdin", "secret\n");
    fails(
        &world,
        "password set --password-stdin",
        "x\n",
        1,
        "PasswordSet",
    );
    succeeds(&world, "password forget", "");
    fails(&world, "list", "", 5, "PasswordRequired");
    fails(&world, "code -s github", "", 5, "PasswordRequired");
    fails(&world, "password unlock", "", 5, "PasswordRequired");
    fails(&world, "password set", "", 1, "PasswordSet");
    fails(
        &world,
        "password unlock --password-stdin",
        "wrong\n",
        1,
        "WrongPassword",
    );
    let code = succeeds(&world, "code -s github --password-stdin", "secret\n");
    assert_eq!(code.len(), 7);
    assert_eq!(json(&world, "info", "")["remembered"], false);
    succeeds(&world, "password remember --password-stdin", "secret\n");
    assert_eq!(json(&world, "info", "")["remembered"], true);
    succeeds(
        &world,
        "password change --password-stdin",
        "secret\nother\n",
    );
    succeeds(&world, "password clear", "");
    assert_eq!(json(&world, "info", "")["locked"], false);
    // What is not locked is not said to be unlocked, and nothing is asked.
    for command in ["unlock", "remember", "forget"] {
        let told = succeeds(&world, &format!("password {command}"), "");
        assert_eq!(told, "YubiKey 5 12345678 has no password.\n");
    }
    succeeds(&world, "pair", "");
    assert_eq!(json(&world, "tokens", "")[0]["paired"], true);
}

#[test]
fn two_tokens_take_one_seed_or_none() {
    let world = world(2);
    fails(&world, "add A:x", SEED, 4, "AmbiguousToken");
    fails(&world, "info", "", 4, "AmbiguousToken");
    let both = "--token 12345678 --token 12345679";
    succeeds(&world, &format!("add A:x {both}"), SEED);
    succeeds(&world, "add A:y --token 12345679", SEED);
    fails(
        &world,
        &format!("add A:y {both}"),
        SEED,
        1,
        "CredentialExists",
    );
    assert_eq!(succeeds(&world, "list --token 12345678", ""), "A:x\n");
    fails(&world, "code -s x", "", 4, "AmbiguousCredential");
    assert_eq!(
        json(&world, "code -s x --token 12345679", "")["token"],
        "12345679"
    );
    assert_eq!(json(&world, "code", "").as_array().unwrap().len(), 3);
}

#[test]
fn a_token_that_cannot_be_read_hides_no_other() {
    let world = world(2);
    let [open, locked] = ["--token 12345678", "--token 12345679"];
    succeeds(&world, &format!("add A:x {open}"), SEED);
    succeeds(&world, &format!("add B:x {locked}"), SEED);
    let set = format!("password set {locked} --password-stdin");
    succeeds(&world, &set, "secret\n");
    succeeds(&world, &format!("password forget {locked}"), "");
    for command in ["list", "code"] {
        let (status, stdout, stderr) = run(&world, command, "");
        assert!(status == 0 && stdout.starts_with("A:x") && stdout.lines().count() == 1);
        assert_eq!(
            stderr,
            "YubiKey 5 12345679 is left out. The token is locked with a password. \
             Unlock it with `oathctl password unlock`.\n"
        );
        let rows = json(&world, command, "");
        assert_eq!(rows[0]["id"], "A:x");
        assert_eq!(rows[0]["reason"], Value::Null);
        assert_eq!(rows[1]["token"], "12345679");
        assert_eq!(rows[1]["id"], Value::Null);
        assert_eq!(rows[1]["reason"], "PasswordRequired");
        assert_eq!(rows.as_array().unwrap().len(), 2);
        let keys = |row: usize| rows[row].as_object().unwrap().keys().collect::<Vec<_>>();
        assert_eq!(keys(0), keys(1));
    }
    assert!(succeeds(&world, "list --password-stdin", "secret\n").contains("B:x"));

    // Where nothing is left, it is said of which token.
    succeeds(&world, &format!("password forget {locked}"), "");
    succeeds(&world, &format!("remove A:x --yes {open}"), "");
    let (_, _, stderr) = run(&world, "list", "");
    assert!(stderr.starts_with("oathctl: The token is locked with a password. (12345679)"));
    fails(&world, "list", "", 5, "PasswordRequired");
}

#[test]
fn what_is_not_there_is_named() {
    let mut world = World::new().unwrap();
    fails(&world, "tokens", "", 69, "NotRunning");
    fails(&world, "tokens --bus unix:path=/nowhere", "", 69, "NoBus");
    world.start_oathd(&[]).unwrap();
    fails(&world, "code", "", 69, "ServiceUnavailable");
    world.start_pcscd().unwrap();
    world.start_oathd(&[]).unwrap();
    for command in ["code", "code -s x", "list", "list x", "info", "tokens"] {
        fails(&world, command, "", 4, "NoToken");
    }
}
