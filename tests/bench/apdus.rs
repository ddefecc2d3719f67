//! How many commands a call costs: counted by the card, and named by pcscd, which logs what passes.

use oathd_tests::world::{CardSetup, World, reader_name, until};

use crate::figure::Figure;
use crate::{Result, start_oathd, within};

const SELECT: &str = "00a4040007a0000005272101";

pub(crate) fn measure() -> Result<Vec<Figure>> {
    let mut world = World::new()?;
    world.start_pcscd_with(&["--apdu"])?;
    world.insert_card(CardSetup::default())?;
    let _oathd = start_oathd(&world)?;
    within(&world, "one-credential")?;
    within(&world, "code")?;
    let one = count(&mut world, "code")?;
    let by_name = count(&mut world, "code-by-name")?;
    within(&world, "set-password")?;
    within(&world, "code")?;
    let locked = count(&mut world, "code")?;
    within(&world, "clear-password")?;
    within(&world, "fill")?;
    let all = count(&mut world, "codes")?;

    let needed = ["SELECT", "CALCULATE ALL"];
    let only_needed = all.starts_with(&needed.map(String::from))
        && all.iter().skip(2).all(|name| name == "SEND REMAINING");
    Ok(vec![
        figure("apdus_one_code", &one).reach("2", one == ["SELECT", "CALCULATE"]),
        figure("apdus_one_code_locked", &locked)
            .reach("4", locked == ["SELECT", "VALIDATE", "CALCULATE", "SELECT"]),
        figure("apdus_code_by_name", &by_name),
        figure("apdus_all_64", &all).reach("these only", only_needed),
    ])
}

fn figure(name: &str, commands: &[String]) -> Figure {
    let mut parts: Vec<(usize, &str)> = Vec::new();
    for command in commands {
        match parts.last_mut() {
            Some((times, last)) if *last == command => *times += 1,
            _ => parts.push((1, command)),
        }
    }
    let parts: Vec<String> = parts
        .into_iter()
        .map(|(times, name)| match times {
            1 => name.to_owned(),
            _ => format!("{times} × {name}"),
        })
        .collect();
    Figure::new(name, commands.len() as f64, "APDUs", 1).remark(&parts.join(", "))
}

/// The commands that the card received for `task`.
fn count(world: &mut World, task: &str) -> Result<Vec<String>> {
    mark(world)?;
    let (counted, logged) = (received(world)?, commands(world)?.len());
    within(world, task)?;
    mark(world)?;
    let counted = received(world)? - counted - 1;
    let mut names = commands(world)?.split_off(logged);
    names.pop();
    if names.len() != counted {
        return Err(format!("the card counted {counted}, pcscd saw {names:?}").into());
    }
    Ok(names)
}

/// Another program's transaction of one command: oathd's, which ends after its answer, is over.
fn mark(world: &World) -> Result<()> {
    let marker = world.pcsc(&["send", &reader_name(0), SELECT])?;
    marker.run()?.stdout()?;
    Ok(())
}

/// How many commands the card has received in all.
fn received(world: &mut World) -> Result<usize> {
    let card = world.card(0).process();
    let counts = |log: &str| -> Vec<usize> {
        let lines = log.lines();
        let counts = lines.filter_map(|line| line.strip_prefix("commands "));
        counts.filter_map(|count| count.parse().ok()).collect()
    };
    let known = counts(&card.log()).len();
    card.say("count")?;
    Ok(until("count of the card", || {
        Ok(counts(&card.log()).get(known).copied())
    })?)
}

/// The names of all commands that passed through pcscd.
fn commands(world: &World) -> Result<Vec<String>> {
    let log = std::fs::read_to_string(world.path("log/pcscd"))?;
    let apdus = log.lines().filter_map(|line| line.split_once("APDU: "));
    Ok(apdus.map(|(_, apdu)| name(apdu)).collect())
}

/// The instruction of an APDU in hexadecimal: YKOATH, ISO 7816-4.
fn name(apdu: &str) -> String {
    let header: Vec<&str> = apdu.split_whitespace().take(3).collect();
    let name = match *header.as_slice() {
        ["00", "A4", "04"] => "SELECT",
        ["00", "A4", "00"] => "CALCULATE ALL",
        ["00", "A1", _] => "LIST",
        ["00", "A2", _] => "CALCULATE",
        ["00", "A3", _] => "VALIDATE",
        ["00", "A5", _] => "SEND REMAINING",
        _ => return header.join(" "),
    };
    name.to_owned()
}
