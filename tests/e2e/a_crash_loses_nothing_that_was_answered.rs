//! Proves: oathd killed at a random moment of remembering and forgetting, again and again, starts
//! on its state and knows what it had last answered, or what it was about to; and killed while it
//! pairs a token, or ends or renews a pairing, it opens the token afterwards.
//! Does not prove: what a power cut does to the disk.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use oathd_api::ErrorName;
use oathd_client::{Client, Token};
use oathd_tests::world::{CardSetup, User, World, eventually};

use crate::desk::named;
use crate::dice::Dice;

const PASSWORD: &[u8] = b"correct horse";
const ROUNDS: usize = 10;

/// What is remembered: as it was last answered, and as the call under way would have it.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    remembered: bool,
    asked: bool,
    answers: u32,
}

async fn token(world: &World) -> Token {
    let client = Client::with(world.connect(User::Root).await.unwrap());
    let found = async || client.find_token("").await.ok();
    eventually("token", found).await.unwrap()
}

/// Remembers and forgets in turn until oathd is gone.
async fn take_turns(token: Token, told: Arc<Mutex<Told>>) {
    loop {
        let remember = !told.lock().unwrap().remembered;
        told.lock().unwrap().asked = remember;
        let answer = match remember {
            true => token.unlock(PASSWORD, true).await,
            false => token.lock(true).await,
        };
        if answer.is_err() {
            return;
        }
        let mut told = told.lock().unwrap();
        told.remembered = remember;
        told.answers += 1;
    }
}

/// A world whose token has the credential `mail`.
async fn with_mail() -> World {
    let mut world = World::new().unwrap();
    world.start_pcscd().unwrap();
    world.insert_card(CardSetup::default()).unwrap();
    world.start_oathd(&[]).unwrap();
    let root = token(&world).await;
    let mail = named("mail");
    root.add(b"12345678901234567890", &mail).await.unwrap();
    world
}

#[tokio::test]
async fn what_was_answered_is_known_after_it() {
    let mut world = with_mail().await;
    let root = token(&world).await;
    root.set_password(PASSWORD, false).await.unwrap();

    let (mut dice, told) = (Dice::new(), Arc::new(Mutex::new(Told::default())));
    for round in 0..ROUNDS {
        let turns = tokio::spawn(take_turns(token(&world).await, Arc::clone(&told)));
        if round == 0 {
            let answered = async || (told.lock().unwrap().answers > 0).then_some(());
            eventually("something remembered", answered).await.unwrap();
        }
        tokio::time::sleep(Duration::from_micros(dice.number() % 40_000)).await;
        world.oathd().unwrap().kill().unwrap();
        turns.await.unwrap();
        world.start_oathd(&[]).unwrap();
        let (root, last) = (token(&world).await, *told.lock().unwrap());
        let found = root.describe().await.unwrap().remembered;
        assert!(
            found == last.remembered || found == last.asked,
            "round {round}: {found}, {last:?}"
        );
        let code = root.code("mail", false).await;
        match found {
            true => drop(code.unwrap()),
            false => assert!(code.unwrap_err().is(ErrorName::PasswordRequired)),
        }
        told.lock().unwrap().remembered = found;
    }
}

#[tokio::test]
async fn a_pairing_that_was_cut_short_opens_afterwards() {
    let (mut world, mut dice) = (with_mail().await, Dice::new());
    for _ in 0..ROUNDS {
        let root = token(&world).await;
        let changing = tokio::spawn(async move {
            while root.pair().await.is_ok()
                && root.pair().await.is_ok()
                && root.clear_password().await.is_ok()
            {}
        });
        tokio::time::sleep(Duration::from_micros(dice.number() % 40_000)).await;
        world.oathd().unwrap().kill().unwrap();
        changing.await.unwrap();
        world.start_oathd(&[]).unwrap();
        token(&world).await.code("mail", false).await.unwrap();
    }
}
