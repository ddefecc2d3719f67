//! Proves: two worlds at once have each their own bus, pcscd, network and users, none of which the
//! machine sees, and a dropped world leaves no process and no folder behind.
//! Does not prove: that a world keeps a hostile program in.

use std::fs;

use oathd_tests::world::{User, World, until};

#[tokio::test]
async fn two_worlds_have_nothing_in_common() {
    let (mut one, mut two) = (World::new().unwrap(), World::new().unwrap());
    one.start_pcscd().unwrap();
    two.start_pcscd().unwrap();
    let ids = async |world: &World| {
        let bus = world.connect(User::Alice).await.unwrap();
        zbus::fdo::DBusProxy::new(&bus)
            .await
            .unwrap()
            .get_id()
            .await
            .unwrap()
            .to_string()
    };
    assert_ne!(ids(&one).await, ids(&two).await);
    let network = |world: &World| {
        world
            .program("readlink")
            .arguments(&["/proc/self/ns/net"])
            .run()
            .unwrap()
            .stdout()
            .unwrap()
    };
    assert_ne!(network(&one), network(&two));
    let id = one
        .program("id")
        .user(User::Alice)
        .arguments(&["-un"])
        .run()
        .unwrap();
    assert_eq!(id.stdout().unwrap(), "alice\n");
    assert!(
        !fs::read_to_string("/etc/passwd")
            .unwrap()
            .contains(":/run/home/alice:")
    );
}

#[test]
fn nothing_is_left_of_a_dropped_world() {
    let world = World::new().unwrap();
    let folder = world.path("");
    let detached = ["-c", "setsid sleep 300 >/dev/null 2>&1 & echo $!"];
    let pid = world
        .program("sh")
        .arguments(&detached)
        .run()
        .unwrap()
        .stdout()
        .unwrap();
    // A process that has ended is in no namespace, even while nobody has taken note of its end.
    let namespace = format!("/proc/{}/ns/net", pid.trim());
    assert!(fs::read_link(&namespace).is_ok());
    drop(world);
    until("end of the detached process", || {
        Ok(fs::read_link(&namespace).err())
    })
    .unwrap();
    assert!(!folder.exists());
}
