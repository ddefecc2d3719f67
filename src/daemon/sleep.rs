//! The sleep of the machine. Tokens are released before it, so that no touch is waited for and no
//! card is held on the way down; the way to pcscd is made anew after it.
//!
//! logind is told to wait for that with a delay inhibitor (systemd-logind's `Inhibit`). A machine
//! without logind never says that it sleeps.

use std::sync::{Arc, Weak};

use futures_util::StreamExt;
use zbus::{Connection, OwnedFd, proxy::CacheProperties};

use crate::{follower::Follower, service::Service};

#[zbus::proxy(
    interface = "org.freedesktop.login1.Manager",
    default_service = "org.freedesktop.login1",
    default_path = "/org/freedesktop/login1"
)]
trait Logind {
    /// Holds back what `what` names until the descriptor is closed.
    fn inhibit(&self, what: &str, who: &str, why: &str, mode: &str) -> zbus::Result<OwnedFd>;

    /// Before a sleep and after it.
    #[zbus(signal)]
    fn prepare_for_sleep(&self, start: bool) -> zbus::Result<()>;

    /// Between the two.
    #[zbus(property)]
    fn preparing_for_sleep(&self) -> zbus::Result<bool>;
}

/// Begins to follow the sleep of the machine, as logind on the service's bus tells of it.
pub(crate) fn follow(service: &Arc<Service>) -> Follower {
    let (connection, service) = (service.connection.clone(), Arc::downgrade(service));
    Follower(tokio::spawn(async move {
        if let Err(error) = follow_on(&connection, &service).await {
            tracing::warn!("sleep is not followed: {error}");
        }
    }))
}

async fn follow_on(connection: &Connection, service: &Weak<Service>) -> zbus::Result<()> {
    let logind = LogindProxy::builder(connection)
        .cache_properties(CacheProperties::No)
        .build()
        .await?;
    // What comes while the state is asked for waits in these.
    let mut turns = logind.receive_prepare_for_sleep().await?;
    let mut owners = logind.inner().receive_owner_changed().await?;
    let mut inhibitor = hold_unless_asleep(&logind).await;
    loop {
        tokio::select! {
            Some(turn) = turns.next() => {
                let Some(service) = service.upgrade() else { return Ok(()) };
                if turn.args()?.start {
                    service.release().await;
                    tracing::info!("tokens released for the sleep of the machine");
                    inhibitor = None;
                } else {
                    service.resume();
                    tracing::info!("tokens looked for after the sleep of the machine");
                    inhibitor = hold(&logind).await;
                }
            }
            // Another logind knows nothing of what was held at the last.
            Some(owner) = owners.next() => {
                inhibitor = match owner {
                    Some(_) => hold_unless_asleep(&logind).await,
                    None => inhibitor,
                };
            }
            else => return Ok(()),
        }
    }
}

/// An oathd that starts on the way down must not hold it up; the signal after the sleep comes all
/// the same.
async fn hold_unless_asleep(logind: &LogindProxy<'_>) -> Option<OwnedFd> {
    match logind.preparing_for_sleep().await {
        Ok(false) => hold(logind).await,
        Ok(true) => None,
        Err(error) => {
            tracing::debug!("no logind: {error}");
            None
        }
    }
}

async fn hold(logind: &LogindProxy<'_>) -> Option<OwnedFd> {
    let held = logind.inhibit("sleep", "oathd", "Releases security tokens", "delay");
    match held.await {
        Ok(inhibitor) => Some(inhibitor),
        Err(error) => {
            tracing::warn!("the sleep of the machine cannot be delayed: {error}");
            None
        }
    }
}
