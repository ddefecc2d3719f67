//! Proves: a wrong code at each of many accounts slows the realm down, once fifty have come, to one
//! attempt a second, which the trail tells once; right codes are let in at that pace; another realm
//! and the console are not slowed.
//! Does not prove: how many codes a guesser gets, which the rules' own tests do.

use futures_util::future::join_all;
use oathd_client::{ErrorName, VerifyOptions};
use oathd_daemon::config::Realm;
use oathd_tests::world::User;

use crate::near::Near;
use crate::till::{START, Shop, settings, verify};

#[tokio::test]
async fn one_attempt_a_second_is_left() {
    let mut config = settings();
    let mill = Realm::of(User::Bob.uid());
    config.accounts.realms.insert("mill".parse().unwrap(), mill);
    let clock = std::sync::Arc::new(oathd_daemon::clock::ManualClock::new(START));
    let time: std::sync::Arc<_> = std::sync::Arc::clone(&clock);
    let near = Near::made(
        Vec::new(),
        |readers| std::sync::Arc::new(readers),
        config,
        time,
    )
    .await;
    let service = near.client(User::Alice).await;
    let shop = Shop {
        near,
        clock,
        service,
    };
    let owner = shop.enrol("ada").await;
    let guess = async |number: usize| {
        let account = format!("user{number}@shop");
        let answer = shop.verify(&account, "000000").await;
        shop.refused(answer)
    };
    for number in 0..50 {
        assert_eq!(guess(number).await, ErrorName::WrongCode);
    }
    for number in 50..100 {
        assert_eq!(guess(number).await, ErrorName::Throttled);
    }
    shop.wait(1);
    let names = join_all((100..120).map(guess)).await;
    let looked_at = names.iter().filter(|name| **name == ErrorName::WrongCode);
    assert_eq!(looked_at.count(), 1);
    shop.wait(1);
    let code = shop.code(&owner.seed, 0);
    shop.verify(&owner.account, &code).await.unwrap();

    let mill = shop.near.client(User::Bob).await;
    let root = shop.near.client(User::Root).await;
    let options = VerifyOptions::default();
    for (client, account) in [(&mill, "user@mill"), (&root, "ada@shop"), (&root, "root")] {
        let answer = verify(client, account, "000000", &options).await;
        assert_eq!(shop.refused(answer), ErrorName::WrongCode);
    }
    let trail = root.administration().audit(0, 1_000).await.unwrap();
    let alarms = trail.iter().filter(|entry| entry.event.contains("attack"));
    assert_eq!(alarms.count(), 1);
    shop.wait(600);
    for number in 0..10 {
        assert_eq!(guess(number).await, ErrorName::WrongCode);
    }
}
