//! Proves: with no room for its state, oathd answers `StateUnavailable` to a right code, in place
//! of a receipt that a crash would take back; the code is not used up, and is accepted once there is
//! room. The same where the disk fails under a running oathd, be it at a write or when what was written
//! is to reach the disk; it goes on when the disk does. A page that is damaged deep in the state, and a lost key of codes, deny the same way until
//! they are put right; nothing is made in their place.
//! Does not prove: what each single failing write does, which has tests beside the ledger.

use std::time::{SystemTime, UNIX_EPOCH};
use std::{fs, io};

use oathd_client::{
    Client, ConfirmOptions, EnrollOptions, Error, ErrorName, VerifyOptions, unseal_text,
};
use oathd_oath::{Algorithm, Digits, Secret, code, otpauth};
use oathd_tests::world::{Process, User, World, until};

use crate::till::{Shop, verify};

const PAGE: usize = 4096;

fn run(world: &World, line: &str) {
    let mut words = line.split_whitespace();
    let program = world.program(words.next().unwrap());
    let arguments: Vec<_> = words.collect();
    program
        .arguments(&arguments)
        .run()
        .unwrap()
        .stdout()
        .unwrap();
}

/// Leaves no room for a single page: files of one byte take one each.
fn fill(world: &World) {
    let fill = "i=0; while printf x >/run/state/fill$i; do i=$((i+1)); done 2>/dev/null";
    let filled = world.program("sh").arguments(&["-c", fill]).run();
    filled.unwrap().stdout().unwrap();
}

fn step() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
        / 30
}

fn code_of(seed: &Secret, step: u64) -> String {
    code::hotp(seed, Algorithm::Sha1, Digits::Six, step)
}

#[tokio::test]
async fn a_full_disk_denies_and_uses_nothing_up() {
    let mut world = World::new().unwrap();
    let oathd = User::Oathd.uid();
    let options = format!("size=1m,mode=700,uid={oathd},gid={oathd}");
    run(
        &world,
        &format!("mount -t tmpfs -o {options} tmpfs /run/state"),
    );
    world.start_oathd(&[]).unwrap();
    let root = Client::with(world.connect(User::Root).await.unwrap());
    let (accounts, options) = (root.accounts(), EnrollOptions::default());
    let enrolment = accounts.begin_enrollment("root", &options).await.unwrap();
    let uri = enrolment.reveal().await.unwrap();
    let seed = otpauth::parse(&uri).unwrap().secret;
    let (used, options) = (step(), ConfirmOptions::default());
    let first = code_of(&seed, used);
    enrolment.confirm(&first, &options).await.unwrap();
    let verify = async |code: &str| {
        let verifier = root.verifier();
        let answer = verifier
            .verify("root", code, &VerifyOptions::default())
            .await;
        answer
            .map(|receipt| receipt.way)
            .map_err(|error| match error {
                Error::Oathd { name, .. } => name,
                other => panic!("no error of oathd: {other:?}"),
            })
    };

    fill(&world);
    // The code of the next step is accepted already, and still when it is the step.
    let next = code_of(&seed, used + 1);
    let (wrong, unavailable) = ("000000", Err(ErrorName::StateUnavailable));
    for code in [next.as_str(), wrong, next.as_str()] {
        assert_eq!(verify(code).await, unavailable);
    }
    world.oathd().unwrap().check_alive().unwrap();
    run(&world, "find /run/state -name fill* -delete");
    assert_eq!(verify(&next).await, Ok("code".to_owned()));
    assert_eq!(verify(&next).await, Err(ErrorName::CodeUsed));
}

/// Makes each such call of oathd on its files fail, until the process that is given back ends.
fn break_disk(world: &mut World, calls: &str, error: &str) -> Process {
    let oathd = world.oathd().unwrap().pid();
    let arguments = [
        "-f".to_owned(),
        "--output=/run/strace".to_owned(),
        format!("--attach={oathd}"),
        format!("--trace={calls}"),
        format!("--inject={calls}:error={error}"),
    ];
    let strace = world.program("strace").arguments(&arguments);
    let strace = strace.start("strace").unwrap();
    let traced = |thread: io::Result<fs::DirEntry>| {
        let status = thread.and_then(|thread| fs::read_to_string(thread.path().join("status")));
        status.is_ok_and(|status| !status.contains("TracerPid:\t0\n"))
    };
    until("strace on oathd", || {
        let threads = fs::read_dir(format!("/proc/{oathd}/task"));
        let all = threads.is_ok_and(|mut threads| threads.all(traced));
        Ok(all.then_some(()))
    })
    .unwrap();
    strace
}

#[tokio::test]
async fn a_disk_that_fails_denies_and_is_believed_again() {
    let mut world = World::new().unwrap();
    world.start_oathd(&[]).unwrap();
    let root = Client::with(world.connect(User::Root).await.unwrap());
    let (accounts, options) = (root.accounts(), EnrollOptions::default());
    let begun = accounts.begin_enrollment("root", &options).await.unwrap();
    let uri = begun.reveal().await.unwrap();
    let first = code_of(&otpauth::parse(&uri).unwrap().secret, step());
    let options = ConfirmOptions::default();
    let confirmed = begun.confirm(&first, &options).await.unwrap();
    let codes = unseal_text(confirmed.recovery_codes.unwrap()).unwrap();
    let verify = async |code: &str| {
        let options = VerifyOptions::default();
        let verified = verify(&root, "root", code, &options).await;
        verified.map(|receipt| receipt.way).map_err(|told| told.0)
    };
    let unavailable = Err(ErrorName::StateUnavailable);
    let faults = [
        ("pwrite64", "EIO"),
        ("pwrite64", "EROFS"),
        ("fdatasync", "EIO"),
    ];
    for ((calls, error), code) in faults.into_iter().zip(codes.lines()) {
        let mut strace = break_disk(&mut world, calls, error);
        for response in [code, "000000", code] {
            assert_eq!(verify(response).await, unavailable, "{calls} {error}");
        }
        strace.end().unwrap();
        world.oathd().unwrap().check_alive().unwrap();
        assert_eq!(
            verify(code).await,
            Ok("recovery".to_owned()),
            "{calls} {error}"
        );
        assert!(verify(code).await.is_err());
    }
    // What was answered is on the disk.
    world.oathd().unwrap().kill().unwrap();
    world.start_oathd(&[]).unwrap();
    let root = Client::with(world.connect(User::Root).await.unwrap());
    for code in codes.lines().take(faults.len()) {
        let again = crate::till::verify(&root, "root", code, &VerifyOptions::default()).await;
        assert!(again.is_err());
    }
}

/// Asks until the state is found to be damaged; that may take a moment.
async fn refused_in_the_end(shop: &Shop, account: &str) {
    let options = VerifyOptions::default();
    loop {
        match verify(&shop.service, account, "000000", &options).await {
            Err((ErrorName::StateUnavailable, _)) => return,
            Err((ErrorName::WrongCode | ErrorName::Throttled, _)) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn damage_deep_in_the_state_denies_everybody() {
    let mut shop = Shop::open().await;
    let ada = shop.enrol("ada").await;
    let bob = shop.enrol("bob").await;
    shop.near.stop().await;
    let database = shop.near.world.path("state").join("oathd.db");
    let whole = fs::read(&database).unwrap();
    let mut damaged = whole.clone();
    // The leaf with the row of Ada's account (SQLite file format, section 1.6), which no start reads.
    let mut pages = damaged.chunks_mut(PAGE);
    let row = pages.find(|page| page[0] == 13 && page.windows(7).any(|part| part == b"shopada"));
    row.unwrap()[100..].fill(0xA5);
    fs::write(&database, &damaged).unwrap();
    shop.near.start().await;
    shop.service = shop.near.client(User::Alice).await;
    for account in [ada.account.as_str(), bob.account.as_str(), "nobody@shop"] {
        refused_in_the_end(&shop, account).await;
    }
    let right = shop.verify(&bob.account, &shop.code(&bob.seed, 0)).await;
    let (name, details) = right.unwrap_err();
    assert_eq!(name, ErrorName::StateUnavailable);
    assert!(details.detail.unwrap().contains("oathd.db"));
    shop.near.stop().await;
    fs::write(&database, &whole).unwrap();
    shop.near.start().await;
    shop.service = shop.near.client(User::Alice).await;
    let receipt = shop.verify(&bob.account, &shop.code(&bob.seed, 0)).await;
    assert_eq!(receipt.unwrap().way, "code");
}

#[tokio::test]
async fn a_lost_key_of_codes_denies_and_is_not_made_anew() {
    let mut shop = Shop::open().await;
    let ada = shop.enrol("ada").await;
    shop.near.stop().await;
    let key = shop.near.world.path("state").join("codes.key");
    let aside = key.with_extension("aside");
    fs::rename(&key, &aside).unwrap();
    shop.near.start().await;
    shop.service = shop.near.client(User::Alice).await;
    let code = shop.code(&ada.seed, 0);
    for response in [code.as_str(), "000000", ada.recovery[0].as_str()] {
        let refused = shop.verify(&ada.account, response).await;
        assert_eq!(shop.refused(refused), ErrorName::StateUnavailable);
    }
    assert!(!key.exists());
    shop.near.stop().await;
    fs::rename(&aside, &key).unwrap();
    shop.near.start().await;
    shop.service = shop.near.client(User::Alice).await;
    let receipt = shop.verify(&ada.account, &code).await;
    assert_eq!(receipt.unwrap().way, "code");
}
