//! Proves: wherever a token is pulled during a call – before, between or after any two of its
//! commands, or while it waits for a touch – the call ends with `TokenRemoved`, what is reported as
//! done is on the token, the token remembers all of the change or nothing of it, and the next
//! insertion works.
//! Does not prove: what a real token does whose power fails within a command.

use oathd_card::Fault;
use oathd_client::{Error, ErrorName, RenameOptions, Token};
use oathd_tests::world::User;

use crate::desk::{Desk, SEED, cause, named, touched};

/// More commands than any call here sends.
const MOST: u32 = 40;

/// Makes a call with the token pulled ever later, before a command or after it, until the call is
/// through. `ready` brings back what the call changes.
async fn pull_everywhere(
    ready: impl AsyncFn(&Token),
    call: impl AsyncFn(&Token) -> Result<(), Error>,
) {
    type Pull = fn(u32) -> Fault;
    let pulls: [Pull; 2] = [Fault::UnplugAfter, |number| Fault::LoseAnswer(number + 1)];
    for pull in pulls {
        let desk = Desk::with_a_token().await;
        let client = desk.client().await;
        let token = desk.token().await;
        token.add(SEED, &named("mail")).await.unwrap();
        ready(&token).await;
        let before = desk.memory(0);
        call(&token).await.unwrap();
        let after = desk.memory(0);
        for number in 0.. {
            assert!(number < MOST, "the call does not end");
            let token = desk.find(&client, 0).await;
            ready(&token).await;
            assert_eq!(desk.memory(0), before);
            desk.card(0).inject(pull(number));
            match call(&token).await {
                Ok(()) => {
                    assert_eq!(desk.memory(0), after, "pulled at {number}");
                    assert!(number >= 2, "a call takes a selection at least");
                    break;
                }
                refused => assert_eq!(cause(refused), ErrorName::TokenRemoved),
            }
            assert!([&before, &after].contains(&&desk.memory(0)), "{number}");
            desk.reinsert(&client, 0).await;
        }
    }
}

async fn nothing(_: &Token) {}

#[tokio::test]
async fn in_a_list() {
    let list = async |token: &Token| token.credentials(false).await.map(drop);
    pull_everywhere(nothing, list).await;
}

#[tokio::test]
async fn in_a_code_and_in_all() {
    let code = async |token: &Token| token.code("mail", false).await.map(drop);
    pull_everywhere(nothing, code).await;
    let codes = async |token: &Token| token.codes(false).await.map(drop);
    pull_everywhere(nothing, codes).await;
}

#[tokio::test]
async fn in_an_addition() {
    let without = async |token: &Token| match token.remove("more").await {
        Ok(()) => {}
        refused => assert_eq!(cause(refused), ErrorName::NoSuchCredential),
    };
    let add = async |token: &Token| token.add(SEED, &named("more")).await.map(drop);
    pull_everywhere(without, add).await;
}

#[tokio::test]
async fn in_a_change_of_names() {
    let to = |name: &str| RenameOptions {
        name: Some(name.to_owned()),
        ..RenameOptions::default()
    };
    let back = async |token: &Token| match token.rename("post", &to("mail")).await {
        Ok(_) => {}
        refused => assert_eq!(cause(refused), ErrorName::NoSuchCredential),
    };
    let rename = async |token: &Token| token.rename("mail", &to("post")).await.map(drop);
    pull_everywhere(back, rename).await;
}

#[tokio::test]
async fn in_a_removal() {
    let with = async |token: &Token| match token.add(SEED, &named("more")).await {
        Ok(_) => {}
        refused => assert_eq!(cause(refused), ErrorName::CredentialExists),
    };
    let remove = async |token: &Token| token.remove("more").await;
    pull_everywhere(with, remove).await;
}

#[tokio::test]
async fn in_setting_a_password_and_in_clearing_it() {
    let open = async |token: &Token| {
        // The password may have been set by a call that could not say so.
        token.unlock(b"password", false).await.unwrap();
        token.clear_password().await.unwrap();
    };
    let set = async |token: &Token| token.set_password(b"password", false).await;
    pull_everywhere(open, set).await;
    let locked = async |token: &Token| {
        token.unlock(b"password", false).await.unwrap();
        token.set_password(b"password", false).await.unwrap();
    };
    let clear = async |token: &Token| token.clear_password().await;
    pull_everywhere(locked, clear).await;
}

/// The access key of a pairing is known to oathd alone: were it lost, the token would be, too.
/// `open` prepares the token; returns how many commands the pairing takes.
async fn pull_in_a_pairing(pull: fn(u32) -> Fault, open: impl AsyncFn(&Token)) -> u32 {
    let mut desk = Desk::with_a_token().await;
    let token = desk.token().await;
    token.add(SEED, &named("mail")).await.unwrap();
    for number in 0..MOST {
        let token = desk.token().await;
        open(&token).await;
        desk.card(0).inject(pull(number));
        let paired = token.pair().await;
        if paired.is_ok() {
            return number;
        }
        assert_eq!(cause(paired), ErrorName::TokenRemoved, "{number}");
        if number % 2 == 0 {
            desk.near.restart().await;
        }
        let client = desk.client().await;
        let token = desk.reinsert(&client, 0).await;
        token.code("mail", false).await.unwrap();
        token.pair().await.unwrap();
        token.code("mail", false).await.unwrap();
        assert!(token.describe().await.unwrap().paired);
        token.clear_password().await.unwrap();
    }
    MOST
}

#[tokio::test]
async fn in_a_pairing_and_the_token_still_opens() {
    let pulls: [fn(u32) -> Fault; 2] = [Fault::UnplugAfter, |number| Fault::LoseAnswer(number + 1)];
    for pull in pulls {
        let open = async |_: &Token| {};
        assert!(pull_in_a_pairing(pull, open).await >= 5);
        let remembered = async |token: &Token| {
            token.set_password(b"password", true).await.unwrap();
        };
        assert!(pull_in_a_pairing(pull, remembered).await >= 8);
        let paired = async |token: &Token| token.pair().await.unwrap();
        assert!(pull_in_a_pairing(pull, paired).await >= 8);
    }
}

#[tokio::test]
async fn in_a_wait_for_a_touch() {
    let desk = Desk::with_a_token().await;
    let client = desk.client().await;
    let token = desk.token().await;
    let id = token.add(SEED, &touched("mail")).await.unwrap();
    let pulling = async {
        desk.touch_request(0).await;
        desk.card(0).remove();
    };
    let (code, ()) = tokio::join!(token.code(&id, true), pulling);
    assert_eq!(cause(code), ErrorName::TokenRemoved);
    assert_eq!(
        desk.near.oathctl(User::Root, "code -s mail", ""),
        (4, "NoToken".to_owned())
    );
    desk.card(0).insert();
    let token = desk.find(&client, 0).await;
    let (code, ()) = tokio::join!(token.code(&id, true), desk.touch(0));
    code.unwrap();
}

/// A handle from before the removal is void, and says so by the same name.
#[tokio::test]
async fn and_before_a_call() {
    let desk = Desk::with_a_token().await;
    let client = desk.client().await;
    let token = desk.token().await;
    desk.reinsert(&client, 0).await;
    assert_eq!(
        cause(token.credentials(false).await),
        ErrorName::TokenRemoved
    );
}
