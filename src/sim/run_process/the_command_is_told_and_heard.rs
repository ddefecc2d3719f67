//! Proves: the command's status comes through, whatever it is; signals reach it; a world that
//! breaks, or cannot be made, ends the command and says why. Does not prove what a terminal does with
//! Ctrl-C.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Output, Stdio},
};

use proptest::prelude::*;
use rustix::process::{Pid, Signal, kill_process};
use zbus::fdo::DBusProxy;

use crate::harness::{Run, oathd_sim, soon};

fn run(command: &[&str]) -> Output {
    let mut run = oathd_sim();
    run.args(["run", "--"]).args(command).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn the_status_is_the_commands(status in any::<u8>()) {
        let output = run(&["sh", "-c", &format!("exit {status}")]);
        prop_assert_eq!(output.status.code(), Some(status.into()));
        prop_assert_eq!(said(&output), "");
    }
}

#[test]
fn a_signal_that_ends_the_command_is_a_status_and_is_said() {
    let output = run(&["sh", "-c", "kill -s KILL $$"]);
    assert_eq!(output.status.code(), Some(128 + 9));
    assert!(said(&output).contains("signal 9"), "{output:?}");
}

#[test]
fn a_command_that_cannot_be_started_is_said_as_a_shell_does() {
    for (command, status) in [("/nowhere", 127), ("nowhere-in-path", 127), ("/", 126)] {
        let output = run(&[command]);
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        assert!(said(&output).contains(command), "{output:?}");
    }
}

#[test]
fn the_command_has_its_words_its_streams_and_its_environment() {
    let mut command = oathd_sim();
    command.args(["run", "--tokens", "0", "--", "sh", "-c"]);
    command.args([
        r#"echo "$1|$2|$MINE"; cat; echo err >&2"#,
        "sh",
        "--tokens",
        "a b",
    ]);
    command.env("MINE", "x").stdin(Stdio::from(
        Command::new("echo")
            .arg("in")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
            .stdout
            .unwrap(),
    ));
    let output = command.output().unwrap();
    assert_eq!(output.stdout, b"--tokens|a b|x\nin\n");
    assert_eq!(output.stderr, b"err\n");
}

#[test]
fn what_the_command_line_gets_wrong_is_refused() {
    let wrong: [&[&str]; 8] = [
        &[],
        &["true"],
        &["--clock", "noon", "--", "true"],
        &["--tokens", "17", "--", "true"],
        &["--serial=4294967295", "--tokens=2", "--", "true"],
        &["--profile", "yubikey-9", "--", "true"],
        &["--touch", "maybe", "--", "true"],
        &["--oathd-log", "a=b=c", "--", "true"],
    ];
    for arguments in wrong {
        let output = oathd_sim().arg("run").args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?} {output:?}");
        assert_ne!(said(&output), "");
    }
}

#[test]
fn signals_reach_the_command() {
    for name in ["INT", "TERM", "HUP", "QUIT"] {
        let script = format!("trap 'exit 42' {name}; kill -s {name} $PPID; read -r never");
        // Without a terminal, so that the signal comes from nowhere but oathd-sim.
        let mut child = Command::new("setsid")
            .args(["--wait", env!("CARGO_BIN_EXE_oathd-sim"), "run", "--"])
            .args(["sh", "-c", &script])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let _never = child.stdin.take();
        assert_eq!(child.wait().unwrap().code(), Some(42), "{name}");
    }
}

/// The terminal sends it to the command itself; a second one would be taken for impatience.
#[test]
fn an_interrupt_typed_on_a_terminal_reaches_the_command_once() {
    let counting = r#"n=0; trap 'n=$((n+1))' INT; echo ready; read -r never
        gdbus wait --system org.oathd.Sim1; exit "$((40 + n))""#;
    // In place of the shell, which would be interrupted too and end by it.
    let run = format!(
        "exec {} run -- sh -c '{}'",
        env!("CARGO_BIN_EXE_oathd-sim"),
        counting.replace('\'', r"'\''")
    );
    let mut terminal = Command::new("script")
        .args(["--quiet", "--return", "--command", &run, "/dev/null"])
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut keys = terminal.stdin.take().unwrap();
    let mut shown = BufReader::new(terminal.stdout.take().unwrap());
    let mut line = String::new();
    shown.read_line(&mut line).unwrap();
    assert_eq!(line.trim_end(), "ready");
    // The line is for a shell that was interrupted before it began to read.
    keys.write_all(b"\x03\n").unwrap();
    assert_eq!(terminal.wait().unwrap().code(), Some(41));
}

#[tokio::test]
async fn a_bus_that_ends_ends_the_command() {
    let mut run = Run::start(&[]);
    let client = run.client().await;
    let bus = DBusProxy::new(client.connection()).await.unwrap();
    let name = "org.freedesktop.DBus".try_into().unwrap();
    let pid = bus.get_connection_unix_process_id(name).await.unwrap();
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    soon(client.connection().closed()).await;
    let (status, said) = run.ended();
    assert_eq!(status.code(), Some(69));
    assert!(said.contains("bus"), "{said}");
    assert_eq!(run.left(), [""; 0]);
}

#[test]
fn a_folder_with_too_long_a_name_for_a_socket_is_avoided() {
    let folder = tempfile::tempdir().unwrap();
    let mut deep = folder.path().to_owned();
    while deep.as_os_str().len() < 80 {
        deep.push("deeper");
    }
    std::fs::create_dir_all(&deep).unwrap();
    let mut run = oathd_sim();
    run.env("TMPDIR", &deep).args(["run", "--", "echo", "ran"]);
    let output = run.output().unwrap();
    assert_eq!(output.stdout, b"ran\n", "{output:?}");
    assert!(output.status.success());
}

/// Needs root, to be a user whom nobody knows.
#[test]
fn a_user_whom_the_bus_does_not_take_is_told_why() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let output = Command::new("setpriv")
        .args(["--reuid=54321", "--regid=54321", "--clear-groups"])
        .args([env!("CARGO_BIN_EXE_oathd-sim"), "run", "--", "true"])
        .output()
        .unwrap();
    // Later releases of dbus-daemon take everybody, and a stranger may not reach the program at all.
    if output.status.code() == Some(69) {
        assert!(said(&output).contains("getent passwd 54321"), "{output:?}");
    }
}

#[test]
fn a_missing_dbus_daemon_and_a_bad_state_are_said_before_the_command_runs() {
    let mut without_bus = oathd_sim();
    without_bus
        .env("PATH", "/nowhere")
        .args(["run", "--", "/bin/echo", "ran"]);
    let mut without_state = oathd_sim();
    without_state.args(["run", "--state", "/dev/null", "--", "echo", "ran"]);
    for (command, hint) in [
        (&mut without_bus, "dbus-daemon"),
        (&mut without_state, "state"),
    ] {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(69), "{output:?}");
        assert!(said(&output).contains(hint), "{output:?}");
        assert_eq!(output.stdout, b"");
    }
}
