//! Proves, with the real pcscd and signals as logind sends them: oathd has the sleep of the machine
//! delayed until it has no connection to pcscd, also while a touch is waited for; after it the token
//! is there again and the next sleep is delayed too; another logind is asked anew, and an oathd that
//! starts on the way down holds nothing up.
//! Does not prove: a machine that sleeps.

use std::io::{PipeReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use oathd_client::Client;
use oathd_tests::world::{BOUND, CardSetup, User, World, eventually};
use tokio::sync::mpsc;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, OwnedFd, interface};

use crate::desk::{SEED, named, touched};

const PATH: &str = "/org/freedesktop/login1";
const NAME: &str = "org.freedesktop.login1";

/// What logind was asked to hold back, and the end that sees it let go.
type Inhibitor = ([String; 3], PipeReader);

/// As much of logind as tells of sleep.
struct Logind {
    inhibitors: mpsc::UnboundedSender<Inhibitor>,
    asleep: Arc<AtomicBool>,
    looked: mpsc::UnboundedSender<()>,
}

#[interface(name = "org.freedesktop.login1.Manager")]
impl Logind {
    fn inhibit(&self, what: String, who: String, _why: String, mode: String) -> OwnedFd {
        let (ours, theirs) = std::io::pipe().unwrap();
        self.inhibitors.send(([what, who, mode], ours)).unwrap();
        std::os::fd::OwnedFd::from(theirs).into()
    }

    #[zbus(property)]
    fn preparing_for_sleep(&self) -> bool {
        let _ = self.looked.send(());
        self.asleep.load(Ordering::SeqCst)
    }

    #[zbus(signal)]
    async fn prepare_for_sleep(emitter: &SignalEmitter<'_>, start: bool) -> zbus::Result<()>;
}

/// A logind on the bus of a world.
struct Seat {
    connection: Connection,
    inhibitors: mpsc::UnboundedReceiver<Inhibitor>,
    asleep: Arc<AtomicBool>,
    looked: mpsc::UnboundedReceiver<()>,
}

impl Seat {
    async fn start(world: &World, asleep: bool) -> Seat {
        let connection = world.connect(User::Root).await.unwrap();
        let (asked, inhibitors) = mpsc::unbounded_channel();
        let (look, looked) = mpsc::unbounded_channel();
        let asleep = Arc::new(AtomicBool::new(asleep));
        let logind = Logind {
            inhibitors: asked,
            asleep: Arc::clone(&asleep),
            looked: look,
        };
        connection.object_server().at(PATH, logind).await.unwrap();
        connection.request_name(NAME).await.unwrap();
        Seat {
            connection,
            inhibitors,
            asleep,
            looked,
        }
    }

    /// The next inhibitor, which must be for a delay of the sleep.
    async fn inhibitor(&mut self) -> PipeReader {
        let asked = tokio::time::timeout(BOUND, self.inhibitors.recv()).await;
        let (what, inhibitor) = asked.unwrap().unwrap();
        assert_eq!(what, ["sleep", "oathd", "delay"]);
        inhibitor
    }

    /// Says that the machine goes to sleep, or has slept.
    async fn turn(&self, start: bool) {
        self.asleep.store(start, Ordering::SeqCst);
        let emitter = SignalEmitter::new(&self.connection, PATH).unwrap();
        Logind::prepare_for_sleep(&emitter, start).await.unwrap();
    }
}

/// Waits until an inhibitor is let go.
async fn let_go(mut inhibitor: PipeReader) {
    let gone = tokio::task::spawn_blocking(move || inhibitor.read_to_end(&mut Vec::new()));
    let read = tokio::time::timeout(BOUND, gone).await.unwrap().unwrap();
    assert_eq!(read.unwrap(), 0);
}

/// How many sockets oathd holds: those of the bus, and its connections to pcscd. pcscd's own ends tell
/// nothing, as it closes them when it gets round to it.
fn sockets(world: &mut World) -> usize {
    let open = format!("/proc/{}/fd", world.oathd().unwrap().pid());
    let files = std::fs::read_dir(open).unwrap();
    let leads =
        |file: std::io::Result<std::fs::DirEntry>| std::fs::read_link(file.ok()?.path()).ok();
    let sockets = files.filter_map(leads);
    sockets
        .filter(|target| target.to_string_lossy().starts_with("socket:"))
        .count()
}

async fn client(world: &World) -> Client {
    Client::with(world.connect(User::Root).await.unwrap()).without_interaction()
}

#[tokio::test]
async fn it_is_delayed_until_no_card_is_held() {
    let mut world = World::with_oathd("").unwrap();
    world.insert_card(CardSetup::default()).unwrap();
    // oathd was there first: a logind that comes is asked.
    let mut seat = Seat::start(&world, false).await;
    let mut inhibitor = seat.inhibitor().await;
    let alone = sockets(&mut world);
    let client = client(&world).await;
    // It watches the readers, which keeps a connection open.
    let _events = client.events().await.unwrap();
    let find = async || client.find_token("").await.ok();
    let token = eventually("token", find).await.unwrap();
    token.add(SEED, &named("mail")).await.unwrap();
    for _ in 0..3 {
        token.code("mail", false).await.unwrap();
        let connected = sockets(&mut world);
        seat.turn(true).await;
        let_go(inhibitor).await;
        assert_eq!(sockets(&mut world), alone);
        assert!(alone < connected);
        seat.turn(false).await;
        inhibitor = seat.inhibitor().await;
        let again = async || client.find_token("").await.ok();
        eventually("the token", again).await.unwrap();
    }
    let again = client.find_token("").await.unwrap();
    again.code("mail", false).await.unwrap();

    seat.connection.close().await.unwrap();
    let mut seat = Seat::start(&world, false).await;
    let _inhibitor = seat.inhibitor().await;
    assert!(seat.inhibitors.try_recv().is_err());
}

#[tokio::test]
async fn a_wait_for_a_touch_holds_it_up_no_longer_than_logind_waits() {
    let mut world = World::with_oathd("").unwrap();
    let setup = CardSetup {
        touch: "manual",
        ..CardSetup::default()
    };
    let card = world.insert_card(setup).unwrap();
    let mut seat = Seat::start(&world, false).await;
    let inhibitor = seat.inhibitor().await;
    let client = client(&world).await;
    let find = async || client.find_token("").await.ok();
    let token = eventually("token", find).await.unwrap();
    token.add(SEED, &touched("door")).await.unwrap();
    token.add(SEED, &named("mail")).await.unwrap();
    let waiting = {
        let token = token.clone();
        tokio::spawn(async move { token.code("door", true).await })
    };
    let process = world.card(card).process();
    let asks = async || process.log().contains("touch-awaited").then_some(());
    eventually("a request for a touch", asks).await.unwrap();
    seat.turn(true).await;
    let_go(inhibitor).await;
    seat.turn(false).await;
    let _inhibitor = seat.inhibitor().await;
    // The token gives the touch up by itself, and nothing is stuck.
    let ended = tokio::time::timeout(BOUND, waiting).await.unwrap().unwrap();
    ended.unwrap_err();
    let again = async || client.find_token("").await.ok();
    let token = eventually("the token", again).await.unwrap();
    token.code("mail", false).await.unwrap();
}

#[tokio::test]
async fn a_start_on_the_way_down_holds_nothing_up() {
    let mut world = World::new().unwrap();
    let mut seat = Seat::start(&world, true).await;
    world.start_pcscd().unwrap();
    world.start_polkitd("").unwrap();
    world.start_oathd(&[]).unwrap();
    tokio::time::timeout(BOUND, seat.looked.recv())
        .await
        .unwrap();
    seat.turn(false).await;
    let _inhibitor = seat.inhibitor().await;
    assert!(seat.inhibitors.try_recv().is_err());
}
