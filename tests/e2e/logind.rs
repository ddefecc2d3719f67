//! As much of logind as tells of sessions: a test says which there are, and in which one its programs
//! run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use oathd_tests::world::{User, World};
use zbus::{Connection, DBusError, OwnedObjectPath, interface};

const PATH: &str = "/org/freedesktop/login1";

/// Where the programs of the test run.
#[derive(Clone, Debug, Default)]
pub(crate) enum Place {
    #[default]
    Nowhere,
    In(&'static str),
    /// Under the user's own manager, while that session shows the user's windows.
    ManagerOf(&'static str),
}

#[derive(Clone)]
pub(crate) struct Sat {
    pub(crate) uid: u32,
    pub(crate) began: u64,
    pub(crate) class: &'static str,
    pub(crate) state: &'static str,
}

type Sessions = Arc<Mutex<HashMap<String, Sat>>>;

#[derive(Debug, DBusError)]
#[zbus(prefix = "org.freedesktop.login1")]
enum LogindError {
    #[zbus(error)]
    Bus(zbus::Error),
    NoSuchSession(String),
    #[zbus(name = "NoSessionForPID")]
    NoSessionForPid(String),
    #[zbus(name = "NoUserForPID")]
    NoUserForPid(String),
}

struct Manager {
    place: Arc<Mutex<Place>>,
    sessions: Sessions,
    asked: Arc<Mutex<u32>>,
}

fn path(of: &str) -> OwnedObjectPath {
    format!("{PATH}/{of}").try_into().unwrap()
}

#[interface(name = "org.freedesktop.login1.Manager")]
impl Manager {
    fn get_session(&self, id: &str) -> Result<OwnedObjectPath, LogindError> {
        *self.asked.lock().unwrap() += 1;
        let id = if id == "auto" { "here" } else { id };
        match self.sessions.lock().unwrap().contains_key(id) {
            true => Ok(path(id)),
            false => Err(LogindError::NoSuchSession(id.to_owned())),
        }
    }

    #[zbus(name = "GetSessionByPID")]
    fn get_session_by_pid(&self, _pid: u32) -> Result<OwnedObjectPath, LogindError> {
        *self.asked.lock().unwrap() += 1;
        match *self.place.lock().unwrap() {
            Place::In(id) => Ok(path(id)),
            _ => Err(LogindError::NoSessionForPid(String::new())),
        }
    }

    #[zbus(name = "GetUserByPID")]
    fn get_user_by_pid(&self, _pid: u32) -> Result<OwnedObjectPath, LogindError> {
        match *self.place.lock().unwrap() {
            Place::ManagerOf(_) => Ok(path("user")),
            _ => Err(LogindError::NoUserForPid(String::new())),
        }
    }
}

struct ItsUser(Arc<Mutex<Place>>);

#[interface(name = "org.freedesktop.login1.User")]
impl ItsUser {
    #[zbus(property)]
    fn display(&self) -> (String, OwnedObjectPath) {
        match *self.0.lock().unwrap() {
            Place::ManagerOf("") => (String::new(), "/".try_into().unwrap()),
            Place::ManagerOf(id) | Place::In(id) => (id.to_owned(), path(id)),
            Place::Nowhere => unreachable!("no user was told"),
        }
    }
}

struct One(String, Sessions);

impl One {
    fn sat(&self) -> Sat {
        self.1.lock().unwrap()[&self.0].clone()
    }
}

#[interface(name = "org.freedesktop.login1.Session")]
impl One {
    #[zbus(property)]
    fn id(&self) -> String {
        self.0.clone()
    }

    #[zbus(property)]
    fn user(&self) -> (u32, OwnedObjectPath) {
        (self.sat().uid, path("user"))
    }

    #[zbus(property)]
    fn timestamp(&self) -> u64 {
        self.sat().began
    }

    #[zbus(property)]
    fn timestamp_monotonic(&self) -> u64 {
        7
    }

    #[zbus(property)]
    fn class(&self) -> String {
        self.sat().class.to_owned()
    }

    #[zbus(property)]
    fn state(&self) -> String {
        self.sat().state.to_owned()
    }
}

/// As much of logind as tells of sessions.
pub(crate) struct Logind {
    connection: Connection,
    place: Arc<Mutex<Place>>,
    sessions: Sessions,
    pub(crate) asked: Arc<Mutex<u32>>,
}

impl Logind {
    pub(crate) async fn start(world: &World) -> Logind {
        let connection = world.connect(User::Root).await.unwrap();
        let logind = Logind {
            connection: connection.clone(),
            place: Arc::default(),
            sessions: Arc::default(),
            asked: Arc::default(),
        };
        let manager = Manager {
            place: Arc::clone(&logind.place),
            sessions: Arc::clone(&logind.sessions),
            asked: Arc::clone(&logind.asked),
        };
        let server = connection.object_server();
        server.at(PATH, manager).await.unwrap();
        let user = ItsUser(Arc::clone(&logind.place));
        server.at(path("user"), user).await.unwrap();
        connection
            .request_name("org.freedesktop.login1")
            .await
            .unwrap();
        logind
    }

    pub(crate) async fn open(&self, id: &str, sat: Sat) {
        self.sessions.lock().unwrap().insert(id.to_owned(), sat);
        let one = One(id.to_owned(), Arc::clone(&self.sessions));
        let server = self.connection.object_server();
        server.at(path(id), one).await.unwrap();
    }

    pub(crate) async fn close(&self, id: &str) {
        self.sessions.lock().unwrap().remove(id);
        let server = self.connection.object_server();
        server.remove::<One, _>(path(id)).await.unwrap();
    }

    pub(crate) fn knows(&self, id: &str) -> bool {
        self.sessions.lock().unwrap().contains_key(id)
    }

    pub(crate) fn set_state(&self, id: &str, state: &'static str) {
        self.sessions.lock().unwrap().get_mut(id).unwrap().state = state;
    }

    pub(crate) fn sit(&self, place: Place) {
        *self.place.lock().unwrap() = place;
    }
}

pub(crate) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_micros()).unwrap()
}

pub(crate) fn of(user: User) -> Sat {
    Sat {
        uid: user.uid(),
        began: now(),
        class: "user",
        state: "active",
    }
}
