//! Sessions of this machine, as logind knows them.

use std::time::Duration;

use oathd_core::Login;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::AsFd,
};
use zbus::{
    Connection, DeserializeDict, DynamicType, Message, OwnedObjectPath, Type,
    fdo::DBusProxy,
    names::{BusName, UniqueName},
    proxy::CacheProperties,
};

const NAME: &str = "org.freedesktop.login1";
const MANAGER: (&str, &str) = ("/org/freedesktop/login1", "org.freedesktop.login1.Manager");
const NO_SESSION: &str = "org.freedesktop.login1.NoSessionForPID";

/// How long logind may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) login: Login,
    pub(crate) uid: u32,
    /// `user`, `greeter`, `manager`, …
    pub(crate) class: String,
    /// `active`, `online`, `closing`, …
    pub(crate) state: String,
}

/// What is read of a session.
#[derive(DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "PascalCase")]
struct Properties {
    id: String,
    user: (u32, OwnedObjectPath),
    timestamp: u64,
    timestamp_monotonic: u64,
    class: String,
    state: String,
}

/// What is read of a session to tell where it is.
#[derive(DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "PascalCase")]
struct Place {
    active: bool,
    remote: bool,
}

/// What is read of a user.
#[derive(DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "PascalCase")]
struct User {
    display: (String, OwnedObjectPath),
}

impl Session {
    /// Whether it is one that a person signed in to and did not leave.
    pub(crate) fn is_a_persons(&self) -> bool {
        let class = self.class.as_str();
        (class == "user" || class.starts_with("user-")) && self.state != "closing"
    }
}

/// The session with an id.
pub(crate) async fn session(connection: &Connection, id: &str) -> zbus::Result<Session> {
    let path = ask(connection, "GetSession", &id).await?;
    session_at(connection, &path).await
}

/// The session in which the program at the other end of a connection runs. A program that the
/// user's own service manager runs is in none; as for polkit, it counts for the session that shows
/// the user's windows.
pub(crate) async fn session_of(
    connection: &Connection,
    caller: &UniqueName<'_>,
) -> zbus::Result<Option<Session>> {
    let bus = DBusProxy::builder(connection)
        .cache_properties(CacheProperties::No)
        .build()
        .await?;
    let asked = bus.get_connection_credentials(BusName::Unique(caller.as_ref()));
    let credentials = asked.await?;
    let Some(pid) = credentials.process_id() else {
        return Ok(None);
    };
    let path = match ask(connection, "GetSessionByPID", &pid).await {
        Err(zbus::Error::MethodError(name, ..)) if name.as_str() == NO_SESSION => {
            let user = ask(connection, "GetUserByPID", &pid).await?;
            let user: User = properties(connection, &user, "User").await?;
            user.display.1
        }
        path => path?,
    };
    if path.as_str() == "/" {
        return Ok(None);
    }
    let session = session_at(connection, &path).await?;
    // Once the process has ended, another one may have its pid.
    let is_the_same = credentials.process_fd().is_none_or(runs);
    Ok(is_the_same.then_some(session))
}

/// Whether a process runs in an active session that is none from elsewhere.
pub(crate) async fn is_at_hand(connection: &Connection, pid: u32) -> zbus::Result<bool> {
    let path = ask(connection, "GetSessionByPID", &pid).await?;
    let place: Place = properties(connection, &path, "Session").await?;
    Ok(place.active && !place.remote)
}

/// Whether the process of a descriptor (`pidfd_open(2)`) has not ended.
fn runs(process: impl AsFd) -> bool {
    let mut ended = [PollFd::new(&process, PollFlags::IN)];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    poll(&mut ended, Some(&at_once)).is_ok_and(|ended| ended == 0)
}

async fn session_at(connection: &Connection, path: &OwnedObjectPath) -> zbus::Result<Session> {
    let read: Properties = properties(connection, path, "Session").await?;
    Ok(Session {
        login: Login {
            id: read.id,
            began: read.timestamp,
            began_monotonic: read.timestamp_monotonic,
        },
        uid: read.user.0,
        class: read.class,
        state: read.state,
    })
}

async fn ask<B: serde::Serialize + DynamicType>(
    connection: &Connection,
    member: &str,
    body: &B,
) -> zbus::Result<OwnedObjectPath> {
    call(connection, MANAGER, member, body)
        .await?
        .body()
        .deserialize()
}

async fn properties<T>(
    connection: &Connection,
    path: &OwnedObjectPath,
    interface: &str,
) -> zbus::Result<T>
where
    T: for<'a> serde::Deserialize<'a> + Type,
{
    let interface = format!("{NAME}.{interface}");
    let of = (path.as_str(), "org.freedesktop.DBus.Properties");
    let reply = call(connection, of, "GetAll", &interface).await?;
    reply.body().deserialize()
}

async fn call<B: serde::Serialize + DynamicType>(
    connection: &Connection,
    (path, interface): (&str, &str),
    member: &str,
    body: &B,
) -> zbus::Result<Message> {
    connection
        .call_method(Some(NAME), path, Some(interface), member, body)
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_logind_starts_by_itself_and_what_was_left_is_nobodys() {
        let session = |class: &str, state: &str| Session {
            login: Login {
                id: "1".to_owned(),
                began: 0,
                began_monotonic: 0,
            },
            uid: 1000,
            class: class.to_owned(),
            state: state.to_owned(),
        };
        for class in ["user", "user-early", "user-incomplete"] {
            assert!(session(class, "active").is_a_persons(), "{class}");
            assert!(session(class, "online").is_a_persons(), "{class}");
            assert!(!session(class, "closing").is_a_persons(), "{class}");
        }
        for class in ["", "manager", "greeter", "lock-screen", "background"] {
            assert!(!session(class, "active").is_a_persons(), "{class}");
        }
    }

    #[test]
    fn a_process_that_ended_is_told_from_one_that_runs() {
        use rustix::process::{Pid, PidfdFlags, pidfd_open};
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&child);
        let process = pidfd_open(pid, PidfdFlags::empty()).unwrap();
        assert!(runs(&process));
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(!runs(&process));
    }
}
