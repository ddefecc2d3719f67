//! The users and groups of this machine. Looking them up may ask a network service, so it blocks;
//! the runtime never waits for it, and nobody waits without end.

use std::{
    ffi::CString,
    sync::mpsc::{RecvTimeoutError, sync_channel},
    thread,
    time::Duration,
};

use nix::{
    errno::Errno,
    unistd::{self, Gid, Uid},
};
use oathd_api::ErrorName;
use tokio::{sync::Semaphore, task, time::timeout};

use super::group;
use crate::error::Error;

/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many looks are made at once for logins and administrators, and for everybody else: one that
/// hangs keeps its thread.
static AT_ONCE: [Semaphore; 2] = [const { Semaphore::const_new(32) }; 2];

/// For whom it is looked. A program that names users whom only a service knows which does not answer
/// takes up no place of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// Root, as logins ask, or an administrator.
    Trusted,
    /// Anybody.
    User,
}

impl Asker {
    /// Who asks as the user of a uid.
    pub(crate) const fn of(uid: u32) -> Asker {
        match uid {
            0 => Asker::Trusted,
            _ => Asker::User,
        }
    }

    fn places(self) -> &'static Semaphore {
        let [trusted, others] = &AT_ONCE;
        match self {
            Asker::Trusted => trusted,
            Asker::User => others,
        }
    }
}

/// A user of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    /// The name as the machine writes it.
    pub(crate) name: String,
    /// The user's own group.
    pub(crate) gid: u32,
}

/// The machine does not say who there is. That is never taken for "nobody" or "in no group".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this machine cannot look up its users or groups: {0}")]
pub(crate) struct LookupFailed(String);

impl LookupFailed {
    /// A user is not found who was a moment ago.
    pub(crate) fn of(uid: u32) -> LookupFailed {
        LookupFailed(format!("the user {uid} is not found"))
    }

    fn late() -> LookupFailed {
        LookupFailed("it takes too long".to_owned())
    }
}

impl From<Errno> for LookupFailed {
    fn from(errno: Errno) -> LookupFailed {
        LookupFailed(errno.desc().to_owned())
    }
}

impl From<LookupFailed> for Error {
    fn from(reason: LookupFailed) -> Error {
        tracing::warn!(%reason, "a call is refused");
        Error::because(ErrorName::StateUnavailable, reason)
    }
}

/// The uid of a user; blocks.
pub(crate) fn uid_of(name: &str) -> Result<Option<u32>, LookupFailed> {
    let (tell, told) = sync_channel(1);
    let name = name.to_owned();
    let look = move || {
        // Whoever asked may have given up.
        let _ = tell.send(unistd::User::from_name(&name));
    };
    let thread = thread::Builder::new().name("user".to_owned());
    let started = thread.spawn(look);
    started.map_err(|error| LookupFailed(error.to_string()))?;
    match told.recv_timeout(PATIENCE) {
        Ok(user) => Ok(user?.map(|user| user.uid.as_raw())),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            Err(LookupFailed::late())
        }
    }
}

/// The user of a name.
pub(crate) async fn by_name(asker: Asker, name: &str) -> Result<Option<User>, LookupFailed> {
    let name = name.to_owned();
    let look = move || Ok(unistd::User::from_name(&name)?.map(known));
    apart((asker, PATIENCE), look).await
}

/// The user of a uid.
pub(crate) async fn by_uid(asker: Asker, uid: u32) -> Result<Option<User>, LookupFailed> {
    let look = move || Ok(unistd::User::from_uid(Uid::from_raw(uid))?.map(known));
    apart((asker, PATIENCE), look).await
}

/// Those of `groups`, by name, that a user is in.
pub(crate) async fn groups_among(
    asker: Asker,
    user: &User,
    groups: impl IntoIterator<Item = &str>,
) -> Result<Vec<String>, LookupFailed> {
    let (user, groups) = (user.clone(), groups.into_iter().map(str::to_owned));
    let groups: Vec<String> = groups.collect();
    if groups.is_empty() {
        return Ok(groups);
    }
    apart((asker, PATIENCE), move || {
        let Ok(name) = CString::new(user.name.as_str()) else {
            return Ok(Vec::new());
        };
        let theirs = unistd::getgrouplist(&name, Gid::from_raw(user.gid))?;
        let mut found = Vec::new();
        for group in groups {
            // By the group's name: the list of a user's groups leaves out without a word what a
            // service that is not there would have added; this look fails then.
            match group::by_name(&group)? {
                Some(known) if theirs.contains(&known.gid) || known.mem.contains(&user.name) => {
                    found.push(group);
                }
                Some(_) => {}
                None => tracing::warn!(group, "this machine has no such group, so nobody is in it"),
            }
        }
        Ok(found)
    })
    .await
}

/// Those of `groups`, by name, that this machine does not have.
pub(crate) async fn unknown_among(
    asker: Asker,
    groups: Vec<String>,
) -> Result<Vec<String>, LookupFailed> {
    apart((asker, PATIENCE), move || {
        let mut unknown = Vec::new();
        for group in groups {
            if group::by_name(&group)?.is_none() {
                unknown.push(group);
            }
        }
        Ok(unknown)
    })
    .await
}

fn known(user: unistd::User) -> User {
    User {
        uid: user.uid.as_raw(),
        name: user.name,
        gid: user.gid.as_raw(),
    }
}

/// Runs what blocks on a thread of its own.
async fn apart<T: Send + 'static>(
    (asker, patience): (Asker, Duration),
    work: impl FnOnce() -> Result<T, Errno> + Send + 'static,
) -> Result<T, LookupFailed> {
    let look = async {
        let place = asker.places().acquire().await;
        let worked = task::spawn_blocking(move || {
            let worked = work();
            drop(place);
            worked
        });
        worked
            .await
            .map_err(|error| LookupFailed(error.to_string()))
    };
    let looked = timeout(patience, look).await;
    Ok(looked.unwrap_or_else(|_| Err(LookupFailed::late()))??)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn root_is_found_by_name_and_uid() {
        let root = by_uid(Asker::Trusted, 0).await.unwrap().unwrap();
        assert_eq!(
            by_name(Asker::Trusted, &root.name).await.unwrap(),
            Some(root.clone())
        );
        assert_eq!(uid_of(&root.name).unwrap(), Some(0));
        let groups = ["no such group", "root", "daemon"];
        let found = groups_among(Asker::Trusted, &root, groups).await;
        assert_eq!(found.unwrap(), ["root"]);
        let unknown = unknown_among(Asker::Trusted, groups.map(str::to_owned).to_vec()).await;
        assert_eq!(unknown.unwrap(), ["no such group"]);
        assert_eq!(by_name(Asker::Trusted, "no\0body").await.unwrap(), None);
        assert_eq!(uid_of("no such user").unwrap(), None);
    }

    #[tokio::test]
    async fn nobody_keeps_the_places_of_logins() {
        let (end, until) = sync_channel::<()>(0);
        let until = std::sync::Arc::new(std::sync::Mutex::new(until));
        for _ in 0..Asker::User.places().available_permits() {
            let until = std::sync::Arc::clone(&until);
            let hanging = apart((Asker::of(1000), Duration::ZERO), move || {
                let _ = until.lock().unwrap().recv();
                Ok(())
            });
            assert_eq!(hanging.await, Err(LookupFailed::late()));
        }
        assert_eq!(Asker::User.places().available_permits(), 0);
        let shut_out = apart((Asker::User, Duration::ZERO), || Ok(()));
        assert_eq!(shut_out.await, Err(LookupFailed::late()));
        assert!(by_uid(Asker::Trusted, 0).await.unwrap().is_some());
        drop(end);
    }

    #[tokio::test]
    async fn a_look_that_fails_or_hangs_finds_nobody_out() {
        let failed = apart((Asker::Trusted, PATIENCE), || Err::<(), _>(Errno::EIO)).await;
        assert_eq!(failed, Err(Errno::EIO.into()));
        let (end, until) = sync_channel::<()>(0);
        let hanging = apart((Asker::Trusted, Duration::ZERO), move || {
            let _ = until.recv();
            Ok(())
        });
        assert_eq!(hanging.await, Err(LookupFailed::late()));
        drop(end);
    }
}
