//! One card behind one pcscd, with oathd and Yubico's ykman side by side.

mod both_at_once;
mod case;
mod changes_of_one_are_seen_by_the_other;
mod codes_equal_oathtools;
mod each_reads_what_the_other_wrote;
mod passwords_are_those_of_the_other;
mod peer;
mod sixty_four_credentials;
mod ykman_the_program;

use oathd_client::{Client, Error, ErrorName, Token};
use oathd_tests::world::{CardSetup, User, World, eventually, reader_name};

use peer::Peer;

/// oathd and ykman's library before the same card.
struct Both {
    peer: Peer,
    token: Token,
    world: World,
}

impl Both {
    /// A card without credentials, a new YubiKey that is touched as soon as it asks.
    async fn start() -> Both {
        let mut world = World::new().unwrap();
        world.start_pcscd().unwrap();
        world.insert_card(CardSetup::default()).unwrap();
        world.start_oathd(&[]).unwrap();
        Both {
            peer: Peer::start(&world),
            token: token(&world).await,
            world,
        }
    }

    /// ykman as people run it, on the card's reader.
    fn ykman(&self, arguments: &[&str]) -> (i32, String) {
        let program = self.world.ykman().unwrap();
        let program = program.arguments(&["--reader", &reader_name(0), "oath"]);
        let output = program.arguments(arguments).run().unwrap();
        let (stdout, stderr) = output.texts();
        let code = output.status.code().expect("no signal");
        (code, format!("{stdout}{stderr}"))
    }

    /// oathd's ids, in the card's order.
    async fn ids(&self) -> Vec<String> {
        let credentials = self.token.credentials(true).await.unwrap();
        credentials.into_iter().map(|c| c.id).collect()
    }
}

/// The card as root sees it through oathd.
async fn token(world: &World) -> Token {
    let client = Client::with(world.connect(User::Root).await.unwrap());
    let found = async || client.find_token("12345678").await.ok();
    eventually("token", found).await.unwrap()
}

fn assert_fails<T: std::fmt::Debug>(answer: Result<T, Error>, name: ErrorName) {
    assert!(
        answer.as_ref().is_err_and(|error| error.is(name)),
        "{answer:?} is not {name:?}"
    );
}
