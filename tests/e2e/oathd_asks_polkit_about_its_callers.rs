//! Proves: oathd, running as its own user on a bus with the shipped policy, lets a user do through
//! the real polkitd what a rule allows and nothing else, root everything, and nobody but root
//! anything once polkitd is gone; that the code a permitted user gets is oathtool's; and that a rule
//! for one token holds where a seed is written to several.
//! Does not prove: password dialogues, and each action by itself.

use oathd_client::{AddOptions, Client, Error, ErrorName, Token};
use oathd_tests::world::{CardSetup, User, World, eventually};

use crate::desk::named;

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

#[tokio::test]
async fn a_rule_for_one_token_holds_for_that_one() {
    let serials = [7, 8];
    let rules = format!(
        r#"polkit.addRule(function(action, subject) {{
            var listing = action.id == "org.oathd.oathd1.list-credentials";
            var adding = action.id == "org.oathd.oathd1.add-credential";
            var its_own = adding && action.lookup("token") == "{}";
            if (subject.user == "alice" && (listing || its_own)) return polkit.Result.YES;
        }});"#,
        serials[0]
    );
    let mut world = World::with_oathd(&rules).unwrap();
    for (slot, serial) in (0..).zip(serials) {
        let setup = CardSetup {
            slot,
            serial,
            ..CardSetup::default()
        };
        world.insert_card(setup).unwrap();
    }
    let alice = world.connect(User::Alice).await.unwrap();
    let alice = Client::with(alice).without_interaction();
    let found = async |serial: u32| {
        let one = async || alice.find_token(&serial.to_string()).await.ok();
        eventually("token", one).await.unwrap()
    };
    let (own, other) = (found(serials[0]).await, found(serials[1]).await);
    let seed = b"12345678901234567890";
    let mail = named("mail");
    let both = [own.clone(), other.clone()];
    assert_refused(alice.add_to(&both, seed, &mail).await);
    assert_refused(alice.add_to(&both[1..], seed, &mail).await);
    for token in &both {
        assert!(token.credentials(false).await.unwrap().is_empty());
    }
    alice.add_to(&both[..1], seed, &mail).await.unwrap();
}
