//! On what it was measured, and how large the programs are.

use std::fs;
use std::path::Path;
use std::thread::available_parallelism;

use oathd_tests::world::World;

use crate::Result;
use crate::figure::Figure;

/// The machine and the versions of everything that takes part.
pub(crate) fn describe(world: &World) -> Result<String> {
    let processors = fs::read_to_string("/proc/cpuinfo")?;
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let load = fs::read_to_string("/proc/loadavg")?;
    let load: Vec<&str> = load.split_whitespace().take(1).collect();
    let first_line = |text: String| text.lines().next().unwrap_or_default().to_owned();
    let version = |program: &str| -> Result<String> {
        let output = world.program(program).arguments(&["--version"]).run()?;
        Ok(first_line(output.stdout()?))
    };
    let ykman = world.ykman()?.arguments(&["--version"]).run()?.stdout()?;
    Ok(format!(
        "oathd {} on {model}, {} cores, Linux {}, load {} at the start\n{}; {}; {}\n",
        env!("CARGO_PKG_VERSION"),
        available_parallelism()?,
        kernel.trim(),
        load.join(" "),
        version("pcscd")?,
        version("dbus-daemon")?,
        first_line(ykman),
    ))
}

/// How large the programs are in `folder`.
pub(crate) fn sizes(folder: &Path) -> Result<Vec<Figure>> {
    let size = |name: &str| -> Result<Figure> {
        let bytes = fs::metadata(folder.join(name))?.len();
        let name = format!("size_{}_mb", name.replace('-', "_"));
        Ok(Figure::new(&name, bytes as f64 / 1e6, "MB", 1))
    };
    ["oathd", "oathctl", "oathd-sim"]
        .into_iter()
        .map(size)
        .collect()
}
