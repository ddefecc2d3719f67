//! Proves: on a terminal `oathctl enroll` needs no option: it says what will happen before it does,
//! offers the tokens that are here, reads the confirming code from the token if it may, shows the
//! recovery codes once and has one typed back, and takes Enter for every step that may be skipped; a
//! no at the question changes nothing, and Ctrl-C leaves nothing behind; `?` at the prompt for a code
//! lists the ways and asks again; the keys on paper are offered before the first account, and the end
//! of the user's other sessions after it, never of the own one.
//! Does not prove: how it looks.

use std::os::unix::fs::PermissionsExt;

use std::sync::{Arc, Mutex};

use oathd_tests::world::{CardSetup, User, World};
use zbus::{OwnedObjectPath, interface};

fn world() -> World {
    let rules = "polkit.addRule(function() { return polkit.Result.YES; });";
    let mut world = World::with_oathd(rules).unwrap();
    world.insert_card(CardSetup::default()).unwrap();
    world
}

/// Runs oathctl on a terminal where Alice types `lines`; answers its status and the screen.
fn typed(world: &World, line: &str, lines: &[&str]) -> (i32, String) {
    typed_by(world, User::Alice, line, lines)
}

fn typed_by(world: &World, user: User, line: &str, lines: &[&str]) -> (i32, String) {
    let command = format!("/run/build/oathctl --color never {line}");
    let arguments = ["--quiet", "--return", "--command", &command, "/dev/null"];
    let program = world.program("script").arguments(&arguments);
    let keys = lines
        .iter()
        .map(|line| format!("{line}\n"))
        .collect::<String>();
    let output = program.user(user).input(keys).run().unwrap();
    let code = output.status.code().expect("no signal");
    (code, output.texts().0.replace("\r\n", "\n"))
}

/// Asserts that the screen shows these one after the other.
fn shows(screen: &str, texts: &[&str]) {
    let mut rest = screen;
    for text in texts {
        let place = rest
            .find(text)
            .unwrap_or_else(|| panic!("{text:?} is missing:\n{screen}"));
        rest = &rest[place + text.len()..];
    }
}

#[test]
fn enter_is_enough_to_switch_a_second_factor_on() {
    let world = world();
    let (code, screen) = typed(&world, "enroll", &["", "", "", "", ""]);
    assert_eq!(code, 0, "{screen}");
    shows(
        &screen,
        &[
            "an administrator prints them by `oathctl admin escrow`",
            "1. YubiKey 5 12345678 (0 of 64 slots used)",
            "This switches a second factor on for alice@local.",
            "Nothing of the account changes before that.",
            "Go on? [Y/n]",
            "Read the code from YubiKey 5 12345678",
            "Touch the token",
            "The second factor of alice@local is on.",
            "Recovery codes of alice@local",
            "  [ ]  0",
            "  [ ]  9",
            "Type one of them back",
            "Not shown",
            "A text message is the weakest way",
            "SSH with a key",
        ],
    );
    let (_, status) = typed(&world, "status", &[]);
    shows(
        &status,
        &[
            "alice@local: the second factor is on",
            "Nobody has typed a recovery code",
        ],
    );

    let (code, screen) = typed(&world, "verify", &["?", "000000", "12", "000000"]);
    assert_eq!(code, 1, "{screen}");
    shows(
        &screen,
        &[
            "a code of factor 1",
            "a recovery code (10 left)",
            "The code is wrong",
            "That is no code",
            "The code is wrong",
        ],
    );
}

/// Runs oathctl on a terminal where somebody types the fourth recovery code that is shown back, in
/// small letters and without dashes.
const TYPES_BACK: &str = r#"
import os, pty, re, sys
child, screen = pty.fork()
if child == 0:
    os.execv("/run/build/oathctl", ["oathctl", "--color", "never", *sys.argv[1:]])
shown, typed = b"", False
while True:
    try:
        data = os.read(screen, 4096)
    except OSError:
        break
    shown += data
    if not typed and b"or Enter to leave it:" in shown:
        code = re.findall(rb"\[ \]  (\S+)", shown)[3]
        os.write(screen, code.replace(b"-", b"").lower() + b"\n")
        typed = True
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;

#[test]
fn a_code_that_is_typed_back_is_known_to_be_written_down() {
    let world = world();
    let line = "enroll --token 12345678 --read-code --yes --no-channel --keep-sessions";
    let arguments: Vec<_> = ["-c", TYPES_BACK]
        .into_iter()
        .chain(line.split(' '))
        .collect();
    let program = world.program("/usr/bin/python3").arguments(&arguments);
    let output = program.user(User::Alice).run().unwrap();
    let (screen, errors) = output.texts();
    assert!(output.status.success(), "{screen}{errors}");
    assert!(
        !screen.contains("Not shown") && !screen.contains("none of them"),
        "{screen}"
    );
    let (_, status) = typed(&world, "status", &[]);
    shows(
        &status,
        &["10 of 10 recovery codes left", "One factor is all there is"],
    );
    assert!(!status.contains("typed a recovery code back"), "{status}");
}

#[test]
fn a_no_changes_nothing() {
    let world = world();
    let (code, screen) = typed(&world, "enroll", &["1", "n"]);
    assert_eq!(code, 1, "{screen}");
    shows(&screen, &["Go on? [Y/n]", "Nothing was changed."]);
    let (_, status) = typed(&world, "status", &[]);
    shows(&status, &["alice@local: the second factor is off"]);
}

/// Runs oathctl on a terminal where somebody presses Ctrl-C when asked for the code of the new factor;
/// ends with the number of the signal that it died of.
const CTRL_C: &str = r#"
import os, pty, sys
child, screen = pty.fork()
if child == 0:
    os.execv("/run/build/oathctl", ["oathctl", "--color", "never", *sys.argv[1:]])
shown, pressed = b"", False
while True:
    try:
        data = os.read(screen, 4096)
    except OSError:
        break
    if not data:
        break
    shown += data
    if not pressed and b"Code of the new factor:" in shown:
        os.write(screen, b"\x03")
        pressed = True
sys.stdout.buffer.write(shown)
sys.exit(-os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;

#[test]
fn ctrl_c_leaves_nothing_behind() {
    let world = world();
    let line = "enroll --uri --yes --recovery-codes-to /run/home/alice";
    let arguments = ["-c", CTRL_C].into_iter().chain(line.split(' '));
    let arguments: Vec<_> = arguments.collect();
    for _ in 0..2 {
        let program = world.program("/usr/bin/python3").arguments(&arguments);
        let output = program.user(User::Alice).run().unwrap();
        let (screen, errors) = output.texts();
        // SIGINT.
        assert_eq!(output.status.code(), Some(2), "{screen}{errors}");
        let left = std::fs::read_dir(world.path("home/alice")).unwrap();
        assert_eq!(left.count(), 0, "{screen}");
    }
    let (_, status) = typed(&world, "status", &[]);
    shows(&status, &["alice@local: the second factor is off"]);
}

#[test]
fn the_keys_are_offered_before_the_first_account_and_not_after() {
    let world = world();
    let there = "/run/oathd.conf";
    std::fs::write(world.path("oathd.conf"), "").unwrap();
    let line = "enroll --token 12345678 --no-touch --read-code --no-channel --keep-sessions";
    let answers = [there, "/run/home/root", "n"];
    let (code, screen) = typed_by(&world, User::Root, line, &answers);
    assert_eq!(code, 1, "{screen}");
    shows(
        &screen,
        &[
            "the first account of this host",
            "File exists",
            "The keys are in /run/home/root/oathd-escrow.txt",
            "Go on? [Y/n]",
        ],
    );
    let sheet = world.path("home/root/oathd-escrow.txt");
    let mode = std::fs::metadata(&sheet).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(sheet).unwrap();
    assert!(text.contains("V1 "), "no keys in the sheet");
    let (code, screen) = typed_by(&world, User::Root, line, &["", "", ""]);
    assert_eq!(code, 0, "{screen}");
    shows(&screen, &["Enter to leave it", "Left;", "is on."]);
    let line = "enroll alice --uri";
    let (code, screen) = typed_by(&world, User::Root, line, &["n"]);
    assert_eq!(code, 1, "{screen}");
    assert!(!screen.contains("first account"), "{screen}");
}

#[test]
fn a_telephone_gets_a_qr_code_and_its_owner_may_mistype() {
    let world = world();
    let (code, screen) = typed(&world, "enroll", &["7", "q", "y", "000000", "x", ""]);
    assert_eq!(code, 5, "{screen}");
    shows(
        &screen,
        &[
            "Type numbers of the list",
            "A seed is shown to you; oathd keeps a sealed copy",
            "Whoever sees it can copy it.",
            "█",
            "Code of the new factor:",
            "The code is wrong. 4 tries are left.",
            "That is no code.",
            "was not given",
        ],
    );
}

/// As much of logind as knows Alice's two sessions, of which the second is the caller's, and one of
/// Bob's; remembers which were ended.
struct Logind(Arc<Mutex<Vec<String>>>);

fn session(id: &str) -> OwnedObjectPath {
    let path = format!("/org/freedesktop/login1/session/{id}");
    path.try_into().unwrap()
}

#[interface(name = "org.freedesktop.login1.Manager")]
impl Logind {
    fn list_sessions(&self) -> Vec<(String, u32, String, String, OwnedObjectPath)> {
        let sessions = [("1", User::Alice), ("2", User::Alice), ("3", User::Bob)];
        let row = |(id, user): (&str, User)| {
            let (name, seat) = (user.name().to_owned(), "seat0".to_owned());
            (id.to_owned(), user.uid(), name, seat, session(id))
        };
        sessions.map(row).into()
    }

    fn get_session(&self, _id: &str) -> OwnedObjectPath {
        session("2")
    }

    fn terminate_session(&self, id: String) {
        self.0.lock().unwrap().push(id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_users_other_sessions_may_end_and_the_own_one_stays() {
    let world = world();
    let ended = Arc::default();
    let seat = world.connect(User::Root).await.unwrap();
    let logind = Logind(Arc::clone(&ended));
    let path = "/org/freedesktop/login1";
    seat.object_server().at(path, logind).await.unwrap();
    seat.request_name("org.freedesktop.login1").await.unwrap();
    let line = "enroll --token 12345678 --no-touch --read-code --no-channel --yes";
    let (code, screen) = typed(&world, line, &["", "y"]);
    assert_eq!(code, 0, "{screen}");
    shows(
        &screen,
        &[
            "You have 1 other sessions on this host (seat0). End them? [y/N]",
            "One session was ended.",
        ],
    );
    assert_eq!(*ended.lock().unwrap(), ["1"]);
}
