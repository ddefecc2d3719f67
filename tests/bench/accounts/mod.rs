//! Accounts: what a durable verification costs, with a thousand accounts and with a million, beside
//! the disk and beside liboath's users file.

mod clients;
mod on_token;
mod plant;
mod timing;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use oathd_tests::world::{CardSetup, Process, User, World};

use crate::figure::Figure;
use crate::samples::Samples;
use crate::{Result, idle, start, start_oathd_with, within_as};

const MILLION: u32 = 1_000_000;
const THOUSAND: u32 = 1_000;
const USERS_OF_LIBOATH: u32 = 100_000;

/// How oathd is started where the realm `bench` belongs to a service.
const ARGUMENTS: [&str; 8] = [
    "--bus",
    "system",
    "--state",
    "/run/state",
    "--log",
    "warn",
    "--config",
    "/run/oathd.conf",
];

/// All of it, each part in a world of its own.
pub(crate) fn measure() -> Result<Vec<Figure>> {
    let mut figures = many_accounts()?;
    figures.extend(on_a_token()?);
    Ok(figures)
}

/// A task within a world.
pub(crate) fn run(task: &[String]) -> Result<Vec<Figure>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let number = |index: usize| -> Result<u32> { Ok(task.get(index).ok_or("a number")?.parse()?) };
    runtime.block_on(async {
        match task.first().map(String::as_str) {
            Some("one") => {
                let ahead = number(4)?.into();
                clients::one(number(1)?, number(2)?, number(3)?, ahead).await
            }
            Some("many") => clients::many(number(1)?).await,
            Some("start") => start_with_a_million().await,
            Some("timing") => timing::measure(number(1)?, number(2)?, number(3)?).await,
            Some("on-token") => on_token::measure().await,
            other => Err(format!("no task {other:?}").into()),
        }
    })
}

fn many_accounts() -> Result<Vec<Figure>> {
    let (few, many) = (realm(THOUSAND)?, realm(MILLION)?);
    let mut figures = within_as(&many, User::Root, &["accounts", "start"])?;
    let (_few_oathd, mut oathd) = (start(&few)?, start(&many)?);
    figures.push(memory(&many, &oathd)?);
    let (mut disk, mut durable, mut at_a_million) = (Samples::default(), Vec::new(), Vec::new());
    for round in ["0", "1"] {
        let arguments = ["accounts", "one", "0", "1", "1000", round];
        durable.extend(within_as(&few, User::Alice, &arguments)?);
        let arguments = ["accounts", "one", round, "1000", "1000", "0"];
        at_a_million.extend(within_as(&many, User::Alice, &arguments)?);
        sync(&few.path("state"), &mut disk)?;
    }
    let (durable, at_a_million) = (mean(&durable), mean(&at_a_million));
    let ratio = at_a_million / durable;
    figures.extend([
        Figure::new("verify_durable_ms_p50", durable, "ms", 2_000).at_most(0.6),
        Figure::median("fdatasync_ms_p50", &disk).remark("the disk alone"),
        Figure::new("verify_1m_ms_p50", at_a_million, "ms", 2_000),
        Figure::new("verify_1m_vs_1k", ratio, "times", 2_000).at_most(1.2),
    ]);
    figures.extend(with_32_clients(&many, &oathd)?);
    let theirs = liboath(&few)?;
    let ratio = theirs / at_a_million;
    figures.extend([
        Figure::new("verify_vs_liboath_100k", ratio, "times", LIBOATH_RUNS).at_least(40.0),
        Figure::new("liboath_100k_ms_p50", theirs, "ms", LIBOATH_RUNS),
    ]);
    // Accounts that exist have been used before: their rows do not grow with a wrong code.
    let arguments = [
        "accounts",
        "one",
        timing::FIRST,
        timing::APART,
        timing::CALLS,
        "0",
    ];
    within_as(&many, User::Alice, &arguments)?;
    let arguments = [
        "accounts",
        "timing",
        timing::FIRST,
        timing::APART,
        timing::CALLS,
    ];
    figures.extend(within_as(&many, User::Root, &arguments)?);
    oathd.end()?;
    Ok(figures)
}

/// A world with a realm of `count` accounts, whose service is Alice's, and no oathd yet.
fn realm(count: u32) -> Result<World> {
    let world = World::new()?;
    plant::plant(&world.path("state"), count)?;
    fs::write(world.path("oathd.conf"), "")?;
    fs::create_dir(world.path("realms.d"))?;
    let uid = User::Alice.uid();
    let text = format!("realm = \"bench\"\nuid = {uid}\n");
    fs::write(world.path("realms.d/bench.conf"), text)?;
    Ok(world)
}

fn start(world: &World) -> Result<Process> {
    start_oathd_with(world, &ARGUMENTS)
}

async fn start_with_a_million() -> Result<Vec<Figure>> {
    let (named, _) = start::measure_with(&ARGUMENTS, 20, false).await?;
    Ok(vec![Figure::median("start_1m_ms", &named).at_most(30.0)])
}

/// What oathd holds after its first thousand verifications.
fn memory(world: &World, oathd: &Process) -> Result<Figure> {
    let arguments = ["accounts", "one", "2", "1000", "1000", "0"];
    within_as(world, User::Alice, &arguments)?;
    let megabytes = idle::megabytes(oathd.pid(), "VmRSS:")?;
    Ok(Figure::new("rss_1m_mb", megabytes, "MB", 1).at_most(24.0))
}

fn with_32_clients(world: &World, oathd: &Process) -> Result<Vec<Figure>> {
    let before = idle::computed(oathd.pid())?;
    let mut rates = Vec::new();
    for round in ["0", "1", "2"] {
        rates.extend(within_as(world, User::Alice, &["accounts", "many", round])?);
    }
    let mut rates: Vec<_> = rates.iter().map(Figure::value).collect();
    rates.sort_by(f64::total_cmp);
    let figure = Figure::new("verify_per_s_32", rates[1], "1/s", 48_000);
    let remark = format!("{:.0} to {:.0}", rates[0], rates[2]);
    let each = (idle::computed(oathd.pid())? - before) / 48_000.0;
    Ok(vec![
        figure.at_least(8_000.0).remark(&remark),
        Figure::new("verify_cpu_ms", each, "ms", 48_000)
            .remark("processor time of oathd for one of these, both threads"),
    ])
}

/// What a commit cannot do without: two pages over old ones, and fdatasync.
fn sync(folder: &Path, times: &mut Samples) -> Result<()> {
    let path = folder.join("bench");
    let file = File::create(&path)?;
    file.write_all_at(&vec![0; 4 << 20], 0)?;
    file.sync_all()?;
    for run in 0..500 {
        let written = times.time(|| {
            file.write_all_at(&[1; 8192], run * 8192)?;
            file.sync_data()
        });
        written?;
    }
    Ok(fs::remove_file(path)?)
}

const LIBOATH_RUNS: usize = 20;

/// The median of liboath's own verification in milliseconds, on the disk of the world.
fn liboath(world: &World) -> Result<f64> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/accounts/liboath.py");
    let users = world.path("users.oath");
    let numbers = [USERS_OF_LIBOATH.to_string(), LIBOATH_RUNS.to_string()];
    let mut python = Command::new("/usr/bin/python3");
    let output = python
        .arg("-B")
        .arg(script)
        .arg(users)
        .args(numbers)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

fn on_a_token() -> Result<Vec<Figure>> {
    let mut world = World::new()?;
    world.start_pcscd()?;
    for (slot, serial) in [(0, on_token::OTHER), (2, on_token::SERIAL)] {
        let setup = CardSetup {
            slot,
            serial,
            ..CardSetup::default()
        };
        world.insert_card(setup)?;
    }
    let mut oathd = start_oathd_with(&world, &start::ARGUMENTS)?;
    let figures = within_as(&world, User::Root, &["accounts", "on-token"])?;
    oathd.end()?;
    Ok(figures)
}

fn mean(figures: &[Figure]) -> f64 {
    figures.iter().map(Figure::value).sum::<f64>() / figures.len() as f64
}
