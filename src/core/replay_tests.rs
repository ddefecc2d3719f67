//! No step is accepted twice, on whatever path: verify, resync, enrolment, re-import, restore, a
//! clock set back. What this does not show is that a store keeps what it was given.

use std::collections::HashSet;

use oathd_oath::Period;
use proptest::prelude::*;

use crate::stand::{START, Stand, TOTP, clocked, key, seed};
use crate::*;

const CONSOLE: CallerClass = CallerClass::Console;

/// What may happen to an account, in any order.
#[derive(Clone, Debug)]
enum Act {
    /// The clock moves, forward or back.
    Clock(i64),
    /// The code of a step near the present one is typed.
    Code(i64),
    /// Two codes in a row are typed.
    Pair(i64),
    /// The factor is enrolled anew from the same seed.
    Enrol,
    /// It is switched off, then enrolled from the same seed.
    OffAndOn,
    /// An old copy of the store comes back, and the realm's floor rises.
    Restore,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (-200i64..400).prop_map(Act::Clock),
        8 => (-4i64..5).prop_map(Act::Code),
        3 => (-5i64..12).prop_map(Act::Pair),
        1 => Just(Act::Enrol),
        1 => Just(Act::OffAndOn),
        1 => Just(Act::Restore),
    ]
}

fn generator() -> impl Strategy<Value = Generator> {
    prop_oneof![
        Just(TOTP),
        (-3i32..4).prop_map(clocked),
        Just(Generator::Hotp)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_step_is_accepted_once_whatever_happens(generator in generator(), acts in prop::collection::vec(act(), 1..60)) {
        let period = Period::DEFAULT;
        let mut stand = Stand::new(1000);
        stand.enrol(1, generator, None, START).unwrap();
        let old = stand.account.clone();
        let (mut now, mut latest, mut floor) = (START, START, 0);
        let mut accepted = HashSet::new();
        let print = fingerprint(&key(), &seed(1));
        // What the confirmation used.
        accepted.extend(stand.account.watermark(&print).counter());
        let mut last = stand.account.watermark(&print);
        for act in acts {
            let moment = Moment { now, clock: Trust::Good, floor };
            let here = match generator {
                Generator::Hotp => stand.account.watermark(&print).next().unwrap(),
                _ => period.step(now),
            };
            let id = stand.account.factors()[0].id;
            let mut used = Vec::new();
            match act {
                Act::Clock(by) => {
                    now = now.saturating_add_signed(by);
                    latest = latest.max(now);
                    continue;
                }
                Act::Code(off) => {
                    let counter = here.saturating_add_signed(off);
                    let text = stand.code(id, counter);
                    if matches!(stand.try_at(CONSOLE, &text, moment).outcome, Outcome::Accepted(_)) {
                        used.push(counter);
                    }
                }
                Act::Pair(off) => {
                    let counter = here.saturating_add_signed(off);
                    let text = format!("{} {}", stand.code(id, counter), stand.code(id, counter + 1));
                    if matches!(stand.try_at(CONSOLE, &text, moment).outcome, Outcome::Accepted(_)) {
                        used.extend([counter, counter + 1]);
                    }
                }
                Act::Enrol | Act::OffAndOn => {
                    if matches!(act, Act::OffAndOn) {
                        stand.account.switch_off(now);
                    }
                    let replaces = stand.account.factors().first().map(|f| f.id);
                    let plan = stand.plan(1, generator, replaces);
                    let mark = stand.account.watermark(&print);
                    if stand.enrol_plan(1, plan, moment).is_ok() {
                        prop_assert!(mark != stand.account.watermark(&print));
                        used.extend(stand.account.watermark(&print).counter());
                    } else if stand.account.factors().is_empty() {
                        return Ok(());
                    }
                }
                Act::Restore => {
                    // Counters used since the copy cannot be known; twice as many are skipped.
                    let counted = stand.account.watermark(&print).counter().unwrap();
                    stand.account = old.clone();
                    let was = stand.account.watermark(&print).counter().unwrap();
                    let _ = stand.account.after_restore(latest, (counted - was) * 2 + 20);
                    floor = raised_floor(floor, latest, 30);
                    last = stand.account.watermark(&print);
                }
            }
            for counter in used {
                prop_assert!(accepted.insert(counter), "{counter} was accepted twice");
            }
            let mark = stand.account.watermark(&print);
            prop_assert!(mark.counter() >= last.counter(), "a watermark fell");
            last = mark;
        }
    }
}

#[test]
fn a_code_that_was_used_is_recognised_refunded_and_raises_an_alarm() {
    let mut stand = Stand::enrolled(1000);
    let id = stand.account.factors()[0].id;
    let text = stand.code(id, START / 30);
    assert!(stand.accepts(CONSOLE, &text, START));
    for _ in 0..50 {
        let judged = stand.try_at(CONSOLE, &text, Moment::at(START + 1));
        assert!(matches!(judged.outcome, Outcome::CodeUsed));
        assert_eq!(judged.events, [Event::CodeReplayed { class: CONSOLE }]);
        assert!(judged.events[0].is_alarm());
    }
    assert_eq!(
        stand.account.ledger().get(Family::Codes, CONSOLE).failures,
        0
    );
}

#[test]
fn a_code_below_the_floor_is_refused_without_an_alarm() {
    let mut stand = Stand::enrolled(1000);
    let id = stand.account.factors()[0].id;
    let floor = raised_floor(0, START, 30);
    for (now, accepted) in [(START, false), (START + 30, false), (START + 60, true)] {
        let text = stand.code(id, now / 30);
        let judged = stand.try_at(
            CONSOLE,
            &text,
            Moment {
                floor,
                ..Moment::at(now)
            },
        );
        let free_at = match judged.outcome {
            Outcome::Accepted(_) => None,
            Outcome::UsedUp { retry_after } => Some(now + retry_after),
            other => panic!("{other:?}"),
        };
        assert_eq!(free_at, (!accepted).then_some(START + 60));
        assert!(!judged.events.iter().any(Event::is_alarm));
    }
}

#[test]
fn the_code_that_confirmed_cannot_log_in() {
    let mut stand = Stand::new(1000);
    let id = stand.enrol(1, TOTP, None, START).unwrap();
    let text = stand.code(id, START / 30);
    assert!(matches!(
        stand.attempt(CONSOLE, &text, START),
        Outcome::CodeUsed
    ));
}

#[test]
fn the_window_is_one_step_each_way() {
    for off in -3i64..=3 {
        let mut stand = Stand::enrolled(1000);
        let id = stand.account.factors()[0].id;
        let now = START + 3_000;
        let text = stand.code(id, (now / 30).saturating_add_signed(off));
        assert_eq!(stand.accepts(CONSOLE, &text, now), off.abs() <= 1, "{off}");
    }
}

#[test]
fn a_resync_consumes_both_codes_and_teaches_the_clock() {
    let mut stand = Stand::new(1000);
    let id = stand.enrol(1, clocked(0), None, START).unwrap();
    let now = START + 3_000;
    let step = now / 30 + 20;
    let (first, second) = (stand.code(id, step), stand.code(id, step + 1));
    assert!(matches!(
        stand.attempt(CONSOLE, &first, now),
        Outcome::WrongCode { .. }
    ));
    let judged = stand.try_at(CONSOLE, &format!("{first} {second}"), Moment::at(now));
    assert!(matches!(judged.outcome, Outcome::Accepted(_)));
    assert!(
        judged
            .events
            .contains(&Event::Resynchronised { factor: id })
    );
    for used in [first, second] {
        assert!(!stand.accepts(CONSOLE, &used, now));
    }
    let next = stand.code(id, step + 2);
    assert!(
        stand.accepts(CONSOLE, &next, now + 30),
        "the token's clock is known"
    );
}

#[test]
fn a_token_without_a_clock_has_no_resync() {
    let mut stand = Stand::enrolled(1000);
    let id = stand.account.factors()[0].id;
    let step = START / 30;
    let text = format!("{} {}", stand.code(id, step), stand.code(id, step + 1));
    assert!(matches!(
        stand.attempt(CONSOLE, &text, START),
        Outcome::WrongCode { .. }
    ));
}

#[test]
fn three_used_codes_at_their_old_rhythm_do_not_move_the_clock() {
    let mut stand = Stand::enrolled(1000);
    let id = stand.account.factors()[0].id;
    let codes: Vec<String> = (0..3).map(|n| stand.code(id, START / 30 + n)).collect();
    for (n, code) in (0..).zip(&codes) {
        assert!(stand.accepts(CONSOLE, code, START + 30 * n));
    }
    let later = START + 6 * 3_600;
    for (n, code) in (0..).zip(&codes) {
        assert!(!stand.accepts(CallerClass::Remote, code, later + 30 * n));
    }
    let honest = stand.code(id, later / 30 + 3);
    assert!(stand.accepts(CONSOLE, &honest, later + 90));
}

#[test]
fn without_a_clock_to_believe_only_what_needs_none_is_accepted() {
    let doubtful = Moment {
        clock: Trust::Doubtful,
        ..Moment::at(START + 600)
    };
    let mut stand = Stand::enrolled(1000);
    let totp = stand.account.factors()[0].id;
    let (codes, _) = stand
        .account
        .issue_recovery_codes(&key(), &[[1; 10]; 10], START);
    let text = stand.code(totp, doubtful.now / 30);
    assert!(matches!(
        stand.try_at(CONSOLE, &text, doubtful).outcome,
        Outcome::ClockUntrusted
    ));
    assert_eq!(
        stand.account.ledger().get(Family::Codes, CONSOLE).failures,
        0
    );
    assert!(matches!(
        stand.try_at(CONSOLE, &codes[0].reveal(), doubtful).outcome,
        Outcome::Accepted(_)
    ));
    let hotp = stand.enrol(2, Generator::Hotp, None, START).unwrap();
    let counted = stand.code(hotp, 1);
    assert!(matches!(
        stand.try_at(CONSOLE, &counted, doubtful).outcome,
        Outcome::Accepted(_)
    ));
    assert!(matches!(
        stand.try_at(CONSOLE, &text, doubtful).outcome,
        Outcome::WrongCode { .. }
    ));
}

#[test]
fn the_rfc_vectors_are_accepted_once() {
    // RFC 4226 appendix D.
    let mut stand = Stand::new(1000);
    stand.enrol(1, Generator::Hotp, None, START).unwrap();
    let id = stand.account.factors()[0].id;
    let secret = oathd_oath::Secret::new(b"12345678901234567890".to_vec()).unwrap();
    stand.seeds.insert(id, secret);
    for code in [
        "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489",
    ] {
        assert!(stand.accepts(CONSOLE, code, START));
        assert!(matches!(
            stand.attempt(CONSOLE, code, START),
            Outcome::CodeUsed
        ));
    }
    // RFC 6238 appendix B.
    let mut stand = Stand {
        length: oathd_oath::Digits::Eight,
        ..Stand::new(1000)
    };
    let id = stand.enrol(1, TOTP, None, 31).unwrap();
    let secret = oathd_oath::Secret::new(b"12345678901234567890".to_vec()).unwrap();
    stand.seeds.insert(id, secret);
    for (at, code) in [
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ] {
        assert!(stand.accepts(CONSOLE, code, at), "{code}");
        assert!(!stand.accepts(CONSOLE, code, at));
    }
}

/// A period that a floor does not wait for is looked after by the account itself.
#[test]
fn a_long_step_used_before_a_restore_stays_used() {
    let period = Period::from_seconds(86_400).unwrap();
    let mut stand = Stand::new(1000);
    let long = Generator::Totp { period };
    let id = stand.enrol(1, long, None, START - 2 * 86_400).unwrap();
    let backup = stand.account.clone();
    let step = period.step(START);
    let codes = [step, step + 1].map(|step| stand.code(id, step));
    for code in &codes {
        assert!(stand.accepts(CONSOLE, code, START));
    }
    stand.account = backup;
    let _ = stand.account.after_restore(START, 10);
    let floor = raised_floor(0, START, 30);
    let moment = Moment {
        floor,
        ..Moment::at(START + 60)
    };
    for code in &codes {
        let outcome = stand.try_at(CONSOLE, code, moment).outcome;
        assert!(!matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    }
    let next = stand.code(id, step + 2);
    assert!(stand.accepts(CONSOLE, &next, START + 2 * 86_400));
}

proptest! {
    /// Whatever the clock shows and whatever is typed, there is an answer.
    #[test]
    fn any_time_and_text_is_answered(
        generator in generator(), now: u64, floor: u64, setback: bool, text in "\\PC{0,30}|[0-9]{6,8}|[0-9]{6} [0-9]{6}|[0-9A-Z]{17,18}",
    ) {
        let mut stand = Stand::new(1000);
        stand.enrol(1, generator, None, START).unwrap();
        let clock = Trust::assess(now, START, 0, setback);
        let moment = Moment { now, clock, floor };
        stand.try_at(CONSOLE, &text, moment);
        let (id, _) = stand.account.add_channel(ChannelKind::File, "x", None).unwrap();
        for at in [now, START, now] {
            let _ = stand.account.send_verification(id, CONSOLE, at, &key(), &[1; 8]);
            let _ = stand.account.open_ways(CONSOLE, Moment { now: at, ..moment }, true);
            let _ = stand.account.concerns(Moment { now: at, ..moment });
        }
        let _ = stand.account.after_restore(now, now);
        prop_assert!(encode(&stand.account).is_ok());
    }

    /// Attempts in flight together, judged in any order: one succeeds, and no more are in flight
    /// than are free.
    #[test]
    fn racing_attempts_succeed_once(count in 1usize..64, order in prop::collection::vec(any::<prop::sample::Index>(), 64)) {
        let mut stand = Stand::enrolled(1000);
        let id = stand.account.factors()[0].id;
        let text = stand.code(id, START / 30);
        let moment = Moment::at(START);
        let mut flying = Vec::new();
        for _ in 0..count {
            if let Admission::Admitted(ticket) = stand.account.admit(CONSOLE, Response::classify(&text), moment) {
                flying.push(ticket);
            }
        }
        prop_assert_eq!(flying.len(), count.min(4));
        let (mut accepted, mut used) = (0, 0);
        for pick in order {
            if flying.is_empty() {
                break;
            }
            let ticket = flying.remove(pick.index(flying.len()));
            let candidates = stand.compute(&ticket.wanted);
            match stand.account.judge(&ticket, moment, &candidates, &key(), None).outcome {
                Outcome::Accepted(_) => accepted += 1,
                Outcome::CodeUsed => used += 1,
                other => prop_assert!(false, "{other:?}"),
            }
        }
        prop_assert_eq!((accepted, used), (1, count.min(4) - 1));
    }
}
