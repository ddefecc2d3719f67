//! Damaged credentials and answers that make no sense: named, never hidden, never deleted, no panic.

use oathd_card::Fault;
use oathd_oath::Kind;
use proptest::{prelude::*, test_runner::TestRunner};

use super::bench::*;
use crate::{
    CodeOutcome, TokenError,
    card::{Card, Link},
    identify::identify,
    session::Selected,
    transport::{Channel, TransportError},
};

#[tokio::test]
async fn a_damaged_credential_hides_no_other() {
    let bench = Bench::new().await;
    let bad = bench.add(totp("bad")).await;
    let good = bench.add(totp("good")).await;
    let touched = bench.add_touched(totp("touched")).await;
    bench.add(credential("counter", Kind::Hotp)).await;
    bench.card.inject(Fault::Memory("bad".to_owned()));
    bench.sent();
    for entry in bench.token.codes(None, AT).await.unwrap() {
        match entry.outcome {
            CodeOutcome::Code(code) => {
                assert_eq!(entry.id, good);
                assert_eq!(*code.text, expected(&totp("good")));
            }
            CodeOutcome::Damaged => assert_eq!(entry.id, bad),
            CodeOutcome::TouchRequired => assert_eq!(entry.id, touched),
            CodeOutcome::Counter => assert_eq!(entry.kind, Kind::Hotp),
            CodeOutcome::Uncomputed => panic!("{} was computable", entry.id),
        }
    }
    let listed = bench.token.list(None).await.unwrap();
    assert_eq!(listed.len(), 4);
    assert!(listed.iter().all(|one| one.damaged == (one.id == bad)));
    let outcome = bench.token.code(None, refusing(&bad)).await;
    assert!(
        matches!(outcome, Err(TokenError::CredentialDamaged)),
        "{outcome:?}"
    );
    bench.token.code(None, refusing(&good)).await.unwrap();
    assert!(!bench.sent().contains(&0x02), "nothing is deleted");
}

#[tokio::test]
async fn damage_is_found_without_knowing_the_touch_flags() {
    let bench = Bench::new().await;
    let bad = bench.add(totp("bad")).await;
    let good = bench.add(totp("good")).await;
    bench.card.inject(Fault::Memory("bad".to_owned()));
    bench.chill();
    bench.token.code(None, refusing(&good)).await.unwrap();
    bench.chill();
    let outcome = bench.token.code(None, refusing(&bad)).await;
    assert!(
        matches!(outcome, Err(TokenError::CredentialDamaged)),
        "{outcome:?}"
    );
    bench.chill();
    let listed = bench.token.list(None).await.unwrap();
    assert!(listed.iter().all(|one| one.damaged == (one.id == bad)));
}

#[tokio::test]
async fn a_corrupt_or_short_answer_is_a_protocol_error() {
    for fault in [Fault::Truncate(2), Fault::Corrupt(2)] {
        let bench = Bench::new().await;
        let id = bench.add(totp("a")).await;
        bench.card.inject(fault);
        let outcome = bench.token.code(None, refusing(&id)).await;
        assert!(
            matches!(outcome, Err(TokenError::Protocol(_))),
            "{outcome:?}"
        );
        let code = bench.token.code(None, refusing(&id)).await.unwrap();
        assert_eq!(*code.text, expected(&totp("a")));
    }
}

/// A card that says whatever comes.
struct Babbler {
    answers: std::vec::IntoIter<Vec<u8>>,
}

impl Channel for Babbler {
    fn transmit(&mut self, _apdu: &[u8]) -> Result<Vec<u8>, TransportError> {
        self.answers.next().ok_or(TransportError::Removed)
    }
}

#[test]
fn no_answer_panics() {
    let status = prop::sample::select(vec![[0x90, 0x00], [0x61, 0x00], [0x69, 0x82], [0x65, 0x81]]);
    let data = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80),
        Just(vec![0x79, 3, 5, 7, 1, 0x71, 2, 1, 2]),
        Just(vec![0x76, 5, 6, 0, 0, 0, 1]),
    ];
    let answer = prop_oneof![
        9 => (data, status).prop_map(|(data, status)| [data.as_slice(), &status[..]].concat()),
        1 => prop::collection::vec(any::<u8>(), 0..3),
    ];
    let answers = prop::collection::vec(answer, 0..12);
    let id = oathd_oath::CredentialId::new(Kind::TOTP, None, "a").unwrap();
    TestRunner::default()
        .run(&answers, |answers| {
            let mut channel = Babbler {
                answers: answers.clone().into_iter(),
            };
            let _ = identify(&mut Card::new(&mut channel, &mut Link::plain()), &[]);
            let mut channel = Babbler {
                answers: answers.into_iter(),
            };
            let mut link = Link::plain();
            let mut card = Card::new(&mut channel, &mut link);
            if let Ok(selected) = Selected::select(&mut card, crate::ykoath::AID)
                && let Ok(mut session) = selected.unlock(&None, &entropy())
            {
                let _ = session.list();
                let _ = session.calculate_all(1);
                let _ = session.calculate(&id, Some(1)).outcome;
                let _ = session.calculate_full(&id, 1).outcome;
                let _ = session.delete(&id);
            }
            Ok(())
        })
        .unwrap();
}
