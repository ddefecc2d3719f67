//! What oathd tells the service manager: sd_notify(3), sd_watchdog_enabled(3).
//!
//! Without `NOTIFY_SOCKET` nothing is sent; without `WATCHDOG_USEC` nothing ever wakes.

use std::time::Duration;

use sd_notify::NotifyState;

/// oathd owns its name and answers.
pub fn ready() {
    send(&[NotifyState::Ready]);
}

/// oathd reads its settings again; [`ready`] says that it is done.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "there is no clock to tell a reload by"),
    }
}

/// oathd ends; no more calls are taken.
pub fn stopping() {
    send(&[NotifyState::Stopping]);
}

fn send(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "the service manager was not told");
    }
}

/// The keep-alive that the service manager expects, fed by the loop that does the work: a loop
/// that hangs stops feeding it.
///
/// ```no_run
/// # async fn work() {}
/// # async fn example() {
/// let mut watchdog = oathd_daemon::notify::Watchdog::from_environment();
/// loop {
///     tokio::select! {
///         () = watchdog.due() => watchdog.feed(),
///         () = work() => {}
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Watchdog {
    interval: Option<Duration>,
    next: Option<tokio::time::Instant>,
}

impl Watchdog {
    /// Reads what the service manager asked for; the interval is half of its patience.
    pub fn from_environment() -> Watchdog {
        let patience = sd_notify::watchdog_enabled().filter(|patience| !patience.is_zero());
        Watchdog {
            interval: patience.map(|patience| patience / 2),
            next: None,
        }
    }

    /// Waits until it is time to [`feed`](Watchdog::feed); for ever if nobody watches. May be
    /// dropped and called again.
    pub async fn due(&mut self) {
        match self.interval {
            None => std::future::pending().await,
            Some(interval) => {
                let now = tokio::time::Instant::now();
                let next = *self.next.get_or_insert(now + interval);
                tokio::time::sleep_until(next).await;
            }
        }
    }

    /// Says that the work goes on.
    pub fn feed(&mut self) {
        self.next = None;
        send(&[NotifyState::Watchdog]);
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixDatagram, process::Command};

    use super::*;

    const CHILD: &str = "notify::tests::child";

    /// Runs [`child`] in a process whose environment is ours to set.
    fn notices(watchdog_usec: &str, watchdog_pid: Option<&str>) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", CHILD, "--ignored"])
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", watchdog_usec)
            .env_remove("WATCHDOG_PID")
            .envs(watchdog_pid.map(|pid| ("WATCHDOG_PID", pid)))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        socket.set_nonblocking(true).unwrap();
        let mut buffer = [0; 512];
        let mut lines = Vec::new();
        while let Ok(length) = socket.recv(&mut buffer) {
            lines.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
        lines
    }

    #[test]
    #[ignore = "runs in a process of its own, with the environment of a service"]
    fn child() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        ready();
        reloading();
        let mut watchdog = Watchdog::from_environment();
        if watchdog.interval.is_some() {
            runtime.block_on(watchdog.due());
            watchdog.feed();
            assert!(watchdog.next.is_none());
        } else {
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    () = watchdog.due() => panic!("nobody watches"),
                    () = std::future::ready(()) => {}
                }
            });
        }
        stopping();
    }

    #[test]
    fn the_service_manager_is_told_in_order() {
        let lines = notices("2000", None);
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert_eq!(lines[0].trim(), "READY=1");
        let (reloading, time) = lines[1].trim().split_once('\n').unwrap();
        assert_eq!(reloading, "RELOADING=1");
        let micros: u64 = time
            .strip_prefix("MONOTONIC_USEC=")
            .unwrap()
            .parse()
            .unwrap();
        assert!(micros > 0);
        assert_eq!(lines[2].trim(), "WATCHDOG=1");
        assert_eq!(lines[3].trim(), "STOPPING=1");
    }

    #[test]
    fn nobody_is_fed_who_does_not_watch() {
        let lines = notices("0", None);
        assert!(!lines.iter().any(|line| line.contains("WATCHDOG")));
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn another_process_is_not_fed_for() {
        let lines = notices("2000", Some("1"));
        assert_eq!(lines[0].trim(), "READY=1");
        assert!(!lines.iter().any(|line| line.contains("WATCHDOG")));
    }
}
