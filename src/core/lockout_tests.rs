//! Guessing leads nowhere, and nobody can lock the owner out by guessing. In virtual time: each
//! attempt comes as soon as the one before allows.

use proptest::prelude::*;

use crate::charge::CAP;
use crate::stand::{START, Stand, TOTP, key, seed};
use crate::*;

/// Guesses `count` times as fast as is allowed; how many were evaluated, and when it ended.
fn flood(stand: &mut Stand, class: CallerClass, count: u32, from: u64) -> (u32, u64) {
    let (mut now, mut evaluated) = (from, 0);
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..count {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let guess = format!("{:06}", random % 1_000_000);
        loop {
            match stand.attempt(class, &guess, now) {
                Outcome::Throttled { retry_after } => now += retry_after,
                Outcome::LockedOut => break,
                Outcome::WrongCode { .. } => {
                    evaluated += 1;
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    (evaluated, now)
}

fn failures(stand: &Stand, class: CallerClass) -> u16 {
    stand.account.ledger().get(Family::Codes, class).failures
}

fn fresh(stand: &mut Stand, class: CallerClass, now: u64) -> bool {
    let id = stand.account.factors().last().unwrap().id;
    let text = stand.code(id, now / 30);
    stand.accepts(class, &text, now)
}

#[test]
fn ten_thousand_guesses_are_a_hundred_in_each_class() {
    let mut stand = Stand::enrolled(1000);
    assert!(!stand.account.has_shut_way());
    let (mut now, mut total) = (START, 0);
    for class in CallerClass::ALL {
        let (evaluated, end) = flood(&mut stand, class, 10_000, now);
        assert_eq!(evaluated, u32::from(CAP));
        total += evaluated;
        now = end;
        assert!(matches!(
            stand.attempt(class, "123456", now + 100_000_000),
            Outcome::LockedOut
        ));
        assert!(stand.account.has_shut_way());
    }
    assert_eq!(total, 400);
}

#[test]
fn the_hundredth_failure_says_that_it_was_the_last() {
    let class = CallerClass::Remote;
    let mut stand = Stand::enrolled(1000);
    let (_, end) = flood(&mut stand, class, 99, START);
    let judged = stand.try_at(class, "000000", Moment::at(end + 3_600));
    let failed = Event::Failed {
        family: Family::Codes,
        class,
        failures: 100,
    };
    let disabled = Event::Disabled {
        family: Family::Codes,
        class,
    };
    assert!(disabled.is_alarm() && disabled.is_told_to_the_owner());
    assert_eq!(judged.events, [failed, disabled]);
}

#[test]
fn who_enrols_after_a_flood_is_not_shut_out() {
    let class = CallerClass::Remote;
    let mut stand = Stand::new(1000);
    let (evaluated, end) = flood(&mut stand, class, 200, START);
    assert_eq!(
        evaluated,
        u32::from(CAP),
        "an account without a factor is like any other"
    );
    let ledger = &mut stand.account.ledger;
    for day in 0..CAP.into() {
        let charged = ledger.charge(Family::Presence, class, START + 86_400 * day);
        assert!(charged.is_ok());
    }
    let now = (end / 30 + 200) * 30;
    stand.enrol(1, TOTP, None, now).unwrap();
    let presence = stand.account.ledger().get(Family::Presence, class);
    assert_eq!(presence.failures, 0);
    assert!(fresh(&mut stand, class, now + 60));
}

#[test]
fn several_factors_give_no_more_guesses() {
    let mut stand = Stand::enrolled(1000);
    for number in 2..=5 {
        stand.enrol(number, TOTP, None, START).unwrap();
    }
    let (evaluated, _) = flood(&mut stand, CallerClass::Remote, 10_000, START + 60);
    assert_eq!(evaluated, u32::from(CAP));
}

#[test]
fn only_a_new_factor_opens_what_a_flood_has_shut() {
    let mut stand = Stand::enrolled(1000);
    let old = stand.account.factors()[0].id;
    let (_, end) = flood(&mut stand, CallerClass::Remote, 200, START);
    stand.account.lift_waits();
    assert!(!fresh(&mut stand, CallerClass::Remote, end + 60));
    assert!(
        fresh(&mut stand, CallerClass::Console, end + 120),
        "the console is open"
    );
    assert!(
        !fresh(&mut stand, CallerClass::Remote, end + 180),
        "a success elsewhere opens nothing"
    );
    let new = stand.enrol(2, TOTP, None, end + 240).unwrap();
    assert!(
        fresh(&mut stand, CallerClass::Remote, end + 300),
        "the new factor is accepted"
    );
    let text = stand.code(old, (end + 360) / 30);
    assert!(
        !stand.accepts(CallerClass::Remote, &text, end + 360),
        "the old one is not"
    );
    assert!(
        stand
            .account
            .factor(old)
            .unwrap()
            .must_rebind(CallerClass::Remote)
    );
    assert!(
        !stand
            .account
            .factor(new)
            .unwrap()
            .must_rebind(CallerClass::Remote)
    );
}

#[test]
fn a_charge_that_was_never_judged_counts() {
    let mut stand = Stand::enrolled(1000);
    let response = || Response::classify("000000");
    let (mut now, mut admitted) = (START, 0u16);
    loop {
        match stand
            .account
            .admit(CallerClass::Remote, response(), Moment::at(now))
        {
            Admission::Admitted(_) => admitted += 1,
            Admission::Refused {
                outcome: Outcome::Throttled { retry_after },
                ..
            } => now += retry_after,
            Admission::Refused { outcome, events } => {
                assert!(matches!(outcome, Outcome::LockedOut));
                let class = CallerClass::Remote;
                assert_eq!(
                    events,
                    [Event::Disabled {
                        family: Family::Codes,
                        class
                    }]
                );
                break;
            }
        }
    }
    assert_eq!(admitted, CAP);
}

#[test]
fn root_at_the_console_is_slowed_and_never_shut_out() {
    let mut stand = Stand::enrolled(0);
    let (evaluated, end) = flood(&mut stand, CallerClass::Console, 300, START);
    assert_eq!(evaluated, 300);
    assert!(fresh(&mut stand, CallerClass::Console, end + 3_600));
    let (evaluated, _) = flood(&mut stand, CallerClass::Remote, 300, START);
    assert_eq!(evaluated, u32::from(CAP), "elsewhere root is like anybody");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However the others flood, the owner at the console is accepted at once.
    #[test]
    fn floods_elsewhere_never_delay_the_console(
        counts in prop::collection::vec((1usize..4, 1u32..40), 1..6), realm in 0u32..200,
    ) {
        let mut stand = Stand::enrolled(1000);
        let mut bucket = Bucket::default();
        let mut now = START;
        for (class, count) in counts {
            let (_, end) = flood(&mut stand, CallerClass::ALL[class], count, now);
            for _ in 0..realm {
                let _ = bucket.take(CallerClass::Remote, end);
            }
            now = (end / 30 + 2) * 30;
            prop_assert!(bucket.take(CallerClass::Console, now).is_ok());
            prop_assert!(fresh(&mut stand, CallerClass::Console, now));
        }
    }

    #[test]
    fn success_clears_and_time_does_not(wrong in 1u32..20, idle in 0u64..10_000_000) {
        let class = CallerClass::Remote;
        let mut stand = Stand::enrolled(1000);
        let (_, end) = flood(&mut stand, class, wrong, START);
        let later = (end + idle + 3_600) / 30 * 30;
        prop_assert_eq!(u32::from(failures(&stand, class)), wrong);
        prop_assert!(!stand.accepts(class, "not a code", later));
        prop_assert_eq!(u32::from(failures(&stand, class)), wrong);
        prop_assert!(fresh(&mut stand, class, later));
        prop_assert_eq!(failures(&stand, class), 0);
    }

    /// Text that could be no response, a typo and a question cost nothing.
    #[test]
    fn what_is_no_guess_is_not_charged(text in "[a-z0-9 -]{0,24}") {
        let mut stand = Stand::enrolled(1000);
        let before = stand.account.clone();
        let outcome = stand.attempt(CallerClass::Remote, &text, START);
        if matches!(outcome, Outcome::Typo | Outcome::Malformed | Outcome::Help) {
            prop_assert_eq!(stand.account, before);
        } else {
            prop_assert!(stand.account != before);
        }
    }
}

#[test]
fn a_thousand_accounts_trip_their_realm_alone() {
    let (mut bank, mut shop) = (Bucket::default(), Bucket::default());
    let (mut alarms, mut evaluated) = (0, 0);
    for number in 0..1_000 {
        // Nobody can tell from this whether an account is there.
        let name: AccountName = format!("user{number}@bank").parse().unwrap();
        let mut account = if number % 2 == 0 {
            Account::decoy(name)
        } else {
            Account::new(name, None)
        };
        let Ok((_, alarm)) = bank.take(CallerClass::RealmService, START) else {
            continue;
        };
        alarms += usize::from(alarm.is_some());
        let response = Response::classify("123456");
        match account.admit(CallerClass::RealmService, response, Moment::at(START)) {
            Admission::Admitted(ticket) => {
                assert_eq!(
                    ticket.wanted.len(),
                    1,
                    "the same codes are computed for everyone"
                );
                evaluated += 1;
            }
            Admission::Refused { outcome, .. } => panic!("{outcome:?}"),
        }
    }
    assert_eq!((alarms, evaluated), (1, 50));
    let (_, alarm) = shop.take(CallerClass::RealmService, START).unwrap();
    assert_eq!(alarm, None);
}

#[test]
fn a_decoy_is_like_an_account_and_accepts_nothing() {
    let mut real = Stand::enrolled(1000);
    let mut decoy = Stand::new(1000);
    decoy.account = Account::decoy("nobody".parse().unwrap());
    let mut now = START;
    for _ in 0..150 {
        let (a, b) = (
            real.attempt(CallerClass::Remote, "000000", now),
            decoy.attempt(CallerClass::Remote, "000000", now),
        );
        assert_eq!(format!("{a:?}"), format!("{b:?}"));
        now += 1_800;
    }
    let mut decoy = Stand::new(1000);
    decoy.account = Account::decoy("nobody".parse().unwrap());
    decoy.seeds.insert(FactorId::DECOY, seed(7));
    let right = decoy.code(FactorId::DECOY, START / 30);
    assert!(!decoy.accepts(CallerClass::Remote, &right, START));
}

#[test]
fn families_are_counted_apart() {
    let class = CallerClass::Remote;
    let mut stand = Stand::enrolled(1000);
    let (codes, _) = stand
        .account
        .issue_recovery_codes(&key(), &[[1; 10]; 10], START);
    let (_, end) = flood(&mut stand, class, 200, START);
    assert!(
        stand.accepts(class, &codes[3].reveal(), end),
        "recovery codes are open"
    );
    let stranger = RecoveryCode::new(3, &[7; 10]).reveal();
    let (mut now, mut wrong) = (end, 0u16);
    loop {
        match stand.attempt(class, &stranger, now) {
            Outcome::WrongCode { .. } => wrong += 1,
            Outcome::Throttled { retry_after } => now += retry_after,
            Outcome::LockedOut => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(wrong, CAP);
    assert!(stand.accepts(CallerClass::Console, &codes[4].reveal(), now));
    let (codes, _) = stand
        .account
        .issue_recovery_codes(&key(), &[[2; 10]; 10], now);
    assert!(
        stand.accepts(class, &codes[0].reveal(), now),
        "a new set is open"
    );
}

#[test]
fn an_attempt_that_was_not_looked_at_counts_for_nothing() {
    let mut stand = Stand::enrolled(1000);
    for _ in 0..1_000 {
        let response = Response::classify("123456");
        let moment = Moment::at(START);
        let admitted = stand.account.admit(CallerClass::Remote, response, moment);
        let Admission::Admitted(ticket) = admitted else {
            panic!("{admitted:?}");
        };
        assert_eq!(failures(&stand, CallerClass::Remote), 1);
        stand.account.withdraw(&ticket);
        assert_eq!(failures(&stand, CallerClass::Remote), 0);
    }
}
