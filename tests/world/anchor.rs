//! The process that holds a world's namespaces open, and empties them at the end.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use super::layout::Layout;
use super::{BOUND, Failure, wait};

/// One process in fresh mount and network namespaces; others join it with `nsenter`.
#[derive(Debug)]
pub(super) struct Anchor {
    child: Child,
}

impl Anchor {
    pub(super) fn drop_into(layout: &Layout) -> Result<Self, Failure> {
        let mut child = Command::new("unshare")
            .args([
                "--mount",
                "--net",
                "sh",
                "-c",
                include_str!("anchor.sh"),
                "anchor",
            ])
            .arg(layout.path(""))
            .arg(&layout.build)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(Failure::io("unshare"))?;
        let mut said = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout)
                .read_line(&mut said)
                .map_err(Failure::io("anchor"))?;
        }
        if said == "ready\n" {
            return Ok(Self { child });
        }
        let mut complaint = String::new();
        if let Some(mut stderr) = child.stderr.take() {
            stderr
                .read_to_string(&mut complaint)
                .map_err(Failure::io("anchor"))?;
        }
        let status = child.wait().map_err(Failure::io("anchor"))?;
        Err(Failure::Ended {
            name: "the namespace (is everything of tests/setup installed?)".into(),
            status: status.to_string(),
            log: complaint,
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Anchor {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        if !wait::ends(&self.child, BOUND).unwrap_or(false) {
            // Nothing can be done about a process that ignores SIGKILL.
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
