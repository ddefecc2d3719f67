//! Proves: oathd, running as its own user on a bus with the shipped policy, lets a user do through
//! the real polkitd what a rule allows and nothing else, root everything, and nobody but root
//! anything once polkitd is gone; and that the code a permitted user gets is oathtool's.
//! Does not prove: password dialogues, and each action by itself.

use oathd_client::{AddOptions, Client, Error, ErrorName, Token};
use oathd_tests::world::{CardSetup, User, World, eventually};

const RULES: &str = r#"
    polkit.addRule(function(action, subject) {
        var listing = action.id == "org.oathd.oathd1.list-credentials";
        var code = action.id == "org.oathd.oathd1.generate-code";
        if (subject.user == "alice" && (listing || code) || subject.user == "bob" && listing) {
            return polkit.Result.YES;
        }
    });
"#;

/// The one token, as `user` sees it; a call waits for nobody's password.
async fn token(world: &World, user: User) -> Token {
    let client = Client::with(world.connect(user).await.unwrap()).without_interaction();
    let one = async || client.tokens().await.unwrap().pop();
    eventually("token", one).await.unwrap()
}

fn assert_refused<T: std::fmt::Debug>(answer: Result<T, Error>) {
    assert!(
        answer
            .as_ref()
            .is_err_and(|error| error.is(ErrorName::NotAuthorized)),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_user_may_do_what_a_rule_allows() {
    let mut world = World::with_oathd(RULES).unwrap();
    world.insert_card(CardSetup::default()).unwrap();
    let (root, alice, bob) = (
        token(&world, User::Root).await,
        token(&world, User::Alice).await,
        token(&world, User::Bob).await,
    );
    let seed = b"12345678901234567890";
    let options = AddOptions {
        name: Some("mail".into()),
        kind: Some("hotp".into()),
        ..AddOptions::default()
    };
    assert_refused(alice.add(seed, &options).await);
    let id = root.add(seed, &options).await.unwrap();

    assert_eq!(bob.credentials(false).await.unwrap().len(), 1);
    assert_refused(bob.code(&id, false).await);
    let code = alice.code(&id, false).await.unwrap().code;
    let hex = "3132333435363738393031323334353637383930";
    let oathtool = world
        .program("oathtool")
        .arguments(&["--counter=0", hex])
        .run()
        .unwrap();
    assert_eq!(code, oathtool.stdout().unwrap().trim_end());

    world.stop_polkitd().unwrap();
    assert_refused(alice.code(&id, false).await);
    assert!(root.code(&id, false).await.is_ok());
    world.stop_oathd().unwrap();
}
