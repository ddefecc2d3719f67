//! Proves: the kernel keeps the memory of oathd and of an oathctl that waits for a secret from other
//! programs of the same user, and writes no core of them: it gives their files in `/proc` to root.
//! Does not prove: that no memory is swapped out.

use std::fs;
use std::os::unix::fs::MetadataExt;

use oathd_tests::world::{Process, Program, User, World, eventually};

/// Starts a program as `user`; answers it once it runs and its memory is `owner`'s.
async fn is_owned(program: Program<'_>, path: &str, user: User, owner: User) -> Process {
    let name = path.rsplit('/').next().unwrap();
    let process = program.user(user).start(name).unwrap();
    let folder = format!("/proc/{}", process.pid());
    let owned = async || {
        let line = fs::read(format!("{folder}/cmdline")).unwrap();
        let owned = fs::metadata(format!("{folder}/environ")).unwrap().uid() == owner.uid();
        (line.starts_with(path.as_bytes()) && owned).then_some(())
    };
    eventually("owner", owned).await.unwrap();
    process
}

#[tokio::test]
async fn neither_of_the_service_nor_of_its_command() {
    let world = World::new().unwrap();
    let path = "/usr/bin/sleep";
    let sleep = world.program(path).arguments(&["60"]);
    is_owned(sleep, path, User::Alice, User::Alice).await;

    let arguments = ["--bus", "system", "--state", "/run/state"];
    let oathd = world.built("oathd").unwrap().arguments(&arguments);
    let oathd = is_owned(oathd, "/run/build/oathd", User::Oathd, User::Root).await;
    let oathctl = world.built("oathctl").unwrap().arguments(&["add", "A:x"]);
    is_owned(oathctl, "/run/build/oathctl", User::Alice, User::Root).await;
    drop(oathd);
}
