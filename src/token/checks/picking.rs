//! A search and its code in one transaction: the code is the picked credential's, a search that picks
//! none computes nothing, a counter is moved once and only when picked.

use oathd_card::{Profile, Touch as Finger};
use oathd_oath::{CredentialId, Kind, NewCredential, Period};

use super::bench::*;
use crate::{Code, PickRequest, TokenError};

const SELECT: u8 = 0xa4;
const LIST: u8 = 0xa1;
const CALCULATE_ALL: u8 = 0xa4;
const CALCULATE: u8 = 0xa2;

async fn pick(
    bench: &Bench,
    id: Option<&CredentialId>,
    touch: bool,
) -> Result<Option<Code>, TokenError> {
    let wanted = id.cloned();
    let request = PickRequest {
        pick: Box::new(move |credentials| {
            let found = credentials
                .iter()
                .find(|one| Some(&one.id) == wanted.as_ref());
            found.map(|one| one.id.clone())
        }),
        at: AT,
        touch,
    };
    bench.token.pick_code(None, request).await
}

fn slow() -> NewCredential {
    let period = Period::from_seconds(60).unwrap();
    credential("slow", Kind::Totp { period })
}

fn steam() -> NewCredential {
    NewCredential {
        issuer: Some("Steam".to_owned()),
        ..totp("steam")
    }
}

#[tokio::test]
async fn the_code_comes_with_the_search_or_right_after_it() {
    for profile in [Profile::YubiKey57, Profile::YubiKey43, Profile::Neo] {
        let bench = Bench::with(profile, settings()).await;
        let plain = &[SELECT, LIST, CALCULATE_ALL][..];
        let alone = &[SELECT, LIST, CALCULATE_ALL, CALCULATE][..];
        for (credential, sent) in [
            (totp("a"), plain),
            (slow(), alone),
            (steam(), alone),
            (credential("h", Kind::Hotp), alone),
        ] {
            let expected = expected(&credential);
            let id = bench.add(credential).await;
            bench.sent();
            let code = pick(&bench, Some(&id), false).await.unwrap().unwrap();
            assert_eq!(*code.text, expected, "{id}");
            assert_eq!(bench.sent(), sent, "{id}");
        }
    }
}

#[tokio::test]
async fn nothing_picked_is_nothing_computed() {
    let bench = Bench::new().await;
    let id = bench.add(credential("h", Kind::Hotp)).await;
    bench.sent();
    for _ in 0..3 {
        assert!(pick(&bench, None, false).await.unwrap().is_none());
    }
    assert!(!bench.sent().contains(&CALCULATE));
    let code = pick(&bench, Some(&id), false).await.unwrap().unwrap();
    assert_eq!(*code.text, expected(&credential("h", Kind::Hotp)));
}

#[tokio::test]
async fn a_touch_is_refused_or_left_to_a_request_of_its_own() {
    let bench = Bench::new().await;
    bench.card.set_touch(Finger::Manual);
    let touched = bench.add_touched(totp("a")).await;
    let counter = bench.add_touched(credential("h", Kind::Hotp)).await;
    bench.chill();
    let refused = pick(&bench, Some(&touched), false).await;
    assert!(
        matches!(refused, Err(TokenError::TouchRequired)),
        "{refused:?}"
    );
    for id in [&touched, &counter] {
        assert!(pick(&bench, Some(id), true).await.unwrap().is_none());
    }
    assert!(!bench.sent().contains(&CALCULATE));
    // Of a counter nothing but the wait tells.
    let refused = pick(&bench, Some(&counter), false).await;
    assert!(
        matches!(refused, Err(TokenError::TouchRequired)),
        "{refused:?}"
    );
    assert!(bench.card.touch(), "the card waits");
}

#[tokio::test]
async fn a_counter_moves_once_at_most() {
    for trip in [Trip::Before(CALCULATE), Trip::After(CALCULATE)] {
        let bench = Bench::new().await;
        let id = bench.add(credential("h", Kind::Hotp)).await;
        bench.world.trip(READER, trip);
        bench.sent();
        let outcome = pick(&bench, Some(&id), false).await;
        assert!(
            matches!(outcome, Err(TokenError::Interrupted)),
            "{outcome:?}"
        );
        let asked = bench.sent().iter().filter(|ins| **ins == CALCULATE).count();
        assert_eq!(asked, 1);
    }
}

#[tokio::test]
async fn a_damaged_neighbour_hides_nothing() {
    let bench = Bench::new().await;
    let (good, bad) = (bench.add(totp("good")).await, bench.add(totp("bad")).await);
    bench.card.inject("memory=bad".parse().unwrap());
    let code = pick(&bench, Some(&good), false).await.unwrap().unwrap();
    assert_eq!(*code.text, expected(&totp("good")));
    let damaged = pick(&bench, Some(&bad), false).await;
    assert!(
        matches!(damaged, Err(TokenError::CredentialDamaged)),
        "{damaged:?}"
    );
}
