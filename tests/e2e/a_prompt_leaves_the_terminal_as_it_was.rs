//! Proves: nothing that is typed at a prompt of oathctl for a secret is shown, and however the prompt
//! ends – by Enter, by the end of the input, by the keys of the signals – the terminal is afterwards as
//! it was before, and those keys end oathctl by their signals.
//! Does not prove: what becomes of a terminal whose oathctl somebody else kills.

use oathd_tests::world::{CardSetup, World};

/// Runs oathctl on a terminal where somebody types the keys of the first argument once they are asked;
/// answers how it ended, how much of the terminal's state changed, and what is on the screen.
const TYPES: &str = r#"
import os, pty, sys, termios
child, screen = pty.fork()
if child == 0:
    os.execv("/run/build/oathctl", ["oathctl", *sys.argv[2:]])
before, shown, typed = termios.tcgetattr(screen), b"", False
while True:
    try:
        data = os.read(screen, 4096)
    except OSError:
        break
    if not data:
        break
    shown += data
    # The keys of signals are off when the echo is: what is typed from then on is for the prompt.
    if not typed and shown.endswith(b": "):
        while termios.tcgetattr(screen)[3] & termios.ECHO:
            pass
        os.write(screen, eval('b"' + sys.argv[1] + '"'))
        typed = True
changed = [at for at, now in enumerate(termios.tcgetattr(screen)) if now != before[at]]
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(status, changed, shown.decode().replace("\r\n", "\n"), sep="\n")
"#;

fn types(world: &World, keys: &str, line: &str) -> String {
    let mut arguments = vec!["-c", TYPES, keys];
    arguments.extend(line.split(' '));
    let program = world.program("/usr/bin/python3").arguments(&arguments);
    let output = program.run().unwrap();
    let (screen, errors) = output.texts();
    assert_eq!(errors, "");
    screen.to_owned()
}

#[test]
fn however_it_ends() {
    let mut world = World::new().unwrap();
    world.start_pcscd().unwrap();
    world.insert_card(CardSetup::default()).unwrap();
    world.start_oathd(&[]).unwrap();
    let prompt = "Secret (base32, from the account's page): \n";
    for (keys, status, then) in [
        // Two letters of three bytes each, taken back one by one.
        (
            "GEZDGNBV\u{20ac}\u{20ac}\\x7f\\x7fGY3TQOJQ\\n",
            0,
            "A:x is on YubiKey 5 12345678.\n",
        ),
        ("\\x04", 65, "oathctl: The secret is too short"),
        ("\\x03", -2, ""),
        ("GEZDGNBV\\x03", -2, ""),
        ("GEZDGNBV\\x1c", -3, ""),
    ] {
        let keys: String = keys
            .bytes()
            .map(|byte| match byte {
                0x20..0x7f => char::from(byte).to_string(),
                byte => format!("\\x{byte:02x}"),
            })
            .collect();
        let told = types(&world, &keys, "add A:x");
        let expected = format!("{status}\n[]\n{prompt}{then}");
        assert!(told.starts_with(&expected), "{keys}: {told}");
        assert!(!told.contains("GEZDGNBV"), "{told}");
    }
}
