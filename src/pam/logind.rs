//! Sessions, as logind knows them. Whatever cannot be read is absent.

use dbus::arg::{Array, Iter};
use dbus::strings::Path;

use crate::bus::{Bus, record};
use crate::seat::Session;

const NAME: &str = "org.freedesktop.login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
const SESSION: &str = "org.freedesktop.login1.Session";
const PATH: &str = "/org/freedesktop/login1";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// Sessions of one user that are looked at, at most.
const SESSIONS_MAX: usize = 32;

/// Id, uid, user, seat, object.
type Row<'a> = (&'a str, u32, &'a str, &'a str, Path<'static>);

/// The session that this process belongs to.
pub(crate) fn own_session(bus: &Bus) -> Option<Session> {
    let answer = bus
        .call(
            [NAME, PATH, MANAGER, "GetSessionByPID"],
            (std::process::id(),),
        )
        .ok()?;
    let path: Path<'static> = answer.read1().ok()?;
    session(bus, &path)
}

/// The sessions of a user.
pub(crate) fn sessions_of(bus: &Bus, user: &str) -> Vec<Session> {
    let Ok(answer) = bus.call([NAME, PATH, MANAGER, "ListSessions"], ()) else {
        return Vec::new();
    };
    let Ok(rows) = answer.read1::<Array<'_, Row<'_>, Iter<'_>>>() else {
        return Vec::new();
    };
    rows.filter(|row| row.2 == user)
        .take(SESSIONS_MAX)
        .filter_map(|row| session(bus, &row.4))
        .collect()
}

fn session(bus: &Bus, path: &str) -> Option<Session> {
    let answer = bus
        .call([NAME, path, PROPERTIES, "GetAll"], (SESSION,))
        .ok()?;
    // A session whose origin is not told counts as remote.
    let mut session = Session {
        remote: true,
        locked: true,
        ..Session::default()
    };
    for (key, mut value) in record(&answer).ok()? {
        match key {
            "Remote" => session.remote = value.0.get().unwrap_or(true),
            "RemoteHost" => {
                session.remote_host = value.0.get::<&str>().unwrap_or_default().to_owned();
            }
            "Active" => session.active = value.0.get().unwrap_or(false),
            "LockedHint" => session.locked = value.0.get().unwrap_or(true),
            "Class" => session.class = value.0.get::<&str>().unwrap_or_default().to_owned(),
            _ => {}
        }
    }
    Some(session)
}
