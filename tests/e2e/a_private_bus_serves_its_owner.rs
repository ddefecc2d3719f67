//! Proves: on a bus that is not the system bus oathd serves the user it runs as and root, refuses
//! everybody else by name, and does so without polkit.
//! Does not prove: anything about the system bus.

use oathd_api::ErrorName;
use oathd_client::Client;
use oathd_tests::world::{User, World};

use crate::near::error;

#[tokio::test]
async fn others_are_refused() {
    let mut world = World::new().unwrap();
    let address = "unix:path=/run/dbus/system_bus_socket";
    let oathd = world.built("oathd").unwrap();
    let oathd = oathd.arguments(&["--bus", address, "--state", "/run/state"]);
    let mut oathd = oathd.user(User::Oathd).start("oathd").unwrap();
    oathd.until_logged("ready").unwrap();
    for (user, answer) in [
        // Nothing is there to be found without pcscd: whoever is told so was let in.
        (User::Root, ErrorName::ServiceUnavailable),
        (User::Oathd, ErrorName::ServiceUnavailable),
        (User::Alice, ErrorName::NotAuthorized),
        (User::Bob, ErrorName::NotAuthorized),
    ] {
        let client = Client::with(world.connect(user).await.unwrap());
        assert_eq!(error(client.find_token("").await), answer.as_str());
    }
    world.start_polkitd("").unwrap();
    let alice = Client::with(world.connect(User::Alice).await.unwrap());
    assert_eq!(
        error(alice.find_token("").await),
        ErrorName::NotAuthorized.as_str()
    );
    oathd.end().unwrap();
}
