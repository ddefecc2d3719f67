//! Proves: runs at once have a bus, tokens and files each; users are kept apart as on the system
//! bus; nothing is left of a run but what `--state` asks for, and no process even of one that was
//! killed.

use std::process::Command;

use oathd_client::ErrorName;
use rustix::process::{Signal, geteuid, kill_process};
use zbus::fdo::DBusProxy;

use crate::harness::{Run, add_seed, oathd_sim, soon};

async fn process_of_bus(run: &Run) -> u32 {
    let client = run.client().await;
    let bus = DBusProxy::new(client.connection()).await.unwrap();
    let name = "org.freedesktop.DBus".try_into().unwrap();
    bus.get_connection_unix_process_id(name).await.unwrap()
}

/// The serials are long, so that none is the start of the other token's random id.
#[tokio::test]
async fn two_runs_do_not_meet() {
    let (one, other) = (
        Run::start(&["--serial", "11111111"]),
        Run::start(&["--serial", "22222222"]),
    );
    assert_ne!(one.address, other.address);
    let (first, second) = (one.client().await, other.client().await);
    add_seed(&first, "only", false).await;
    assert!(
        first
            .find_token("22222222")
            .await
            .unwrap_err()
            .is(ErrorName::NoToken)
    );
    let token = second.find_token("22222222").await.unwrap();
    assert_eq!(token.credentials(true).await.unwrap(), []);
    assert!(one.end(0).0.success());
    assert_eq!(token.credentials(true).await.unwrap(), []);
}

#[tokio::test]
async fn nothing_is_left_after_the_command() {
    let mut run = Run::start(&[]);
    let client = run.client().await;
    add_seed(&client, "gone", false).await;
    let bus = process_of_bus(&run).await;
    assert_eq!(run.left().len(), 1);
    kill_process(run.pid(), Signal::TERM).unwrap();
    assert_eq!(run.ended().0.code(), Some(128 + 15));
    assert_eq!(run.left(), [""; 0]);
    assert!(!std::fs::exists(format!("/proc/{bus}")).unwrap());
}

#[tokio::test]
async fn no_process_is_left_of_a_run_that_was_killed() {
    let mut run = Run::start(&[]);
    let client = run.client().await;
    kill_process(run.pid(), Signal::KILL).unwrap();
    // The command holds the outputs, and the bus the connection.
    assert_eq!(run.ended().0.code(), None);
    soon(client.connection().closed()).await;
}

#[tokio::test]
async fn a_state_is_kept_and_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let options = ["--state", state.to_str().unwrap(), "--clock", "59"];
    let run = Run::start(&options);
    add_seed(&run.client().await, "kept", false).await;
    assert!(run.end(0).0.success());
    let run = Run::start(&options);
    let token = run.client().await.find_token("").await.unwrap();
    assert_eq!(token.code("kept", false).await.unwrap().code, "94287082");
    let mut second = oathd_sim();
    second.arg("run").args(options).args(["--", "echo", "ran"]);
    let output = second.output().unwrap();
    assert_eq!(output.status.code(), Some(69), "{output:?}");
    assert_eq!(output.stdout, b"");
}

/// Needs root, to be somebody else; another user has nobody to be.
#[test]
fn every_user_connects_and_is_known() {
    if !geteuid().is_root() {
        return;
    }
    let nobody = |options: &[&str]| {
        let mut run = oathd_sim();
        run.arg("run")
            .args(options)
            .args(["--", "setpriv", "--reuid=65534", "--regid=65534"]);
        run.args([
            "--clear-groups",
            "gdbus",
            "call",
            "--system",
            "--dest=org.oathd.Oathd1",
        ]);
        run.args(["--object-path=/org/oathd/Oathd1"]);
        run.args(["--method=org.oathd.Oathd1.Manager.FindToken", "", "{}"]);
        run.output().unwrap()
    };
    let refused = nobody(&[]);
    assert!(!refused.status.success());
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        said.contains("org.oathd.Oathd1.Error.NotAuthorized"),
        "{said}"
    );
    let served = nobody(&["--allow", "everybody"]);
    assert!(served.status.success(), "{served:?}");
}

/// What the packages install is oathd, not a simulator that answers to its name.
#[test]
fn the_service_contains_no_simulator() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "--package=oathd-daemon",
            "--edges=normal,build",
        ])
        .args(["--prefix=none", "--format={p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    let has = |name: &str| tree.lines().any(|line| line.starts_with(name));
    assert!(
        has("oathd-token ") && !has("oathd-card ") && !has("oathd-sim "),
        "{tree}"
    );
}
