//! However a command is cut and its answer fetched, the bytes are the same.

use super::host::*;
use crate::Profile;
use proptest::prelude::*;

fn filled(credentials: u8) -> Host {
    let mut host = Host::new(Profile::default());
    for number in 0..credentials {
        host.put_simple(format!("credential number {number}").as_bytes())
            .unwrap();
    }
    host
}

/// Fetches a whole answer, `step` bytes at a time (0: 256).
fn fetch(host: &mut Host, first: &[u8], step: u8) -> Vec<u8> {
    let mut answer = host.raw(first);
    let mut all = Vec::new();
    loop {
        let status = answer.split_off(answer.len() - 2);
        all.extend(answer);
        if status == [0x90, 0x00] {
            return all;
        }
        assert_eq!(status[0], 0x61);
        answer = host.raw(&[0, 0xA5, 0, 0, step]);
    }
}

proptest! {
    #[test]
    fn a_chain_equals_one_extended_command(key in prop::collection::vec(any::<u8>(), 14..=128), cuts in prop::collection::vec(1..=255usize, 8)) {
        let data = [tlv(0x71, b"x"), tlv(0x73, &[&[0x23, 8], &key[..]].concat())].concat();
        let mut extended = Host::new(Profile::default());
        extended.ask(0x01, 0, 0, &data).unwrap();

        let mut chained = Host::new(Profile::default());
        let mut rest = &data[..];
        for cut in cuts {
            if cut >= rest.len() || rest.len() <= 1 {
                break;
            }
            let (part, after) = rest.split_at(cut);
            let length = u8::try_from(part.len()).unwrap();
            prop_assert_eq!(chained.raw(&[&[0x10, 1, 0, 0, length], part].concat()), [0x90, 0x00]);
            rest = after;
        }
        prop_assert_eq!(chained.ask(0x01, 0, 0, rest), Ok(vec![]));
        prop_assert_eq!(chained.card.state(), extended.card.state());
    }

    #[test]
    fn an_answer_is_the_same_in_pieces_of_any_size(credentials in 0..=64u8, first in any::<u8>(), step in any::<u8>()) {
        let mut host = filled(credentials);
        let whole = fetch(&mut host, &[0, 0xA1, 0, 0, 0, 0, 0], 0);
        let pieces = fetch(&mut host, &[0, 0xA1, 0, 0, first], step);
        prop_assert_eq!(pieces, whole);
    }
}

#[test]
fn sixty_four_codes_come_whole() {
    let mut host = filled(64);
    assert_eq!(host.calculate_all(&[0; 8]).unwrap().len(), 128);
    assert_eq!(host.names().unwrap().len(), 64);
}

#[test]
fn another_command_drops_the_rest_of_an_answer() {
    let mut host = filled(30);
    assert_eq!(host.raw(&[0, 0xA5, 0, 0]), [0x69, 0x85]);
    for other in [&[0, 0xA1, 0, 1][..], &[0, 0xFF, 0, 0], &[0]] {
        assert_eq!(host.raw(&[0, 0xA1, 0, 0, 9])[9], 0x61);
        host.raw(other);
        assert_eq!(host.raw(&[0, 0xA5, 0, 0]), [0x69, 0x85]);
    }
}

#[test]
fn a_chain_ends_with_the_command_it_began_with() {
    let mut host = filled(0);
    assert_eq!(host.raw(&[0x10, 1, 0, 0, 1, 0x71]), [0x90, 0x00]);
    assert_eq!(host.raw(&[0, 0xA1, 0, 0]), [0x68, 0x83]);
    assert_eq!(host.raw(&[0, 0xA1, 0, 0]), [0x90, 0x00]);
}

#[test]
fn a_chain_has_a_bound() {
    let mut host = filled(0);
    let part = [&[0x10, 1, 0, 0, 255][..], &[0; 255]].concat();
    let answers: Vec<_> = (0..13).map(|_| host.raw(&part)).collect();
    assert!(answers[..12].iter().all(|answer| *answer == [0x90, 0x00]));
    assert_eq!(answers[12], [0x67, 0x00]);
}

#[test]
fn only_plain_classes_are_understood() {
    let mut host = filled(0);
    for cla in [0x01, 0x04, 0x0C, 0x80, 0xFF] {
        assert_eq!(host.raw(&[cla, 0xA1, 0, 0]), [0x6E, 0x00]);
    }
    assert_eq!(host.raw(&[0, 0, 0, 0, 0]), [0x6D, 0x00]);
}
