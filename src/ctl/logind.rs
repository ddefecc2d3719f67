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
    use std::collections::HashMap;
    use std::os::unix::net::UnixStream;
    use std::sync::Mutex;

    use zbus::connection::Builder;
    use zbus::{Guid, fdo, interface};

    use super::*;

    /// Answers like logind, and remembers what was ended.
    #[derive(Default)]
    struct Logind {
        own: &'static str,
        ended: Mutex<Vec<String>>,
    }

    fn path(id: &str) -> OwnedObjectPath {
        format!("/org/freedesktop/login1/session/{id}")
            .try_into()
            .unwrap()
    }

    #[interface(name = "org.freedesktop.login1.Manager")]
    impl Logind {
        fn list_sessions(&self) -> Vec<(String, u32, String, String, OwnedObjectPath)> {
            let me = rustix::process::getuid().as_raw();
            [("1", me), ("2", me), ("3", me + 1), ("4", me)]
                .map(|(id, uid)| (id.into(), uid, "who".into(), "seat0".into(), path(id)))
                .into()
        }

        fn get_session(&self, id: &str) -> fdo::Result<OwnedObjectPath> {
            match (id, self.own) {
                ("auto", own) if !own.is_empty() => Ok(path(own)),
                _ => Err(fdo::Error::Failed("no session".into())),
            }
        }

        fn terminate_session(&self, id: String) -> fdo::Result<()> {
            self.ended.lock().unwrap().push(id);
            Ok(())
        }
    }

    struct One(&'static str);

    #[interface(name = "org.freedesktop.login1.Session")]
    impl One {
        #[zbus(property)]
        fn class(&self) -> &str {
            self.0
        }

        #[zbus(property, name = "TTY")]
        fn tty(&self) -> &str {
            "tty2"
        }

        #[zbus(property)]
        fn remote_host(&self) -> &str {
            ""
        }
    }

    /// A connection to a logind whose session `own` is the caller's, and that logind's end.
    async fn logind(own: &'static str) -> (Connection, Connection) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let logind = Logind {
            own,
            ..Logind::default()
        };
        let mut server = Builder::unix_stream(theirs)
            .server(Guid::generate())
            .p2p()
            .serve_at(PATH, logind);
        for (id, class) in HashMap::from([("1", "user"), ("2", "user-early"), ("4", "manager")]) {
            server = server.serve_at(path(id), One(class));
        }
        let client = Builder::unix_stream(ours).p2p().build();
        let (server, client) = tokio::join!(server.build(), client);
        (client.unwrap(), server.unwrap())
    }

    #[tokio::test]
    async fn the_other_sessions_of_the_user_end_and_the_own_one_stays() {
        let (bus, server) = logind("2").await;
        let sessions = sessions(&bus).await;
        let ids: Vec<_> = sessions.all.iter().map(|s| s.id.as_str()).collect();
        assert_eq!(ids, ["1", "2"]);
        assert_eq!(sessions.all[0].place, "seat0, tty2");
        for other in sessions.others() {
            end(&bus, other).await.unwrap();
        }
        let logind = server.object_server().interface::<_, Logind>(PATH);
        let logind = logind.await.unwrap();
        let ended = logind.get().await.ended.lock().unwrap().clone();
        assert_eq!(ended, ["1"]);
    }

    #[tokio::test]
    async fn nothing_ends_where_the_own_session_is_not_known() {
        let (bus, _server) = logind("").await;
        let sessions = sessions(&bus).await;
        assert_eq!((sessions.all.len(), sessions.own_known), (2, false));
        assert_eq!(sessions.others().count(), 0);
    }

    #[test]
    fn what_logind_starts_by_itself_is_no_session_of_a_person() {
        assert!(is_users("user") && is_users("user-early"));
        for class in ["manager", "manager-early", "background", "greeter"] {
            assert!(!is_users(class), "{class}");
        }
    }
}
