//! Proves: of 64 programs that send one code at the same time exactly one is let in, whichever kind
//! of code it is; the others are told that it was used, and nobody is charged; attempts that are
//! right and come at the same time are all let in, and none is counted against another.
//! Does not prove: what happens over many rounds, or when oathd is killed.

use futures_util::future::join_all;
use oathd_client::{CHANGE_SERVICE, EnrollOptions, ErrorName, VerifyOptions};

use crate::till::{Owner, Shop, verify};

/// Sends one response 64 times at once: how many were let in, and what the others were told.
async fn at_once(shop: &Shop, owner: &Owner, response: &str) -> (usize, Vec<ErrorName>) {
    let asked = (0..64).map(|_| shop.verify(&owner.account, response));
    let answers = join_all(asked).await;
    let (accepted, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    let refused = refused.into_iter().map(|answer| shop.refused(answer));
    (accepted.len(), refused.collect())
}

#[tokio::test]
async fn one_of_sixty_four_is_let_in() {
    let shop = Shop::open().await;
    let owner = shop.enrol("ada").await;
    for response in [shop.code(&owner.seed, 0), owner.recovery[3].clone()] {
        let (accepted, refused) = at_once(&shop, &owner, &response).await;
        assert_eq!(accepted, 1);
        assert_eq!(refused, [ErrorName::CodeUsed; 63]);
    }
    // Nothing was counted: a failure now is the first one.
    let wrong = shop.wrong_code(&owner.seed);
    let (name, details) = shop.verify(&owner.account, &wrong).await.unwrap_err();
    assert_eq!((name, details.retry_after), (ErrorName::WrongCode, None));
}

#[tokio::test]
async fn right_ones_at_the_same_time_are_all_let_in() {
    let shop = Shop::open().await;
    let owner = shop.enrol("ada").await;
    let mut owners = vec![owner];
    while owners.len() < 12 {
        let owner = &owners[0];
        let code = shop.code(&owner.seed, 0);
        let options = VerifyOptions {
            service: Some(CHANGE_SERVICE.to_owned()),
            ..VerifyOptions::default()
        };
        let proof = verify(&shop.service, &owner.account, &code, &options).await;
        let options = EnrollOptions {
            proof: Some(proof.unwrap().receipt),
            role: Some("backup".to_owned()),
            ..EnrollOptions::default()
        };
        let begun = shop.service.accounts();
        let begun = begun
            .begin_enrollment(&owner.account, &options)
            .await
            .unwrap();
        owners.push(shop.finish(owner.account.clone(), begun).await);
    }
    let codes = owners.iter().map(|owner| shop.code(&owner.seed, 0));
    let recovery = owners[0].recovery.iter().take(8).cloned();
    let responses: Vec<_> = codes.chain(recovery).collect();
    assert_eq!(responses.len(), 20);
    let account = &owners[0].account;
    let answers = join_all(responses.iter().map(|r| shop.verify(account, r))).await;
    for answer in answers {
        answer.unwrap();
    }
}
