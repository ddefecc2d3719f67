//! Proves: what ykman's library renames, overwrites, deletes or resets on a card, oathd shows and
//! computes so at its next call, although it knew the card before, and the reverse; a reset by
//! another program raises an alarm; and counters go on where they were after a new name.
//! Does not prove: what happens to changes in the very same moment; see `both_at_once`.

use oathd_client::Client;
use oathd_client::{ErrorName, Event, RenameOptions};
use oathd_tests::world::User;
use serde_json::json;

use super::case::Case;
use super::{Both, assert_fails};
use crate::dice::Dice;

#[tokio::test]
async fn new_names() {
    let mut both = Both::start().await;
    let mut dice = Dice::new();
    let time = Case {
        issuer: Some("Bank".to_owned()),
        period: 60,
        digits: 8,
        ..Case::new("me", &mut dice)
    };
    let count = Case::hotp("door", 0, &mut dice);
    for case in [&time, &count] {
        both.token.add(&case.seed, &case.options()).await.unwrap();
    }
    assert_eq!(both.token.codes(true).await.unwrap().len(), 2);
    let first = both.token.code("door", false).await.unwrap().code;
    assert_eq!(first, count.oathtool(0));

    // The peer renames, oathd follows.
    let request = json!({"do": "rename", "id": "60/Bank:me", "issuer": "Bänk", "name": "you"});
    assert_eq!(both.peer.gives(&request), "60/Bänk:you");
    let request = json!({"do": "rename", "id": "door", "issuer": "Lab", "name": "gate"});
    assert_eq!(both.peer.gives(&request), "Lab:gate");
    for gone in ["60/Bank:me", "door"] {
        assert_fails(
            both.token.code(gone, false).await,
            ErrorName::NoSuchCredential,
        );
    }
    assert_eq!(both.ids().await, ["60/Bänk:you", "Lab:gate"]);
    let code = both.token.code("60/Bänk:you", false).await.unwrap();
    assert_eq!(code.code, time.oathtool(code.from));
    let second = both.token.code("Lab:gate", false).await.unwrap().code;
    assert_eq!(second, count.oathtool(1));

    // oathd renames, the peer follows.
    let to = |issuer: &str, name: &str| RenameOptions {
        issuer: Some(issuer.to_owned()),
        name: Some(name.to_owned()),
    };
    let renamed = both.token.rename("60/Bänk:you", &to("", "us")).await;
    assert_eq!(renamed.unwrap(), "60/us");
    let renamed = both.token.rename("Lab:gate", &to("Home", "door")).await;
    assert_eq!(renamed.unwrap(), "Home:door");
    let listed = both.peer.gives(&json!({"do": "list"}));
    assert_eq!(
        listed,
        json!({"60/us": [null, "us", "totp", 60], "Home:door": ["Home", "door", "hotp", 0]})
    );
    assert_eq!(both.peer.code("60/us", code.from), code.code);
    assert_eq!(both.peer.code("Home:door", 0), count.oathtool(2));
    // Neither takes a name that is taken.
    let third = Case::new("third", &mut dice);
    both.token.add(&third.seed, &third.options()).await.unwrap();
    let taken = both.token.rename("third", &to("Home", "door")).await;
    assert_fails(taken, ErrorName::CredentialExists);
    let request = json!({"do": "rename", "id": "third", "issuer": "Home", "name": "door"});
    assert_eq!(both.peer.refuses(&request), "6984");
    assert_eq!(both.ids().await, ["60/us", "Home:door", "third"]);
}

#[tokio::test]
async fn new_seeds_and_none() {
    let mut both = Both::start().await;
    let mut dice = Dice::new();
    let [one, other, counted] = [(); 3].map(|()| Case::new("me", &mut dice));
    let counted = Case {
        kind: "hotp",
        digits: 7,
        ..counted
    };
    both.token.add(&one.seed, &one.options()).await.unwrap();
    let code = both.token.code("me", false).await.unwrap();
    assert_eq!(code.code, one.oathtool(code.from));

    // The peer overwrites without being asked, even by another kind.
    both.peer
        .gives(&json!({"do": "put", "cases": [other.json()]}));
    let code = both.token.code("me", false).await.unwrap();
    assert_eq!(code.code, other.oathtool(code.from));
    both.peer
        .gives(&json!({"do": "put", "cases": [counted.json()]}));
    assert_eq!(both.token.credentials(true).await.unwrap()[0].kind, "hotp");
    let code = both.token.code("me", false).await.unwrap();
    assert_eq!(code.code, counted.oathtool(0));

    // oathd refuses to, unless it is asked.
    let add = both.token.add(&one.seed, &one.options()).await;
    assert_fails(add, ErrorName::CredentialExists);
    assert_eq!(both.peer.code("me", 0), counted.oathtool(1));
    let mut options = one.options();
    options.overwrite = Some(true);
    both.token.add(&one.seed, &options).await.unwrap();
    assert_eq!(both.peer.code("me", code.from), one.oathtool(code.from));

    both.peer.gives(&json!({"do": "delete", "id": "me"}));
    assert_fails(
        both.token.code("me", false).await,
        ErrorName::NoSuchCredential,
    );
    assert_fails(both.token.remove("me").await, ErrorName::NoSuchCredential);
    both.token.add(&one.seed, &one.options()).await.unwrap();
    both.token.remove("me").await.unwrap();
    assert_eq!(both.peer.gives(&json!({"do": "list"})), json!({}));
    assert_eq!(
        both.peer.refuses(&json!({"do": "delete", "id": "me"})),
        "6984"
    );
}

#[tokio::test]
async fn a_reset() {
    let mut both = Both::start().await;
    let case = Case::new("me", &mut Dice::new());
    both.token.add(&case.seed, &case.options()).await.unwrap();
    let before = both.token.describe().await.unwrap();
    let watcher = Client::with(both.world.connect(User::Root).await.unwrap());
    let mut events = watcher.events().await.unwrap();
    watcher.tokens().await.unwrap();

    both.peer.gives(&json!({"do": "reset"}));
    assert_fails(both.token.code("me", false).await, ErrorName::TokenReset);
    let alarm = async {
        loop {
            match events.next().await.unwrap() {
                Event::Alarm { kind, .. } => return kind,
                _ => continue,
            }
        }
    };
    let alarm = tokio::time::timeout(oathd_tests::world::BOUND, alarm).await;
    assert_eq!(alarm.unwrap(), "reset");
    // Told once, oathd goes on with what the token is.
    assert_eq!(both.ids().await, Vec::<String>::new());
    let after = both.token.describe().await.unwrap();
    assert_eq!(after.serial, before.serial);
    assert_ne!(after.id, before.id);
    both.peer
        .gives(&json!({"do": "put", "cases": [case.json()]}));
    let code = both.token.code("me", false).await.unwrap();
    assert_eq!(code.code, case.oathtool(code.from));

    both.token.reset().await.unwrap();
    assert_eq!(both.peer.gives(&json!({"do": "list"})), json!({}));
}
