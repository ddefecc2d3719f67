//! A card in several hands: touched, pulled, delayed, and kept on disk.

use super::host::{HOTP, SHA1, TOTP, tlv};
use crate::{CardOptions, CardStatus, Fault, Removed, SharedCard, State, Touch};
use std::thread;
use std::time::Duration;

/// Long enough never to pass in a test that works.
const FOREVER: Duration = Duration::from_secs(60);
const SELECT: [u8; 12] = [0, 0xA4, 4, 0, 7, 0xA0, 0, 0, 5, 0x27, 0x21, 1];
const LIST: [u8; 4] = [0, 0xA1, 0, 0];

fn command(ins: u8, p2: u8, data: &[u8]) -> Vec<u8> {
    [
        &[0, ins, 0, p2, u8::try_from(data.len()).unwrap()][..],
        data,
    ]
    .concat()
}

fn put(name: &[u8], kind: u8, property: u8) -> Vec<u8> {
    let key = tlv(
        0x73,
        &[&[kind | SHA1, 6][..], b"12345678901234567890"].concat(),
    );
    command(
        0x01,
        0,
        &[&tlv(0x71, name)[..], &key, &[0x78, property]].concat(),
    )
}

fn calculate(name: &[u8]) -> Vec<u8> {
    command(0xA2, 1, &[tlv(0x71, name), tlv(0x74, &[0; 8])].concat())
}

/// A card with `touched` and `free`, selected.
fn card(touch: Touch, touch_timeout: Duration) -> SharedCard {
    let card = SharedCard::new(CardOptions {
        touch,
        touch_timeout,
        ..CardOptions::default()
    })
    .unwrap();
    ok(&card, &SELECT);
    ok(&card, &put(b"touched", HOTP, 2));
    ok(&card, &put(b"free", TOTP, 0));
    card
}

fn ok(card: &SharedCard, apdu: &[u8]) -> Vec<u8> {
    let answer = card.transmit(apdu).unwrap();
    assert!(answer.ends_with(&[0x90, 0x00]), "{answer:02x?}");
    answer
}

/// Runs a command in a thread until it waits for a touch.
fn waiting(card: &SharedCard) -> (thread::JoinHandle<Result<Vec<u8>, Removed>>, CardStatus) {
    let mut status = card.status();
    let other = card.clone();
    let command = thread::spawn(move || other.transmit(&calculate(b"touched")));
    while !status.awaiting_touch {
        status = card.wait_for_change(status.generation, FOREVER);
    }
    (command, status)
}

#[test]
fn somebody_always_touches_at_once() {
    let card = card(Touch::Always, FOREVER);
    assert_eq!(ok(&card, &calculate(b"touched")).len(), 9);
    assert!(!card.touch(), "nothing waits");
}

#[test]
fn nobody_touches_and_the_wait_times_out() {
    let card = card(Touch::Never, Duration::from_millis(1));
    assert_eq!(card.transmit(&calculate(b"touched")), Ok(vec![0x69, 0x82]));
    assert!(!card.status().awaiting_touch);
}

#[test]
fn a_touch_by_hand_ends_the_wait() {
    let card = card(Touch::Manual, FOREVER);
    let (command, _) = waiting(&card);
    assert!(card.touch());
    assert!(command.join().unwrap().unwrap().ends_with(&[0x90, 0x00]));
    assert!(!card.status().awaiting_touch);

    let (command, _) = waiting(&card);
    assert!(card.touch(), "each wait wants a touch of its own");
    assert!(command.join().unwrap().is_ok());
}

#[test]
fn a_touch_before_the_wait_does_not_count() {
    let card = card(Touch::Manual, Duration::from_millis(1));
    assert!(!card.touch());
    assert_eq!(card.transmit(&calculate(b"touched")), Ok(vec![0x69, 0x82]));
}

#[test]
fn pulling_the_card_ends_the_wait_and_the_counter_stays() {
    let card = card(Touch::Manual, FOREVER);
    let (command, _) = waiting(&card);
    card.remove();
    assert_eq!(command.join().unwrap(), Err(Removed));
    assert_eq!(card.transmit(&SELECT), Err(Removed));
    assert!(!card.present());
    card.insert();
    ok(&card, &SELECT);
    card.set_touch(Touch::Always);
    // RFC 4226, appendix D: the first code is made of 4C93CF18.
    assert_eq!(
        ok(&card, &calculate(b"touched"))[3..7],
        [0x4C, 0x93, 0xCF, 0x18]
    );
}

#[test]
fn turning_the_power_off_ends_the_wait() {
    let card = card(Touch::Manual, FOREVER);
    let (command, _) = waiting(&card);
    card.power_off();
    assert_eq!(command.join().unwrap(), Err(Removed));
    assert!(card.present());
    assert_eq!(card.transmit(&LIST), Ok(vec![0x6D, 0x00]));
}

#[test]
fn other_commands_wait_for_the_first() {
    let card = card(Touch::Manual, FOREVER);
    let (first, status) = waiting(&card);
    let others: Vec<_> = (0..8)
        .map(|_| {
            let card = card.clone();
            thread::spawn(move || card.transmit(&LIST))
        })
        .collect();
    while card.status().commands < status.commands + 8 {
        thread::yield_now();
    }
    assert!(card.touch());
    assert!(first.join().unwrap().unwrap().ends_with(&[0x90, 0x00]));
    for other in others {
        assert!(contains(&other.join().unwrap().unwrap(), b"touched"));
    }
}

#[test]
fn an_unplugged_card_did_not_see_the_command() {
    let card = card(Touch::Always, FOREVER);
    card.inject(Fault::UnplugAfter(1));
    ok(&card, &LIST);
    assert_eq!(card.transmit(&put(b"new", TOTP, 0)), Err(Removed));
    assert!(!card.present());
    card.insert();
    ok(&card, &SELECT);
    assert!(!contains(&ok(&card, &LIST), b"new"));
}

#[test]
fn a_lost_answer_was_carried_out() {
    let card = card(Touch::Always, FOREVER);
    card.inject(Fault::LoseAnswer(1));
    assert_eq!(card.transmit(&put(b"new", TOTP, 0)), Err(Removed));
    card.insert();
    ok(&card, &SELECT);
    assert!(contains(&ok(&card, &LIST), b"new"));
}

#[test]
fn an_invented_answer_takes_the_place_of_the_command() {
    let card = card(Touch::Always, FOREVER);
    card.inject("answer=1:6f00".parse().unwrap());
    assert_eq!(card.transmit(&put(b"new", TOTP, 0)), Ok(vec![0x6F, 0x00]));
    assert!(!contains(&ok(&card, &LIST), b"new"));
}

#[test]
fn corrupt_and_truncated_answers_differ_from_the_true_one() {
    let card = card(Touch::Always, FOREVER);
    let truth = ok(&card, &LIST);
    card.inject(Fault::Corrupt(1));
    let corrupt = ok(&card, &LIST);
    assert_eq!(corrupt.len(), truth.len());
    assert_ne!(corrupt, truth);
    card.inject(Fault::Truncate(1));
    let truncated = ok(&card, &LIST);
    assert!(truncated.len() < truth.len());
    assert_eq!(ok(&card, &LIST), truth);
}

#[test]
fn a_delay_ends_when_the_card_is_pulled() {
    let card = card(Touch::Always, FOREVER);
    card.inject(Fault::Delay(FOREVER));
    let before = card.status();
    let other = card.clone();
    let command = thread::spawn(move || other.transmit(&LIST));
    while card.status().commands == before.commands {
        thread::yield_now();
    }
    card.remove();
    assert_eq!(command.join().unwrap(), Err(Removed));
}

#[test]
fn memory_and_room_can_be_taken_away() {
    let card = card(Touch::Always, FOREVER);
    card.inject(Fault::Memory("free".to_owned()));
    card.inject(Fault::Full);
    assert_eq!(card.transmit(&calculate(b"free")), Ok(vec![0x65, 0x81]));
    assert_eq!(card.transmit(&put(b"new", TOTP, 0)), Ok(vec![0x6A, 0x84]));
}

#[test]
fn what_is_answered_is_in_the_state_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.json");
    let options = CardOptions {
        state_file: Some(path.clone()),
        ..CardOptions::default()
    };
    let first = SharedCard::new(options.clone()).unwrap();
    let selected = ok(&first, &SELECT);
    ok(&first, &put(b"counter", HOTP, 0));
    ok(&first, &calculate(b"counter"));
    let kept = State::load(&path).unwrap();

    let second = SharedCard::new(options).unwrap();
    assert_eq!(ok(&second, &SELECT), selected);
    // RFC 4226, appendix D: the second code is made of 41397EEA.
    assert_eq!(
        ok(&second, &calculate(b"counter"))[3..7],
        [0x41, 0x39, 0x7E, 0xEA]
    );
    assert_ne!(State::load(&path).unwrap(), kept);

    std::fs::remove_file(&path).unwrap();
    ok(&second, &LIST);
    assert!(!path.exists(), "what does not change is not written");
}

#[test]
fn a_state_that_cannot_be_kept_is_a_memory_failure() {
    let directory = tempfile::tempdir().unwrap();
    let inside = directory.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    let options = CardOptions {
        state_file: Some(inside.join("state.json")),
        ..CardOptions::default()
    };
    let card = SharedCard::new(options).unwrap();
    ok(&card, &SELECT);
    std::fs::remove_dir_all(&inside).unwrap();
    assert_eq!(card.transmit(&put(b"new", TOTP, 0)), Ok(vec![0x65, 0x81]));
    assert_eq!(card.transmit(&LIST), Ok(vec![0x65, 0x81]));
    std::fs::create_dir(&inside).unwrap();
    assert!(contains(&ok(&card, &LIST), b"new"));
}

fn contains(answer: &[u8], name: &[u8]) -> bool {
    answer.windows(name.len()).any(|window| window == name)
}
