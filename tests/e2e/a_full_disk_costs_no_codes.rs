//! Proves: with no room for its state oathd answers `StateUnavailable` where something would have
//! to be kept, keeps nothing of it, leaves the token as it was, and goes on serving codes; with
//! room again it keeps things again.
//! Does not prove: that it starts on a full disk.

use oathd_api::ErrorName;
use oathd_client::{Client, Token};
use oathd_tests::world::{CardSetup, User, World, eventually};

use crate::desk::named;
use crate::near::error;

const PASSWORD: &[u8] = b"correct horse";
const STATE_UNAVAILABLE: &str = ErrorName::StateUnavailable.as_str();

fn run(world: &World, line: &str) -> String {
    let mut words = line.split_whitespace();
    let program = world.program(words.next().unwrap());
    let arguments: Vec<_> = words.collect();
    let output = program.arguments(&arguments).run().unwrap();
    output.stdout().unwrap()
}

/// Leaves no room for a single page: files of one byte take one each.
fn fill(world: &World) {
    let fill = "i=0; while printf x >/run/state/fill$i; do i=$((i+1)); done 2>/dev/null";
    let filled = world.program("sh").arguments(&["-c", fill]).run();
    filled.unwrap().stdout().unwrap();
}

async fn token(world: &World) -> Token {
    let client = Client::with(world.connect(User::Root).await.unwrap());
    let found = async || client.find_token("").await.ok();
    eventually("token", found).await.unwrap()
}

#[tokio::test]
async fn what_cannot_be_kept_is_said_and_codes_go_on() {
    let mut world = World::new().unwrap();
    world.start_pcscd().unwrap();
    world.insert_card(CardSetup::default()).unwrap();
    let oathd = User::Oathd.uid();
    let options = format!("size=512k,mode=700,uid={oathd},gid={oathd}");
    run(
        &world,
        &format!("mount -t tmpfs -o {options} tmpfs /run/state"),
    );
    world.start_oathd(&[]).unwrap();
    let root = token(&world).await;
    let mail = named("mail");
    root.add(b"12345678901234567890", &mail).await.unwrap();
    root.set_password(PASSWORD, false).await.unwrap();

    fill(&world);
    assert_eq!(error(root.unlock(PASSWORD, true).await), STATE_UNAVAILABLE);
    assert_eq!(error(root.pair().await), STATE_UNAVAILABLE);
    let another = root.set_password(b"another", true).await;
    assert_eq!(error(another), STATE_UNAVAILABLE);
    // The token has the password that it had.
    root.lock(false).await.unwrap();
    root.unlock(PASSWORD, false).await.unwrap();
    assert!(root.describe().await.unwrap().locked);
    let mut remember = ["password", "remember", "--password-stdin", "--json"].to_vec();
    let oathctl = world.built("oathctl").unwrap().arguments(&remember);
    let refused = oathctl.input("correct horse\n").run().unwrap();
    assert_eq!(refused.status.code(), Some(69), "{:?}", refused.texts());
    assert!(refused.texts().0.contains(STATE_UNAVAILABLE));

    root.code("mail", false).await.unwrap();
    assert!(!root.describe().await.unwrap().remembered);
    let listed = root.credentials(true).await.unwrap();
    assert_eq!(listed.len(), 1, "pairing left something on the token");
    world.oathd().unwrap().check_alive().unwrap();

    run(&world, "find /run/state -name fill* -delete");
    world.start_oathd(&[]).unwrap();
    let root = token(&world).await;
    let required = ErrorName::PasswordRequired.as_str();
    assert_eq!(error(root.code("mail", false).await), required);
    remember.pop();
    let oathctl = world.built("oathctl").unwrap().arguments(&remember);
    let remembered = oathctl.input("correct horse\n").run().unwrap();
    remembered.stdout().unwrap();
    world.start_oathd(&[]).unwrap();
    let root = token(&world).await;
    root.code("mail", false).await.unwrap();

    // What is remembered would have to be forgotten with the password that it belongs to.
    fill(&world);
    for answer in [
        root.set_password(b"another", false).await,
        root.clear_password().await,
        root.reset().await,
    ] {
        assert_eq!(error(answer), STATE_UNAVAILABLE);
    }
    root.lock(false).await.unwrap();
    root.code("mail", false).await.unwrap();
    assert!(root.describe().await.unwrap().remembered);
}
