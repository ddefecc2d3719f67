//! Whether an administrator stands at the machine: only then needs the owner of an account no time to
//! object to a rescue.

use std::time::Duration;

use zbus::{Connection, DynamicType, Message, OwnedObjectPath, OwnedVariant};

use crate::service::Call;

const LOGIND: &str = "org.freedesktop.login1";

/// How long logind may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether a caller's program runs in an active session at a seat of this machine, as logind says. A
/// machine without logind has no console in this sense.
pub(super) async fn is_at(connection: &Connection, call: &Call) -> bool {
    let Some(pid) = call.caller.pid else {
        return false;
    };
    let asked = tokio::time::timeout(PATIENCE, is_local_session(connection, pid)).await;
    matches!(asked, Ok(Ok(true)))
}

async fn is_local_session(connection: &Connection, pid: u32) -> zbus::Result<bool> {
    let manager = ("/org/freedesktop/login1", "org.freedesktop.login1.Manager");
    let session: OwnedObjectPath = call(connection, manager, "GetSessionByPID", &(pid,))
        .await?
        .body()
        .deserialize()?;
    let properties = (session.as_str(), "org.freedesktop.DBus.Properties");
    let is = async |property: &str| -> zbus::Result<bool> {
        let asked = ("org.freedesktop.login1.Session", property);
        let reply = call(connection, properties, "Get", &asked).await?;
        let value: OwnedVariant = reply.body().deserialize()?;
        bool::try_from(value)
    };
    Ok(is("Active").await? && !is("Remote").await?)
}

async fn call<B: serde::Serialize + DynamicType>(
    connection: &Connection,
    (path, interface): (&str, &str),
    member: &str,
    body: &B,
) -> zbus::Result<Message> {
    connection
        .call_method(Some(LOGIND), path, Some(interface), member, body)
        .await
}
