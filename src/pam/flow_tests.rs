//! What holds of every conversation, whatever oathd and the person say.

use proptest::prelude::*;

use super::*;
use crate::outcome::{Requirement, Unreached, Way};

/// A person who types what is on a list, and remembers what was said.
struct Script {
    typed: Vec<String>,
    prompts: Vec<String>,
    told: Vec<String>,
}

impl Person for Script {
    fn ask(&mut self, prompt: &str) -> Result<Secret, Code> {
        self.prompts.push(prompt.to_owned());
        match self.typed.len() {
            0 => Err(Code::NoConversation),
            _ => Ok(Secret::new(&self.typed.remove(0))),
        }
    }

    fn tell(&mut self, text: &str) {
        self.told.push(text.to_owned());
    }

    fn mention(&mut self, text: &str) {
        self.tell(text);
    }
}

/// An oathd that answers from a list, and counts.
#[derive(Debug)]
struct Answers {
    status: Result<Status, Failure>,
    verdicts: Vec<Result<(), Failure>>,
    here: bool,
    verified: usize,
    touched: usize,
    sent: usize,
    accepted: usize,
}

impl Answers {
    fn answer(&mut self) -> Result<Receipt, Failure> {
        match self.verdicts.pop() {
            Some(Ok(())) => {
                self.accepted += 1;
                Ok(Receipt::default())
            }
            Some(Err(failure)) => Err(failure),
            None => Err(Failure::Unreached(Unreached::NoReply)),
        }
    }
}

impl Oathd for Answers {
    fn status(&mut self) -> Result<Status, Failure> {
        self.status.clone()
    }

    fn verify(&mut self, _: &Secret) -> Result<Receipt, Failure> {
        self.verified += 1;
        self.answer()
    }

    fn presence(&mut self, allow_touch: bool) -> Result<Receipt, Failure> {
        self.touched += usize::from(allow_touch);
        self.answer()
    }

    fn send(&mut self, _: u32) -> Result<Sent, Failure> {
        self.sent += 1;
        Ok(Sent::default())
    }

    fn person_is_here(&mut self) -> bool {
        self.here
    }
}

fn failure() -> impl Strategy<Value = Failure> {
    prop_oneof![
        proptest::sample::select(ErrorName::ALL)
            .prop_map(|error| Failure::Refused(error, Details::default())),
        Just(Failure::Unreached(Unreached::NoBus)),
        Just(Failure::Unknown("org.example.Error".to_owned())),
    ]
}

fn status() -> impl Strategy<Value = Result<Status, Failure>> {
    let requirement = prop_oneof![
        4 => Just(Requirement::Asked),
        1 => Just(Requirement::NotAsked),
        1 => any::<u32>().prop_map(|until| Requirement::NotAskedUntil(until.into())),
        1 => Just(Requirement::EnrolFirst),
    ];
    let kinds = ["code", "presence", "recovery", "out_of_band"];
    let ways = proptest::sample::subsequence(kinds.to_vec(), 0..=4);
    let status = (requirement, ways).prop_map(|(requirement, kinds)| Status {
        requirement,
        must_reenrol: false,
        ways: kinds
            .into_iter()
            .map(|kind| Way {
                kind: kind.to_owned(),
                id: Some(1),
                ..Way::default()
            })
            .collect(),
        support_contact: None,
    });
    prop_oneof![6 => status.prop_map(Ok), 1 => failure().prop_map(Err)]
}

fn answers() -> impl Strategy<Value = Answers> {
    let verdict = prop_oneof![Just(Ok(())), failure().prop_map(Err)];
    let verdicts = proptest::collection::vec(verdict, 0..6);
    (status(), verdicts, any::<bool>()).prop_map(|(status, verdicts, here)| Answers {
        status,
        verdicts,
        here,
        verified: 0,
        touched: 0,
        sent: 0,
        accepted: 0,
    })
}

fn typed() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("[0-9]{6}|\\?|send|| ", 0..5)
}

fn hold(answers: &mut Answers, typed: Vec<String>, manner: Manner<'_>) -> (End, Script) {
    let mut person = Script {
        typed,
        prompts: Vec::new(),
        told: Vec::new(),
    };
    let end = second_factor(answers, &mut person, manner, false);
    (end, person)
}

proptest! {
    /// Nobody gets in unless oathd accepted in that very conversation, and nobody is passed over
    /// unless oathd said that no factor is asked for.
    #[test]
    fn nothing_fails_open(mut answers in answers(), typed in typed(), how in 0usize..3) {
        let manner = match how {
            0 => Manner::Prompt("Code: "),
            1 => Manner::Presence(TOUCH),
            _ => Manner::Collected(Secret::new(typed.first().map_or("", String::as_str))),
        };
        let (end, _) = hold(&mut answers, typed.clone(), manner);
        prop_assert_eq!(end.code == Code::Accepted, answers.accepted == 1);
        prop_assert_eq!(end.receipt.is_some(), end.code == Code::Accepted);
        let optional = matches!(
            &answers.status,
            Ok(Status { requirement: Requirement::NotAsked | Requirement::NotAskedUntil(_), .. })
        );
        prop_assert_eq!(end.code == Code::NotAsked, optional);
    }

    /// One conversation has at most three prompts, all the same, and nothing is charged twice.
    #[test]
    fn a_conversation_is_bounded(mut answers in answers(), typed in typed()) {
        answers.verdicts.retain(|verdict| matches!(
            verdict,
            Err(Failure::Refused(ErrorName::WrongCode | ErrorName::LockedOut, _))
        ));
        let (_, person) = hold(&mut answers, typed, Manner::Prompt("Code: "));
        prop_assert!(person.prompts.len() <= ROUNDS);
        prop_assert!(person.prompts.iter().all(|prompt| prompt == "Code: "));
        prop_assert!(answers.verified <= 1);
    }

    /// Nobody elsewhere is kept waiting for a touch, nor told to give one.
    #[test]
    fn whoever_is_elsewhere_is_not_asked_for_a_touch(mut answers in answers(), typed in typed(), presence: bool) {
        answers.here = false;
        let manner = if presence { Manner::Presence(TOUCH) } else { Manner::Prompt("Code: ") };
        let (_, person) = hold(&mut answers, typed, manner);
        prop_assert_eq!(answers.touched, 0);
        prop_assert!(!person.told.iter().any(|text| text.contains("ouch your token when")));
    }

    /// In the strict stack the person is asked nothing more, and told nothing about a code that
    /// was wrong.
    #[test]
    fn a_collected_code_gives_nothing_away(mut answers in answers(), code in "[0-9]{6}|x{3}") {
        answers.verdicts = vec![Err(Failure::Refused(ErrorName::WrongCode, Details::default()))];
        let (end, person) = hold(&mut answers, Vec::new(), Manner::Collected(Secret::new(&code)));
        prop_assert!(person.prompts.is_empty());
        if matches!(&answers.status, Ok(Status { requirement: Requirement::Asked, .. })) {
            prop_assert_eq!(end.code, Code::Wrong);
            prop_assert!(person.told.is_empty(), "{:?}", person.told);
        }
    }
}
