//! Proves: a paired token opens through oathd for the uid that paired it, over restarts, and for
//! nobody else; `ClearPassword` and `SetPassword` end the pairing; a card that does not know the
//! key is found out before it is asked for anything, and costs nobody the pairing; and a token
//! pulled at any moment of pairing opens afterwards.
//! Does not prove: presence itself, which nothing on the bus asks for.

use oathd_api::ErrorName;
use oathd_card::Fault;
use oathd_client::{AddOptions, Token};
use oathd_tests::world::{User, eventually};

use crate::desk::named;
use crate::near::{Near, error};
use crate::raw::is_busy;

const PASSWORD: &[u8] = b"correct horse";
const PRESENCE: &str = "_hidden:oathd presence";
const PASSWORD_REQUIRED: &str = ErrorName::PasswordRequired.as_str();

/// A token with one credential.
async fn with_mail() -> Near {
    let near = Near::with_a_token().await;
    let mail = named("mail");
    let token = near.token(User::Alice).await;
    token.add(b"12345678901234567890", &mail).await.unwrap();
    near
}

async fn ids(token: &Token) -> Vec<String> {
    let listed = token.credentials(true).await.unwrap();
    listed.into_iter().map(|credential| credential.id).collect()
}

#[tokio::test]
async fn nobody_else_opens_it() {
    let mut near = with_mail().await;
    near.token(User::Alice).await.pair().await.unwrap();
    for _ in 0..2 {
        let (alice, bob) = (near.token(User::Alice).await, near.token(User::Bob).await);
        alice.code("mail", false).await.unwrap();
        let described = alice.describe().await.unwrap();
        assert!(described.locked && described.paired && !described.remembered);
        assert_eq!(ids(&alice).await, ["mail", PRESENCE]);
        for other in [bob, near.token(User::Root).await] {
            assert_eq!(error(other.code("mail", false).await), PASSWORD_REQUIRED);
            assert_eq!(error(other.clear_password().await), PASSWORD_REQUIRED);
            assert_eq!(error(other.pair().await), PASSWORD_REQUIRED);
            assert!(!other.describe().await.unwrap().paired);
        }
        near.restart().await;
    }
}

#[tokio::test]
async fn clearing_the_password_ends_it() {
    let mut near = with_mail().await;
    let (alice, bob) = (near.token(User::Alice).await, near.token(User::Bob).await);
    alice.pair().await.unwrap();
    alice.clear_password().await.unwrap();
    assert_eq!(ids(&bob).await, ["mail"]);
    let described = alice.describe().await.unwrap();
    assert!(!described.locked && !described.paired);
    bob.set_password(PASSWORD, false).await.unwrap();
    near.restart().await;
    let alice = near.token(User::Alice).await;
    assert_eq!(error(alice.code("mail", false).await), PASSWORD_REQUIRED);
}

#[tokio::test]
async fn a_password_ends_it() {
    let near = with_mail().await;
    let (alice, bob) = (near.token(User::Alice).await, near.token(User::Bob).await);
    alice.pair().await.unwrap();
    alice.set_password(PASSWORD, false).await.unwrap();
    assert!(!alice.describe().await.unwrap().paired);
    bob.unlock(PASSWORD, false).await.unwrap();
    assert_eq!(ids(&bob).await, ["mail"]);
}

#[tokio::test]
async fn a_card_that_does_not_know_the_key_is_found_out() {
    let near = with_mail().await;
    let alice = near.token(User::Alice).await;
    alice.pair().await.unwrap();
    alice.code("mail", false).await.unwrap();
    // What a stranger's card can say to VALIDATE, the second command of a call: that it is content,
    // with a proof that it cannot have.
    let mut content = vec![0x75, 20];
    content.extend([0; 20]);
    content.extend([0x90, 0x00]);
    let idle = async || (!is_busy(&near.world, &alice).await).then_some(());
    eventually("idle token", idle).await.unwrap();
    near.cards[0].inject(Fault::Answer(2, content));
    let fault = ErrorName::TokenFault.as_str();
    assert_eq!(error(alice.code("mail", false).await), fault);
    eventually("idle token", idle).await.unwrap();
    // Or that it is not.
    near.cards[0].inject(Fault::Answer(2, vec![0x6a, 0x80]));
    assert_eq!(
        error(alice.code("mail", false).await),
        ErrorName::WrongPassword.as_str()
    );
    alice.code("mail", false).await.unwrap();
    assert!(alice.describe().await.unwrap().paired);
}

/// A stranger's card can show the token's public id and ask for no key at all. A seed written to it
/// would be the stranger's.
#[tokio::test]
async fn a_card_that_asks_for_no_key_is_found_out() {
    let mut near = with_mail().await;
    let alice = near.token(User::Alice).await;
    alice.pair().await.unwrap();
    alice.code("mail", false).await.unwrap();
    let select = [0, 0xa4, 4, 0, 7, 0xa0, 0, 0, 5, 0x27, 0x21, 1];
    let answer = near.cards[0].transmit(&select).unwrap();
    // Version and salt, without challenge and algorithm.
    let open = [&answer[..15], &[0x90, 0x00]].concat();
    let fault = ErrorName::TokenFault.as_str();
    for restarted in [false, true] {
        if restarted {
            near.restart().await;
        }
        let alice = near.token(User::Alice).await;
        let idle = async || (!is_busy(&near.world, &alice).await).then_some(());
        eventually("idle token", idle).await.unwrap();
        near.cards[0].inject(Fault::Answer(1, open.clone()));
        assert_eq!(error(alice.code("mail", false).await), fault);
        eventually("idle token", idle).await.unwrap();
        let before = near.cards[0].status().commands;
        near.cards[0].inject(Fault::Answer(1, open.clone()));
        let new = AddOptions {
            name: Some("new".to_owned()),
            ..AddOptions::default()
        };
        assert_eq!(error(alice.add(b"12345678901234567890", &new).await), fault);
        assert_eq!(near.cards[0].status().commands, before + 1, "only a SELECT");
        alice.code("mail", false).await.unwrap();
        assert_eq!(ids(&alice).await, ["mail", PRESENCE]);
    }
}

/// Pairs with a fault at every command in turn, until none of them is reached; after each, oathd
/// is restarted and must find the token open for Alice. `before` brings the token to where it was.
async fn interrupted_everywhere(
    near: &mut Near,
    fault: impl Fn(u32) -> Fault,
    before: impl AsyncFn(&Token),
) {
    let mut interrupted = 0;
    loop {
        let present = async || near.client(User::Alice).await.find_token("").await.ok();
        let alice = eventually("token", present).await.unwrap();
        before(&alice).await;
        interrupted += 1;
        near.cards[0].inject(fault(interrupted));
        if alice.pair().await.is_ok() {
            // What comes last, the token's lock, may meet the fault after the answer.
            let opens = async || {
                near.cards[0].insert();
                let token = near.client(User::Alice).await.find_token("").await.ok()?;
                token.code("mail", false).await.ok()?;
                token.describe().await.ok().filter(|token| token.paired)
            };
            eventually("paired token", opens).await.unwrap();
            break;
        }
        near.cards[0].insert();
        near.restart().await;
        let code = near.token(User::Alice).await.code("mail", false).await;
        assert!(code.is_ok(), "after {:?}: {code:?}", fault(interrupted));
    }
    assert!(interrupted > 4, "only {interrupted} commands");
}

#[tokio::test]
async fn pulled_at_any_moment_it_opens_afterwards() {
    for fault in [Fault::UnplugAfter as fn(u32) -> Fault, Fault::LoseAnswer] {
        let mut near = with_mail().await;
        interrupted_everywhere(&mut near, fault, async |token| {
            token.clear_password().await.unwrap();
        })
        .await;
    }
}

#[tokio::test]
async fn pulled_at_any_moment_of_a_renewal_it_opens_afterwards() {
    for fault in [Fault::UnplugAfter as fn(u32) -> Fault, Fault::LoseAnswer] {
        let mut near = with_mail().await;
        interrupted_everywhere(&mut near, fault, async |token| {
            token.pair().await.unwrap();
        })
        .await;
    }
}

#[tokio::test]
async fn pulled_at_any_moment_it_opens_with_what_was_remembered() {
    for fault in [Fault::UnplugAfter as fn(u32) -> Fault, Fault::LoseAnswer] {
        let mut near = with_mail().await;
        interrupted_everywhere(&mut near, fault, async |token| {
            token.set_password(PASSWORD, true).await.unwrap();
        })
        .await;
    }
}

/// The key of a pairing that the token never took says nothing about the token: what is missing is
/// the password that it has kept.
#[tokio::test]
async fn pulled_at_any_moment_it_asks_for_the_password_that_it_kept() {
    let mut near = with_mail().await;
    let alice = near.token(User::Alice).await;
    alice.set_password(PASSWORD, false).await.unwrap();
    for commands in 1.. {
        let alice = near.token(User::Alice).await;
        alice.unlock(PASSWORD, false).await.unwrap();
        near.cards[0].inject(Fault::UnplugAfter(commands));
        if alice.pair().await.is_ok() {
            assert!(commands > 4, "only {commands} commands");
            return;
        }
        near.cards[0].insert();
        near.restart().await;
        let alice = near.token(User::Alice).await;
        assert_eq!(error(alice.code("mail", false).await), PASSWORD_REQUIRED);
    }
}
