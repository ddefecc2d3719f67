//! Runs one program: input on its standard input, the outcome as its exit status.

use std::{ffi::OsStr, io::ErrorKind, path::Path, process::Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{io::AsyncWriteExt, process::Child, process::Command};

use super::Outcome;
use crate::progress::Reason;

/// The exit status by which a program says "not now": `EX_TEMPFAIL` of sysexits.h.
const TRY_AGAIN: i32 = 75;

/// A process that is killed together with what it started, unless it has ended by itself.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // The id is there until the process has been waited for, so it is nobody else's.
        let group = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(group) = group {
            // Failing means that nobody is left.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Starts `program` without a shell, in an empty environment but for a fixed `PATH`, and in a
/// process group of its own. What it prints is thrown away: it may repeat the text.
pub(super) async fn run<A: AsRef<OsStr>>(program: &Path, arguments: &[A], input: &[u8]) -> Outcome {
    let child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn();
    let mut running = match child {
        Ok(child) => Running(child),
        Err(error) => {
            tracing::warn!(program = %program.display(), %error, "not started");
            return match error.kind() {
                ErrorKind::NotFound | ErrorKind::PermissionDenied => {
                    Outcome::Never(Reason::CannotStart)
                }
                _ => Outcome::Later(Reason::CannotStart),
            };
        }
    };
    if let Some(mut stdin) = running.0.stdin.take() {
        // A program need not read what it does not want; its exit status tells the rest.
        let _ = stdin.write_all(input).await;
    }
    match running.0.wait().await {
        Ok(status) => match status.code() {
            Some(0) => Outcome::Sent,
            Some(TRY_AGAIN) => Outcome::Later(Reason::Busy),
            _ => {
                tracing::warn!(program = %program.display(), %status, "failed");
                Outcome::Never(Reason::Refused)
            }
        },
        Err(error) => {
            tracing::warn!(program = %program.display(), %error, "lost");
            Outcome::Unknown(Reason::TimedOut)
        }
    }
}
