//! Proves: polkit is asked about each change of a user's own account, with the account as a detail,
//! and about none of a root's; nobody is asked about anybody else's, who is refused; a user's account
//! is that of the uid; a policy that asks a second factor of a user lets none switch it off.
//! The policy asks for the password at each change, and for one change alone.
//! Does not prove: that polkit asks for the password, which takes a login session.

use std::fs;

use oathd_api::wire::enrollment::ConfirmOptions;
use oathd_client::{Client, ErrorName};
use oathd_tests::world::{User, World};

use crate::desk::{cause, refused};
use crate::holder::{Authenticator, counting, describe, enrol, nothing, prove};

/// Alice's changes pass, of everybody else nobody's.
const RULES: &str = r#"polkit.addRule(function(action, subject) {
    if (action.id == "org.oathd.oathd1.change-account") {
        var own = action.lookup("account") == "alice@local" && subject.user == "alice";
        return own ? polkit.Result.YES : polkit.Result.NO;
    }
});"#;

fn world(settings: &str) -> World {
    let mut world = World::new().unwrap();
    fs::write(world.path("oathd.conf"), settings).unwrap();
    world.start_polkitd(RULES).unwrap();
    world.start_oathd(&["--config", "/run/oathd.conf"]).unwrap();
    world
}

async fn client(world: &World, user: User) -> Client {
    Client::with(world.connect(user).await.unwrap()).without_interaction()
}

#[tokio::test]
async fn of_the_own_account_alone() {
    let world = world("");
    let alice = client(&world, User::Alice).await;
    let (mut authenticator, _) = enrol(&alice, "", nothing()).await;
    let told = describe(&alice, "").await;
    assert_eq!(
        (told.account.as_str(), told.uid),
        ("alice@local", Some(User::Alice.uid()))
    );
    assert_eq!(describe(&alice, "alice").await, told);
    let proof = prove(&alice, "alice", &authenticator.next()).await;
    let codes = alice.accounts().new_recovery_codes("", &proof).await;
    assert_eq!(codes.unwrap().lines().count(), 10);

    // The rule says no.
    let bob = client(&world, User::Bob).await;
    let begun = bob
        .accounts()
        .begin_enrollment("", &counting(nothing()))
        .await;
    let (name, details) = refused(begun.map(drop));
    assert_eq!(name, ErrorName::NotAuthorized);
    assert_eq!(
        details.action.as_deref(),
        Some("org.oathd.oathd1.change-account")
    );
    assert!(!describe(&bob, "").await.enrolled);
    // No rule is asked.
    for account in ["alice", "alice@local", "root", "nobody-there"] {
        let (accounts, options) = (bob.accounts(), counting(nothing()));
        let begun = accounts.begin_enrollment(account, &options).await;
        let (name, details) = refused(begun.map(drop));
        assert_eq!(
            (name, details.action),
            (ErrorName::NotAuthorized, None),
            "{account}"
        );
    }

    // Root is asked nothing, but for a proof.
    let root = client(&world, User::Root).await;
    enrol(&root, "bob", nothing()).await;
    assert!(describe(&bob, "").await.enrolled);
    let unproved = root.accounts().disable("alice", &nothing()).await;
    assert_eq!(cause(unproved), ErrorName::ProofRequired);
    let proof = prove(&root, "alice", &authenticator.next()).await;
    root.accounts().disable("alice", &proof).await.unwrap();
    let (accounts, options) = (root.accounts(), counting(nothing()));
    let begun = accounts.begin_enrollment("nobody-there", &options).await;
    assert!(begun.is_err());
}

#[tokio::test]
async fn and_switches_nothing_off_that_the_policy_asks_for() {
    let settings = "[policy.groups.alice]\nrule = \"required\"\n";
    let world = world(settings);
    let alice = client(&world, User::Alice).await;
    let (mut authenticator, _) = enrol(&alice, "", nothing()).await;
    let proof = prove(&alice, "", &authenticator.next()).await;
    let kept = alice.accounts().disable("", &proof).await;
    assert_eq!(cause(kept), ErrorName::SecondFactorRequired);
    assert!(describe(&alice, "").await.enrolled);
    // A replacement is the way.
    let id = describe(&alice, "").await.factors[0].id;
    let proof = prove(&alice, "", &authenticator.next()).await;
    let accounts = alice.accounts();
    let options = counting(proof);
    let begun = accounts.begin_replacement("", id, &options).await.unwrap();
    let mut new = Authenticator::scan(&begun.reveal().await.unwrap());
    let options = ConfirmOptions::default();
    begun.confirm(&new.next(), &options).await.unwrap();

    let root = client(&world, User::Root).await;
    let (mut bobs, _) = enrol(&root, "bob", nothing()).await;
    let proof = prove(&root, "bob", &bobs.next()).await;
    root.accounts().disable("bob", &proof).await.unwrap();
}

#[test]
fn and_gives_it_for_one_change_alone() {
    let policy = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../polkit/org.oathd.oathd1.policy"
    );
    let policy = fs::read_to_string(policy).unwrap();
    let begin = "<action id=\"org.oathd.oathd1.change-account\">";
    let (_, action) = policy.split_once(begin).unwrap();
    let (action, _) = action.split_once("</action>").unwrap();
    let (_, defaults) = action.split_once("<defaults>").unwrap();
    let (defaults, _) = defaults.split_once("</defaults>").unwrap();
    let lines: Vec<_> = defaults.split_whitespace().collect();
    assert_eq!(
        lines,
        [
            "<allow_any>no</allow_any>",
            "<allow_inactive>no</allow_inactive>",
            "<allow_active>auth_self</allow_active>",
        ]
    );
}
