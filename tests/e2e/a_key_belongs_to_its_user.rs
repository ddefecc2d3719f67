//! Proves: a password opens a token for the user who gave it and for nobody else, and that user's
//! programs alone are told of it; a remembered key lasts over restarts, until its user forgets it or
//! another program changes the password; what is asked for next is in the name of the error and in
//! the status of oathctl.
//! Does not prove: that keys are sealed at rest, which the canary test and the vault's own do.

use oathd_api::ErrorName;
use oathd_client::{Event, Events};
use oathd_tests::world::User;

use crate::desk::named;
use crate::near::{Near, error};

const PASSWORD: &[u8] = b"correct horse";
const ROUNDS: usize = 5;
const PASSWORD_REQUIRED: &str = ErrorName::PasswordRequired.as_str();

/// Alice has set a password; she holds its key for this run.
async fn locked_by_alice() -> Near {
    let near = Near::with_a_token().await;
    let token = near.token(User::Alice).await;
    let mail = named("mail");
    token.add(b"12345678901234567890", &mail).await.unwrap();
    token.set_password(PASSWORD, false).await.unwrap();
    near
}

#[tokio::test]
async fn an_unlock_is_for_one_user_and_one_run() {
    let mut near = locked_by_alice().await;
    let (alice, bob) = (near.token(User::Alice).await, near.token(User::Bob).await);
    alice.code("mail", false).await.unwrap();
    // Not even root is served with another user's key.
    for other in [&bob, &near.token(User::Root).await] {
        assert_eq!(error(other.code("mail", false).await), PASSWORD_REQUIRED);
        assert_eq!(error(other.credentials(false).await), PASSWORD_REQUIRED);
        assert_eq!(error(other.remove("mail").await), PASSWORD_REQUIRED);
        assert_eq!(error(other.clear_password().await), PASSWORD_REQUIRED);
        assert_eq!(
            error(other.set_password(b"x", false).await),
            PASSWORD_REQUIRED
        );
        assert_eq!(error(other.pair().await), PASSWORD_REQUIRED);
    }
    let found = near.client(User::Bob).await;
    let found = found.find_credentials(&Default::default()).await.unwrap();
    assert_eq!(found.credentials, []);
    assert_eq!(found.unread[0].error, Some(ErrorName::PasswordRequired));

    assert_eq!(
        error(bob.unlock(b"battery staple", false).await),
        ErrorName::WrongPassword.as_str()
    );
    assert_eq!(error(bob.code("mail", false).await), PASSWORD_REQUIRED);
    bob.unlock(PASSWORD, false).await.unwrap();
    bob.code("mail", false).await.unwrap();

    near.restart().await;
    let alice = near.token(User::Alice).await;
    assert_eq!(error(alice.code("mail", false).await), PASSWORD_REQUIRED);
}

/// What a client that watches the tokens is told until `end`.
async fn told(events: &mut Events, end: impl Fn(&Event) -> bool) -> Vec<Event> {
    let mut told = Vec::new();
    loop {
        let next = tokio::time::timeout(oathd_tests::world::BOUND, events.next());
        match next.await.unwrap().unwrap() {
            event if end(&event) => return told,
            event => told.push(event),
        }
    }
}

#[tokio::test]
async fn an_unlock_is_told_to_its_users_programs_alone() {
    let near = locked_by_alice().await;
    let (alice, bob) = (near.client(User::Alice).await, near.client(User::Bob).await);
    let (mut hers, mut his) = (alice.events().await.unwrap(), bob.events().await.unwrap());
    alice.tokens().await.unwrap();
    let watched = bob.tokens().await.unwrap();
    let token = near.token(User::Alice).await;
    let changed = |event: &Event| matches!(event, Event::Changed(_));
    for _ in 0..ROUNDS {
        token.lock(true).await.unwrap();
        assert!(told(&mut hers, changed).await.is_empty());
        token.unlock(PASSWORD, false).await.unwrap();
        assert!(told(&mut hers, changed).await.is_empty());
    }
    // What comes last is told to everybody. Before it Bob hears at most what her first password and
    // credential still told everybody, and of no round.
    near.cards[0].remove();
    let gone =
        |event: &Event| matches!(event, Event::TokenRemoved(path) if path == watched[0].path());
    assert!(told(&mut his, gone).await.len() < ROUNDS);
}

#[tokio::test]
async fn a_remembered_key_lasts_until_its_user_forgets_it() {
    let mut near = locked_by_alice().await;
    let alice = near.token(User::Alice).await;
    alice.unlock(PASSWORD, true).await.unwrap();
    near.restart().await;
    let (alice, bob) = (near.token(User::Alice).await, near.token(User::Bob).await);
    alice.code("mail", false).await.unwrap();
    assert_eq!(error(bob.code("mail", false).await), PASSWORD_REQUIRED);

    alice.lock(false).await.unwrap();
    let described = alice.describe().await.unwrap();
    assert!(described.locked && described.remembered);
    alice.code("mail", false).await.unwrap();

    // Whose key it is decides, not who asks for it to be forgotten.
    bob.lock(true).await.unwrap();
    alice.code("mail", false).await.unwrap();
    alice.lock(true).await.unwrap();
    assert_eq!(error(alice.code("mail", false).await), PASSWORD_REQUIRED);
    near.restart().await;
    let alice = near.token(User::Alice).await;
    assert_eq!(error(alice.code("mail", false).await), PASSWORD_REQUIRED);
    assert!(!alice.describe().await.unwrap().remembered);
}

#[tokio::test]
async fn a_remembered_key_that_fits_no_more_is_forgotten_once() {
    let near = locked_by_alice().await;
    let alice = near.token(User::Alice).await;
    alice.unlock(PASSWORD, true).await.unwrap();
    alice.lock(false).await.unwrap();
    near.another_program_changes_password(Some(PASSWORD), Some(b"changed"));
    assert_eq!(
        error(alice.code("mail", false).await),
        ErrorName::RememberedKeyRejected.as_str()
    );
    assert_eq!(error(alice.code("mail", false).await), PASSWORD_REQUIRED);
    assert!(!alice.describe().await.unwrap().remembered);
    alice.unlock(b"changed", true).await.unwrap();
    alice.code("mail", false).await.unwrap();
}

#[tokio::test]
async fn a_password_that_another_program_changed_is_asked_for_again() {
    let near = locked_by_alice().await;
    let alice = near.token(User::Alice).await;
    near.another_program_changes_password(Some(PASSWORD), Some(b"changed"));
    assert_eq!(error(alice.code("mail", false).await), PASSWORD_REQUIRED);
    assert_eq!(
        error(alice.unlock(PASSWORD, false).await),
        ErrorName::WrongPassword.as_str()
    );
    near.another_program_changes_password(Some(b"changed"), None);
    alice.code("mail", false).await.unwrap();
    assert!(!alice.describe().await.unwrap().locked);
}

#[tokio::test]
async fn a_new_password_ends_every_other_users_key() {
    let mut near = locked_by_alice().await;
    let (alice, bob) = (near.token(User::Alice).await, near.token(User::Bob).await);
    bob.unlock(PASSWORD, true).await.unwrap();
    alice.set_password(b"hers alone", true).await.unwrap();
    assert_eq!(error(bob.code("mail", false).await), PASSWORD_REQUIRED);
    near.restart().await;
    near.token(User::Alice)
        .await
        .code("mail", false)
        .await
        .unwrap();
    let bob = near.token(User::Bob).await;
    assert_eq!(error(bob.code("mail", false).await), PASSWORD_REQUIRED);
}

#[tokio::test]
async fn oathctl_ends_with_what_is_missing() {
    let near = locked_by_alice().await;
    let oathctl = |user, line, input| near.oathctl(user, line, input);
    let told = |name: ErrorName| (name.exit_code() as i32, name.as_str().to_owned());
    let required = told(ErrorName::PasswordRequired);
    assert_eq!(required.0, 5);
    assert_eq!(oathctl(User::Bob, "code -s mail", ""), required);
    let unlock = "password unlock --password-stdin";
    let wrong = oathctl(User::Bob, unlock, "battery staple\n");
    assert_eq!(wrong, (1, "WrongPassword".to_owned()));
    let remember = "password remember --password-stdin";
    assert_eq!(oathctl(User::Bob, remember, "correct horse\n").0, 0);
    assert_eq!(oathctl(User::Bob, "code -s mail", "").0, 0);
    near.another_program_changes_password(Some(PASSWORD), Some(b"changed"));
    near.token(User::Bob).await.lock(false).await.unwrap();
    let rejected = oathctl(User::Bob, "code -s mail", "");
    assert_eq!(rejected, (5, "RememberedKeyRejected".to_owned()));
}
