//! Whether an administrator stands at the machine: only then needs the owner of an account no time to
//! object to a rescue.

use zbus::Connection;

use crate::{logind, service::Call};

/// Whether a caller's program runs in an active session of this machine that is none from elsewhere, as
/// logind says. A machine without logind has no console in this sense.
pub(super) async fn is_at(connection: &Connection, call: &Call) -> bool {
    let Some(pid) = call.caller.pid else {
        return false;
    };
    let asked = tokio::time::timeout(logind::PATIENCE, logind::is_at_hand(connection, pid));
    matches!(asked.await, Ok(Ok(true)))
}
