//! A clock that stood ahead, or that cannot be believed, takes nobody's way in for good.

use proptest::prelude::*;

use crate::stand::{START, Stand, TOTP, clocked, key};
use crate::*;

const CONSOLE: CallerClass = CallerClass::Console;

proptest! {
    /// Whoever logged in while the clock stood ahead is told for how long that used the codes up, which
    /// is no replay; other ways are open, and a new factor is.
    #[test]
    fn a_future_that_was_used_up_is_told(skew in prop::option::of(-3i32..4), ahead in 0u64..40_000_000, floor in prop::option::of(0u64..40_000_000)) {
        let generator = skew.map_or(TOTP, clocked);
        let step = |now: u64| (now / 30).saturating_add_signed(skew.unwrap_or(0).into());
        let mut stand = Stand::new(1000);
        let id = stand.enrol(1, generator, None, START - 300).unwrap();
        let (codes, _) = stand.account.issue_recovery_codes(&key(), &[[1; 10]; 10], START);
        let then = START + ahead;
        let text = stand.code(id, step(then));
        prop_assert!(stand.accepts(CONSOLE, &text, then));
        let ways = stand.account.open_ways(CONSOLE, Moment::at(START), false);
        let told = ways.iter().find(|way| way.kind == OpenKind::Code(id)).unwrap().wait;
        prop_assert_eq!(told > 0, ahead >= MAX_SETBACK + 60);
        prop_assert!(told == 0 || told.abs_diff(ahead) <= 30);

        let at = |now| Moment { floor: floor.map_or(0, |floor| START + floor), ..Moment::at(now) };
        let text = stand.code(id, step(START));
        let judged = stand.try_at(CONSOLE, &text, at(START));
        match judged.outcome {
            Outcome::UsedUp { retry_after } => {
                prop_assert_eq!(judged.events, []);
                let now = START + retry_after;
                let early = stand.code(id, step(now - 30));
                let early = stand.try_at(CONSOLE, &early, at(now - 30)).outcome;
                prop_assert!(!matches!(early, Outcome::Accepted(_)));
                let text = stand.code(id, step(now));
                prop_assert!(matches!(stand.try_at(CONSOLE, &text, at(now)).outcome, Outcome::Accepted(_)));
            }
            Outcome::CodeUsed => {
                prop_assert!(ahead < MAX_SETBACK + 60);
                prop_assert!(judged.events[0].is_alarm());
            }
            other => prop_assert!(false, "{other:?}"),
        }
        prop_assert!(stand.accepts(CONSOLE, &codes[0].reveal(), START));
        let new = stand.enrol(2, TOTP, None, START).unwrap();
        let text = stand.code(new, START / 30 + 1);
        prop_assert!(stand.accepts(CONSOLE, &text, START));
    }
}

#[test]
fn days_of_grace_begin_at_a_time_that_can_be_believed() {
    let mut account = Account::new("alice".parse().unwrap(), Some(1000));
    let year = 365 * 86_400;
    let doubtful = Moment {
        clock: Trust::Doubtful,
        ..Moment::at(START - year)
    };
    for (moment, since) in [
        (doubtful, None),
        (Moment::at(START + year), Some(START + year)),
        (Moment::at(START), Some(START)),
        (Moment::at(START + 1), Some(START)),
        (doubtful, Some(START)),
    ] {
        account.meet_policy(moment);
        assert_eq!(account.policy_since(), since);
    }
}
