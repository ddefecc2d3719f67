use std::{
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
};

use oathd_card::CardOptions;
use proptest::prelude::*;

use super::*;

const SELECT: [u8; 12] = [0, 0xA4, 4, 0, 7, 0xA0, 0, 0, 5, 0x27, 0x21, 1];
const LIST: [u8; 4] = [0, 0xA1, 0, 0];

fn cards(count: u32) -> Vec<SharedCard> {
    (1..=count)
        .map(|serial| {
            SharedCard::new(CardOptions {
                serial,
                ..CardOptions::default()
            })
            .unwrap()
        })
        .collect()
}

/// Runs a transaction that sends `apdus`; the answers, until one fails.
fn exchange(
    source: &InProcess,
    reader: &str,
    apdus: &[&[u8]],
) -> Result<Vec<Result<Vec<u8>, TransportError>>, TransportError> {
    let mut answers = Vec::new();
    source
        .connect()
        .unwrap()
        .transaction(reader, &mut |channel| {
            answers = apdus.iter().map(|apdu| channel.transmit(apdu)).collect();
        })?;
    Ok(answers)
}

fn succeeded(answer: &Result<Vec<u8>, TransportError>) -> bool {
    answer.as_ref().unwrap().ends_with(&[0x90, 0x00])
}

#[test]
fn what_was_selected_outlives_its_transaction_but_not_the_power() {
    let cards = cards(1);
    let source = InProcess::new(&cards).unwrap();
    let name = "oathd-sim 00";
    assert!(succeeded(&exchange(&source, name, &[&SELECT]).unwrap()[0]));
    assert!(succeeded(&exchange(&source, name, &[&LIST]).unwrap()[0]));
    cards[0].remove();
    assert_eq!(exchange(&source, name, &[]), Err(TransportError::Removed));
    cards[0].insert();
    assert!(!succeeded(&exchange(&source, name, &[&LIST]).unwrap()[0]));
}

#[test]
fn no_reader_of_that_name_is_no_card() {
    let source = InProcess::new(&cards(1)).unwrap();
    assert_eq!(
        exchange(&source, "oathd-sim 01", &[]),
        Err(TransportError::Removed)
    );
}

#[test]
fn a_card_pulled_and_put_back_fails_the_rest_of_its_transaction() {
    let cards = cards(1);
    let source = InProcess::new(&cards).unwrap();
    let mut cards_view = source.connect().unwrap();
    let mut answers = Vec::new();
    let mut work = |channel: &mut dyn Channel| {
        answers.push(channel.transmit(&SELECT));
        cards[0].remove();
        cards[0].insert();
        answers.push(channel.transmit(&SELECT));
        answers.push(channel.transmit(&LIST));
    };
    cards_view.transaction("oathd-sim 00", &mut work).unwrap();
    assert!(succeeded(&answers[0]));
    assert_eq!(
        answers[1..],
        [Err(TransportError::Removed), Err(TransportError::Removed)]
    );
    assert!(succeeded(
        &exchange(&source, "oathd-sim 00", &[&SELECT]).unwrap()[0]
    ));
}

#[test]
fn transactions_on_a_card_exclude_each_other_and_no_other_card() {
    let cards = cards(2);
    let source = InProcess::new(&cards).unwrap();
    let inside = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut cards = source.connect().unwrap();
                for _ in 0..50 {
                    let mut work = |channel: &mut dyn Channel| {
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        channel.transmit(&SELECT).unwrap();
                        assert_eq!(inside.fetch_sub(1, Ordering::SeqCst), 1);
                    };
                    cards.transaction("oathd-sim 00", &mut work).unwrap();
                }
            });
        }
    });
    let mut other = None;
    let mut work = |_: &mut dyn Channel| other = Some(exchange(&source, "oathd-sim 01", &[]));
    source
        .connect()
        .unwrap()
        .transaction("oathd-sim 00", &mut work)
        .unwrap();
    assert_eq!(other, Some(Ok(Vec::new())));
}

#[test]
fn a_wait_ends_with_a_change_or_its_waker() {
    let cards = cards(1);
    let source = InProcess::new(&cards).unwrap();
    let (mut watch, waker) = source.watch().unwrap();
    assert!(watch.next().unwrap().is_some());
    waker();
    waker();
    assert_eq!(watch.next().unwrap(), None);

    let (sender, seen) = mpsc::channel();
    let waiting = thread::spawn(move || {
        while let Some(readers) = watch.next().unwrap() {
            sender.send(readers).unwrap();
        }
    });
    cards[0].remove();
    assert_eq!(seen.recv().unwrap()[0].atr, None);
    cards[0].insert();
    assert!(seen.recv().unwrap()[0].atr.is_some());
    waker();
    waiting.join().unwrap();
    assert!(seen.recv().is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn a_view_counts_every_insertion_and_removal(
        moves in prop::collection::vec((0..3_usize, any::<bool>()), 1..30),
    ) {
        let cards = cards(3);
        let source = InProcess::new(&cards).unwrap();
        let (mut watch, waker) = source.watch().unwrap();
        let mut expected = watch.next().unwrap().unwrap();
        prop_assert_eq!(
            expected.iter().map(|reader| reader.name.as_str()).collect::<Vec<_>>(),
            ["oathd-sim 00", "oathd-sim 01", "oathd-sim 02"]
        );
        for (index, inserted) in moves {
            let reader = &mut expected[index];
            let moved = reader.atr.is_some() != inserted;
            reader.events += u32::from(moved);
            reader.atr = inserted.then(|| cards[index].atr().to_vec());
            if inserted { cards[index].insert() } else { cards[index].remove() }
            if moved {
                prop_assert_eq!(watch.next().unwrap(), Some(expected.clone()));
            } else {
                waker();
                prop_assert_eq!(watch.next().unwrap(), None);
            }
        }
    }
}
