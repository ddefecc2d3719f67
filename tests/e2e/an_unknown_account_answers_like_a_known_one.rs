//! Proves: an account that does not exist answers wrong codes as one that does, word for word,
//! however many come, and is slowed and shut like it; whoever may not speak for an account is
//! refused alike whether it exists, and costs its owner nothing; a malformed response is told
//! without a charge.
//! Does not prove: that both take the same time, which is measured.

use oathd_client::{ErrorName, VerifyOptions};
use oathd_tests::world::User;

use crate::till::{Shop, Told, verify};

/// What wrong codes are answered until the way is shut, waiting as long as is told.
async fn flood(shop: &Shop, account: &str) -> Vec<Told> {
    let mut told = Vec::new();
    loop {
        let answer = shop.verify(account, "000000").await.unwrap_err();
        let wait = answer.1.retry_after.unwrap_or(0);
        let over = answer.0 == ErrorName::LockedOut || told.len() > 250;
        told.push(answer);
        if over {
            return told;
        }
        if told.len() % 2 == 0 {
            shop.wait(wait);
        }
    }
}

#[tokio::test]
async fn wrong_codes_are_answered_word_for_word() {
    let shop = Shop::open().await;
    let owner = shop.enrol("ada").await;
    let start = shop.now();
    let known = flood(&shop, &owner.account).await;
    shop.clock.set(start + 20_000_000);
    let unknown = flood(&shop, "nobody@shop").await;
    assert_eq!(known, unknown);
    assert_eq!(known.last().unwrap().0, ErrorName::LockedOut);
    assert!(known.iter().any(|(name, _)| *name == ErrorName::Throttled));
    let wrong = known
        .iter()
        .filter(|(name, _)| *name == ErrorName::WrongCode);
    assert_eq!(wrong.count(), 100);
}

#[tokio::test]
async fn a_stranger_learns_nothing_and_costs_nothing() {
    let shop = Shop::open().await;
    let owner = shop.enrol("ada").await;
    let stranger = shop.near.client(User::Bob).await;
    let code = shop.code(&owner.seed, 0);
    let options = VerifyOptions::default();
    for _ in 0..10 {
        for account in [
            owner.account.as_str(),
            "nobody@shop",
            "root",
            "alice@nowhere",
        ] {
            let answer = verify(&stranger, account, &code, &options).await;
            let (name, details) = answer.unwrap_err();
            assert_eq!(name, ErrorName::NotAuthorized);
            assert_eq!(details, Default::default());
        }
    }
    let status = stranger.verifier().status(&owner.account, &options).await;
    assert_eq!(status.unwrap_err().name(), "NotAuthorized");
    assert!(shop.verify(&owner.account, &code).await.is_ok());
}

#[tokio::test]
async fn what_cannot_be_a_code_is_told_and_not_counted() {
    let shop = Shop::open().await;
    let owner = shop.enrol("ada").await;
    let mut mistyped = owner.recovery[0].clone().into_bytes();
    mistyped[3] = if mistyped[3] == b'0' { b'1' } else { b'0' };
    let mistyped = String::from_utf8(mistyped).unwrap();
    let long = "1".repeat(5_000);
    for _ in 0..20 {
        for (response, detail) in [
            ("?", "help"),
            ("", "malformed"),
            ("12345", "malformed"),
            ("no code", "malformed"),
            (long.as_str(), "malformed"),
            (mistyped.as_str(), "typo"),
        ] {
            let (name, details) = shop.verify(&owner.account, response).await.unwrap_err();
            assert_eq!(name, ErrorName::InvalidResponse);
            assert_eq!(details.detail.as_deref(), Some(detail));
        }
    }
    assert!(
        shop.verify(&owner.account, &owner.recovery[0])
            .await
            .is_ok()
    );
}
