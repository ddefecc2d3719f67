//! A task beside the service that looks after something else on the bus.

use tokio::task::JoinHandle;

/// Follows what another service tells until it is dropped.
pub(crate) struct Follower(pub(crate) JoinHandle<()>);

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}
