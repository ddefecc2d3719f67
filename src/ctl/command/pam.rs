//! `oathctl pam`: the second factor at the logins of this host, by Debian's pam-auth-update.

use std::path::Path;
use std::process::{Command, Stdio};

use oathd_client::ExitCode;
use serde_json::json;

use crate::cli::Global;
use crate::cli::pam::{EnableArgs, PamCommand};
use crate::failure::Failure;
use crate::output;
use crate::pam_stack::{self, Stack};

const UPDATE: &str = "/usr/sbin/pam-auth-update";
const SYSTEMCTL: &str = "/usr/bin/systemctl";
const PROFILE: &str = "/usr/share/pam-configs/oathd";
/// The profile of the session, which must stand behind that of pam_systemd.
const SESSION: &str = "oathd-session";
const SERVICES: &str = "/etc/pam.d";
/// Where services are as their packages bring them; a file of the same name above comes first.
const VENDORS: &str = "/usr/lib/pam.d";
const COMMON: &str = "common-auth";
const UNDO: &str = "oathd-pam-undo.service";
const TIMER: &str = "oathd-pam-undo.timer";

/// Does what the command says.
pub(crate) fn run(global: &Global, command: &PamCommand) -> Result<(), Failure> {
    if let PamCommand::Status = command {
        return status(global);
    }
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::new(
            ExitCode::NotAuthorized,
            "NotRoot",
            "Only root changes how people log in.",
            "Run it with sudo.",
        ));
    }
    match command {
        PamCommand::Enable(args) => enable(args)?,
        PamCommand::Confirm => confirm()?,
        PamCommand::Disable => disable()?,
        PamCommand::Status => {}
    }
    match global.json {
        true => output::print_json(&json!({ "enabled": asks(COMMON), "on_trial": on_trial() })),
        false => Ok(()),
    }
}

fn enable(args: &EnableArgs) -> Result<(), Failure> {
    if !Path::new(UPDATE).exists() || !Path::new(PROFILE).exists() {
        return Err(Failure::new(
            ExitCode::Unavailable,
            "NoProfile",
            format!("{UPDATE} or {PROFILE} is not there."),
            "Install libpam-oathd; where there is no pam-auth-update, see `man pam_oathd` for the lines.",
        ));
    }
    if args.on_trial {
        if asks(COMMON) {
            return Err(Failure::new(
                ExitCode::Refused,
                "Enabled",
                "The second factor is asked for already: nothing is left to try.",
                "`oathctl pam status` shows where; `oathctl pam disable` takes it back.",
            ));
        }
        // What takes it back is in place first.
        quietly(SYSTEMCTL, &["enable", "--quiet", UNDO])?;
        // A timer of an earlier trial has elapsed and would not start again.
        quietly(SYSTEMCTL, &["restart", TIMER])?;
    }
    let enabled = quietly(UPDATE, &["--enable", "oathd", SESSION]);
    if enabled.is_ok() && asks(COMMON) {
        output::tell(&format!(
            "pam_oathd.so stands in {SERVICES}/{COMMON}, common-account and common-session: \
             whatever includes them asks for the second factor after the password."
        ));
        if args.on_trial || on_trial() {
            output::tell(
                "It is taken back in five minutes, and when the machine starts. Log in somewhere \
                 else, then keep it with `oathctl pam confirm`.",
            );
        }
        return Ok(());
    }
    if args.on_trial {
        end_trial()?;
    }
    enabled?;
    Err(Failure::new(
        ExitCode::Refused,
        "EditedByHand",
        format!("{SERVICES}/{COMMON} was edited by hand, so that pam-auth-update leaves it alone."),
        "Add the lines of `man pam_oathd` yourself, or let `pam-auth-update --force` write it anew.",
    ))
}

fn confirm() -> Result<(), Failure> {
    if !on_trial() {
        return Err(Failure::new(
            ExitCode::Refused,
            "NoTrial",
            "Nothing is on trial.",
            "`oathctl pam status` shows which logins ask.",
        ));
    }
    end_trial()?;
    // The trial may have ended a moment before.
    if !asks(COMMON) {
        return Err(Failure::new(
            ExitCode::Refused,
            "TakenBack",
            "The trial is over: the second factor was taken back.",
            "Begin another one with `oathctl pam enable --try`.",
        ));
    }
    output::tell("It stays.");
    Ok(())
}

fn disable() -> Result<(), Failure> {
    quietly(UPDATE, &["--disable", "oathd", SESSION])?;
    end_trial()?;
    if asks(COMMON) {
        return Err(Failure::new(
            ExitCode::Refused,
            "EditedByHand",
            format!("{SERVICES}/{COMMON} still names pam_oathd.so: it was edited by hand."),
            "Take the line out yourself.",
        ));
    }
    output::tell("No login that pam-auth-update manages asks for the second factor.");
    Ok(())
}

fn status(global: &Global) -> Result<(), Failure> {
    let stacks: Vec<(String, Stack)> = services()
        .into_iter()
        .map(|service| {
            let stack = pam_stack::read(&service, &file);
            (service, stack)
        })
        .filter(|(_, stack)| stack.asks)
        .collect();
    let trial = on_trial();
    if global.json {
        let services: Vec<_> = stacks
            .iter()
            .map(|(name, stack)| json!({ "service": name, "without_factor": stack.bypasses }))
            .collect();
        return output::print_json(&json!({ "on_trial": trial, "services": services }));
    }
    if stacks.is_empty() {
        output::print("No login asks for the second factor.\n")?;
    }
    let rows: Vec<_> = stacks.iter().map(row).collect();
    output::print(&output::columns(&rows))?;
    if trial {
        output::tell("On trial: keep it with `oathctl pam confirm`.");
    }
    Ok(())
}

fn row((service, stack): &(String, Stack)) -> Vec<String> {
    let note = match stack.bypasses.as_slice() {
        [] => String::new(),
        modules => format!("not after {}", modules.join(", nor after ")),
    };
    vec![output::harmless(service), output::harmless(&note)]
}

fn asks(service: &str) -> bool {
    pam_stack::read(service, &file).asks
}

pub(crate) fn file(name: &str) -> Option<String> {
    [SERVICES, VENDORS]
        .iter()
        .find_map(|folder| std::fs::read_to_string(Path::new(folder).join(name)).ok())
}

/// The services, but for the parts that others include.
pub(crate) fn services() -> Vec<String> {
    let folders = [SERVICES, VENDORS]
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok());
    let entries = folders.flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut services: Vec<String> = names
        .filter(|name| !name.starts_with("common-") && !name.contains(".dpkg-"))
        .collect();
    services.sort();
    services.dedup();
    services
}

pub(crate) fn on_trial() -> bool {
    quietly(SYSTEMCTL, &["is-enabled", "--quiet", UNDO]).is_ok()
}

fn end_trial() -> Result<(), Failure> {
    quietly(SYSTEMCTL, &["stop", TIMER, UNDO])?;
    quietly(SYSTEMCTL, &["disable", "--quiet", UNDO])
}

/// Runs a program that asks nothing; what it says is told when it fails.
fn quietly(program: &str, arguments: &[&str]) -> Result<(), Failure> {
    let failed = |message: String| {
        Failure::new(
            ExitCode::Unavailable,
            "ProgramFailed",
            message,
            "Run it by hand to see why.",
        )
    };
    let line = format!("`{program} {}`", arguments.join(" "));
    let done = Command::new(program)
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(format!("{line} cannot be run: {error}.")))?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    let said = output::harmless(said.trim().lines().last().unwrap_or_default());
    Err(failed(format!(
        "{line} ended with {}: {said}.",
        done.status
    )))
}
