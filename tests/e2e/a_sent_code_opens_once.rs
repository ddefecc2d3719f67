//! Proves: a code goes to a verified channel of an account that has a factor, names what it is for,
//! and is accepted once, for the class that had it sent; a new one voids it, as do its end and three
//! wrong answers; sends have a quota; whoever had it sent, and root, hear how far it is; the owner is
//! told on the other channels, never on the one that was used; without a delivery service the
//! failure is named.
//! Does not prove: that messages leave the machine.

use oathd_client::{CHANGE_SERVICE, ChannelOptions, ErrorName, SentRecord, VerifyOptions};
use oathd_tests::world::{User, eventually};

use crate::desk::cause;
use crate::postman::Postman;
use crate::till::{Owner, Shop, verify};

const PHONE: &str = "+491701234567";
const MAIL: &str = "ada@example.org";

/// Adds a channel and verifies it.
async fn add(shop: &Shop, postman: &Postman, owner: &Owner, kind: &str, address: &str) -> u32 {
    shop.wait(30);
    let options = VerifyOptions {
        service: Some(CHANGE_SERVICE.to_owned()),
        ..VerifyOptions::default()
    };
    let code = shop.code(&owner.seed, 0);
    let proof = verify(&shop.service, &owner.account, &code, &options).await;
    let options = ChannelOptions {
        proof: Some(proof.unwrap().receipt),
        ..ChannelOptions::default()
    };
    let accounts = shop.service.accounts();
    let added = accounts.add_channel(&owner.account, kind, address, &options);
    let (channel, _) = added.await.unwrap();
    let code = postman.code(address);
    let confirmed = accounts.confirm_channel(&owner.account, channel, &code);
    confirmed.await.unwrap();
    channel
}

async fn send(shop: &Shop, owner: &Owner, channel: u32) -> Result<SentRecord, oathd_client::Error> {
    let (verifier, options) = (shop.service.verifier(), VerifyOptions::default());
    verifier.send_code(&owner.account, channel, &options).await
}

#[tokio::test]
async fn it_opens_once_for_whom_it_was_sent() {
    let shop = Shop::open().await;
    let postman = Postman::begin(&shop.near.world).await;
    let owner = shop.enrol("ada").await;
    let phone = add(&shop, &postman, &owner, "sms", PHONE).await;
    shop.wait(60);

    let sent = send(&shop, &owner, phone).await.unwrap();
    assert_eq!(
        (sent.address.as_str(), sent.until),
        ("…67", shop.now() + 600)
    );
    let letter = postman.letters(PHONE).pop().unwrap();
    let code = postman.code(PHONE);
    assert_eq!(letter.text, format!("{code} is your code for shop"));
    assert!(!letter.subject.unwrap().contains(&code));
    let root = shop.near.client(User::Root).await;
    let elsewhere = verify(&root, &owner.account, &code, &VerifyOptions::default()).await;
    assert_eq!(shop.refused(elsewhere), ErrorName::WrongCode);
    let receipt = shop.verify(&owner.account, &code).await.unwrap();
    assert_eq!(
        (receipt.way.as_str(), receipt.factor),
        ("out_of_band", Some(phone))
    );
    assert!(receipt.must_reenrol);
    assert!(shop.verify(&owner.account, &code).await.is_err());

    let delivery = sent.delivery.unwrap();
    for client in [&shop.service, &root] {
        let state = client.verifier().delivery(&delivery).await.unwrap();
        assert_eq!(state.state, "delivered");
    }
    let stranger = shop.near.client(User::Bob).await.verifier();
    for delivery in [delivery.as_str(), "nothing"] {
        let refused = stranger.delivery(delivery).await;
        assert_eq!(cause(refused), ErrorName::DeliveryFailed);
    }
}

#[tokio::test]
async fn it_ends_with_the_next_one_with_its_time_and_with_three_wrong_answers() {
    let shop = Shop::open().await;
    let postman = Postman::begin(&shop.near.world).await;
    let owner = shop.enrol("ada").await;
    let phone = add(&shop, &postman, &owner, "sms", PHONE).await;
    let fresh = async || {
        shop.wait(3_600);
        send(&shop, &owner, phone).await.unwrap();
        postman.code(PHONE)
    };
    let refused = async |code: &str| {
        let refused = shop.verify(&owner.account, code).await;
        assert_eq!(shop.refused(refused), ErrorName::WrongCode);
    };
    let void = fresh().await;
    shop.wait(30);
    send(&shop, &owner, phone).await.unwrap();
    let code = postman.code(PHONE);
    refused(&void).await;
    shop.verify(&owner.account, &code).await.unwrap();
    let late = fresh().await;
    shop.wait(600);
    refused(&late).await;
    let guessed = fresh().await;
    let wrong = if guessed == "00000000" {
        "00000001"
    } else {
        "00000000"
    };
    for _ in 0..3 {
        refused(wrong).await;
        shop.wait(60);
    }
    refused(&guessed).await;
}

#[tokio::test]
async fn sends_are_counted_and_the_owner_is_told_elsewhere() {
    let shop = Shop::open().await;
    let postman = Postman::begin(&shop.near.world).await;
    let owner = shop.enrol("ada").await;
    let phone = add(&shop, &postman, &owner, "sms", PHONE).await;
    add(&shop, &postman, &owner, "email", MAIL).await;
    // Its own code, and the notice that there is another address.
    let told = async || (postman.letters(PHONE).len() >= 2).then_some(());
    eventually("the notice", told).await.unwrap();
    // The telephone hears of the mailbox, in its own time.
    let heard = async || (postman.letters(PHONE).len() >= 2).then_some(());
    eventually("notice", heard).await.unwrap();
    shop.wait(3_600);
    let before = (postman.letters(PHONE).len(), postman.letters(MAIL).len());
    let mut sent = 0;
    for _ in 0..20 {
        match send(&shop, &owner, phone).await {
            Ok(_) => sent += 1,
            refused => assert_eq!(cause(refused), ErrorName::Throttled),
        }
        shop.wait(30);
    }
    assert_eq!(sent, 5);
    let code = postman.code(PHONE);
    shop.verify(&owner.account, &code).await.unwrap();
    // Of each code that was sent, and of the one that was used.
    let told = async || (postman.letters(MAIL).len() >= before.1 + 6).then_some(());
    eventually("notices", told).await.unwrap();
    assert_eq!(postman.letters(PHONE).len(), before.0 + 5);
    for letter in &postman.letters(MAIL)[before.1..] {
        assert!(letter.text.contains("ada@shop") && !letter.text.contains(PHONE));
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_named() {
    let shop = Shop::open().await;
    let postman = Postman::begin(&shop.near.world).await;
    let owner = shop.enrol("ada").await;
    let phone = add(&shop, &postman, &owner, "sms", PHONE).await;
    shop.wait(3_600);
    for channel in [0, 1, 99] {
        let refused = send(&shop, &owner, channel).await;
        assert_eq!(cause(refused), ErrorName::NoSuchFactor);
    }
    let nobody = Owner {
        account: "nobody@shop".to_owned(),
        ..shop.enrol("bea").await
    };
    let refused = send(&shop, &nobody, phone).await;
    assert_eq!(cause(refused), ErrorName::NotEnrolled);
    drop(postman);
    shop.wait(30);
    let refused = send(&shop, &owner, phone).await;
    assert_eq!(cause(refused), ErrorName::DeliveryFailed);
}
