//! Proves: a factor is named, given an end, suspended and taken away, but no way in is taken that is
//! the last; one factor takes the place of all that were lost; a new set of recovery codes voids the
//! one before, and one of it can be shown to have been written down; switching off leaves nothing
//! but that it was, and lets its owner begin again. Everything granted before ends with each, and
//! all of it is in the trail.
//! Does not prove: which proof a change asks for.

use oathd_api::wire::account::FactorOptions;
use oathd_api::wire::enrollment::ConfirmOptions;
use oathd_client::{Client, ErrorName};
use oathd_tests::world::User;

use crate::desk::cause;
use crate::holder::{
    Authenticator, CAROL, SERVICE, counting, describe, enrol, lines, near, nothing, prove, verify,
};

/// A change of a factor, with a proof.
async fn options(client: &Client, authenticator: &mut Authenticator) -> FactorOptions {
    let proof = prove(client, CAROL, &authenticator.next()).await;
    FactorOptions {
        proof: proof.proof,
        ..FactorOptions::default()
    }
}

#[tokio::test]
async fn a_factor_is_named_and_given_an_end() {
    let near = near().await;
    let client = near.client(SERVICE).await;
    let (mut authenticator, confirmed) = enrol(&client, CAROL, nothing()).await;
    let (accounts, id) = (client.accounts(), confirmed.factors[0]);
    let change = FactorOptions {
        label: Some("drawer".to_owned()),
        role: Some("backup".to_owned()),
        not_after: Some(4_000_000_000),
        ..options(&client, &mut authenticator).await
    };
    accounts.change_factor(CAROL, id, &change).await.unwrap();
    let change = FactorOptions {
        not_after: Some(4_000_000_001),
        ..options(&client, &mut authenticator).await
    };
    accounts.change_factor(CAROL, id, &change).await.unwrap();
    let factor = describe(&client, CAROL).await.factors.remove(0);
    assert_eq!(
        (factor.label.as_str(), factor.role.as_str()),
        ("drawer", "backup")
    );
    assert_eq!(factor.not_after, Some(4_000_000_001));
    let change = FactorOptions {
        not_after: Some(0),
        ..options(&client, &mut authenticator).await
    };
    accounts.change_factor(CAROL, id, &change).await.unwrap();
    assert_eq!(describe(&client, CAROL).await.factors[0].not_after, None);

    let change = FactorOptions {
        label: Some("a\nb".to_owned()),
        ..options(&client, &mut authenticator).await
    };
    let refused = accounts.change_factor(CAROL, id, &change).await;
    assert_eq!(cause(refused), ErrorName::InvalidName);
    let change = options(&client, &mut authenticator).await;
    let refused = accounts.change_factor(CAROL, 99, &change).await;
    assert_eq!(cause(refused), ErrorName::NoSuchFactor);
}

#[tokio::test]
async fn a_factor_is_suspended_and_taken_away_but_not_the_last_way_in() {
    let near = near().await;
    let client = near.client(SERVICE).await;
    let accounts = client.accounts();
    let (mut lost, confirmed) = enrol(&client, CAROL, nothing()).await;
    let (one, codes) = (
        confirmed.factors[0],
        lines(confirmed.recovery_codes.as_ref()),
    );
    let proof = prove(&client, CAROL, &lost.next()).await;
    let (mut kept, confirmed) = enrol(&client, CAROL, proof).await;
    let two = confirmed.factors[0];

    let proof = prove(&client, CAROL, &kept.next()).await;
    let token = accounts.begin_session(CAROL, &proof).await.unwrap();
    let proof = prove(&client, CAROL, &kept.next()).await;
    let key = accounts.new_api_key(CAROL, &proof).await.unwrap();
    let proof = prove(&client, CAROL, &kept.next()).await;
    accounts.suspend_factor(CAROL, one, &proof).await.unwrap();
    let refused = verify(&client, CAROL, &lost.next(), "shop").await;
    assert_eq!(cause(refused), ErrorName::WrongCode);
    assert_eq!(describe(&client, CAROL).await.factors[0].state, "suspended");
    assert!(
        client
            .verifier()
            .check_session(CAROL, &token)
            .await
            .is_err()
    );
    assert!(client.verifier().check_api_key(CAROL, &key).await.is_err());
    let told = describe(&client, CAROL).await;
    assert_eq!((told.sessions, told.api_key_issued), (0, None));

    let proof = prove(&client, CAROL, &kept.next()).await;
    accounts.remove_factor(CAROL, one, &proof).await.unwrap();
    for (factor, error) in [(two, ErrorName::LastFactor), (one, ErrorName::NoSuchFactor)] {
        let proof = prove(&client, CAROL, &kept.next()).await;
        let refused = accounts.remove_factor(CAROL, factor, &proof).await;
        assert_eq!(cause(refused), error);
    }
    // Recovery codes are left.
    let proof = prove(&client, CAROL, &kept.next()).await;
    accounts.suspend_factor(CAROL, two, &proof).await.unwrap();
    assert!(describe(&client, CAROL).await.must_reenrol);

    let begin = async |factor: u32, proof| {
        let options = counting(proof);
        accounts.begin_replacement(CAROL, factor, &options).await
    };
    let proof = prove(&client, CAROL, &codes[0]).await;
    let enrollment = begin(0, proof).await.unwrap();
    let mut new = Authenticator::scan(&enrollment.reveal().await.unwrap());
    let options = ConfirmOptions {
        recovery_codes: Some(false),
        keep: None,
    };
    let confirmed = enrollment.confirm(&new.next(), &options).await.unwrap();
    let told = describe(&client, CAROL).await;
    let ids: Vec<u32> = told.factors.iter().map(|factor| factor.id).collect();
    assert_eq!((ids, told.must_reenrol), (confirmed.factors, false));
    // None is lost.
    let proof = prove(&client, CAROL, &new.next()).await;
    assert_eq!(cause(begin(0, proof).await), ErrorName::NoSuchFactor);
}

#[tokio::test]
async fn without_recovery_codes_the_last_factor_stays() {
    let near = near().await;
    let client = near.client(SERVICE).await;
    let accounts = client.accounts();
    let options = counting(nothing());
    let enrollment = accounts.begin_enrollment(CAROL, &options).await.unwrap();
    let mut authenticator = Authenticator::scan(&enrollment.reveal().await.unwrap());
    let options = ConfirmOptions {
        recovery_codes: Some(false),
        keep: None,
    };
    let code = authenticator.next();
    let confirmed = enrollment.confirm(&code, &options).await.unwrap();
    let proof = prove(&client, CAROL, &authenticator.next()).await;
    let refused = accounts
        .suspend_factor(CAROL, confirmed.factors[0], &proof)
        .await;
    assert_eq!(cause(refused), ErrorName::LastFactor);
    verify(&client, CAROL, &authenticator.next(), "shop")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_new_set_of_recovery_codes_voids_the_one_before() {
    let near = near().await;
    let client = near.client(SERVICE).await;
    let accounts = client.accounts();
    let refused = accounts.new_recovery_codes(CAROL, &nothing()).await;
    assert_eq!(cause(refused), ErrorName::NotEnrolled);
    let (mut authenticator, confirmed) = enrol(&client, CAROL, nothing()).await;
    let old = lines(confirmed.recovery_codes.as_ref());
    accounts
        .acknowledge_recovery_code(CAROL, &old[0])
        .await
        .unwrap();
    assert!(
        describe(&client, CAROL)
            .await
            .recovery
            .unwrap()
            .acknowledged
    );

    let proof = prove(&client, CAROL, &authenticator.next()).await;
    let new = accounts.new_recovery_codes(CAROL, &proof).await.unwrap();
    let new: Vec<&str> = new.lines().collect();
    assert_eq!(new.len(), 10);
    assert!(
        new.iter()
            .all(|code| !old.iter().any(|other| other == code))
    );
    let told = describe(&client, CAROL).await.recovery.unwrap();
    assert_eq!((told.left, told.acknowledged), (10, false));
    let mistyped = new[0].replacen(|_: char| true, "*", 1);
    for (code, error) in [
        (old[0].as_str(), ErrorName::WrongCode),
        ("123456", ErrorName::InvalidResponse),
        (mistyped.as_str(), ErrorName::InvalidResponse),
    ] {
        let refused = accounts.acknowledge_recovery_code(CAROL, code).await;
        assert_eq!(cause(refused), error);
    }
    accounts
        .acknowledge_recovery_code(CAROL, new[9])
        .await
        .unwrap();
    assert!(verify(&client, CAROL, &old[1], "shop").await.is_err());
    verify(&client, CAROL, new[9], "shop").await.unwrap();
}

#[tokio::test]
async fn switching_off_leaves_nothing_but_that_it_was() {
    let near = near().await;
    let client = near.client(SERVICE).await;
    let accounts = client.accounts();
    let refused = accounts.disable(CAROL, &nothing()).await;
    assert_eq!(cause(refused), ErrorName::NotEnrolled);
    let (mut authenticator, confirmed) = enrol(&client, CAROL, nothing()).await;
    let codes = lines(confirmed.recovery_codes.as_ref());
    let proof = prove(&client, CAROL, &authenticator.next()).await;
    let key = accounts.new_api_key(CAROL, &proof).await.unwrap();
    let proof = prove(&client, CAROL, &authenticator.next()).await;
    accounts.disable(CAROL, &proof).await.unwrap();
    let told = describe(&client, CAROL).await;
    assert!(!told.enrolled && told.switched_off.is_some() && told.factors.is_empty());
    assert!(told.recovery.is_none() && told.api_key_issued.is_none());
    for response in [authenticator.next(), codes[0].clone()] {
        assert!(verify(&client, CAROL, &response, "shop").await.is_err());
    }
    assert!(client.verifier().check_api_key(CAROL, &key).await.is_err());
    let refused = accounts.cancel_rescue(CAROL).await;
    assert_eq!(cause(refused), ErrorName::NoRescue);

    let (mut again, _) = enrol(&client, CAROL, nothing()).await;
    let told = describe(&client, CAROL).await;
    assert!(told.enrolled && told.switched_off.is_none());
    assert!(
        verify(&client, CAROL, &authenticator.next(), "shop")
            .await
            .is_err()
    );
    assert!(verify(&client, CAROL, &codes[1], "shop").await.is_err());
    verify(&client, CAROL, &again.next(), "shop").await.unwrap();

    let root = near.client(User::Root).await;
    let trail = root.administration().audit(0, 1000).await.unwrap();
    let events: Vec<&str> = trail.iter().map(|entry| entry.event.as_str()).collect();
    for event in [
        "enrolment_started",
        "factor_added",
        "recovery_codes_issued",
        "verified",
        "api_key_issued",
        "switched_off",
    ] {
        assert!(events.contains(&event), "{event}: {events:?}");
    }
    let theirs = trail.iter().filter(|entry| entry.event == "switched_off");
    assert!(theirs.clone().all(|entry| entry.uid == SERVICE.uid()));
    assert_eq!(theirs.count(), 1);
}
