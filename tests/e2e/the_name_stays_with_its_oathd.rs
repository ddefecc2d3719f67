//! Proves: while an oathd owns its name, another one that comes up on the same bus ends and says so,
//! and no program that may own the name can take it away.
//! Does not prove: who may own the name; the policy of the bus says that.

use oathd_api::{ExitCode, names::BUS_NAME};
use oathd_tests::world::{User, World};
use zbus::fdo::{DBusProxy, RequestNameFlags, RequestNameReply};

#[tokio::test]
async fn a_second_one_ends_and_nobody_replaces_the_first() {
    let mut world = World::new().unwrap();
    world.start_oathd(&[]).unwrap();
    let connection = world.connect(User::Oathd).await.unwrap();
    let bus = DBusProxy::new(&connection).await.unwrap();
    let owner = async || {
        let name = BUS_NAME.try_into().unwrap();
        bus.get_name_owner(name).await.unwrap()
    };
    let first = owner().await;

    let arguments = ["--bus", "system", "--state", "/run/state/another"];
    let second = world.built("oathd").unwrap().arguments(&arguments);
    let output = second.user(User::Oathd).run().unwrap();
    let (status, said) = output.failure().unwrap();
    assert_eq!(status, i32::from(u8::from(ExitCode::Unavailable)), "{said}");
    assert!(said.contains("name already taken"), "{said}");
    assert_eq!(owner().await, first);

    let greedy = RequestNameFlags::REPLACE_EXISTING | RequestNameFlags::DO_NOT_QUEUE;
    let name = BUS_NAME.try_into().unwrap();
    let reply = bus.request_name(name, greedy).await.unwrap();
    assert_eq!(reply, RequestNameReply::Exists);
    assert_eq!(owner().await, first);
    world.oathd().unwrap().check_alive().unwrap();
}
