//! Proves: while eight programs do random things with two tokens behind the real pcscd, and hands
//! pull them, hang them, garble and cut their answers, and hold them for other programs, every
//! call is answered, with an error that its caller must expect or with what is right: each code is
//! that of the known seed for a step of the very moment, each count of a counter is given once,
//! nothing that oathd reported as done is missing and nothing is there that nobody wrote. oathd
//! does not grow meanwhile, and afterwards everything works.
//! Does not prove: that a call is quick, or which of two simultaneous changes wins.
//!
//! `OATHD_SOAK_SECONDS` says for how long; 10 otherwise.

mod hands;
mod ledger;
mod program;
mod statistics;

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use oathd_client::{AddOptions, Client, Token};
use oathd_tests::world::{CardSetup, Failure, User, World, eventually};

use crate::dice::Dice;
use hands::Hands;
use ledger::Ledger;
use program::Program;
use statistics::Statistics;

const PROGRAMS: usize = 8;

/// The tokens' serials; each is in a driver of its own.
const SERIALS: [u32; 2] = [11_111_111, 22_222_222];

/// How much more memory oathd may hold at the end than after a third of the time, in KiB: room
/// for what an allocator keeps, and far below what any leak at each call adds up to.
const GROWTH_KIB: u64 = 8 * 1024;

/// Short, so that calls meet it.
const SETTINGS: &str = "busy_deadline_seconds = 1\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_nothing_is_wrong() {
    let seconds = std::env::var("OATHD_SOAK_SECONDS").map_or(10, |text| text.parse().unwrap());
    let mut world = World::new().unwrap();
    world.start_pcscd().unwrap();
    for (slot, serial) in [(0, SERIALS[0]), (2, SERIALS[1])] {
        let setup = CardSetup {
            slot,
            serial,
            ..CardSetup::default()
        };
        world.insert_card(setup).unwrap();
    }
    fs::write(world.path("etc/oathd.conf"), SETTINGS).unwrap();
    world
        .start_oathd(&["--config", "/run/etc/oathd.conf"])
        .unwrap();
    let oathd = world.oathd().unwrap().pid();

    let end = Instant::now() + Duration::from_secs(seconds);
    let statistics = Arc::new(Statistics::default());
    let mut programs = Vec::new();
    for number in 0..PROGRAMS {
        let client = client(&world).await;
        let program = Program::new(number, client, Arc::clone(&statistics));
        programs.push(tokio::spawn(program.run(end)));
    }
    let mut hands = Hands::new(&mut world);
    let warm = Instant::now() + Duration::from_secs(seconds) / 3;
    hands.work_until(warm).await;
    let before = resident_kib(oathd);
    hands.work_until(end).await;
    let mut ledgers = BTreeMap::new();
    for program in programs {
        for (serial, ledger) in program.await.unwrap() {
            ledgers
                .entry(serial)
                .or_insert_with(Ledger::default)
                .take_over(ledger);
        }
    }
    hands.rest().await;

    for (serial, ledger) in ledgers {
        let token = calm(&world, serial).await;
        ledger.audit(&token).await;
        works(&token).await;
    }
    world.oathd().unwrap().check_alive().unwrap();
    let after = resident_kib(oathd);
    statistics.show(before, after);
    statistics.check();
    assert!(
        after <= before + GROWTH_KIB,
        "{before} KiB became {after} KiB"
    );
    world.stop_oathd().unwrap();
}

/// A program's own connection; its calls are answered within 25 s or fail.
async fn client(world: &World) -> Client {
    Client::with(world.connect(User::Root).await.unwrap()).without_interaction()
}

/// The token of that serial, open, once every fault that still waited has shown itself.
async fn calm(world: &World, serial: u32) -> Token {
    let client = client(world).await;
    let (mut quiet, mut last) = (0, String::new());
    let found = eventually("calm token", async || {
        let step = async {
            let token = client.find_token(&serial.to_string()).await?;
            for password in program::PASSWORDS {
                let _ = token.unlock(password.as_bytes(), false).await;
            }
            token.clear_password().await?;
            token.credentials(true).await?;
            token.codes(true).await?;
            Ok::<_, oathd_client::Error>(token)
        };
        match step.await {
            Ok(token) => {
                quiet += 1;
                (quiet >= 10).then_some(token)
            }
            Err(error) => {
                (quiet, last) = (0, format!("{error:?}"));
                None
            }
        }
    });
    let found: Result<Token, Failure> = found.await;
    let mut seen = Vec::new();
    for token in client.tokens().await.unwrap() {
        seen.push(token.describe().await);
    }
    found.unwrap_or_else(|error| panic!("{error}: {last}; {seen:?}"))
}

/// An empty token takes a credential and gives it away.
async fn works(token: &Token) {
    let seed = Dice::new().bytes(20);
    let options = AddOptions {
        name: Some("afterwards".to_owned()),
        ..AddOptions::default()
    };
    let id = token.add(&seed, &options).await.unwrap();
    let code = token.code(&id, true).await.unwrap();
    assert_eq!(code.code, ledger::code(&seed, "SHA1", 6, code.from / 30));
    token.remove(&id).await.unwrap();
    assert_eq!(token.credentials(true).await.unwrap(), []);
}

fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let amount = line.unwrap().trim().trim_end_matches(" kB");
    amount.parse().unwrap()
}
