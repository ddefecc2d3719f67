//! Proves: codes of a factor that a token alone keeps are compared with what its verifier slot gives,
//! each accepted once; a touch is proved by challenge, and only where the user was told; what the
//! token cannot do at the moment – it is absent, shown by two readers, pulled, untouched – has an
//! error of its own whatever was typed, and is not counted, nor is an attempt that its caller gives
//! up; recovery codes need no token; a touch proves nothing about a login from elsewhere; of two
//! tokens one is enough; a charge is on the disk before the token is asked.
//! Does not prove: how a verifier slot is written, which enrolment does.

use std::os::unix::fs::chown;
use std::time::Duration;

use oathd_card::{CardOptions, Fault, SharedCard, Touch};
use oathd_client::{
    EnrollOptions, ErrorName, PresenceOptions, ReceiptRecord, Token, VerifyOptions, WriteOptions,
};
use oathd_tests::world::{User, eventually};

use crate::desk::{SERIAL, cause};
use crate::till::{Owner, Shop, Told};

fn card(touch: Touch) -> CardOptions {
    CardOptions {
        serial: SERIAL,
        touch,
        touch_timeout: Duration::from_secs(3),
        ..CardOptions::default()
    }
}

/// An account whose seed the only token alone keeps.
async fn enrolled(shop: &Shop) -> Owner {
    let token = shop.near.token(User::Alice).await;
    token.pair().await.unwrap();
    enrolled_on(shop, &[token]).await
}

/// An account whose seed these paired tokens alone keep.
async fn enrolled_on(shop: &Shop, tokens: &[Token]) -> Owner {
    let accounts = shop.service.accounts();
    let options = EnrollOptions {
        custody: Some("token".to_owned()),
        ..EnrollOptions::default()
    };
    let begun = accounts
        .begin_enrollment("ada@shop", &options)
        .await
        .unwrap();
    let options = WriteOptions {
        role: Some("verifier".to_owned()),
        ..WriteOptions::default()
    };
    begun.write(tokens, &options).await.unwrap();
    shop.finish("ada@shop".to_owned(), begun).await
}

async fn touch(
    shop: &Shop,
    allow: bool,
    host: Option<&str>,
) -> Result<ReceiptRecord, oathd_client::Error> {
    let options = PresenceOptions {
        allow_touch: Some(allow),
        remote_host: host.map(str::to_owned),
        ..PresenceOptions::default()
    };
    let client = match host {
        Some(_) => shop.near.client(User::Root).await,
        None => shop.service.clone(),
    };
    client
        .verifier()
        .verify_presence("ada@shop", &options)
        .await
}

/// What a failure that comes now is told: nothing, if it is the first one.
async fn failure(shop: &Shop, owner: &Owner) -> Told {
    let wrong = shop.wrong_code(&owner.seed);
    shop.verify(&owner.account, &wrong).await.unwrap_err()
}

#[tokio::test]
async fn its_codes_are_accepted_once() {
    let shop = Shop::with(vec![card(Touch::Always)]).await;
    let owner = enrolled(&shop).await;
    for ahead in [-1, 0, 1] {
        let code = shop.code(&owner.seed, ahead);
        let answer = shop.verify(&owner.account, &code).await;
        if ahead < 0 {
            // Its step ended the enrolment.
            assert_eq!(shop.refused(answer), ErrorName::CodeUsed);
            continue;
        }
        assert_eq!(answer.unwrap().way, "code");
        let again = shop.verify(&owner.account, &code).await;
        assert_eq!(shop.refused(again), ErrorName::CodeUsed);
    }
    assert_eq!(failure(&shop, &owner).await.0, ErrorName::WrongCode);
    shop.wait(60);
    let codes = [0, 1].map(|ahead| shop.code(&owner.seed, ahead));
    let both = tokio::join!(
        shop.verify(&owner.account, &codes[0]),
        shop.verify(&owner.account, &codes[1])
    );
    // Whichever came first, the later step ends the earlier one; none is a failure.
    let names: Vec<_> = [both.0, both.1]
        .into_iter()
        .filter_map(Result::err)
        .collect();
    assert!(names.iter().all(|(name, _)| *name == ErrorName::CodeUsed));
    assert!(names.len() < 2);
    assert_eq!(failure(&shop, &owner).await.1.retry_after, None);
}

#[tokio::test]
async fn a_touch_is_proved_by_challenge() {
    let shop = Shop::with(vec![card(Touch::Manual)]).await;
    let owner = enrolled(&shop).await;
    let card = &shop.near.cards[0];
    assert_eq!(
        cause(touch(&shop, false, None).await),
        ErrorName::TouchRequired
    );
    let (receipt, ()) = tokio::join!(touch(&shop, true, None), async {
        let touched = async || card.touch().then_some(());
        eventually("a request for a touch", touched).await.unwrap();
    });
    let receipt = receipt.unwrap();
    assert_eq!(
        (receipt.way.as_str(), receipt.must_reenrol),
        ("presence", false)
    );
    for _ in 0..5 {
        let untouched = touch(&shop, true, None).await;
        assert_eq!(cause(untouched), ErrorName::TouchTimedOut);
    }
    let elsewhere = touch(&shop, true, Some("192.0.2.1")).await;
    assert_eq!(cause(elsewhere), ErrorName::NotEnrolled);
    let here = touch(&shop, false, Some("")).await;
    assert_eq!(cause(here), ErrorName::TouchRequired);
    let verifier = shop.near.client(User::Root).await.verifier();
    let options = VerifyOptions {
        remote_host: Some("192.0.2.1".to_owned()),
        ..VerifyOptions::default()
    };
    let status = verifier.status(&owner.account, &options).await.unwrap();
    let kinds: Vec<_> = status.ways.iter().map(|way| way.kind.as_str()).collect();
    assert_eq!(kinds, ["code", "recovery", "administrator"]);
    card.remove();
    let gone = async || {
        let name = cause(touch(&shop, true, None).await);
        (name == ErrorName::NoToken).then_some(())
    };
    eventually("NoToken", gone).await.unwrap();
}

#[tokio::test]
async fn whoever_leaves_before_the_touch_is_not_charged() {
    let shop = Shop::with(vec![card(Touch::Manual)]).await;
    let owner = enrolled(&shop).await;
    let card = &shop.near.cards[0];
    let options = PresenceOptions {
        allow_touch: Some(true),
        ..PresenceOptions::default()
    };
    for _ in 0..5 {
        let client = shop.near.client(User::Alice).await;
        let verifier = client.verifier();
        let asked = verifier.verify_presence(&owner.account, &options);
        let waits = async || card.status().awaiting_touch.then_some(());
        tokio::select! {
            answer = asked => panic!("{answer:?}"),
            waits = eventually("a request for a touch", waits) => waits.unwrap(),
        }
        client.connection().clone().close().await.unwrap();
        let over = async || (!card.status().awaiting_touch).then_some(());
        eventually("the end of the wait", over).await.unwrap();
    }
    let (verifier, options) = (shop.service.verifier(), VerifyOptions::default());
    // Five that count would have it wait for a minute.
    let free = async || {
        let status = verifier.status(&owner.account, &options).await.unwrap();
        let presence = status.ways.iter().find(|way| way.kind == "presence");
        (presence.unwrap().wait == 0).then_some(())
    };
    eventually("no wait", free).await.unwrap();
    let (receipt, ()) = tokio::join!(touch(&shop, true, None), async {
        let touched = async || card.touch().then_some(());
        eventually("a request for a touch", touched).await.unwrap();
    });
    assert_eq!(receipt.unwrap().way, "presence");
}

#[tokio::test]
async fn what_the_token_cannot_do_is_told_and_not_counted() {
    let shop = Shop::with(vec![card(Touch::Always)]).await;
    let owner = enrolled(&shop).await;
    let card: &SharedCard = &shop.near.cards[0];
    let responses = [shop.code(&owner.seed, 0), shop.wrong_code(&owner.seed)];
    let all = async |expected: ErrorName| {
        for response in responses.iter().cycle().take(8) {
            let answer = shop.verify(&owner.account, response).await;
            assert_eq!(shop.refused(answer), expected);
        }
    };
    card.remove();
    let gone = async || {
        let answer = shop.verify(&owner.account, &responses[1]).await;
        (shop.refused(answer) == ErrorName::NoToken).then_some(())
    };
    eventually("NoToken", gone).await.unwrap();
    all(ErrorName::NoToken).await;
    let receipt = shop.verify(&owner.account, &owner.recovery[0]).await;
    assert_eq!(receipt.unwrap().way, "recovery");
    card.insert();
    let back = async || {
        let answer = shop.verify(&owner.account, &responses[1]).await;
        (shop.refused(answer) == ErrorName::WrongCode).then_some(())
    };
    eventually("the token", back).await.unwrap();
    shop.verify(&owner.account, &responses[0]).await.unwrap();
    shop.wait(60);
    // Pulled before, between and after the commands of one attempt.
    for commands in 0..6 {
        card.inject(Fault::UnplugAfter(commands));
        let answer = shop
            .verify(&owner.account, &shop.wrong_code(&owner.seed))
            .await;
        let (name, details) = answer.unwrap_err();
        assert!(
            matches!(
                name,
                ErrorName::NoToken | ErrorName::TokenRemoved | ErrorName::WrongCode
            ),
            "{name:?}"
        );
        assert_eq!(details.retry_after, None);
        card.remove();
        card.insert();
        let back = async || {
            let code = shop.code(&owner.seed, 0);
            let back = shop.verify(&owner.account, &code).await.is_ok();
            shop.wait(30);
            back.then_some(())
        };
        eventually("the token", back).await.unwrap();
    }
}

#[tokio::test]
async fn two_readers_that_show_one_token_are_not_believed() {
    let shop = Shop::with(vec![card(Touch::Always), card(Touch::Always)]).await;
    shop.near.cards[1].remove();
    let paired = async || shop.service.find_token("").await.ok();
    eventually("one token", paired).await.unwrap();
    let owner = enrolled(&shop).await;
    shop.near.cards[1].insert();
    let doubled = async || {
        let answer = shop
            .verify(&owner.account, &shop.wrong_code(&owner.seed))
            .await;
        (shop.refused(answer) == ErrorName::TokenDuplicated).then_some(())
    };
    eventually("TokenDuplicated", doubled).await.unwrap();
    let code = shop.code(&owner.seed, 0);
    let answer = shop.verify(&owner.account, &code).await;
    assert_eq!(shop.refused(answer), ErrorName::TokenDuplicated);
    assert_eq!(
        cause(touch(&shop, true, None).await),
        ErrorName::TokenDuplicated
    );
}

#[tokio::test]
async fn one_of_two_tokens_is_enough() {
    let second = CardOptions {
        serial: SERIAL + 1,
        ..card(Touch::Always)
    };
    let shop = Shop::with(vec![card(Touch::Always), second]).await;
    let mut tokens = Vec::new();
    for number in 0..2 {
        let serial = (SERIAL + number).to_string();
        let find = async || shop.service.find_token(&serial).await.ok();
        let token = eventually("the token", find).await.unwrap();
        token.pair().await.unwrap();
        tokens.push(token);
    }
    let owner = enrolled_on(&shop, &tokens).await;
    let (verifier, options) = (shop.service.verifier(), VerifyOptions::default());
    let status = verifier.status(&owner.account, &options).await;
    let ways = status.unwrap().ways;
    assert_eq!(ways.iter().filter(|way| way.kind == "code").count(), 2);
    for absent in 0..2 {
        shop.near.cards[absent].remove();
        let serial = shop.near.cards[absent].serial().to_string();
        let gone = async || shop.service.find_token(&serial).await.err();
        eventually("its absence", gone).await.unwrap();
        let code = shop.code(&owner.seed, 0);
        shop.verify(&owner.account, &code).await.unwrap();
        // The other one holds the same seed: what was used is used.
        shop.near.cards[absent].insert();
        let back = async || shop.service.find_token(&serial).await.ok();
        eventually("its return", back).await.unwrap();
        let again = shop.verify(&owner.account, &code).await;
        assert_eq!(shop.refused(again), ErrorName::CodeUsed);
        let touched = touch(&shop, true, None).await.unwrap();
        assert_eq!(touched.way, "presence");
        shop.wait(30);
    }
}

/// Copies what an oathd keeps, as it is at this moment, to where another one keeps it.
fn copy_state(from: &Shop, to: &Shop) {
    let target = to.near.world.path("state");
    let uid = User::Oathd.uid();
    for entry in std::fs::read_dir(from.near.world.path("state")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        // The shared memory of SQLite is that of a process; the rest is on the disk.
        if !name.to_string_lossy().ends_with("-shm") {
            let copy = target.join(name);
            std::fs::copy(entry.path(), &copy).unwrap();
            chown(copy, Some(uid), Some(uid)).unwrap();
        }
    }
}

#[tokio::test]
async fn a_charge_is_on_the_disk_before_the_token_is_asked() {
    let shop = Shop::with(vec![card(Touch::Always)]).await;
    let owner = enrolled(&shop).await;
    for _ in 0..3 {
        let (name, details) = failure(&shop, &owner).await;
        assert_eq!((name, details.retry_after), (ErrorName::WrongCode, None));
    }
    let mut after_a_crash = Shop::open().await;
    after_a_crash.near.stop().await;
    let card = &shop.near.cards[0];
    card.inject(Fault::Delay(Duration::from_millis(150)));
    let seen = card.status().commands;
    let (answer, ()) = tokio::join!(failure(&shop, &owner), async {
        let asked = async || (card.status().commands > seen).then_some(());
        eventually("a command", asked).await.unwrap();
        copy_state(&shop, &after_a_crash);
    });
    assert_eq!(
        (answer.0, answer.1.retry_after),
        (ErrorName::WrongCode, Some(30))
    );
    after_a_crash.clock.set(shop.now());
    after_a_crash.near.start().await;
    let service = after_a_crash.near.client(User::Alice).await.verifier();
    let options = VerifyOptions::default();
    let status = service.status(&owner.account, &options).await.unwrap();
    let code = status.ways.iter().find(|way| way.kind == "code");
    assert_eq!(code.unwrap().wait, 30);
}
