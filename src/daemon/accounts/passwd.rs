//! The users and groups of this machine. Looking them up may ask a network service, so it blocks;
//! the runtime never waits for it.

/// A user of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    /// The name as the machine writes it.
    pub(crate) name: String,
    /// The user's own group.
    pub(crate) gid: u32,
}

/// The uid of a user; blocks.
pub(crate) fn uid_of(name: &str) -> Option<u32> {
    uzers::get_user_by_name(name).map(|user| user.uid())
}

/// The user of a name.
pub(crate) async fn by_name(name: &str) -> Option<User> {
    let name = name.to_owned();
    apart(move || uzers::get_user_by_name(&name).and_then(|user| known(&user))).await?
}

/// The user of a uid.
pub(crate) async fn by_uid(uid: u32) -> Option<User> {
    apart(move || uzers::get_user_by_uid(uid).and_then(|user| known(&user))).await?
}

/// Whether a user is in a group, by name.
pub(crate) async fn is_member(user: &User, group: &str) -> bool {
    let groups = groups_of(user).await;
    groups.iter().any(|theirs| theirs == group)
}

/// The names of a user's groups.
pub(crate) async fn groups_of(user: &User) -> Vec<String> {
    let (name, gid) = (user.name.clone(), user.gid);
    let groups = apart(move || {
        let groups = uzers::get_user_groups(&name, gid).unwrap_or_default();
        let names = groups.iter().filter_map(|group| group.name().to_str());
        names.map(str::to_owned).collect()
    });
    groups.await.unwrap_or_default()
}

fn known(user: &uzers::User) -> Option<User> {
    Some(User {
        uid: user.uid(),
        name: user.name().to_str()?.to_owned(),
        gid: user.primary_group_id(),
    })
}

/// Runs what blocks on a thread of its own.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn root_is_found_by_name_and_uid() {
        let root = by_uid(0).await.unwrap();
        assert_eq!(by_name(&root.name).await, Some(root.clone()));
        assert_eq!(uid_of(&root.name), Some(0));
        assert!(is_member(&root, "root").await);
        assert!(!is_member(&root, "no such group").await);
        assert_eq!(by_name("no\0body").await, None);
    }
}
