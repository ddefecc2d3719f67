//! Proves: a password that ykman's library sets opens the card through oathd, and one that oathd
//! sets opens it through the library: the same derivation for every script. Each sees the other's
//! change, clearing included; a key that oathd remembers opens the card after a restart of oathd
//! and is dropped once another program has changed the password; a paired card is closed to ykman.
//! Does not prove: where oathd keeps keys, or whose they are.

use oathd_client::AddOptions;
use oathd_client::ErrorName;
use serde_json::{Value, json};

use super::case::Case;
use super::{Both, assert_fails, token};
use crate::dice::Dice;

/// What a locked card answers to an operation, and what it answers to a wrong key.
const LOCKED: &str = "6982";
const WRONG: &str = "6a80";

const PASSWORDS: [&str; 4] = ["hunter2", "Hallå världen!", "密码🔑", "a b\tc"];

fn list(password: Option<&str>) -> Value {
    match password {
        Some(password) => json!({"do": "list", "password": password}),
        None => json!({"do": "list"}),
    }
}

#[tokio::test]
async fn ykman_sets_changes_and_clears() {
    let mut both = Both::start().await;
    let case = Case::new("me", &mut Dice::new());
    both.token.add(&case.seed, &case.options()).await.unwrap();
    let mut old: Option<&str> = None;
    for new in PASSWORDS {
        both.peer
            .gives(&json!({"do": "set_password", "password": old, "new": new}));
        assert_fails(
            both.token.code("me", false).await,
            ErrorName::PasswordRequired,
        );
        let wrong = old.unwrap_or("wrong").as_bytes();
        assert_fails(
            both.token.unlock(wrong, false).await,
            ErrorName::WrongPassword,
        );
        both.token.unlock(new.as_bytes(), false).await.unwrap();
        let code = both.token.code("me", false).await.unwrap();
        assert_eq!(code.code, case.oathtool(code.from));
        old = Some(new);
    }
    both.peer
        .gives(&json!({"do": "clear_password", "password": old}));
    let code = both.token.code("me", false).await.unwrap();
    assert_eq!(code.code, case.oathtool(code.from));
    both.token.add(b"another seed", &name("you")).await.unwrap();
}

#[tokio::test]
async fn oathd_sets_changes_and_clears() {
    let mut both = Both::start().await;
    let case = Case::new("me", &mut Dice::new());
    both.token.add(&case.seed, &case.options()).await.unwrap();
    for (index, new) in PASSWORDS.iter().enumerate() {
        both.token
            .set_password(new.as_bytes(), false)
            .await
            .unwrap();
        assert_eq!(both.peer.refuses(&list(None)), LOCKED);
        if index > 0 {
            let old = PASSWORDS[index - 1];
            assert_eq!(both.peer.refuses(&list(Some(old))), WRONG);
        }
        let listed = both.peer.gives(&list(Some(new)));
        assert_eq!(listed, json!({"me": [null, "me", "totp", 30]}));
        // The library's session has not left the card open, nor closed it to oathd.
        assert_eq!(both.peer.refuses(&list(None)), LOCKED);
        let code = both.token.code("me", false).await.unwrap();
        assert_eq!(code.code, case.oathtool(code.from));
        // Neither has oathd's.
        assert_eq!(both.peer.refuses(&list(None)), LOCKED);
    }
    both.token.clear_password().await.unwrap();
    both.peer.gives(&list(None));
}

#[tokio::test]
async fn a_remembered_key_lasts_until_ykman_changes_the_password() {
    let mut both = Both::start().await;
    let case = Case::new("me", &mut Dice::new());
    both.token.add(&case.seed, &case.options()).await.unwrap();
    both.peer
        .gives(&json!({"do": "set_password", "new": "first"}));
    both.token.unlock(b"first", true).await.unwrap();
    both.world.start_oathd(&[]).unwrap();
    both.token = token(&both.world).await;
    let code = both.token.code("me", false).await.unwrap();
    assert_eq!(code.code, case.oathtool(code.from));

    both.peer
        .gives(&json!({"do": "set_password", "password": "first", "new": "second"}));
    assert_fails(
        both.token.code("me", false).await,
        ErrorName::RememberedKeyRejected,
    );
    assert_fails(
        both.token.code("me", false).await,
        ErrorName::PasswordRequired,
    );
    both.token.unlock(b"second", false).await.unwrap();
    let code = both.token.code("me", false).await.unwrap();
    assert_eq!(code.code, case.oathtool(code.from));
}

#[tokio::test]
async fn a_pairing_closes_the_card_to_ykman() {
    let mut both = Both::start().await;
    let case = Case::new("me", &mut Dice::new());
    both.token.add(&case.seed, &case.options()).await.unwrap();
    both.token.pair().await.unwrap();
    assert_eq!(both.peer.refuses(&list(None)), LOCKED);
    let code = both.token.code("me", false).await.unwrap();
    assert_eq!(code.code, case.oathtool(code.from));
    assert_eq!(both.peer.refuses(&list(None)), LOCKED);
    both.token.clear_password().await.unwrap();
    // What the pairing put on the card has gone with it.
    let listed = both.peer.gives(&list(None));
    assert_eq!(listed, json!({"me": [null, "me", "totp", 30]}));
}

fn name(name: &str) -> AddOptions {
    AddOptions {
        name: Some(name.to_owned()),
        ..AddOptions::default()
    }
}
