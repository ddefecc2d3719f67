//! Proves: oathctl alone takes a person through the life of a second factor on a token – switching
//! it on, codes, a recovery code and its replacement, new recovery codes, a channel, a new token,
//! switching it off – and a script gets the same in JSON with the documented status; every change
//! needs a proof; files for secrets are made new and for their owner alone.
//! Does not prove: the questions on a terminal; that the rules behind it are right.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use oathd_client::ErrorName;
use oathd_tests::world::{CardSetup, User, World};
use serde_json::Value;

use crate::postman::Postman;
use crate::till::Shop;

struct Desk(World);

impl Desk {
    fn new() -> Desk {
        let rules = "polkit.addRule(function() { return polkit.Result.YES; });";
        let mut world = World::with_oathd(rules).unwrap();
        world.insert_card(CardSetup::default()).unwrap();
        Desk(world)
    }

    /// Status, standard output and standard error.
    fn output(&self, user: User, line: &str, input: &str) -> (i32, String, String) {
        let arguments: Vec<_> = line.split_whitespace().collect();
        let program = self.0.built("oathctl").unwrap().arguments(&arguments);
        let output = program.user(user).input(input).run().unwrap();
        let (stdout, stderr) = output.texts();
        let code = output.status.code().expect("no signal");
        (code, stdout.to_owned(), stderr.to_owned())
    }

    fn run(&self, user: User, line: &str, input: &str) -> (i32, String) {
        let (code, stdout, stderr) = self.output(user, line, input);
        (code, stdout + &stderr)
    }

    /// Status, and the last document.
    fn document(&self, line: &str, input: &str) -> (i32, Value) {
        let line = format!("{line} --json");
        let (code, stdout, stderr) = self.output(User::Alice, &line, input);
        assert_eq!(stderr, "", "{line}");
        let last = stdout.lines().last().unwrap_or_default();
        (code, serde_json::from_str(last).expect(&stdout))
    }

    fn json(&self, line: &str, input: &str) -> Value {
        let (code, said) = self.document(line, input);
        assert_eq!(code, 0, "{line}: {said}");
        said
    }

    fn fails(&self, line: &str, input: &str, status: i32, name: &str) {
        let (code, said) = self.document(line, input);
        let failed = said["error"]["name"].as_str();
        assert_eq!((code, failed), (status, Some(name)), "{line}: {said}");
    }

    /// The next code of the credential on the token; HOTP spends it.
    fn code(&self) -> String {
        let (code, said) = self.run(User::Alice, "code -s alice", "");
        assert_eq!(code, 0, "{said}");
        said
    }

    /// Switches alice's second factor on; answers her recovery codes.
    fn enrolled(&self) -> Vec<String> {
        let line =
            "enroll --token 12345678 --type hotp --no-touch --read-code --no-channel --label key";
        let done = self.json(line, "");
        assert_eq!(done["account"], "alice@local");
        assert_eq!(
            (&done["factors"][0], &done["tokens"][0]),
            (&1.into(), &"12345678".into())
        );
        let codes = done["recovery_codes"].as_array().expect("codes");
        codes
            .iter()
            .map(|code| code.as_str().unwrap().to_owned())
            .collect()
    }
}

#[test]
fn from_the_first_code_to_the_last() {
    let desk = Desk::new();
    let status = desk.json("status", "");
    assert_eq!(
        (&status["enrolled"], &status["requirement"]),
        (&false.into(), &"not_asked".into())
    );
    desk.fails("recovery new --yes", "", 1, "NotEnrolled");
    let recovery = desk.enrolled();
    assert_eq!(recovery.len(), 10);

    let right = desk.json("verify --service demo", &desk.code());
    assert_eq!(
        (&right["way"], &right["must_reenrol"]),
        (&"code".into(), &false.into())
    );
    desk.fails("verify", "000000\n", 1, "WrongCode");
    let (code, ways) = desk.document("verify", "?\n");
    assert_eq!(
        (code, &ways["error"]["details"]["ways"][0]["label"]),
        (65, &"key".into())
    );
    for no_code in ["12\n", "0AAA-AAAA-AAAA-AAAA-AA\n"] {
        desk.fails("verify", no_code, 65, "InvalidResponse");
    }
    desk.fails("verify", "", 5, "CodeRequired");
    desk.fails("verify bob", "000000\n", 77, "NotAuthorized");
    assert_eq!(desk.run(User::Bob, "status alice", "").0, 77);

    let back = desk.json("verify", &recovery[3]);
    assert_eq!(
        (&back["way"], &back["must_reenrol"]),
        (&"recovery".into(), &true.into())
    );
    let replacement = back["replacement"].as_str().expect("a new code").to_owned();
    desk.fails("verify", &recovery[3], 1, "CodeUsed");
    let shown = desk.json("recovery show", "");
    let used = shown["codes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|code| !code["used"].is_null());
    assert_eq!((used.count(), &shown["left"]), (1, &10.into()));

    // A new factor is enrolled, since the owner came in by a way back; the proof is a code.
    desk.fails(
        "replace --token 12345678 --read-code --yes",
        "",
        5,
        "ProofRequired",
    );
    let line = "replace --token 12345678 --type hotp --force --no-touch --read-code --yes";
    let replaced = desk.json(line, &replacement);
    assert_eq!(replaced["recovery_codes"], Value::Null);
    assert_eq!(desk.json("status", "")["must_reenrol"], false);
    assert_eq!(desk.json("verify", &desk.code())["way"], "code");

    desk.fails("disable --yes", "", 5, "ProofRequired");
    assert_eq!(desk.json("disable --yes", &desk.code())["enrolled"], false);
    assert_eq!(desk.json("status", "")["enrolled"], false);
    desk.fails("disable --yes", "", 1, "NotEnrolled");
}

#[test]
fn a_change_needs_a_proof_and_is_made_once() {
    let desk = Desk::new();
    let recovery = desk.enrolled();
    desk.fails("factor label 1 red", "", 5, "ProofRequired");
    desk.fails("factor label 1 red", "000000\n", 1, "WrongCode");
    assert_eq!(desk.json("factor label 1 red", &desk.code())["factor"], 1);
    desk.json("factor role 1 backup", &desk.code());
    desk.json("factor end 1 2099-12-31", &desk.code());
    let factors = desk.json("factor list", "");
    let (label, end) = (&factors[0]["label"], &factors[0]["not_after"]);
    assert_eq!((label, end), (&"red".into(), &4_102_444_800_u64.into()));
    desk.json("factor end 1 never", &desk.code());
    assert_eq!(desk.json("factor list", "")[0]["not_after"], Value::Null);
    desk.fails("factor remove 1", &desk.code(), 1, "LastFactor");
    desk.fails("factor remove 7", &desk.code(), 4, "NoSuchFactor");

    let line = "recovery new --yes --recovery-codes-to /run/home/alice";
    let renewed = desk.json(line, &desk.code());
    assert_eq!(renewed["recovery_codes"], Value::Null);
    let file = renewed["recovery_codes_file"].as_str().expect("a file");
    let name = file
        .strip_prefix("/run/home/alice/oathd-recovery-")
        .expect(file);
    assert!(name.ends_with("-alice.txt"), "{file}");
    let outside = desk.0.path(file.strip_prefix("/run/").unwrap());
    assert_eq!(
        fs::metadata(&outside).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let sheet = fs::read_to_string(outside).unwrap();
    assert_eq!(
        sheet.lines().filter(|line| line.contains("[ ]")).count(),
        10
    );
    // The file that is there stays, and the codes in it stay good.
    desk.fails(line, &desk.code(), 65, "FileExists");
    desk.fails("verify", &recovery[0], 1, "WrongCode");
    let one = sheet
        .lines()
        .find_map(|line| line.trim().strip_prefix("[ ]  "))
        .unwrap();
    assert_eq!(desk.json("verify", one)["way"], "recovery");

    let (code, printed) = desk.run(User::Alice, "recovery print --yes", &desk.code());
    assert_eq!(code, 0, "{printed}");
    assert!(printed.starts_with("Recovery codes of alice@local\n") && printed.contains("spool"));

    // What is lost is refused; then its owner must enrol again.
    desk.json("factor suspend 1", &desk.code());
    assert_eq!(desk.json("status", "")["must_reenrol"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_counts_when_its_code_came_back() {
    const ADDRESS: &str = "alice@example.org";
    let desk = Desk::new();
    desk.enrolled();
    // Nobody is there to send it.
    let added = desk.json(&format!("channel add email {ADDRESS}"), &desk.code());
    let (sent, confirmed) = (&added["delivery"], &added["confirmed"]);
    assert_eq!((sent, confirmed), (&Value::Null, &false.into()));
    let id = added["channel"].as_u64().expect("a number");
    let confirm = format!("channel confirm {id}");
    desk.fails(&confirm, "12345678\n", 1, "WrongCode");
    desk.fails(&confirm, "", 5, "CodeRequired");
    let listed = desk.json("channel list", "");
    let (kind, verified) = (&listed[0]["kind"], &listed[0]["verified"]);
    assert_eq!((kind, verified), (&"email".into(), &Value::Null));
    let ways = desk.json("locked-out", "")["ways"].clone();
    let mut ways = ways.as_array().unwrap().iter();
    assert!(ways.all(|way| way["kind"] != "out_of_band"));
    desk.fails("verify --send-code", "", 4, "NoSuchFactor");

    // A second channel, once somebody is.
    let postman = Postman::begin(&desk.0).await;
    let other = "+491701234567";
    let added = desk.json(&format!("channel add sms {other}"), &desk.code());
    assert!(
        added["delivery"].is_string() && added["verdict"] == "ok",
        "{added}"
    );
    let second = added["channel"].as_u64().expect("a number");
    let code = postman.code(other);
    desk.json(&format!("channel confirm {second}"), &code);
    desk.fails(&format!("channel send {second}"), "", 2, "Throttled");
    // A login at the console has a count of its own.
    let send = format!("channel send {second} --account alice --json");
    let (status, sent, _) = desk.output(User::Root, &send, "");
    assert_eq!(status, 0, "{sent}");
    assert!(!sent.contains(other), "{sent}");
    assert_ne!(postman.code(other), code);
    let sent = postman.code(other);
    let (status, right, _) = desk.output(User::Root, "verify alice --json", &sent);
    assert_eq!(status, 0, "{right}");
    assert!(right.contains("\"way\":\"out_of_band\""), "{right}");
    assert!(right.contains("\"must_reenrol\":true"), "{right}");
    desk.fails(
        "channel add email bad@example.org",
        &desk.code(),
        65,
        "InvalidAddress",
    );

    desk.json(&format!("channel remove {id}"), &desk.code());
    let left = desk.json("channel list", "");
    assert_eq!(
        (left.as_array().unwrap().len(), &left[0]["id"]),
        (1, &second.into())
    );
}

#[test]
fn a_token_that_stays_here_checks_codes_and_proves_a_touch() {
    let mut desk = Desk::new();
    let setup = CardSetup {
        slot: 1,
        serial: 12_345_679,
        ..CardSetup::default()
    };
    desk.0.insert_card(setup).unwrap();
    let line =
        "enroll --token 12345678 --verifier 12345679 --read-code --no-recovery-codes --force --yes";
    let enroll = |desk: &Desk| desk.output(User::Alice, &format!("{line} --json"), "");
    let (code, refused, _) = enroll(&desk);
    assert_eq!(code, 5, "{refused}");
    assert!(
        refused.contains("oathctl pair --token 12345679"),
        "{refused}"
    );
    desk.json("pair --token 12345679", "");
    let (code, done, asked) = enroll(&desk);
    assert_eq!(code, 0, "{done}");
    assert!(asked.starts_with("Touch the token"), "{asked}");
    let done: Value = serde_json::from_str(&done).unwrap();
    let (verifiers, codes) = (&done["verifiers"][0], &done["recovery_codes"]);
    assert_eq!((verifiers, codes), (&"12345679".into(), &Value::Null));
    let factor = desk.json("factor list", "")[0].clone();
    let (custody, presence) = (&factor["custody"], &factor["presence"]);
    assert_eq!((custody, presence), (&"token".into(), &true.into()));
    let (code, right, asked) = desk.output(User::Alice, "verify --presence --json", "");
    assert_eq!(code, 0, "{right}");
    assert!(right.contains("\"way\":\"presence\"") && asked.starts_with("Touch the token"));
    let two = "--token 12345678 --token 12345679 --force";
    for line in ["replace --yes", "add GitHub:me", "import --yes -"] {
        desk.fails(&format!("{line} {two}"), "", 64, "Usage");
    }
    // It shows no code to anybody.
    assert_eq!(
        desk.json("list --token 12345679", ""),
        serde_json::json!([])
    );
}

#[test]
fn whoever_guesses_waits_and_is_told_the_ways_that_are_open() {
    let desk = Desk::new();
    let recovery = desk.enrolled();
    let mut outcomes = Vec::new();
    for _ in 0..6 {
        outcomes.push(desk.run(User::Alice, "verify", "000000\n").0);
    }
    assert_eq!(outcomes, [1, 1, 1, 1, 2, 2]);
    desk.fails("verify", &desk.code(), 2, "Throttled");
    let (code, said) = desk.run(User::Alice, "locked-out", "");
    assert_eq!(code, 0);
    assert!(
        said.contains("  1. a code of key – in ") && said.contains("Do not reset the password")
    );
    // Recovery codes have a count of their own.
    assert_eq!(desk.json("verify", &recovery[0])["way"], "recovery");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_guesses_on_is_locked_out_and_told_so() {
    let shop = Shop::open().await;
    let owner = shop.enrol("ada").await;
    for count in 0..100 {
        shop.wait(3600);
        let wrong = shop.wrong_code(&owner.seed);
        let answer = shop.verify(&owner.account, &wrong).await;
        assert_eq!(shop.refused(answer), ErrorName::WrongCode, "after {count}");
    }
    shop.wait(3600);
    let asks = |line: &str, input: &str| {
        let arguments: Vec<_> = line.split(' ').collect();
        let program = shop.near.world.built("oathctl").unwrap();
        let program = program.arguments(&arguments).user(User::Alice);
        let output = program.input(input).run().unwrap();
        let (stdout, stderr) = output.texts();
        (output.status.code().unwrap(), format!("{stdout}{stderr}"))
    };
    let right = shop.code(&owner.seed, 0);
    let (code, said) = asks("verify ada@shop --json", &right);
    assert_eq!(code, 3, "{said}");
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["error"]["name"], "LockedOut");
    let (code, said) = asks("locked-out ada@shop", "");
    assert_eq!(code, 0, "{said}");
    assert!(
        !said.contains("a code of factor") && said.contains("1. a recovery code (10 left)"),
        "{said}"
    );
    let (code, said) = asks("verify ada@shop", &owner.recovery[0]);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn what_cannot_be_done_is_refused_before_anything_is() {
    let desk = Desk::new();
    desk.fails("enroll", "", 64, "Usage");
    desk.fails("enroll --show-qr", "", 64, "Usage");
    desk.fails("enroll --custody token --token 12345678", "", 64, "Usage");
    desk.fails(
        "enroll --custody sealed --verifier 1 --token 12345678",
        "",
        64,
        "Usage",
    );
    desk.fails("enroll --token 99999999", "", 4, "NoToken");
    desk.fails("enroll --token 1 --token 2 --force", "", 64, "Usage");
    desk.fails("enroll --uri --until 1970-01-02", "", 64, "InvalidArgs");
    desk.fails("enroll --uri --type hotp --period 60", "", 64, "Usage");
    desk.fails("sessions alice", "", 64, "Usage");
    desk.fails("recovery print --yes", "", 64, "Usage");
    desk.fails("replace --token 12345678", "", 1, "NotEnrolled");
    // A code that is not given, or wrong, leaves nothing behind: neither on the token nor a file.
    let line = "enroll --token 12345678 --recovery-codes-to /run/home/alice/codes";
    desk.fails(line, "", 5, "CodeRequired");
    desk.fails(line, "000000\n", 1, "WrongCode");
    assert_eq!(desk.json("list", ""), serde_json::json!([]));
    assert!(!desk.0.path("home/alice/codes").exists());
    assert_eq!(desk.json("status", "")["enrolled"], false);
    let (code, said) = desk.run(User::Alice, "enroll --uri --json", "000000\n");
    let first: Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert!(
        first["uri"]
            .as_str()
            .unwrap()
            .starts_with("otpauth://totp/")
    );
    assert_eq!((code, said.lines().count()), (1, 2));
}
