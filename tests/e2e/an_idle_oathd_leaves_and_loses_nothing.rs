//! Proves: with an idle time, oathd ends in order when nobody has called for so long, and what it was
//! told to remember is there at the next start; it stays while it keeps something that an end would
//! take from somebody: a typed password, a program that watches, an enrollment; without an idle time
//! it stays.
//! Does not prove: that a machine's sleep counts; the start by the next call, which systemd makes.

use std::time::Duration;

use oathd_card::{CardOptions, SharedCard};
use oathd_client::Client;
use oathd_daemon::config::Config;
use oathd_tests::world::User;

use crate::desk::{SEED, named};
use crate::holder::{self, CAROL, SERVICE};
use crate::near::Near;

/// Shorter than the settings allow, and longer than a busy machine takes to let a program call an
/// oathd that has just started.
const IDLE: Duration = Duration::from_millis(1500);

async fn with(idle_exit: Option<Duration>) -> Near {
    let config = Config {
        idle_exit,
        ..holder::config()
    };
    let card = SharedCard::new(CardOptions::default()).unwrap();
    Near::configured(vec![card], |readers| std::sync::Arc::new(readers), config).await
}

/// Lets another oathd come and leave several times, which has the same idle time.
async fn others_leave() {
    let mut other = with(Some(IDLE)).await;
    for _ in 0..3 {
        other.ended().await;
        other.start().await;
    }
}

async fn root(near: &Near) -> Client {
    near.client(User::Root).await
}

#[tokio::test]
async fn it_leaves_in_order_and_finds_what_it_remembers() {
    let mut near = with(Some(IDLE)).await;
    let token = near.token(User::Root).await;
    token.add(SEED, &named("mail")).await.unwrap();
    token.set_password(b"password", true).await.unwrap();
    let first = token.code("mail", false).await.unwrap();
    assert_eq!(first.code.len(), 6);
    drop(token);
    for _ in 0..3 {
        near.ended().await;
        near.start().await;
        let token = near.token(User::Root).await;
        token.code("mail", false).await.unwrap();
    }
}

#[tokio::test]
async fn a_typed_password_keeps_it() {
    let near = with(Some(IDLE)).await;
    let token = near.token(User::Root).await;
    token.add(SEED, &named("mail")).await.unwrap();
    token.set_password(b"password", false).await.unwrap();
    drop(token);
    others_leave().await;
    let token = near.token(User::Root).await;
    token.code("mail", false).await.unwrap();
}

#[tokio::test]
async fn a_program_that_watches_keeps_it_until_it_leaves() {
    let mut near = with(Some(IDLE)).await;
    let client = root(&near).await;
    client.tokens().await.unwrap();
    others_leave().await;
    client.tokens().await.unwrap();
    drop(client);
    near.ended().await;
}

#[tokio::test]
async fn an_enrollment_keeps_it() {
    let near = with(Some(IDLE)).await;
    let client = near.client(SERVICE).await;
    let accounts = client.accounts();
    let enrollment = accounts.begin_enrollment(CAROL, &Default::default()).await;
    others_leave().await;
    enrollment.unwrap().cancel().await.unwrap();
}

#[tokio::test]
async fn without_an_idle_time_it_stays() {
    let near = with(None).await;
    others_leave().await;
    root(&near).await.tokens().await.unwrap();
}
