//! Proves: the demo service, under a uid of its own, takes a person from a password alone to a
//! second factor and back with `oathctl login` and its own client: a code or a recovery code is
//! asked for, a session that the factor opened switches it off, one that the password alone opened
//! does not. A code that `oathd-deliver` has sent opens the account to whoever asks for it.
//! Does not prove: that its passwords are safe, which are not what it shows.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use oathd_oath::{Algorithm, Digits, Secret, code};
use oathd_tests::world::{CardSetup, Process, User, World, until};
use serde_json::Value;

use crate::postman;

const SERVICE: User = User::Bob;
const EMAIL: &str = "ada@example.org";
const PYTHON: &str = "/usr/bin/python3";
const SOCKET: &str = "/run/home/bob/socket";

fn world() -> World {
    let mut world = World::new().unwrap();
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/demo-service");
    for name in ["demo_service.py", "demo_client.py"] {
        fs::copy(format!("{examples}/{name}"), world.path(name)).unwrap();
    }
    fs::create_dir(world.path("realms.d")).unwrap();
    let realm = fs::read_to_string(format!("{examples}/realms.d-demo.conf")).unwrap();
    let realm = realm.replace("demo-service", SERVICE.name());
    fs::write(world.path("realms.d/demo.conf"), realm).unwrap();
    fs::write(world.path("oathd.conf"), "").unwrap();
    world.start_pcscd().unwrap();
    world
        .start_polkitd("polkit.addRule(function() { return polkit.Result.YES; });")
        .unwrap();
    world.start_oathd(&["--config", "/run/oathd.conf"]).unwrap();
    world.insert_card(CardSetup::default()).unwrap();
    // Whoever knows its password may come, as to `/run/demo-service`.
    let home = world.path("home/bob");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o711);
    fs::set_permissions(home, mode).unwrap();
    world
}

/// What oathctl, or the client of the service, answers ada: status, and both outputs.
fn run(world: &World, program: &str, line: &str, input: &str) -> (i32, String) {
    let program = match program {
        "oathctl" => world.built(program).unwrap(),
        client => world.program(PYTHON).arguments(&["-B", client, SOCKET]),
    };
    let arguments: Vec<_> = line.split_whitespace().collect();
    let program = program.arguments(&arguments).user(User::Alice);
    let output = program.input(input).run().unwrap();
    let (stdout, stderr) = output.texts();
    (output.status.code().unwrap(), format!("{stdout}{stderr}"))
}

fn client(world: &World, line: &str, input: &str) -> String {
    let (code, said) = run(world, "/run/demo_client.py", line, input);
    assert_eq!(code, 0, "{line}: {said}");
    said
}

fn login(world: &World, more: &str, input: &str) -> (i32, Value) {
    let line = format!("login --service-socket {SOCKET} {EMAIL} --json {more}");
    let (code, said) = run(world, "oathctl", &line, input);
    (code, serde_json::from_str(&said).expect(&said))
}

/// The value of a line of the client's answer.
fn value<'a>(said: &'a str, key: &str) -> &'a str {
    let mut values = said.lines().filter_map(|line| line.strip_prefix(key));
    values.find_map(|line| line.strip_prefix(": ")).expect(said)
}

/// Starts the service, and registers ada there.
fn service(world: &World) -> Process {
    let line = ["-B", "/run/demo_service.py", SOCKET, "/run/home/bob/users"];
    let service = world.program(PYTHON).arguments(&line).user(SERVICE);
    let service = service.start("demo-service").unwrap();
    let socket = world.path("home/bob/socket");
    until("the demo service", || Ok(socket.exists().then_some(()))).unwrap();
    let register = format!("register email={EMAIL} password");
    client(world, &register, "secret\n");
    service
}

/// Puts the seed that the service gives ada onto her token; answers its address, the code that
/// confirmed it, and her recovery codes.
fn enabled(world: &World, session: &str) -> (String, String, Vec<String>) {
    let enable = format!("enable email={EMAIL} password session");
    let said = client(world, &enable, &format!("secret\n{session}\n"));
    let uri = value(&said, "uri").to_owned();
    let (code, said) = run(world, "oathctl", "add --uri -", &uri);
    assert_eq!(code, 0, "{said}");
    let (_, code_of_now) = run(world, "oathctl", "code -s ada", "");
    let confirm = format!("confirm email={EMAIL} session code");
    let said = client(world, &confirm, &format!("{session}\n{code_of_now}"));
    let recovery = value(&said, "recovery_codes").split(' ');
    (uri, code_of_now, recovery.map(str::to_owned).collect())
}

#[test]
fn from_a_password_to_a_second_factor_and_back() {
    let world = world();
    let _service = service(&world);
    let (code, refused) = login(&world, "", "wrong\n");
    assert_eq!(
        (code, &refused["error"]["name"]),
        (1, &"SignInRefused".into())
    );
    let kept = "--session-to /run/home/alice/weak";
    let (code, signed_in) = login(&world, kept, "secret\n");
    assert_eq!(
        (code, &signed_in["session_file"]),
        (0, &"/run/home/alice/weak".into())
    );
    let weak = fs::read_to_string(world.path("home/alice/weak")).unwrap();

    let (uri, code_of_now, recovery) = enabled(&world, &weak);
    assert_eq!(recovery.len(), 10);

    // A password is not enough any more, and the code that confirmed is used.
    let (code, refused) = login(&world, "", "secret\n");
    assert_eq!(
        (code, &refused["error"]["name"]),
        (5, &"CodeRequired".into())
    );
    let (code, refused) = login(&world, "", &format!("secret\n{code_of_now}"));
    assert_eq!((code, &refused["error"]["name"]), (1, &"CodeUsed".into()));
    let input = format!("secret\n{}\n", recovery[0]);
    let (code, back) = login(&world, "--session-to /run/home/alice/weaker", &input);
    assert_eq!(
        (code, &back["way"], &back["must_reenrol"]),
        (0, &"recovery".into(), &true.into())
    );
    assert_eq!(
        back["replacement"].as_str().unwrap().len(),
        recovery[0].len()
    );
    let (code, refused) = login(&world, "", &input);
    assert_eq!((code, &refused["error"]["name"]), (1, &"CodeUsed".into()));

    let disable = |session: &str, password: &str| {
        let line = format!(
            "disable --yes --service-socket {SOCKET} --session-file /run/home/alice/{session} {EMAIL}"
        );
        run(&world, "oathctl", &line, password)
    };
    let (code, said) = disable("weak", "secret\n");
    assert_eq!(code, 5, "{said}");
    // That of the next half minute is good already.
    let seed = uri.split(['=', '&']).nth(1).unwrap();
    let step = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
        / 30
        + 1;
    let seed = Secret::from_base32(seed).unwrap();
    let code_of_next = code::hotp(&seed, Algorithm::Sha1, Digits::Six, step);
    let input = format!("secret\n{code_of_next}\n");
    let (code, right) = login(&world, "--session-to /run/home/alice/strong", &input);
    assert_eq!((code, &right["way"]), (0, &"code".into()), "{right}");
    let (code, said) = disable("strong", "wrong\n");
    assert_eq!(code, 1, "{said}");
    let (code, said) = disable("strong", "secret\n");
    assert_eq!(code, 0, "{said}");
    assert_eq!(login(&world, "", "secret\n").0, 0);
    // Nobody but the realm's service and root sees its accounts.
    let (code, said) = run(&world, "oathctl", &format!("status {EMAIL}@demo"), "");
    assert_eq!(code, 77, "{said}");
}

/// `oathd-deliver`, which puts mail into a file.
fn deliver(world: &World) -> Process {
    fs::write(world.path("dbus/system.d/deliver.conf"), postman::POLICY).unwrap();
    let reload = [
        "call",
        "--system",
        "--dest",
        "org.freedesktop.DBus",
        "--object-path",
        "/org/freedesktop/DBus",
        "--method",
        "org.freedesktop.DBus.ReloadConfig",
    ];
    let reload = world.program("gdbus").arguments(&reload);
    reload.run().unwrap().stdout().unwrap();
    let settings = "[email]\nby = \"file\"\nfrom = \"oathd <oathd@example.org>\"\n\
                    [file]\npath = \"/run/mailbox\"\n";
    fs::write(world.path("deliver.conf"), settings).unwrap();
    fs::write(world.path("mailbox"), "").unwrap();
    let deliver = world.built("oathd-deliver").unwrap();
    let deliver = deliver.arguments(&["--config", "/run/deliver.conf"]);
    let deliver = deliver.start("oathd-deliver").unwrap();
    let wait = ["wait", "--system", "--timeout", "30", "org.oathd.Deliver1"];
    let wait = world.program("gdbus").arguments(&wait);
    wait.run().unwrap().stdout().unwrap();
    deliver
}

/// The code of the first mail behind the first `before` bytes of the mailbox.
fn mailed(world: &World, before: usize) -> String {
    until("a mail", || {
        let mails = fs::read_to_string(world.path("mailbox")).unwrap();
        let mut words = mails[before..].split(|c: char| !c.is_ascii_digit());
        Ok(words.find(|word| word.len() == 8).map(str::to_owned))
    })
    .unwrap()
}

#[test]
fn a_code_that_was_sent_lets_in() {
    let world = world();
    let _service = service(&world);
    let _deliver = deliver(&world);
    login(&world, "--session-to /run/home/alice/weak", "secret\n");
    let weak = fs::read_to_string(world.path("home/alice/weak")).unwrap();
    let (_, _, recovery) = enabled(&world, &weak);

    let root = |line: &str, input: &str| {
        let line = format!("{line} --account {EMAIL}@demo --json");
        let arguments: Vec<_> = line.split(' ').collect();
        let program = world.built("oathctl").unwrap().arguments(&arguments);
        let said = program.input(input).run().unwrap().stdout().unwrap();
        let last = said.lines().last().unwrap().to_owned();
        serde_json::from_str::<Value>(&last).unwrap()
    };
    let added = root(&format!("channel add email {EMAIL}"), &recovery[0]);
    let code = mailed(&world, 0);
    root(&format!("channel confirm {}", added["channel"]), &code);

    let before = fs::read(world.path("mailbox")).unwrap().len();
    let line = ["login", "--service-socket", SOCKET, EMAIL, "--send-code"];
    let login = world.built("oathctl").unwrap().arguments(&line);
    let mut login = login.user(User::Alice).start("login").unwrap();
    login.say("secret").unwrap();
    login.until_logged("A code is on its way to").unwrap();
    login.say(&mailed(&world, before)).unwrap();
    let ended = login.wait().unwrap();
    let said = login.log();
    assert!(ended.success(), "{said}");
    assert!(
        said.contains(&format!("Signed in as {EMAIL}."))
            && said.contains("Set your second factor up anew."),
        "{said}"
    );
}
