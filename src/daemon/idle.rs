//! Leaving when nobody has asked for a while: the next call on the bus starts oathd again.
//!
//! What lives in memory alone must have had its time: see [`SHORTEST`]. What has none – an unlock,
//! an enrollment, a watch, an agent – keeps oathd up as long as it is there.

use std::{io, time::Duration};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::{Interest, unix::AsyncFd};
use zbus::fdo::DBusProxy;

use crate::service::Service;

/// No shorter time is idle. By then receipts, reports of deliveries and the failures counted for a
/// realm are too old to matter, so that an end in between gives nobody another try.
pub(crate) const SHORTEST: Duration = Duration::from_secs(600);

/// Resolves when nothing went over the bus for `after`, suspend included, and nothing is kept; never
/// without `after`. Dropped and begun again, it counts from the beginning.
pub(crate) async fn due(service: &Service, after: Option<Duration>) {
    let Some(after) = after else {
        return std::future::pending().await;
    };
    loop {
        let activity = service.connection.monitor_activity();
        tokio::select! {
            gone_by = sleep(after) => {
                if let Err(error) = gone_by {
                    tracing::warn!("idle time cannot be measured: {error}");
                    return std::future::pending().await;
                }
                if service.keeps_nothing().await {
                    return;
                }
            }
            () = activity => {}
        }
    }
}

/// Waits until calls that came before the name was given back are answered.
pub(crate) async fn last_calls(service: &Service) -> zbus::Result<()> {
    // What was sent to the name before comes before this answer.
    DBusProxy::new(&service.connection).await?.get_id().await?;
    service.calls_are_over().await;
    Ok(())
}

/// Waits in the time since boot, which goes on while the machine sleeps.
async fn sleep(time: Duration) -> io::Result<()> {
    let timer = timerfd_create(
        TimerfdClockId::Boottime,
        TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
    )?;
    let once = Itimerspec {
        it_interval: Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        },
        it_value: Timespec::try_from(time).map_err(io::Error::other)?,
    };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &once)?;
    #[expect(
        deprecated,
        reason = "its successor is unsafe; what that asks for, an OwnedFd has"
    )]
    let timer = AsyncFd::with_interest(timer, Interest::READABLE)?;
    timer.readable().await?.retain_ready();
    Ok(())
}
