//! Measures oathd as it is installed: the release programs, a real bus, the real pcscd with a
//! software token in its reader, and Yubico's ykman on the same token.
//!
//! Without arguments it builds a world, measures, prints a table, and writes `bench.json` into
//! cargo's target folder; with `accounts` it measures that part alone and writes no file. What must not be disturbed by the way into the world runs within it: a
//! second process of this program with the name of a task.
#![expect(
    clippy::print_stdout,
    reason = "a program that reports on its standard output"
)]

mod accounts;
mod apdus;
mod bare;
mod figure;
mod full_token;
mod idle;
mod inside;
mod machine;
mod over_pcsc;
mod programs;
mod samples;
mod start;

use std::path::{Path, PathBuf};

use oathd_tests::world::{CardSetup, Failure, Process, User, World, until};

use figure::Figure;

/// The credential that is computed.
pub(crate) const NAME: &str = "GitHub:alice@example.org";

/// What any step may fail with; shown by the runtime as it is.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => measure(),
        [part] if part == "accounts" => {
            print!("{}", figure::table(&accounts::measure()?));
            Ok(())
        }
        [part, task @ ..] if part == "accounts" => tell(&accounts::run(task)?),
        [task] => tell(&inside::run(task)?),
        _ => Err("usage: oathd-bench [accounts]".into()),
    }
}

/// Gives figures to the process that asked for them.
fn tell(figures: &[Figure]) -> Result<()> {
    println!("{}", serde_json::to_string(figures)?);
    Ok(())
}

fn measure() -> Result<()> {
    let mut figures = Vec::new();
    let mut world = World::new()?;
    println!("{}", machine::describe(&world)?);
    world.start_pcscd()?;
    world.insert_card(CardSetup::default())?;
    let mut oathd = start_oathd(&world)?;
    within(&world, "one-credential")?;
    figures.extend(within(&world, "programs")?);
    figures.extend(within(&world, "over-pcsc")?);
    // Whoever has asked for tokens has ended: nobody watches.
    figures.extend(idle::measure(&mut oathd)?);
    figures.extend(within(&world, "after-a-pause")?);
    figures.extend(within(&world, "full-token")?);
    oathd.end()?;
    figures.extend(within(&world, "start")?);
    drop((oathd, world));
    figures.extend(apdus::measure()?);
    figures.extend(accounts::measure()?);
    figures.extend(machine::sizes(&programs_folder()?)?);

    print!("{}", figure::table(&figures));
    let file = programs_folder()?.join("../bench.json");
    std::fs::write(&file, figure::json(&figures)?)?;
    Ok(())
}

/// Where cargo put this program and the others.
fn programs_folder() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program.parent().unwrap_or(Path::new(".")).to_owned())
}

/// Starts oathd as the packages do, with nothing but warnings in its log.
fn start_oathd(world: &World) -> Result<Process> {
    start_oathd_with(world, &start::ARGUMENTS)
}

/// The same with other arguments.
fn start_oathd_with(world: &World, arguments: &[&str]) -> Result<Process> {
    let mut oathd = world
        .built("oathd")?
        .arguments(arguments)
        .user(User::Oathd)
        .start("oathd")?;
    let name = oathd_api::names::BUS_NAME;
    until("oathd on the bus", || {
        oathd.check_alive()?;
        let arguments = ["wait", "--system", "--timeout", "1", name];
        let waited = world.program("gdbus").arguments(&arguments).run()?;
        Ok(waited.status.success().then_some(()))
    })?;
    Ok(oathd)
}

/// Runs a task of [`inside`] within the world.
fn within(world: &World, task: &str) -> Result<Vec<Figure>> {
    within_as(world, User::Root, &[task])
}

/// Runs a task within the world, as `user`.
fn within_as(world: &World, user: User, task: &[&str]) -> Result<Vec<Figure>> {
    let program = world.built("oathd-bench")?.arguments(task).user(user);
    let told: String = program.run().and_then(|output| output.stdout())?;
    Ok(serde_json::from_str(&told).map_err(|_| Failure::Missing(told))?)
}
