//! Proves: while the clock is a day behind its past, or has jumped a day ahead of the time since
//! boot, codes made from time are refused, and say why; a recovery code works all the same; when the
//! clock is right again, a used code is still used. A clock that was believed in the future is believed
//! again on an administrator's word, over a restart too, and brings no used code back.
//! Does not prove: that a time service excuses a jump, which the rules' own tests do.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use oathd_client::{ErrorName, VerifyOptions};
use oathd_daemon::clock::{Clock, ManualClock};
use oathd_tests::world::User;

use crate::near::Near;
use crate::till::{START, Shop, settings};

const DAY: i64 = 86_400;

/// A clock whose time of day can be wrong by some seconds.
struct Wrong {
    right: Arc<ManualClock>,
    by: AtomicI64,
}

impl Clock for Wrong {
    fn now(&self) -> u64 {
        let by = self.by.load(Ordering::SeqCst);
        self.right.now().saturating_add_signed(by)
    }

    fn boot_time(&self) -> Duration {
        self.right.boot_time()
    }
}

#[tokio::test]
async fn only_what_needs_no_clock_goes_on() {
    let right = Arc::new(ManualClock::new(START));
    let clock = Arc::new(Wrong {
        right: Arc::clone(&right),
        by: AtomicI64::new(0),
    });
    let time: Arc<Wrong> = Arc::clone(&clock);
    let near = Near::made(Vec::new(), |readers| Arc::new(readers), settings(), time).await;
    let service = near.client(User::Alice).await;
    let shop = Shop {
        near,
        clock: right,
        service,
    };
    let owner = shop.enrol("ada").await;
    let mut recovery = owner.recovery.iter();
    let used = shop.code(&owner.seed, 0);
    shop.verify(&owner.account, &used).await.unwrap();
    for by in [-DAY, DAY] {
        clock.by.store(by, Ordering::SeqCst);
        for code in [
            shop.code(&owner.seed, by / 30),
            shop.code(&owner.seed, 1),
            used.clone(),
            "000000".to_owned(),
        ] {
            let refused = shop.verify(&owner.account, &code).await;
            assert_eq!(shop.refused(refused), ErrorName::ClockUntrusted);
        }
        let (verifier, options) = (shop.service.verifier(), VerifyOptions::default());
        let status = verifier.status(&owner.account, &options).await;
        assert!(!status.unwrap().clock_trusted);
        let code = recovery.next().unwrap();
        shop.verify(&owner.account, code).await.unwrap();
        clock.by.store(0, Ordering::SeqCst);
        let again = shop.verify(&owner.account, &used).await;
        assert_eq!(shop.refused(again), ErrorName::CodeUsed);
    }
    let fresh = shop.code(&owner.seed, 1);
    shop.verify(&owner.account, &fresh).await.unwrap();
}

/// A machine that came up with a clock that stood a day in the future, and was used then.
#[tokio::test]
async fn an_administrator_ends_a_future_that_was_believed() {
    let shop = Shop::open().await;
    let owner = shop.enrol("ada").await;
    let later = shop.enrol("bob").await;
    let tomorrow = START + DAY.unsigned_abs();
    shop.clock.set(tomorrow);
    let used = shop.code(&owner.seed, 0);
    shop.verify(&owner.account, &used).await.unwrap();

    shop.clock.set(START + 600);
    let code = shop.code(&later.seed, 0);
    let refused = shop.verify(&later.account, &code).await;
    assert_eq!(shop.refused(refused), ErrorName::ClockUntrusted);
    let root = shop.near.client(User::Root).await.administration();
    assert_eq!(root.trust_clock().await.unwrap(), START + 600);
    shop.verify(&later.account, &code).await.unwrap();
    let trail = root.audit(0, 1_000).await.unwrap();
    assert!(trail.iter().any(|entry| entry.event == "clock_trusted"));

    // Who was here in that future has used its codes up, is told until when, and has other ways.
    let code = shop.code(&owner.seed, 0);
    let (name, details) = shop.verify(&owner.account, &code).await.unwrap_err();
    assert_eq!(name, ErrorName::CodeUsed);
    assert!(details.detail.unwrap().contains("another way in"));
    let until = shop.now() + details.retry_after.unwrap();
    assert!((tomorrow..tomorrow + 60).contains(&until));
    shop.verify(&owner.account, &owner.recovery[0])
        .await
        .unwrap();
    shop.clock.set(tomorrow);
    let refused = shop.verify(&owner.account, &used).await;
    assert_eq!(shop.refused(refused), ErrorName::CodeUsed);
}
