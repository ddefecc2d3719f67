//! `org.oathd.Sim1.Clock`.

use std::sync::Arc;

use oathd_daemon::clock::{Clock as _, ManualClock};
use zbus::{interface, object_server::SignalEmitter};

/// The clock that oathd reads.
pub(super) struct Clock {
    clock: Arc<ManualClock>,
}

impl Clock {
    pub(super) fn new(clock: Arc<ManualClock>) -> Clock {
        Clock { clock }
    }

    async fn turn(&self, now: u64, emitter: &SignalEmitter<'_>) -> zbus::fdo::Result<()> {
        self.clock.set(now);
        Ok(self.now_changed(emitter).await?)
    }
}

#[interface(name = "org.oathd.Sim1.Clock", introspection_docs = false)]
impl Clock {
    async fn set(
        &self,
        now: u64,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> zbus::fdo::Result<()> {
        self.turn(now, &emitter).await
    }

    async fn advance(
        &self,
        seconds: u64,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> zbus::fdo::Result<()> {
        let now = self.clock.now().saturating_add(seconds);
        self.turn(now, &emitter).await
    }

    #[zbus(property)]
    fn now(&self) -> u64 {
        self.clock.now()
    }
}
