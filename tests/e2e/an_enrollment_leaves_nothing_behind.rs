//! Proves: an enrollment that is given up – by Cancel, by its caller's leave, after ten minutes,
//! after five wrong codes, because the account was changed meanwhile, with oathd's end – leaves the
//! account as it was and clears what it wrote to tokens; killed in the middle, oathd finds the
//! account as it was. One user has so many under way and no more.
//! Does not prove: what stays on a token that is away at the end, or when oathd is killed; the
//! interface says so.

use std::sync::Arc;

use oathd_api::wire::account::EnrollOptions;
use oathd_api::wire::enrollment::{ConfirmOptions, WriteOptions};
use oathd_client::{Client, Enrollment, ErrorName, Token};
use oathd_daemon::clock::ManualClock;
use oathd_tests::world::{User, World, eventually};

use crate::desk::{Desk, cause, several};
use crate::holder::{
    Authenticator, CAROL, SERVICE, config, counting, describe, enrol, near, nothing, prove,
};
use crate::near::Near;
use crate::raw::{self, ROOT};

async fn begin(client: &Client, account: &str, options: &EnrollOptions) -> Enrollment {
    let accounts = client.accounts();
    accounts.begin_enrollment(account, options).await.unwrap()
}

/// A paired token, what it remembers, and an enrollment of `client` that wrote both kinds of slots.
async fn written(desk: &Desk, client: &Client) -> (Token, String, Enrollment) {
    let token = desk.find(client, 0).await;
    token.pair().await.unwrap();
    let before = desk.memory(0);
    let options = EnrollOptions {
        custody: Some("token".to_owned()),
        ..EnrollOptions::default()
    };
    let enrollment = begin(client, CAROL, &options).await;
    for role in ["authenticator", "verifier"] {
        let options = WriteOptions {
            role: Some(role.to_owned()),
            ..WriteOptions::default()
        };
        let token = std::slice::from_ref(&token);
        enrollment.write(token, &options).await.unwrap();
    }
    assert_ne!(desk.memory(0), before);
    (token, before, enrollment)
}

async fn desk() -> Desk {
    Desk::configured(several(1), |readers| Arc::new(readers), config()).await
}

/// Waits until the first token is as it was `before`.
async fn cleared(desk: &Desk, before: &str) {
    let cleared = async || (desk.memory(0) == before).then_some(());
    eventually("cleared slots", cleared).await.unwrap();
}

#[tokio::test]
async fn when_it_is_cancelled() {
    let desk = desk().await;
    let client = desk.client().await;
    let (_, before, enrollment) = written(&desk, &client).await;
    enrollment.cancel().await.unwrap();
    assert_eq!(desk.memory(0), before);
    assert!(enrollment.describe().await.is_err());
    assert!(!describe(&client, CAROL).await.enrolled);
}

#[tokio::test]
async fn when_its_caller_leaves() {
    let desk = desk().await;
    let (client, other) = (desk.client().await, desk.client().await);
    let (_, before, _) = written(&desk, &client).await;
    drop(client);
    cleared(&desk, &before).await;
    assert!(!describe(&other, CAROL).await.enrolled);
    let object = (
        oathd_api::names::ROOT_PATH,
        "org.freedesktop.DBus.ObjectManager",
    );
    let connection = desk.near.world.connect(User::Root).await.unwrap();
    let managed = raw::call(&connection, object, "GetManagedObjects", &()).await;
    let body = managed.unwrap().body();
    type Objects<'a> = std::collections::HashMap<
        zbus::OwnedObjectPath,
        std::collections::HashMap<String, std::collections::HashMap<String, zbus::OwnedVariant>>,
    >;
    assert_eq!(body.deserialize::<Objects<'_>>().unwrap().len(), 1);
}

#[tokio::test]
async fn after_five_wrong_codes() {
    let desk = desk().await;
    let client = desk.client().await;
    let (_, before, enrollment) = written(&desk, &client).await;
    let authenticator = Authenticator::scan(&enrollment.reveal().await.unwrap());
    for _ in 0..5 {
        let code = authenticator.code_of(1);
        let refused = enrollment.confirm(&code, &ConfirmOptions::default()).await;
        assert!(refused.is_err());
    }
    cleared(&desk, &before).await;
}

#[tokio::test]
async fn with_the_end_of_oathd() {
    let mut desk = desk().await;
    let client = desk.client().await;
    let (_, before, enrollment) = written(&desk, &client).await;
    desk.near.stop().await;
    assert_eq!(desk.memory(0), before);
    desk.near.start().await;
    assert!(enrollment.describe().await.is_err());
    assert!(!describe(&client, CAROL).await.enrolled);
}

#[tokio::test]
async fn when_the_account_was_changed_meanwhile() {
    let desk = desk().await;
    let client = desk.client().await;
    let (_, before, late) = written(&desk, &client).await;
    let authenticator = Authenticator::scan(&late.reveal().await.unwrap());
    enrol(&client, CAROL, nothing()).await;
    let code = authenticator.code_of(1);
    let refused = late.confirm(&code, &ConfirmOptions::default()).await;
    assert_eq!(cause(refused), ErrorName::EnrollmentExpired);
    cleared(&desk, &before).await;
    assert_eq!(describe(&client, CAROL).await.factors.len(), 1);
}

#[tokio::test]
async fn after_ten_minutes() {
    let clock = Arc::new(ManualClock::new(1_800_000_000));
    let near = Near::at(&clock, config()).await;
    let client = near.client(SERVICE).await;
    let enrollment = begin(&client, CAROL, &counting(nothing())).await;
    let mut authenticator = Authenticator::scan(&enrollment.reveal().await.unwrap());
    assert_eq!(enrollment.describe().await.unwrap().until, 1_800_000_600);
    clock.set(1_800_000_599);
    enrollment.describe().await.unwrap();
    clock.set(1_800_000_600);
    assert_eq!(
        cause(enrollment.describe().await),
        ErrorName::EnrollmentExpired
    );
    let code = authenticator.next();
    let late = enrollment.confirm(&code, &ConfirmOptions::default()).await;
    assert_eq!(cause(late), ErrorName::EnrollmentExpired);
    assert!(!describe(&client, CAROL).await.enrolled);
}

#[tokio::test]
async fn when_oathd_is_killed() {
    let mut world = World::new().unwrap();
    let realms = world.path("realms.d");
    std::fs::create_dir(&realms).unwrap();
    let realm = format!("realm = \"shop\"\nuid = {}\n", SERVICE.uid());
    std::fs::write(realms.join("shop.conf"), realm).unwrap();
    std::fs::write(world.path("oathd.conf"), "").unwrap();
    let start = ["--config", "/run/oathd.conf"];
    world.start_oathd(&start).unwrap();
    let connection = world.connect(SERVICE).await.unwrap();
    let client = Client::with(connection).without_interaction();
    let (mut authenticator, _) = enrol(&client, CAROL, nothing()).await;
    let proof = prove(&client, CAROL, &authenticator.next()).await;
    let before = describe(&client, CAROL).await;
    let enrollment = begin(&client, CAROL, &counting(proof)).await;
    enrollment.reveal().await.unwrap();
    world.oathd().unwrap().kill().unwrap();
    world.start_oathd(&start).unwrap();
    assert_eq!(describe(&client, CAROL).await, before);
    let code = authenticator.next();
    prove(&client, CAROL, &code).await;
}

#[tokio::test]
async fn so_that_there_is_room_for_the_next() {
    let near = near().await;
    let connection = near.world.connect(SERVICE).await.unwrap();
    let other = near.world.connect(SERVICE).await.unwrap();
    let accounts = (ROOT.0, oathd_api::names::ACCOUNTS_INTERFACE);
    let begin = async |connection: &zbus::Connection| {
        let body = (CAROL, raw::Options::new());
        let begun = raw::call(connection, accounts, "BeginEnrollment", &body).await;
        begun.map(drop)
    };
    let mut begun = 0;
    let refused = loop {
        assert!(begun < 1000, "no end");
        match begin(&connection).await {
            Ok(()) => begun += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(
        (begun, refused.as_str()),
        (64, "org.freedesktop.DBus.Error.LimitsExceeded")
    );
    assert!(begin(&other).await.is_err());
    // Nobody else is the worse for it.
    let root = near.world.connect(User::Root).await.unwrap();
    begin(&root).await.unwrap();
    connection.close().await.unwrap();
    let room = async || begin(&other).await.ok();
    eventually("room for an enrollment", room).await.unwrap();
}
