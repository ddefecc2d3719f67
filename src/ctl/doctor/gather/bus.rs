//! What others on the system bus tell: polkit, systemd and its time service.

use std::collections::HashMap;

use oathd_client::{Connection, OwnedObjectPath};
use serde::Serialize;
use zbus::{DynamicType, Message, OwnedVariant, Variant};

use crate::doctor::policy::Answer;
use crate::doctor::service::Unit;

const POLKIT: [&str; 3] = [
    "org.freedesktop.PolicyKit1",
    "/org/freedesktop/PolicyKit1/Authority",
    "org.freedesktop.PolicyKit1.Authority",
];
const SYSTEMD: [&str; 3] = [
    "org.freedesktop.systemd1",
    "/org/freedesktop/systemd1",
    "org.freedesktop.systemd1.Manager",
];
const CODES: &str = "org.oathd.oathd1.generate-code";

type Properties = HashMap<String, OwnedVariant>;

/// An action as polkit describes it; the first of it is its id.
type Described = (
    String,
    String,
    String,
    String,
    String,
    String,
    u32,
    u32,
    u32,
    HashMap<String, String>,
);

/// Whether polkit knows the actions of oathd; `None` where it does not answer.
pub(super) async fn knows_oathd(bus: &Connection) -> Option<bool> {
    let reply = call(bus, POLKIT, "EnumerateActions", &"").await?;
    let actions: Vec<Described> = reply.body().deserialize().ok()?;
    Some(actions.iter().any(|action| action.0 == CODES))
}

/// What polkit would say if this program asked oathd for a code.
pub(super) async fn may_have_codes(bus: &Connection) -> Option<Answer> {
    let name = bus.unique_name()?.to_string();
    let subject = (
        "system-bus-name",
        HashMap::from([("name", Variant::from(name))]),
    );
    let details: HashMap<&str, &str> = HashMap::new();
    let question = (subject, CODES, details, 0u32, "");
    let reply = call(bus, POLKIT, "CheckAuthorization", &question).await?;
    let answer: (bool, bool, HashMap<String, String>) = reply.body().deserialize().ok()?;
    Some(match answer {
        (true, ..) => Answer::Yes,
        (false, true, _) => Answer::Password,
        (false, false, _) => Answer::No,
    })
}

/// Whether a time service keeps the clock right.
pub(super) async fn is_synchronised(bus: &Connection) -> Option<bool> {
    let found = properties(
        bus,
        "org.freedesktop.timedate1",
        "/org/freedesktop/timedate1",
        "org.freedesktop.timedate1",
    );
    value(&found.await?, "NTPSynchronized")
}

/// A unit of systemd.
pub(super) async fn unit(bus: &Connection, name: &str) -> Option<Unit> {
    let reply = call(bus, SYSTEMD, "LoadUnit", &name).await?;
    let path: OwnedObjectPath = reply.body().deserialize().ok()?;
    let of = async |interface| properties(bus, SYSTEMD[0], path.as_str(), interface).await;
    let unit = of("org.freedesktop.systemd1.Unit").await?;
    let service = of("org.freedesktop.systemd1.Service").await;
    Some(Unit {
        load: value(&unit, "LoadState")?,
        active: value(&unit, "ActiveState")?,
        needs_reload: value(&unit, "NeedDaemonReload").unwrap_or(false),
        restarts: service
            .and_then(|service| value(&service, "NRestarts"))
            .unwrap_or(0),
    })
}

fn value<T: TryFrom<OwnedVariant>>(properties: &Properties, name: &str) -> Option<T> {
    T::try_from(properties.get(name)?.try_clone().ok()?).ok()
}

async fn properties(
    bus: &Connection,
    service: &str,
    path: &str,
    interface: &str,
) -> Option<Properties> {
    let standard = "org.freedesktop.DBus.Properties";
    let reply = call(bus, [service, path, standard], "GetAll", &interface).await?;
    reply.body().deserialize().ok()
}

async fn call<B>(
    bus: &Connection,
    [service, path, interface]: [&str; 3],
    method: &str,
    body: &B,
) -> Option<Message>
where
    B: Serialize + DynamicType,
{
    let call = bus.call_method(Some(service), path, Some(interface), method, body);
    call.await.ok()
}
