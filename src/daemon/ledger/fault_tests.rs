//! Faults of the disk at every single write of a change, made by strace(1) and by a limit of the
//! size of files, in a process of its own.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

use oathd_core::Event;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{stand::*, *};
use crate::{
    clock::ManualClock,
    random::SystemRandom,
    store::{DATABASE, schema},
};

const CHILD: &str = "ledger::fault_tests::child";
const STARTER: &str = "ledger::fault_tests::starter";
const STATE: &str = "OATHD_TEST_STATE";
const ROOM: &str = "OATHD_TEST_ROOM";
const ABRUPT: &str = "OATHD_TEST_ABRUPT";

/// How many changes the child makes one after the other.
const CHANGES: usize = 3;

/// Calls of the kernel, how they fail, and whether the process then ends without closing the store.
const FAULTS: &[(&str, &str, bool)] = &[
    ("pwrite64", "ENOSPC", false),
    ("pwrite64", "EIO", false),
    ("pwrite64", "EROFS", false),
    ("fsync,fdatasync", "EIO", false),
    ("fsync,fdatasync", "EIO", true),
];

/// What one change leaves: the account's generation rises, and an entry is written.
fn step(draft: &mut Draft<'_>) {
    draft.account.end_grants();
    draft.record([Event::SwitchedOff]);
}

async fn open(dir: &Path) -> Result<Ledger, StoreError> {
    let clock = Arc::new(ManualClock::new(NOW));
    Ledger::open(Store::open(dir)?, dir, Arc::new(SystemRandom), clock).await
}

/// Makes changes and tells of each whether it was kept.
#[test]
#[ignore = "runs in a process of its own, whose writes fail"]
fn child() {
    let Some(state) = std::env::var_os(STATE) else {
        return;
    };
    runtime().block_on(async {
        let mut told = String::from("\n");
        let ledger = match open(Path::new(&state)).await {
            Ok(ledger) => ledger,
            // A start fails as well; the next one does not.
            Err(StoreError::Unavailable { .. }) => open(Path::new(&state)).await.unwrap(),
            Err(error) => panic!("{error:?}"),
        };
        let room = std::env::var(ROOM).ok().and_then(|room| room.parse().ok());
        limit(room);
        for _ in 0..CHANGES {
            told += match ledger.change(&name("alice@shop"), actor(), step).await {
                Ok(()) => "kept\n",
                Err(LedgerError::Store(StoreError::Unavailable { .. })) => {
                    limit(None);
                    "refused\n"
                }
                Err(error) => panic!("{error:?}"),
            };
        }
        limit(None);
        // In one go, so that the fault of a write is never that of the telling.
        std::io::stdout().write_all(told.as_bytes()).unwrap();
        if std::env::var_os(ABRUPT).is_some() {
            std::process::exit(0);
        }
    });
}

/// Starts and tells how that went.
#[test]
#[ignore = "runs in a process of its own, whose writes fail"]
fn starter() {
    let Some(state) = std::env::var_os(STATE) else {
        return;
    };
    let opened = runtime().block_on(open(Path::new(&state)));
    let told = opened.map_or_else(|error| error.to_string(), |_| "opened".to_owned());
    std::io::stdout()
        .write_all(format!("\ntold {told}\n").as_bytes())
        .unwrap();
}

/// Lets files grow to so many bytes: a write that goes beyond is cut short, and the next one fails.
fn limit(room: Option<u64>) {
    let hard = getrlimit(Resource::Fsize).maximum;
    let limit = Rlimit {
        current: room.or(hard),
        maximum: hard,
    };
    setrlimit(Resource::Fsize, limit).unwrap();
}

/// Runs one of the tests above in a process of its own; what it told.
fn output(command: &mut Command, child: &str, dir: &Path) -> String {
    let output = command
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", child, "--ignored", "--nocapture"])
        .env(STATE, dir)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// Runs the child; what it told.
fn run(command: &mut Command, dir: &Path) -> Vec<String> {
    let told = output(command, CHILD, dir);
    let told = told
        .lines()
        .filter(|line| ["kept", "refused"].contains(line));
    let told: Vec<String> = told.map(str::to_owned).collect();
    assert_eq!(told.len(), CHANGES);
    told
}

async fn prepared() -> Stand {
    let mut stand = Stand::new().await;
    stand.enrol("alice@shop", 1, TOTP).await;
    stand.close();
    stand
}

/// The store has what was told to be kept, and nothing else. How many changes were refused.
async fn fits(stand: &mut Stand, told: &[String]) -> usize {
    let kept = told.iter().filter(|told| *told == "kept").count();
    // Once the fault is over, it is over.
    assert!(kept >= CHANGES - 1, "{told:?}");
    stand.reopen().await;
    let alice = stand.ledger().read(&name("alice@shop")).await;
    let generation = alice.unwrap().unwrap().generation();
    assert_eq!(generation as usize, kept, "{told:?}");
    assert_eq!(stand.ledger().check().await.unwrap(), Vec::<String>::new());
    let verdict = stand.ledger().verify_audit().await.unwrap();
    assert_eq!((verdict.last as usize, verdict.fault), (1 + kept, None));
    CHANGES - kept
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

#[test]
fn a_fault_at_any_write_denies_one_change_and_loses_none() {
    for (call, error, abrupt) in FAULTS {
        let mut refused = 0;
        for nth in 1.. {
            let mut stand = runtime().block_on(prepared());
            let log = stand.dir.path().join("strace.log");
            let told = run(
                Command::new("strace")
                    .args(["-f", "-qq", "-o"])
                    .arg(&log)
                    .arg(format!("--trace={call}"))
                    .arg(format!("--inject={call}:error={error}:when={nth}"))
                    .envs(abrupt.then_some((ABRUPT, "1"))),
                stand.dir.path(),
            );
            refused += runtime().block_on(fits(&mut stand, &told));
            if !fs::read_to_string(log).unwrap().contains("INJECTED") {
                break;
            }
        }
        assert!(refused >= CHANGES, "{call} {error}");
    }
}

#[test]
fn a_write_that_is_cut_short_denies_one_change_and_loses_none() {
    let mut refused = 0;
    for room in (0..).step_by(1499) {
        let mut stand = runtime().block_on(prepared());
        // The signal that comes with the limit is not to end the child.
        let told = run(
            Command::new("sh")
                .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
                .env(ROOM, room.to_string()),
            stand.dir.path(),
        );
        match runtime().block_on(fits(&mut stand, &told)) {
            0 => break,
            count => refused += count,
        }
    }
    assert!(refused > 10, "{refused}");
}

/// A store of schema 2 whose trail is larger than what SQLite holds in memory, and how long that is.
async fn of_old() -> (Stand, u64) {
    const ENTRIES: u64 = 30_000;
    let mut stand = prepared().await;
    stand.reopen().await;
    let much = |draft: &mut Draft<'_>| {
        let happened = (0..ENTRIES).map(|_| What::BackedUp);
        draft.happened.extend(happened);
    };
    stand.change("bob@shop", much).await.unwrap();
    stand.close();
    stand.tamper(share_tests::TO_SCHEMA_2);
    (stand, ENTRIES + 1)
}

/// From some write on the disk is full: the old state is whole then, and a start with room again goes
/// on with it.
#[test]
fn a_start_without_room_for_a_new_schema_leaves_the_old_one() {
    let (mut stand, entries) = runtime().block_on(of_old());
    let path = stand.dir.path().join(DATABASE);
    let before = fs::read(&path).unwrap();
    let log = stand.dir.path().join("strace.log");
    let (mut refused, mut nth) = (0, 1);
    loop {
        fs::write(&path, &before).unwrap();
        let told = output(
            Command::new("strace")
                .args(["-f", "-qq", "-o"])
                .arg(&log)
                .arg("--trace=pwrite64")
                .arg(format!("--inject=pwrite64:error=ENOSPC:when={nth}+")),
            STARTER,
            stand.dir.path(),
        );
        let told = told.lines().find_map(|line| line.strip_prefix("told "));
        let told = told.unwrap();
        let schema = schema::of(&Connection::open(&path).unwrap()).unwrap();
        if told.contains("free space") {
            assert!(told.contains("full"), "{told}");
            assert_eq!(schema, 2);
            refused += 1;
        }
        runtime().block_on(async {
            stand.reopen().await;
            let verdict = stand.ledger().verify_audit().await.unwrap();
            assert_eq!(
                (verdict.last, verdict.fault),
                (entries, None),
                "{nth}: {told}"
            );
            assert_eq!(stand.ledger().check().await.unwrap(), Vec::<String>::new());
            stand.close();
        });
        if !fs::read_to_string(&log).unwrap().contains("INJECTED") {
            assert_eq!(told, "opened");
            break;
        }
        nth = 2 * nth + 1;
    }
    assert!(refused > 3, "{refused}");
}
