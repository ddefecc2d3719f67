//! A code as people get it: whole processes, in turns, on one card behind one pcscd.

use std::path::Path;
use std::process::{Command, Stdio};

use oathd_tests::world::reader_name;

use crate::figure::Figure;
use crate::inside::Desk;
use crate::samples::Samples;
use crate::{NAME, Result};

const RUNS: usize = 40;

pub(crate) fn measure(desk: &Desk) -> Result<Vec<Figure>> {
    let ykman = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers/venv/bin/ykman");
    let reader = reader_name(0);
    let mut ykman = Command::new(ykman);
    ykman.args(["--reader", &reader, "oath", "accounts", "code", NAME]);
    ykman.env("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring");
    let mut oathctl = Command::new("/run/build/oathctl");
    oathctl.args(["code", NAME]);
    let mut busctl = Command::new("busctl");
    busctl.args(["--system", "call", oathd_api::names::BUS_NAME]);
    busctl.arg(desk.token.path().as_str());
    let interface = oathd_api::names::TOKEN_INTERFACE;
    busctl.args([interface, "GenerateCode", "sa{sv}", NAME, "0"]);

    let mut times: [Samples; 3] = Default::default();
    for warm in [false, true] {
        times = Default::default();
        for _ in 0..if warm { RUNS } else { 2 } {
            let programs = [&mut oathctl, &mut ykman, &mut busctl];
            for (program, times) in programs.into_iter().zip(&mut times) {
                run(program, times)?;
            }
        }
    }
    let [ours, theirs, sd_bus] = times;
    let ratio = theirs.median() / ours.median();
    Ok(vec![
        Figure::new("code_cli_vs_ykman", ratio, "times", RUNS).at_least(60.0),
        Figure::median("oathctl_code_ms", &ours),
        Figure::median("ykman_code_ms", &theirs),
        Figure::median("busctl_code_ms", &sd_bus).remark("sd-bus, the path known beforehand"),
    ])
}

/// From before the fork to the exit status.
fn run(program: &mut Command, times: &mut Samples) -> Result<()> {
    program.stdin(Stdio::null()).stderr(Stdio::piped());
    let output = times.time(|| program.output())?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let code = printed
        .split(|c: char| !c.is_ascii_digit())
        .any(|word| word.len() == 6);
    if output.status.success() && code {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program:?} printed no code: {printed}{complaint}").into())
}
