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
    unistd::{self, Gid, Group, Uid},
};
use oathd_api::ErrorName;
use tokio::{sync::Semaphore, task, time::timeout};

use crate::error::Error;

/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many looks are made at once: one that hangs keeps its thread.
static AT_ONCE: Semaphore = Semaphore::const_new(32);

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
pub(crate) async fn by_name(name: &str) -> Result<Option<User>, LookupFailed> {
    let name = name.to_owned();
    let look = move || Ok(unistd::User::from_name(&name)?.map(known));
    apart(PATIENCE, look).await
}

/// The user of a uid.
pub(crate) async fn by_uid(uid: u32) -> Result<Option<User>, LookupFailed> {
    let look = move || Ok(unistd::User::from_uid(Uid::from_raw(uid))?.map(known));
    apart(PATIENCE, look).await
}

/// Those of `groups`, by name, that a user is in.
pub(crate) async fn groups_among(
    user: &User,
    groups: impl IntoIterator<Item = &str>,
) -> Result<Vec<String>, LookupFailed> {
    let (user, groups) = (user.clone(), groups.into_iter().map(str::to_owned));
    let groups: Vec<String> = groups.collect();
    if groups.is_empty() {
        return Ok(groups);
    }
    apart(PATIENCE, move || {
        let Ok(name) = CString::new(user.name.as_str()) else {
            return Ok(Vec::new());
        };
        let theirs = unistd::getgrouplist(&name, Gid::from_raw(user.gid))?;
        let mut found = Vec::new();
        for group in groups {
            // By the group's name: the list of a user's groups leaves out without a word what a
            // service that is not there would have added; this look fails then.
            if let Some(known) = Group::from_name(&group)?
                && (theirs.contains(&known.gid) || known.mem.contains(&user.name))
            {
                found.push(group);
            }
        }
        Ok(found)
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
    patience: Duration,
    work: impl FnOnce() -> Result<T, Errno> + Send + 'static,
) -> Result<T, LookupFailed> {
    let look = async {
        let place = AT_ONCE.acquire().await;
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
        let root = by_uid(0).await.unwrap().unwrap();
        assert_eq!(by_name(&root.name).await.unwrap(), Some(root.clone()));
        assert_eq!(uid_of(&root.name).unwrap(), Some(0));
        let groups = ["no such group", "root", "daemon"];
        let found = groups_among(&root, groups).await;
        assert_eq!(found.unwrap(), ["root"]);
        assert_eq!(by_name("no\0body").await.unwrap(), None);
        assert_eq!(uid_of("no such user").unwrap(), None);
    }

    #[tokio::test]
    async fn a_look_that_fails_or_hangs_finds_nobody_out() {
        let failed = apart(PATIENCE, || Err::<(), _>(Errno::EIO)).await;
        assert_eq!(failed, Err(Errno::EIO.into()));
        let (end, until) = sync_channel::<()>(0);
        let hanging = apart(Duration::ZERO, move || {
            let _ = until.recv();
            Ok(())
        });
        assert_eq!(hanging.await, Err(LookupFailed::late()));
        drop(end);
    }
}
