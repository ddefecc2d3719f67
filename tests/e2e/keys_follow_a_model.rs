//! Proves: in whatever order users unlock, lock, set, clear and pair, another program changes the
//! password and oathd is restarted, each call answers what a small model of keys and their owners
//! says: nobody is served with another's key, and nobody who holds the right key is refused.
//! Does not prove: anything about calls at the same time, or about tokens that are pulled.

use oathd_client::{Error, Token};
use oathd_tests::world::User;

use crate::desk::named;
use crate::dice::Dice;
use crate::near::Near;

const STEPS: usize = 250;
const PASSWORDS: [&str; 2] = ["correct horse", "battery staple"];
const USERS: [User; 2] = [User::Alice, User::Bob];

/// What opens a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    /// A password, by its number.
    Password(usize),
    /// A pairing, by the number of its user.
    Pairing(usize),
}

/// What oathd has of a user.
#[derive(Clone, Debug, Default)]
struct Held {
    /// In this run.
    typed: Option<Key>,
    /// Over restarts.
    remembered: Option<Key>,
    paired: bool,
}

#[derive(Clone, Debug, Default)]
struct Model {
    token: Option<Key>,
    held: [Held; USERS.len()],
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Code(usize),
    Unlock(usize, usize, bool),
    Lock(usize, bool),
    Set(usize, usize, bool),
    Clear(usize),
    Pair(usize),
    AnotherProgram(Option<usize>),
    Restart,
}

fn step(dice: &mut Dice) -> Step {
    let (user, password) = (dice.below(USERS.len()), dice.below(PASSWORDS.len()));
    let coin = dice.below(2) == 0;
    match dice.below(20) {
        0..=5 => Step::Code(user),
        6..=9 => Step::Unlock(user, password, coin),
        10..=11 => Step::Lock(user, coin),
        12..=13 => Step::Set(user, password, coin),
        14 => Step::Clear(user),
        15..=16 => Step::Pair(user),
        17..=18 => Step::AnotherProgram(coin.then_some(password)),
        _ => Step::Restart,
    }
}

impl Model {
    /// Tries what a user holds, as every call does; what does not fit is dropped on the way.
    fn open(&mut self, user: usize) -> Result<(), &'static str> {
        let Some(key) = self.token else {
            return Ok(());
        };
        let held = &mut self.held[user];
        let mut answer = Err("PasswordRequired");
        if held.typed == Some(key) {
            return Ok(());
        }
        held.typed = None;
        if let Some(remembered) = held.remembered {
            if remembered == key {
                return Ok(());
            }
            held.remembered = None;
            answer = Err("RememberedKeyRejected");
        }
        if held.paired && key == Key::Pairing(user) {
            return Ok(());
        }
        answer
    }

    /// The token takes another key, or none, and every other key ends.
    fn change(&mut self, key: Option<Key>) {
        self.token = key;
        self.held = Default::default();
    }

    /// What a step answers.
    fn take(&mut self, step: Step) -> Result<(), &'static str> {
        match step {
            Step::Code(user) => self.open(user)?,
            Step::Unlock(user, password, remember) => match self.token {
                None => {}
                Some(key) if key == Key::Password(password) => {
                    let held = &mut self.held[user];
                    (held.typed, held.paired) = (Some(key), false);
                    if remember {
                        held.remembered = Some(key);
                    }
                }
                Some(_) => return Err("WrongPassword"),
            },
            Step::Lock(user, forget) => {
                self.held[user].typed = None;
                if forget {
                    self.held[user].remembered = None;
                }
            }
            Step::Set(user, password, remember) => {
                self.open(user)?;
                let key = Some(Key::Password(password));
                self.change(key);
                self.held[user].typed = key;
                self.held[user].remembered = key.filter(|_| remember);
            }
            Step::Clear(user) => {
                self.open(user)?;
                self.change(None);
            }
            Step::Pair(user) => {
                self.open(user)?;
                self.token = Some(Key::Pairing(user));
                self.held.iter_mut().for_each(|held| held.typed = None);
                self.held[user].remembered = None;
                self.held[user].paired = true;
            }
            // Another program cannot know the key of a pairing.
            Step::AnotherProgram(password) => {
                if !matches!(self.token, Some(Key::Pairing(_))) {
                    self.token = password.map(Key::Password);
                }
            }
            Step::Restart => self.held.iter_mut().for_each(|held| held.typed = None),
        }
        Ok(())
    }
}

/// Takes a step in earnest.
async fn take(
    near: &mut Near,
    tokens: &mut Vec<Token>,
    token: Option<Key>,
    step: Step,
) -> Result<(), Error> {
    let password = |number: usize| PASSWORDS[number].as_bytes();
    match step {
        Step::Code(user) => tokens[user].code("mail", false).await.map(drop),
        Step::Unlock(user, number, remember) => {
            tokens[user].unlock(password(number), remember).await
        }
        Step::Lock(user, forget) => tokens[user].lock(forget).await,
        Step::Set(user, number, remember) => {
            tokens[user].set_password(password(number), remember).await
        }
        Step::Clear(user) => tokens[user].clear_password().await,
        Step::Pair(user) => tokens[user].pair().await,
        Step::AnotherProgram(new) => {
            let old = match token {
                Some(Key::Pairing(_)) => return Ok(()),
                Some(Key::Password(number)) => Some(password(number)),
                None => None,
            };
            near.another_program_changes_password(old, new.map(password));
            Ok(())
        }
        Step::Restart => {
            near.restart().await;
            *tokens = users(near).await;
            Ok(())
        }
    }
}

async fn users(near: &Near) -> Vec<Token> {
    let mut tokens = Vec::new();
    for user in USERS {
        tokens.push(near.token(user).await);
    }
    tokens
}

#[tokio::test]
async fn every_call_answers_what_the_model_says() {
    let mut near = Near::with_a_token().await;
    let mut tokens = users(&near).await;
    let mail = named("mail");
    tokens[0].add(b"12345678901234567890", &mail).await.unwrap();
    let (mut dice, mut model, mut history) = (Dice::new(), Model::default(), Vec::new());
    let mut refusals = 0;
    for _ in 0..STEPS {
        let step = step(&mut dice);
        let before = model.clone();
        let expected = model.take(step);
        let answer = take(&mut near, &mut tokens, before.token, step).await;
        history.push(step);
        let answer = answer.map_err(|error| error.name());
        let steps = &history[history.len().saturating_sub(12)..];
        assert_eq!(answer, expected, "{steps:?} with {before:?}");
        refusals += usize::from(expected.is_err());
    }
    assert!(refusals > 0);
}
