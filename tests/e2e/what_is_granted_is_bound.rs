//! Proves: a receipt is redeemed once, within its minute, by the uid and for the service that asked
//! for it, and never for another account; a session that a verification begins is checked by the
//! realm's service alone, ends unused and ends for good; a recovery code hands out the code that
//! takes its place; what a recovery code opened says so.
//! Does not prove: what ends grants of an account that is changed.

use oathd_client::{ErrorName, VerifyOptions, unseal, unseal_text};
use oathd_tests::world::User;

use crate::desk::cause;
use crate::till::{Shop, verify};

fn of(service: &str) -> VerifyOptions {
    VerifyOptions {
        service: Some(service.to_owned()),
        ..VerifyOptions::default()
    }
}

#[tokio::test]
async fn a_receipt_is_good_once_for_whom_it_was_given() {
    let shop = Shop::open().await;
    let (ada, bea) = (shop.enrol("ada").await, shop.enrol("bea").await);
    let (root, service) = (shop.near.client(User::Root).await, &shop.service);
    let given = async || {
        shop.wait(30);
        let code = shop.code(&ada.seed, 0);
        let given = verify(service, &ada.account, &code, &of("web")).await;
        given.unwrap().receipt
    };
    let check = async |client: &oathd_client::Client, account: &str, id: &str, name: &str| {
        let checked = client.verifier();
        checked.check_receipt(account, id, &of(name)).await
    };
    let receipt = given().await;
    let redeemed = check(service, &ada.account, &receipt, "web").await.unwrap();
    assert_eq!(
        (redeemed.way.as_str(), redeemed.receipt.as_str()),
        ("code", "")
    );
    for (client, account, name) in [
        (service, &ada.account, "web"),
        (service, &ada.account, "other"),
        (service, &bea.account, "web"),
        (&root, &ada.account, "web"),
    ] {
        // Whoever shows it wrongly uses it up.
        let receipt = match name {
            "web" if account == &ada.account && std::ptr::eq(client, service) => receipt.clone(),
            _ => given().await,
        };
        let refused = check(client, account, &receipt, name).await;
        assert_eq!(cause(refused), ErrorName::ProofRequired);
        let again = check(service, &ada.account, &receipt, "web").await;
        assert_eq!(cause(again), ErrorName::ProofRequired);
    }
    let late = given().await;
    shop.wait(60);
    let refused = check(service, &ada.account, &late, "web").await;
    assert_eq!(cause(refused), ErrorName::ProofRequired);
    for nonsense in ["", "ff", &"0".repeat(32), "täuschung"] {
        let refused = check(service, &ada.account, nonsense, "web").await;
        assert_eq!(cause(refused), ErrorName::ProofRequired);
    }
}

#[tokio::test]
async fn a_session_lives_while_it_is_used() {
    let shop = Shop::open().await;
    let owner = shop.enrol("ada").await;
    let options = VerifyOptions {
        session: Some(true),
        ..VerifyOptions::default()
    };
    let begin = async |response: &str| {
        let begun = verify(&shop.service, &owner.account, response, &options).await;
        unseal(begun.unwrap().session.unwrap()).unwrap()
    };
    let token = begin(&shop.code(&owner.seed, 0)).await;
    let verifier = shop.service.verifier();
    let session = verifier
        .check_session(&owner.account, &token)
        .await
        .unwrap();
    assert!(session.by_factor && !session.must_reenrol);
    let stranger = shop.near.client(User::Bob).await.verifier();
    let refused = stranger.check_session(&owner.account, &token).await;
    assert_eq!(cause(refused), ErrorName::NotAuthorized);
    let other = verifier.check_session("nobody@shop", &token).await;
    assert_eq!(cause(other), ErrorName::ProofRequired);
    // Used every 25 minutes it goes on, until its twelve hours are over.
    let mut alive = 0;
    while verifier.check_session(&owner.account, &token).await.is_ok() {
        shop.wait(25 * 60);
        alive += 1;
    }
    assert_eq!(alive, 12 * 60 / 25 + 1);
    let idle = begin(&owner.recovery[0]).await;
    let session = verifier.check_session(&owner.account, &idle).await.unwrap();
    assert!(!session.by_factor && session.must_reenrol);
    shop.wait(30 * 60);
    let refused = verifier.check_session(&owner.account, &idle).await;
    assert_eq!(cause(refused), ErrorName::ProofRequired);
    let root = shop.near.client(User::Root).await.verifier();
    assert!(root.verify("root", "000000", &options).await.is_err());
}

#[tokio::test]
async fn a_used_recovery_code_is_replaced() {
    let shop = Shop::open().await;
    let owner = shop.enrol("ada").await;
    let mut code = owner.recovery[0].clone();
    for _ in 0..12 {
        let receipt = shop.verify(&owner.account, &code).await.unwrap();
        assert!(receipt.must_reenrol);
        assert_eq!(
            (receipt.way.as_str(), receipt.recovery_codes_left),
            ("recovery", Some(10))
        );
        let again = shop.verify(&owner.account, &code).await;
        assert_eq!(shop.refused(again), ErrorName::CodeUsed);
        code = unseal_text(receipt.replacement.unwrap())
            .unwrap()
            .to_string();
    }
}
