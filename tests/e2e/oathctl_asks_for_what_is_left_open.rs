//! Proves: on a terminal `oathctl enroll` needs no option: it says what will happen before it does,
//! offers the tokens that are here, reads the confirming code from the token if it may, shows the
//! recovery codes once and has one typed back, and takes Enter for every step that may be skipped; a no at the question
//! changes nothing; `?` at the prompt for a code lists the ways and asks again.
//! Does not prove: how it looks.

use oathd_tests::world::{CardSetup, User, World};

fn world() -> World {
    let rules = "polkit.addRule(function() { return polkit.Result.YES; });";
    let mut world = World::with_oathd(rules).unwrap();
    world.insert_card(CardSetup::default()).unwrap();
    world
}

/// Runs oathctl on a terminal where somebody types `lines`; answers its status and the screen.
fn typed(world: &World, line: &str, lines: &[&str]) -> (i32, String) {
    let command = format!("/run/build/oathctl --color never {line}");
    let arguments = ["--quiet", "--return", "--command", &command, "/dev/null"];
    let program = world.program("script").arguments(&arguments);
    let keys = lines
        .iter()
        .map(|line| format!("{line}\n"))
        .collect::<String>();
    let output = program.user(User::Alice).input(keys).run().unwrap();
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
