//! Proves: a clock that has jumped ahead is believed again once timedated says that a time service
//! keeps it, whichever that is; not where it says the contrary, and not after another jump.
//! Does not prove: what the real timedated reads from the kernel.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use oathd_client::ErrorName;
use oathd_daemon::clock::ManualClock;
use oathd_tests::world::{User, World, eventually};
use zbus::fdo::DBusProxy;
use zbus::{Connection, interface};

use crate::till::{Owner, Shop};

const NAME: &str = "org.freedesktop.timedate1";
const PATH: &str = "/org/freedesktop/timedate1";
const DAY: u64 = 86_400;

const POLICY: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <policy user="root"><allow own="org.freedesktop.timedate1"/></policy>
  <policy context="default"><allow send_destination="org.freedesktop.timedate1"/></policy>
</busconfig>
"#;

/// What timedated says.
struct Timedate(Arc<AtomicBool>);

#[interface(name = "org.freedesktop.timedate1", introspection_docs = false)]
impl Timedate {
    #[zbus(property, name = "NTPSynchronized")]
    async fn ntp_synchronized(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

async fn timedated(world: &World, says: &Arc<AtomicBool>) -> Connection {
    fs::write(world.path("dbus/system.d/timedated.conf"), POLICY).unwrap();
    let connection = world.connect(User::Root).await.unwrap();
    let bus = DBusProxy::new(&connection).await.unwrap();
    bus.reload_config().await.unwrap();
    let server = connection.object_server();
    server.at(PATH, Timedate(Arc::clone(says))).await.unwrap();
    connection.request_name(NAME).await.unwrap();
    connection
}

async fn refused(shop: &Shop, owner: &Owner) -> Option<ErrorName> {
    let code = shop.code(&owner.seed, 0);
    shop.verify(&owner.account, &code)
        .await
        .err()
        .map(|told| told.0)
}

/// Moves the time of day without letting time go by.
fn leap(clock: &ManualClock, shop: &Shop) {
    clock.leap(shop.now() + DAY);
}

#[tokio::test]
async fn a_jump_is_excused_by_whoever_keeps_the_clock() {
    let shop = Shop::open().await;
    let says = Arc::new(AtomicBool::new(false));
    let _timedated = timedated(&shop.near.world, &says).await;
    let owner = shop.enrol("ada").await;
    for _ in 0..2 {
        says.store(false, Ordering::SeqCst);
        leap(&shop.clock, &shop);
        for _ in 0..3 {
            assert_eq!(
                refused(&shop, &owner).await,
                Some(ErrorName::ClockUntrusted)
            );
        }
        says.store(true, Ordering::SeqCst);
        let believed = async || refused(&shop, &owner).await.is_none().then_some(());
        eventually("belief in the clock", believed).await.unwrap();
        assert_eq!(refused(&shop, &owner).await, Some(ErrorName::CodeUsed));
    }
}
