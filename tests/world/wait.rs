//! Waiting for conditions, never for time.

use std::os::fd::{AsFd, OwnedFd};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::Failure;

/// How long anything in a world may take to start, to end or to notice: a bound against hanging,
/// far above what any of it needs.
pub const BOUND: Duration = Duration::from_secs(120);

/// Between two looks at a condition.
const STEP: Duration = Duration::from_millis(3);

/// Looks for something every few milliseconds until it is there. `what` names it in the failure.
///
/// # Errors
/// `TimedOut` after [`BOUND`]; or the failure of `look`.
pub fn until<T>(
    what: &str,
    mut look: impl FnMut() -> Result<Option<T>, Failure>,
) -> Result<T, Failure> {
    let end = Instant::now() + BOUND;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if Instant::now() >= end {
            return Err(Failure::TimedOut {
                what: what.to_owned(),
                bound: BOUND,
            });
        }
        thread::sleep(STEP);
    }
}

/// [`until`] for what is asked of a bus.
///
/// # Errors
/// `TimedOut` after [`BOUND`].
pub async fn eventually<T>(
    what: &str,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> Result<T, Failure> {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(STEP).await;
        }
    };
    tokio::time::timeout(BOUND, looking)
        .await
        .map_err(|_| Failure::TimedOut {
            what: what.to_owned(),
            bound: BOUND,
        })
}

/// Whether `child` ended within `bound`.
pub(super) fn ends(child: &Child, bound: Duration) -> Result<bool, Failure> {
    let pidfd: OwnedFd = match pidfd_open(Pid::from_child(child), PidfdFlags::empty()) {
        Ok(pidfd) => pidfd,
        Err(rustix::io::Errno::SRCH) => return Ok(true),
        Err(error) => return Err(Failure::io("pidfd_open")(error.into())),
    };
    let end = Instant::now() + bound;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        };
        let pidfd = pidfd.as_fd();
        match poll(
            &mut [PollFd::from_borrowed_fd(pidfd, PollFlags::IN)],
            Some(&timeout),
        ) {
            Ok(events) => return Ok(events > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Failure::io("poll")(error.into())),
        }
    }
}
