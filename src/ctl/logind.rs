//! The sessions of a user on this host, as logind knows them.

use std::time::Duration;

use oathd_client::{Connection, ExitCode, OwnedObjectPath};
use serde::Serialize;
use zbus::{DynamicType, Message, OwnedVariant};

use crate::failure::Failure;

const NAME: &str = "org.freedesktop.login1";
const PATH: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
const TIMEOUT: Duration = Duration::from_secs(25);

/// A session of the user who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocalSession {
    /// What logind calls it.
    pub(crate) id: String,
    /// Where it is: a seat, a terminal or a remote host.
    pub(crate) place: String,
    /// It is the one that this program runs in.
    pub(crate) own: bool,
}

/// The sessions of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LocalSessions {
    /// All of them, without what logind starts by itself.
    pub(crate) all: Vec<LocalSession>,
    /// Which is the own one is known. Without that none may be ended.
    pub(crate) own_known: bool,
}

impl LocalSessions {
    /// Those that may be ended: none that this program may be in.
    pub(crate) fn others(&self) -> impl Iterator<Item = &LocalSession> {
        let known = self.own_known;
        self.all.iter().filter(move |session| known && !session.own)
    }
}

/// The sessions of the user who calls. None where no logind is on the bus.
pub(crate) async fn sessions(bus: &Connection) -> LocalSessions {
    let uid = rustix::process::getuid().as_raw();
    let Some(listed) = call(bus, PATH, MANAGER, "ListSessions", &()).await else {
        return LocalSessions::default();
    };
    type Row = (String, u32, String, String, OwnedObjectPath);
    let rows: Vec<Row> = listed.body().deserialize().unwrap_or_default();
    let own = own(bus).await;
    let mut all = Vec::new();
    for (id, owner, _user, seat, path) in rows {
        if owner != uid || !is_users(&property(bus, &path, "Class").await) {
            continue;
        }
        let mut place = vec![seat];
        for name in ["TTY", "RemoteHost"] {
            place.push(property(bus, &path, name).await);
        }
        place.retain(|part| !part.is_empty());
        all.push(LocalSession {
            own: own.as_ref() == Some(&path),
            place: place.join(", "),
            id,
        });
    }
    LocalSessions {
        own_known: all.iter().any(|session| session.own),
        all,
    }
}

/// The session of this program, or the display session of a program that the user's manager runs.
async fn own(bus: &Connection) -> Option<OwnedObjectPath> {
    let reply = call(bus, PATH, MANAGER, "GetSession", &"auto").await?;
    reply.body().deserialize().ok()
}

/// Ends a session of the user who calls.
pub(crate) async fn end(bus: &Connection, session: &LocalSession) -> Result<(), Failure> {
    let ended = call(bus, PATH, MANAGER, "TerminateSession", &session.id).await;
    ended.map(|_| ()).ok_or_else(|| {
        Failure::new(
            ExitCode::Refused,
            "SessionStays",
            format!("Session {} could not be ended.", session.id),
            "End it with `loginctl terminate-session`.",
        )
    })
}

/// Whether a session of this class is one that somebody signed in to.
fn is_users(class: &str) -> bool {
    class.is_empty() || class == "user" || class.starts_with("user-")
}

async fn property(bus: &Connection, path: &str, name: &str) -> String {
    let body = ("org.freedesktop.login1.Session", name);
    let properties = "org.freedesktop.DBus.Properties";
    let Some(reply) = call(bus, path, properties, "Get", &body).await else {
        return String::new();
    };
    let value: Option<OwnedVariant> = reply.body().deserialize().ok();
    value
        .and_then(|value| String::try_from(value).ok())
        .unwrap_or_default()
}

async fn call<B>(
    bus: &Connection,
    path: &str,
    interface: &str,
    method: &str,
    body: &B,
) -> Option<Message>
where
    B: Serialize + DynamicType,
{
    let call = bus.call_method(Some(NAME), path, Some(interface), method, body);
    tokio::time::timeout(TIMEOUT, call).await.ok()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: &str, own: bool) -> LocalSession {
        LocalSession {
            id: id.into(),
            place: String::new(),
            own,
        }
    }

    #[test]
    fn the_own_session_is_never_among_the_others() {
        let mut sessions = LocalSessions {
            all: vec![session("1", false), session("2", true)],
            own_known: true,
        };
        let ids = |sessions: &LocalSessions| -> Vec<String> {
            sessions.others().map(|s| s.id.clone()).collect()
        };
        assert_eq!(ids(&sessions), ["1"]);
        sessions.own_known = false;
        assert!(ids(&sessions).is_empty());
    }

    #[test]
    fn what_logind_starts_by_itself_is_no_session_of_a_person() {
        assert!(is_users("user") && is_users("user-early"));
        for class in ["manager", "manager-early", "background", "greeter"] {
            assert!(!is_users(class), "{class}");
        }
    }
}
