//! Proves: a realm's service begins, lists and ends sessions of its accounts, and makes and voids
//! their API key, of which there is one; a session lives as long as it is used and no longer than
//! its end; whoever has no realm has none of it.
//! Does not prove: what a change of an account does to them.

use std::sync::Arc;

use oathd_api::wire::account::EndOptions;
use oathd_client::ErrorName;
use oathd_daemon::clock::ManualClock;
use oathd_tests::world::User;

use crate::desk::cause;
use crate::holder::{
    CAROL, DAVE, SERVICE, config, describe, enrol, lines, memory, near, nothing, prove,
};
use crate::near::Near;

const START: u64 = 1_800_000_000;

#[tokio::test]
async fn a_session_ends_when_it_is_told_to() {
    let near = near().await;
    let client = near.client(SERVICE).await;
    let accounts = client.accounts();
    let mut tokens = Vec::new();
    for _ in 0..4 {
        tokens.push(accounts.begin_session(CAROL, &nothing()).await.unwrap());
    }
    let daves = accounts.begin_session(DAVE, &nothing()).await.unwrap();
    assert_eq!(accounts.sessions(CAROL).await.unwrap().len(), 4);
    let end = async |session: Option<&[u8]>, keep: Option<&[u8]>| {
        let options = EndOptions {
            session: session.map(memory),
            keep: keep.map(memory),
        };
        accounts.end_sessions(CAROL, &options).await
    };
    assert_eq!(end(Some(&tokens[0]), None).await.unwrap(), 1);
    assert_eq!(end(Some(&tokens[0]), None).await.unwrap(), 0);
    assert_eq!(end(Some(&daves), None).await.unwrap(), 0);
    assert!(end(Some(&tokens[1]), Some(&tokens[2])).await.is_err());
    assert_eq!(end(None, Some(&tokens[1])).await.unwrap(), 2);
    let verifier = client.verifier();
    verifier.check_session(CAROL, &tokens[1]).await.unwrap();
    assert!(verifier.check_session(CAROL, &tokens[2]).await.is_err());
    assert!(verifier.check_session(DAVE, &tokens[1]).await.is_err());
    assert_eq!(end(None, None).await.unwrap(), 1);
    assert_eq!(accounts.sessions(CAROL).await.unwrap(), []);
    verifier.check_session(DAVE, &daves).await.unwrap();
    assert_eq!(describe(&client, DAVE).await.sessions, 1);
}

#[tokio::test]
async fn a_session_is_marked_by_how_it_was_opened() {
    let near = near().await;
    let client = near.client(SERVICE).await;
    let accounts = client.accounts();
    let (mut authenticator, confirmed) = enrol(&client, CAROL, nothing()).await;
    let codes = lines(confirmed.recovery_codes.as_ref());
    for response in [authenticator.next(), codes[0].clone()] {
        let proof = prove(&client, CAROL, &response).await;
        accounts.begin_session(CAROL, &proof).await.unwrap();
    }
    let sessions = accounts.sessions(CAROL).await.unwrap();
    let by_factor: Vec<bool> = sessions.iter().map(|session| session.by_factor).collect();
    assert_eq!(by_factor, [true, false]);
    assert!(sessions.iter().all(|session| session.must_reenrol));
}

#[tokio::test]
async fn a_session_ends_by_itself() {
    let clock = Arc::new(ManualClock::new(START));
    let near = Near::at(&clock, config()).await;
    let client = near.client(SERVICE).await;
    let (accounts, verifier) = (client.accounts(), client.verifier());
    let token = accounts.begin_session(CAROL, &nothing()).await.unwrap();
    let idle = accounts.begin_session(CAROL, &nothing()).await.unwrap();
    clock.set(START + 1_799);
    verifier.check_session(CAROL, &token).await.unwrap();
    clock.set(START + 1_800);
    assert!(verifier.check_session(CAROL, &idle).await.is_err());
    let left = accounts.sessions(CAROL).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].began, left[0].until), (START, START + 43_200));
    assert_eq!(left[0].idle_until, START + 1_799 + 1_800);
}

#[tokio::test]
async fn there_is_one_key() {
    let near = near().await;
    let client = near.client(SERVICE).await;
    let (accounts, verifier) = (client.accounts(), client.verifier());
    let old = accounts.new_api_key(CAROL, &nothing()).await.unwrap();
    verifier.check_api_key(CAROL, &old).await.unwrap();
    let new = accounts.new_api_key(CAROL, &nothing()).await.unwrap();
    assert!(verifier.check_api_key(CAROL, &old).await.is_err());
    let record = verifier.check_api_key(CAROL, &new).await.unwrap();
    let told = describe(&client, CAROL).await;
    assert_eq!(told.api_key_issued, Some(record.issued));
    accounts.remove_api_key(CAROL).await.unwrap();
    assert!(verifier.check_api_key(CAROL, &new).await.is_err());
    accounts.remove_api_key(CAROL).await.unwrap();
    assert_eq!(describe(&client, CAROL).await.api_key_issued, None);
}

#[tokio::test]
async fn users_of_this_machine_have_none() {
    let near = near().await;
    let root = near.client(User::Root).await;
    let accounts = root.accounts();
    for refused in [
        accounts.begin_session("root", &nothing()).await.map(drop),
        accounts.new_api_key("root", &nothing()).await.map(drop),
        accounts.sessions("root").await.map(drop),
        accounts.remove_api_key("root").await,
        accounts
            .end_sessions("root", &EndOptions::default())
            .await
            .map(drop),
    ] {
        assert_eq!(cause(refused), ErrorName::Unsupported);
    }
    // Root may for a realm.
    accounts.begin_session(CAROL, &nothing()).await.unwrap();
}
