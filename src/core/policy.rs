//! Whether a second factor is asked for.

use serde::{Deserialize, Serialize};

const DAY: u64 = 86_400;

/// How much a second factor is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rule {
    /// Each owner decides.
    #[default]
    Optional,
    /// Everyone needs one from this date on (Unix seconds).
    RequiredAfter(u64),
    /// Everyone needs one.
    Required,
}

/// A rule, and the days that somebody whom it meets for the first time has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    /// The rule.
    pub rule: Rule,
    /// Days of grace, counted from when the rule first applied to the account.
    pub grace_days: u16,
}

/// The demands of a realm: one for everybody, and others for groups. The strictest counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// For everybody.
    pub everybody: Demand,
    /// For the members of groups.
    pub groups: Vec<(String, Demand)>,
}

/// What is asked of an account at a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// It has a second factor: it is asked for.
    Asked,
    /// It has none and needs none.
    NotAsked,
    /// It has none and needs one from then on (Unix seconds).
    NotAskedUntil(u64),
    /// It has none and needs one first.
    EnrolFirst,
}

/// Whom a policy is applied to.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The account's groups.
    pub groups: &'a [&'a str],
    /// Whether it is root, whom no policy locks out.
    pub is_root: bool,
    /// Whether a second factor is on.
    pub is_enrolled: bool,
    /// When the policy first applied to it, in Unix seconds.
    pub since: u64,
}

impl Demand {
    /// From when on a factor is needed; `None` for never.
    fn deadline(self, since: u64) -> Option<u64> {
        let graced = since.saturating_add(u64::from(self.grace_days) * DAY);
        match self.rule {
            Rule::Optional => None,
            Rule::RequiredAfter(date) => Some(date.max(graced)),
            Rule::Required => Some(graced),
        }
    }
}

impl Policy {
    /// What is asked of `subject` at `now`.
    #[must_use]
    pub fn requirement(&self, subject: Subject<'_>, now: u64) -> Requirement {
        if subject.is_enrolled {
            return Requirement::Asked;
        }
        if subject.is_root {
            return Requirement::NotAsked;
        }
        let groups = self
            .groups
            .iter()
            .filter(|(group, _)| subject.groups.contains(&group.as_str()));
        let demands = groups.map(|(_, demand)| demand).chain([&self.everybody]);
        match demands
            .filter_map(|demand| demand.deadline(subject.since))
            .min()
        {
            None => Requirement::NotAsked,
            Some(deadline) if now < deadline => Requirement::NotAskedUntil(deadline),
            Some(_) => Requirement::EnrolFirst,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn demand() -> impl Strategy<Value = Demand> {
        let rule = prop_oneof![
            Just(Rule::Optional),
            (0u64..4_000_000).prop_map(Rule::RequiredAfter),
            Just(Rule::Required),
        ];
        (rule, 0u16..40).prop_map(|(rule, grace_days)| Demand { rule, grace_days })
    }

    proptest! {
        #[test]
        fn root_is_never_locked_out_and_the_enrolled_are_always_asked(
            everybody in demand(), wheel in demand(), is_enrolled: bool, now in 0u64..5_000_000,
        ) {
            let policy = Policy { everybody, groups: vec![("wheel".to_owned(), wheel)] };
            let root = Subject { groups: &["wheel"], is_root: true, is_enrolled, since: 0 };
            let expected = if is_enrolled { Requirement::Asked } else { Requirement::NotAsked };
            prop_assert_eq!(policy.requirement(root, now), expected);
        }

        /// A group only ever makes a demand come sooner, and time only stricter.
        #[test]
        fn the_strictest_demand_counts(everybody in demand(), wheel in demand(), now in 0u64..5_000_000, since in 0u64..5_000_000) {
            let policy = Policy { everybody, groups: vec![("wheel".to_owned(), wheel)] };
            let subject = |groups| Subject { groups, is_root: false, is_enrolled: false, since };
            let stage = |groups, now| match policy.requirement(subject(groups), now) {
                Requirement::NotAsked => 0,
                Requirement::NotAskedUntil(until) => { assert!(now < until); 1 }
                Requirement::EnrolFirst => 2,
                Requirement::Asked => 3,
            };
            prop_assert!(stage(&["wheel"], now) >= stage(&["users"], now));
            prop_assert!(stage(&["wheel"], now + DAY) >= stage(&["wheel"], now));
        }
    }

    #[test]
    fn grace_begins_when_the_rule_meets_the_account() {
        let everybody = Demand {
            rule: Rule::RequiredAfter(10 * DAY),
            grace_days: 7,
        };
        let policy = Policy {
            everybody,
            groups: Vec::new(),
        };
        let at = |since, now| {
            policy.requirement(
                Subject {
                    groups: &[],
                    is_root: false,
                    is_enrolled: false,
                    since,
                },
                now,
            )
        };
        assert_eq!(at(0, 9 * DAY), Requirement::NotAskedUntil(10 * DAY));
        assert_eq!(at(0, 10 * DAY), Requirement::EnrolFirst);
        assert_eq!(at(20 * DAY, 21 * DAY), Requirement::NotAskedUntil(27 * DAY));
    }
}
