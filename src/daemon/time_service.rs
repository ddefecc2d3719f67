//! Whether a time service vouches for the clock, as systemd-timedated says. It reads what the kernel
//! was told, so chrony and ntpd count as much as systemd-timesyncd; oathd's sandbox lets it ask the
//! kernel for nothing about clocks. It is asked when an attempt finds that the clock has jumped, and
//! the attempts after that one know the answer.

use std::{sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};
use zbus::{Connection, proxy::CacheProperties};

use crate::{follower::Follower, service::Service};

/// How long it may take, its start included.
const PATIENCE: Duration = Duration::from_secs(8);

/// How long nobody is asked again who did not vouch: attempts come as fast as anybody likes.
const PAUSE: Duration = Duration::from_secs(1);

#[zbus::proxy(
    interface = "org.freedesktop.timedate1",
    default_service = "org.freedesktop.timedate1",
    default_path = "/org/freedesktop/timedate1"
)]
trait Timedate {
    #[zbus(property, name = "NTPSynchronized")]
    fn ntp_synchronized(&self) -> zbus::Result<bool>;
}

/// Begins to look after doubts about the clock.
pub(crate) fn follow(service: &Arc<Service>) -> Follower {
    let doubts = service.accounts().ledger.doubts();
    let (connection, service) = (service.connection.clone(), Arc::downgrade(service));
    Follower(tokio::spawn(async move {
        loop {
            doubts.notified().await;
            let ahead = match service.upgrade() {
                Some(service) => service.accounts().ledger.ahead(),
                None => return,
            };
            let asked = timeout(PATIENCE, is_synchronised(&connection)).await;
            match (asked, service.upgrade()) {
                (Ok(Ok(true)), Some(service)) => {
                    service.accounts().ledger.vouch(ahead);
                    continue;
                }
                (Ok(Ok(false)), _) => tracing::warn!("the clock jumped, and is not synchronised"),
                (Ok(Err(error)), _) => tracing::warn!(%error, "nobody vouches for the clock"),
                (Err(_), _) => tracing::warn!("timedated does not answer"),
                (_, None) => return,
            }
            sleep(PAUSE).await;
        }
    }))
}

async fn is_synchronised(connection: &Connection) -> zbus::Result<bool> {
    let timedate = TimedateProxy::builder(connection)
        .cache_properties(CacheProperties::No)
        .build()
        .await?;
    timedate.ntp_synchronized().await
}
