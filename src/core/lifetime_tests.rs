//! A person's life with a second factor: enrolling, losing, coming back, replacing, ending.

use proptest::prelude::*;

use crate::enrolment::{self, Plan};
use crate::stand::{START, Stand, TOTP, clocked, key, seed};
use crate::*;

const HERE: CallerClass = CallerClass::Console;

fn slot(device: u8) -> Custody {
    Custody::OnToken {
        slot: Slot {
            device: vec![device],
            credential: b"verifier".to_vec(),
        },
        presence: Some(Sealed(vec![device])),
    }
}

/// An enrolment of seed 1 that was written to these tokens.
fn pending(stand: &mut Stand, tokens: &[u8]) -> Enrolment {
    let plan: Plan = stand.plan(1, TOTP, None);
    let mut enrolment = Enrolment::begin(&stand.account, plan, START).unwrap();
    for device in tokens {
        let id = stand.account.reserve_id();
        stand.seeds.insert(id, seed(1));
        enrolment
            .written(id, "key", Role::Primary, slot(*device))
            .unwrap();
    }
    enrolment
}

fn confirm(
    stand: &mut Stand,
    enrolment: &mut Enrolment,
    text: &str,
    now: u64,
) -> Result<Vec<Event>, EnrolmentError> {
    let moment = Moment::at(now);
    let candidates = stand.compute(&enrolment.wanted(&stand.account, moment));
    enrolment.confirm(
        &mut stand.account,
        &Response::classify(text),
        moment,
        &candidates,
    )
}

#[test]
fn the_code_must_come_from_every_slot_that_was_written() {
    let mut stand = Stand::new(1000);
    let mut enrolment = pending(&mut stand, &[1, 2]);
    let text = stand.code(enrolment.factors()[0].id, START / 30);
    let moment = Moment::at(START);
    let right = stand.compute(&enrolment.wanted(&stand.account, moment));
    let response = Response::classify(&text);
    let before = stand.account.clone();
    // From one slot alone, or from a seed in place of the slots, it proves too little.
    for strip in 0..2 {
        let mut candidates = stand.compute(&enrolment.wanted(&stand.account, moment));
        if strip == 0 {
            candidates.truncate(3);
        } else {
            candidates.iter_mut().for_each(|c| c.source = Source::Seed);
        }
        let refused = enrolment.confirm(&mut stand.account, &response, moment, &candidates);
        assert_eq!(
            refused,
            Err(EnrolmentError::WrongCode {
                tries_left: 4 - strip
            })
        );
        assert_eq!(stand.account, before);
    }
    let generation = stand.account.generation();
    let events = enrolment
        .confirm(&mut stand.account, &response, moment, &right)
        .unwrap();
    assert_eq!(events.len(), 2);
    assert!(stand.account.is_enrolled());
    assert!(
        stand.account.generation() > generation,
        "what was granted before ends"
    );
}

proptest! {
    #[test]
    fn an_enrolment_ends_after_five_wrong_codes_or_ten_minutes(wrong in 0u8..7, after in 0u64..1_200) {
        let mut stand = Stand::new(1000);
        let mut enrolment = pending(&mut stand, &[1]);
        let id = enrolment.factors()[0].id;
        let now = START + after;
        let right = stand.code(id, now / 30);
        let window: Vec<String> = (0..3).map(|n| stand.code(id, now / 30 + n - 1)).collect();
        let other = (0..9).map(|n| format!("{n:06}")).find(|c| !window.contains(c)).unwrap();
        for n in 0..wrong {
            let refused = confirm(&mut stand, &mut enrolment, &other, now).unwrap_err();
            if after >= enrolment::LIFETIME {
                prop_assert_eq!(refused, EnrolmentError::Expired);
            } else if n + 1 >= enrolment::TRIES {
                prop_assert_eq!(refused, EnrolmentError::Discarded);
            }
        }
        let confirmed = confirm(&mut stand, &mut enrolment, &right, now).is_ok();
        prop_assert_eq!(confirmed, wrong < enrolment::TRIES && after < enrolment::LIFETIME);
        prop_assert_eq!(stand.account.is_enrolled(), confirmed);
    }
}

#[test]
fn enrolments_that_cannot_be_are_named() {
    let mut stand = Stand::new(1000);
    let mut one = pending(&mut stand, &[1]);
    let mut two = pending(&mut stand, &[2]);
    let mut none = pending(&mut stand, &[]);
    let text = stand.code(one.factors()[0].id, START / 30);
    assert_eq!(
        confirm(&mut stand, &mut none, &text, START),
        Err(EnrolmentError::NothingWritten)
    );
    assert_eq!(
        confirm(&mut stand, &mut one, "123456 654321", START),
        Err(EnrolmentError::OneOrTwoCodes)
    );
    let doubtful = Moment {
        clock: Trust::Doubtful,
        ..Moment::at(START)
    };
    let refused = one.confirm(
        &mut stand.account,
        &Response::classify(&text),
        doubtful,
        &[],
    );
    assert_eq!(refused, Err(EnrolmentError::ClockUntrusted));
    confirm(&mut stand, &mut one, &text, START).unwrap();
    assert_eq!(
        confirm(&mut stand, &mut two, &text, START),
        Err(EnrolmentError::Stale)
    );
    assert_eq!(
        confirm(&mut stand, &mut one, &text, START),
        Err(EnrolmentError::Discarded)
    );
    let plan = |generator, replaces| stand.plan(1, generator, replaces);
    let refused =
        Enrolment::begin(&stand.account, plan(TOTP, Some(FactorId(99))), START).unwrap_err();
    assert_eq!(refused, EnrolmentError::NothingToReplace);
    for generator in [Generator::Hotp, clocked(0)] {
        let mut enrolment = Enrolment::begin(&stand.account, plan(generator, None), START).unwrap();
        let refused = enrolment.written(FactorId(50), "", Role::Backup, slot(1));
        assert_eq!(refused, Err(EnrolmentError::NeedsSeed));
        let long = "a".repeat(65);
        let refused = enrolment.written(
            FactorId(50),
            &long,
            Role::Backup,
            Custody::Sealed(Sealed(vec![])),
        );
        assert_eq!(refused, Err(EnrolmentError::InvalidLabel));
    }
    for number in 2..=16 {
        stand.enrol(number, TOTP, None, START).unwrap();
    }
    assert_eq!(
        stand.enrol(17, TOTP, None, START),
        Err(EnrolmentError::TooMany)
    );
    let last = stand.account.factors()[0].id;
    assert!(
        stand.enrol(17, TOTP, Some(last), START).is_ok(),
        "replacing needs no room"
    );
}

#[test]
fn one_factor_takes_the_place_of_all_that_were_lost() {
    let mut stand = Stand::enrolled(1000);
    let lost = stand.account.factors()[0].id;
    let also_lost = stand.enrol(2, TOTP, None, START).unwrap();
    let kept = stand.enrol(3, TOTP, None, START).unwrap();
    let plan = stand.plan(4, TOTP, None);
    let none = Enrolment::begin_for_lost(&stand.account, plan.clone(), START);
    assert_eq!(none.unwrap_err(), EnrolmentError::NothingToReplace);
    for id in [lost, also_lost] {
        stand.account.suspend_factor(id, START).unwrap();
    }
    let id = stand.account.reserve_id();
    stand.seeds.insert(id, seed(4));
    let mut enrolment = Enrolment::begin_for_lost(&stand.account, plan, START).unwrap();
    let moment = Moment::at(START);
    let write = |enrolment: &mut Enrolment| {
        let custody = Custody::Sealed(Sealed(vec![4]));
        enrolment.written(id, "", Role::Primary, custody).unwrap();
    };
    write(&mut enrolment);
    // What is written can be named anew before it is confirmed.
    enrolment.forget_written();
    assert!(enrolment.factors().is_empty());
    write(&mut enrolment);
    let typed = Response::classify(&stand.code(id, START / 30));
    let candidates = stand.compute(&enrolment.wanted(&stand.account, moment));
    let events = enrolment
        .confirm(&mut stand.account, &typed, moment, &candidates)
        .unwrap();
    for gone in [lost, also_lost] {
        assert!(events.contains(&Event::FactorRemoved { factor: gone }));
    }
    let left: Vec<FactorId> = stand.account.factors().iter().map(|f| f.id).collect();
    assert_eq!(left, [kept, id]);
}

#[test]
fn a_replacement_leaves_no_gap() {
    let mut stand = Stand::enrolled(1000);
    let old = stand.account.factors()[0].id;
    let (codes, _) = stand
        .account
        .issue_recovery_codes(&key(), &[[1; 10]; 10], START);
    assert!(stand.enrol(2, TOTP, Some(FactorId(99)), START).is_err());
    let text = stand.code(old, START / 30);
    assert!(
        stand.accepts(HERE, &text, START),
        "the old one works until the new one does"
    );
    let new = stand.enrol(2, TOTP, Some(old), START + 60).unwrap();
    let text = stand.code(old, START / 30 + 4);
    assert!(!stand.accepts(HERE, &text, START + 120));
    let text = stand.code(new, START / 30 + 4);
    assert!(stand.accepts(HERE, &text, START + 120));
    assert!(
        stand.accepts(HERE, &codes[0].reveal(), START + 120),
        "recovery codes stay"
    );
}

#[test]
fn switching_off_revives_nothing() {
    let mut stand = Stand::enrolled(1000);
    let id = stand.account.factors()[0].id;
    let (codes, _) = stand
        .account
        .issue_recovery_codes(&key(), &[[1; 10]; 10], START);
    let used = stand.code(id, START / 30 + 1);
    assert!(stand.accepts(HERE, &used, START));
    assert_eq!(stand.account.remove_factor(id), Err(FactorError::Last));
    assert_eq!(stand.account.switch_off(START), Event::SwitchedOff);
    assert!(!stand.account.is_enrolled());
    assert!(!stand.accepts(HERE, &codes[0].reveal(), START));
    // The same seed once more, in the same half minute.
    assert_eq!(
        stand.enrol(1, TOTP, None, START),
        Err(EnrolmentError::CodeUsed)
    );
    assert!(stand.enrol(1, TOTP, None, START + 60).is_ok());
    for code in &codes {
        assert!(!stand.accepts(HERE, &code.reveal(), START + 4_000));
    }
}

#[test]
fn a_touch_is_proved_by_the_whole_answer() {
    let mut stand = Stand::new(1000);
    let mut enrolment = pending(&mut stand, &[1]);
    let id = enrolment.factors()[0].id;
    let text = stand.code(id, START / 30);
    confirm(&mut stand, &mut enrolment, &text, START).unwrap();
    let doubtful = Moment {
        clock: Trust::Doubtful,
        ..Moment::at(START)
    };
    let mut judge = |factor, expected: &[u8], answer: &[u8]| match stand
        .account
        .admit_presence(HERE, factor, doubtful)
    {
        Admission::Admitted(ticket) => {
            stand
                .account
                .judge_presence(&ticket, expected, answer, doubtful, &key())
        }
        Admission::Refused { outcome, .. } => panic!("{outcome:?}"),
    };
    let accepted = judge(id, &[1; 20], &[1; 20]).unwrap();
    assert!(matches!(accepted.outcome, Outcome::Accepted(ref a) if a.way == Way::Presence(id)));
    for (factor, answer) in [
        (id, &[1u8; 19][..]),
        (id, &[2; 20]),
        (FactorId(77), &[1; 20]),
    ] {
        let refused = judge(factor, &[1; 20], answer).unwrap();
        assert!(matches!(refused.outcome, Outcome::WrongCode { .. }));
    }
    assert_eq!(judge(id, &[], &[]).unwrap_err(), EmptyAnswer);
}

proptest! {
    /// Whatever dates are set, somebody who has an active factor has a way in.
    #[test]
    fn the_last_usable_factor_never_ends(ends in prop::collection::vec(prop::option::of(0u64..1_000), 1..5), after in 0u64..2_000) {
        let mut stand = Stand::new(1000);
        for (number, end) in (1..).zip(&ends) {
            let plan = Plan { not_after: end.map(|e| START + e), ..stand.plan(number, TOTP, None) };
            stand.enrol_plan(number, plan, Moment::at(START)).unwrap();
        }
        let now = START + 60 + after;
        let ways = stand.account.open_ways(HERE, Moment::at(now), false);
        let open = ways.iter().filter(|w| matches!(w.kind, OpenKind::Code(_))).count();
        let alive = ends.iter().filter(|e| e.is_none_or(|end| now < START + end)).count();
        prop_assert_eq!(open, alive.max(1));
        let id = stand.account.factors().iter().max_by_key(|f| f.not_after.unwrap_or(u64::MAX)).unwrap().id;
        let text = stand.code(id, now / 30);
        prop_assert!(stand.accepts(HERE, &text, now));
    }
}

#[test]
fn the_ways_in_are_told_in_their_order() {
    let mut stand = Stand::new(1000);
    let now = START + 100;
    let none = stand.account.open_ways(HERE, Moment::at(now), false);
    assert_eq!(
        none,
        [OpenWay {
            kind: OpenKind::Administrator,
            wait: 0
        }]
    );
    let mut enrolment = pending(&mut stand, &[1]);
    let id = enrolment.factors()[0].id;
    let text = stand.code(id, START / 30);
    confirm(&mut stand, &mut enrolment, &text, START).unwrap();
    let _ = stand
        .account
        .issue_recovery_codes(&key(), &[[1; 10]; 10], START);
    let kinds = |stand: &Stand, moment| -> Vec<OpenKind> {
        stand
            .account
            .open_ways(HERE, moment, true)
            .iter()
            .map(|way| way.kind)
            .collect()
    };
    let rest = [
        OpenKind::Presence(id),
        OpenKind::Recovery { left: 10 },
        OpenKind::Session,
        OpenKind::Administrator,
    ];
    assert_eq!(kinds(&stand, Moment::at(now))[0], OpenKind::Code(id));
    assert_eq!(kinds(&stand, Moment::at(now))[1..], rest);
    assert_eq!(
        kinds(
            &stand,
            Moment {
                clock: Trust::Doubtful,
                ..Moment::at(now)
            }
        ),
        rest
    );
    for _ in 0..4 {
        stand.attempt(HERE, "000000", now);
    }
    assert_eq!(
        stand.account.open_ways(HERE, Moment::at(now), false)[0].wait,
        30
    );
}

#[test]
fn what_was_given_out_before_a_restore_is_not_given_again() {
    let mut stand = Stand::enrolled(1000);
    let backup = stand.account.clone();
    let here = &mut stand.account;
    let given = here.reserve_id();
    here.end_grants();
    let entropy = [[1; 10]; 10];
    let _ = here.issue_recovery_codes(&key(), &entropy, START);
    let mut restored = backup;
    restored.outlive(here);
    assert!(restored.reserve_id() > given);
    assert_eq!(restored.generation(), here.generation());
    // Each set has a number of its own, which its hashes are made with.
    let _ = restored.issue_recovery_codes(&key(), &entropy, START);
    let kept = |account: &Account| account.recovery().unwrap().codes().to_vec();
    assert_ne!(kept(&restored), kept(here));
}
