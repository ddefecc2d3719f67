//! What oathd tells the service manager: sd_notify(3), sd_watchdog_enabled(3).
//!
//! Without `NOTIFY_SOCKET` nothing is sent; without `WATCHDOG_USEC` nothing ever wakes.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use systemd::daemon;

/// oathd owns its name and answers.
pub fn ready() {
    send(&[(daemon::STATE_READY, "1")]);
}

/// oathd reads its settings again; [`ready`] says that it is done.
pub fn reloading() {
    let now = clock_gettime(ClockId::Monotonic);
    let micros = now.tv_sec.saturating_mul(1_000_000) + now.tv_nsec / 1_000;
    send(&[
        (daemon::STATE_RELOADING, "1"),
        ("MONOTONIC_USEC", &micros.to_string()),
    ]);
}

/// oathd ends; no more calls are taken.
pub fn stopping() {
    send(&[(daemon::STATE_STOPPING, "1")]);
}

/// One line for `systemctl status`. Nothing about a person or a credential belongs in it.
pub fn status(line: &str) {
    let line = line.replace('\n', " ");
    send(&[(daemon::STATE_STATUS, &line)]);
}

fn send(state: &[(&str, &str)]) {
    if let Err(error) = daemon::notify(state.iter()) {
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
        let micros = daemon::watchdog_enabled().unwrap_or(0);
        Watchdog {
            interval: (micros > 0).then(|| Duration::from_micros(micros / 2)),
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
        send(&[(daemon::STATE_WATCHDOG, "1")]);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        os::{
            linux::net::SocketAddrExt,
            unix::net::{SocketAddr, UnixDatagram},
        },
        process::Command,
    };

    use super::*;

    const CHILD: &str = "notify::tests::child";

    /// Runs [`child`] in a process whose environment is ours to set.
    fn notices(watchdog_usec: &str) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        heard(&socket, path.to_str().unwrap(), watchdog_usec, None)
    }

    fn heard(
        socket: &UnixDatagram,
        address: &str,
        watchdog_usec: &str,
        watchdog_pid: Option<&str>,
    ) -> Vec<String> {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", CHILD, "--ignored"])
            .env("NOTIFY_SOCKET", address)
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
        status("two\nlines");
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
        let lines = notices("2000");
        assert_eq!(lines.len(), 5, "{lines:?}");
        assert_eq!(lines[0].trim(), "READY=1");
        assert_eq!(lines[1].trim(), "STATUS=two lines");
        let (reloading, time) = lines[2].trim().split_once('\n').unwrap();
        assert_eq!(reloading, "RELOADING=1");
        let micros: u64 = time
            .strip_prefix("MONOTONIC_USEC=")
            .unwrap()
            .parse()
            .unwrap();
        assert!(micros > 0);
        assert_eq!(lines[3].trim(), "WATCHDOG=1");
        assert_eq!(lines[4].trim(), "STOPPING=1");
    }

    #[test]
    fn nobody_is_fed_who_does_not_watch() {
        let lines = notices("0");
        assert!(!lines.iter().any(|line| line.contains("WATCHDOG")));
        assert_eq!(lines.len(), 4);
    }

    #[test]
    fn an_abstract_socket_hears_and_another_process_is_not_fed() {
        let name = format!("oathd-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        let lines = heard(&socket, &format!("@{name}"), "2000", Some("1"));
        assert_eq!(lines[0].trim(), "READY=1");
        assert!(!lines.iter().any(|line| line.contains("WATCHDOG")));
    }
}
