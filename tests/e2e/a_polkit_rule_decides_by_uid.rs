//! Proves: in a world the real polkitd answers about bus names, follows the test's rules by the uid
//! behind a name, answers the owner of an action who is not root, and its rules can be exchanged.
//! Does not prove: anything about oathd, sessions or agents.

use std::collections::HashMap;

use oathd_tests::world::{Failure, User, World};
use zbus::Variant;

const ALICE_MAY: &str = r#"
    polkit.addRule(function(action, subject) {
        if (action.id == "org.oathd.tests.ask" && subject.user == "alice") {
            return polkit.Result.YES;
        }
    });
"#;

/// What polkit tells `asker` about `subject`: whether authorized, and whether asking would help.
async fn ask(
    asker: &zbus::Connection,
    subject: &zbus::Connection,
) -> Result<(bool, bool), Failure> {
    let name = subject.unique_name().unwrap().as_str();
    let subject = (
        "system-bus-name",
        HashMap::from([("name", Variant::from(name))]),
    );
    let details: HashMap<&str, &str> = HashMap::new();
    let reply = asker
        .call_method(
            Some("org.freedesktop.PolicyKit1"),
            "/org/freedesktop/PolicyKit1/Authority",
            Some("org.freedesktop.PolicyKit1.Authority"),
            "CheckAuthorization",
            &(subject, "org.oathd.tests.ask", details, 0_u32, ""),
        )
        .await?;
    let (yes, challenge, _details): (bool, bool, HashMap<String, String>) =
        reply.body().deserialize()?;
    Ok((yes, challenge))
}

#[tokio::test]
async fn one_uid_is_allowed_and_another_refused() {
    let mut world = World::new().unwrap();
    world.start_polkitd(ALICE_MAY).unwrap();
    let owner = world.connect(User::Oathd).await.unwrap();
    let alice = world.connect(User::Alice).await.unwrap();
    let bob = world.connect(User::Bob).await.unwrap();
    assert_eq!(ask(&owner, &alice).await.unwrap(), (true, false));
    assert_eq!(ask(&owner, &bob).await.unwrap(), (false, false));
    assert!(
        ask(&bob, &alice).await.is_err(),
        "only root and the owner may ask about others"
    );

    world.start_polkitd("").unwrap();
    assert_eq!(ask(&owner, &alice).await.unwrap(), (false, false));

    world.stop_polkitd().unwrap();
    assert!(ask(&owner, &alice).await.is_err());
}

#[test]
fn rules_that_do_not_compile_are_noticed() {
    let mut world = World::new().unwrap();
    assert!(matches!(
        world.start_polkitd("polkit.addRule("),
        Err(Failure::Ended { .. })
    ));
}
