//! Proves: an agent is asked for the touches and passwords of its own user's calls and of nobody
//! else's; it is told how each touch ended; a right password is held for the user, a wrong one is
//! asked for again, three times in all, and a user who declines leaves the caller with
//! `PasswordRequired`; a call that allows no questions asks none.
//! Does not prove: what a person sees.

use std::sync::{Arc, Mutex};

use oathd_card::Touch;
use oathd_client::{Agent, AgentRegistration, AgentRequest, Client, Connection, ErrorName, Token};
use oathd_tests::world::{User, eventually};
use zeroize::Zeroizing;

use crate::desk::{Desk, SEED, cause, touched};

/// An agent that takes notes.
#[derive(Clone, Default)]
struct Notes {
    told: Arc<Mutex<Vec<String>>>,
    /// What it answers with, the last one first.
    passwords: Arc<Mutex<Vec<&'static [u8]>>>,
}

impl Notes {
    fn note(&self, line: String) {
        self.told.lock().unwrap().push(line);
    }

    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.told.lock().unwrap())
    }

    /// Waits until `count` things were told, and takes them.
    async fn told(&self, count: usize) -> Vec<String> {
        let enough = async || (self.told.lock().unwrap().len() >= count).then_some(());
        eventually("what the agent is told", enough).await.unwrap();
        self.taken()
    }

    fn answer(&self, passwords: &[&'static [u8]]) {
        *self.passwords.lock().unwrap() = passwords.iter().rev().copied().collect();
    }
}

impl Agent for Notes {
    async fn request_touch(&self, _: &str, details: AgentRequest) {
        assert!(details.deadline.is_some() && details.token.is_some());
        assert_eq!(details.process_id, Some(std::process::id()));
        let (token, credential) = (details.token_name, details.credential.unwrap());
        self.note(format!("touch {token} {credential}"));
    }

    async fn request_password(&self, _: &str, details: AgentRequest) -> Option<Zeroizing<Vec<u8>>> {
        self.note(format!(
            "password {} {}",
            details.token_name,
            details.attempt.unwrap()
        ));
        let password = self.passwords.lock().unwrap().pop()?;
        Some(Zeroizing::new(password.to_vec()))
    }

    async fn cancel_request(&self, _: &str, reason: &str) {
        self.note(reason.to_owned());
    }
}

async fn agent_of(desk: &Desk, user: User) -> (Notes, AgentRegistration) {
    let notes = Notes::default();
    let client = Client::with(desk.near.world.connect(user).await.unwrap());
    let registration = client.register_agent(notes.clone()).await.unwrap();
    (notes, registration)
}

/// A program of `user`'s that lets its user be asked, and the token as it sees it.
async fn program(desk: &Desk, user: User) -> (Connection, Token) {
    let connection = desk.near.world.connect(user).await.unwrap();
    let client = Client::with(connection.clone());
    let token = desk.find(&client, 0).await;
    (connection, token)
}

#[tokio::test]
async fn touches_and_how_they_end() {
    let desk = Desk::with_a_token().await;
    let (_, alice) = program(&desk, User::Alice).await;
    let (_, bob) = program(&desk, User::Bob).await;
    alice.add(SEED, &touched("mail")).await.unwrap();
    let (agent, _registered) = agent_of(&desk, User::Alice).await;
    let asked = "touch YubiKey 5 12345678 mail";

    // With an agent a caller need not allow the touch by itself.
    let touching = async {
        let told = agent.told(1).await;
        assert!(desk.card(0).touch());
        told
    };
    let (code, told) = tokio::join!(alice.code("mail", false), touching);
    code.unwrap();
    assert_eq!(
        (told, agent.told(1).await),
        (vec![asked.to_owned()], vec!["done".to_owned()])
    );

    // Another user's call does not reach it.
    assert_eq!(
        cause(bob.code("mail", false).await),
        ErrorName::TouchRequired
    );
    let bobs = desk.near.world.connect(User::Bob).await.unwrap();
    let bobs = Client::with(bobs);
    let mut announced = bobs.events().await.unwrap();
    let bob = bobs.token(bob.path().clone());
    let touching = async {
        announced.next().await.unwrap();
        assert!(desk.card(0).touch());
    };
    let (code, ()) = tokio::join!(bob.code("mail", true), touching);
    code.unwrap();
    assert!(agent.taken().is_empty());

    // The caller leaves: the touch is shown no longer, and the token is free once it is touched.
    let (connection, leaving) = program(&desk, User::Alice).await;
    let leaving = tokio::spawn(async move { leaving.code("mail", false).await });
    assert_eq!(agent.told(1).await, [asked]);
    connection.close().await.unwrap();
    assert_eq!(agent.told(1).await, ["caller-gone"]);
    leaving.await.unwrap().unwrap_err();
    desk.touch(0).await;

    let pulling = async {
        let told = agent.told(1).await;
        desk.card(0).remove();
        told
    };
    let (code, told) = tokio::join!(alice.code("mail", false), pulling);
    assert_eq!(cause(code), ErrorName::TokenRemoved);
    assert_eq!(
        (told, agent.told(1).await),
        (vec![asked.to_owned()], vec!["removed".to_owned()])
    );
}

#[tokio::test]
async fn a_touch_that_nobody_gives() {
    let mut impatient = crate::desk::several(1);
    impatient[0].touch = Touch::Never;
    impatient[0].touch_timeout = std::time::Duration::from_secs(2);
    let desk = Desk::with(impatient).await;
    let (_, alice) = program(&desk, User::Alice).await;
    alice.add(SEED, &touched("mail")).await.unwrap();
    let (agent, registered) = agent_of(&desk, User::Alice).await;
    assert_eq!(
        cause(alice.code("mail", false).await),
        ErrorName::TouchTimedOut
    );
    assert_eq!(
        agent.told(2).await,
        ["touch YubiKey 5 12345678 mail", "timed-out"]
    );
    registered.end().await.unwrap();
    assert_eq!(
        cause(alice.code("mail", false).await),
        ErrorName::TouchRequired
    );
    assert!(agent.taken().is_empty());
}

#[tokio::test]
async fn passwords_right_wrong_and_declined() {
    let desk = Desk::with_a_token().await;
    let (_, root) = program(&desk, User::Root).await;
    root.add(SEED, &crate::desk::named("mail")).await.unwrap();
    root.set_password(b"right", false).await.unwrap();
    let (_, alice) = program(&desk, User::Alice).await;
    let (_, bob) = program(&desk, User::Bob).await;
    assert_eq!(
        cause(alice.code("mail", false).await),
        ErrorName::PasswordRequired
    );
    let (agent, _registered) = agent_of(&desk, User::Alice).await;
    let asked = |attempt| format!("password YubiKey 5 12345678 {attempt}");

    // Declined.
    assert_eq!(
        cause(alice.code("mail", false).await),
        ErrorName::PasswordRequired
    );
    assert_eq!(agent.taken(), [asked(1)]);
    // Wrong three times, although a fourth would be right.
    agent.answer(&[b"wrong", b"still", b"never", b"right"]);
    assert_eq!(
        cause(alice.code("mail", false).await),
        ErrorName::WrongPassword
    );
    assert_eq!(agent.taken(), [asked(1), asked(2), asked(3)]);
    // Wrong, then declined.
    agent.answer(&[b"wrong"]);
    assert_eq!(
        cause(alice.code("mail", false).await),
        ErrorName::PasswordRequired
    );
    assert_eq!(agent.taken(), [asked(1), asked(2)]);
    // A call that allows no questions, and another user's.
    agent.answer(&[b"right"]);
    let silent = desk
        .near
        .client(User::Alice)
        .await
        .token(alice.path().clone());
    assert_eq!(
        cause(silent.code("mail", false).await),
        ErrorName::PasswordRequired
    );
    assert_eq!(
        cause(bob.code("mail", false).await),
        ErrorName::PasswordRequired
    );
    assert!(agent.taken().is_empty());
    // Right at the second attempt, and asked for no more.
    agent.answer(&[b"wrong", b"right"]);
    alice.code("mail", false).await.unwrap();
    assert_eq!(agent.taken(), [asked(1), asked(2)]);
    silent.code("mail", false).await.unwrap();
    assert!(agent.taken().is_empty());
    assert_eq!(
        cause(bob.code("mail", false).await),
        ErrorName::PasswordRequired
    );
}
