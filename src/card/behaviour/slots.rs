//! What is put is kept, in order, within bounds.

use super::host::*;
use crate::Profile;
use proptest::prelude::*;

/// An operation on the slots.
#[derive(Clone, Debug)]
enum Operation {
    Put(u8),
    Delete(u8),
    Rename(u8, u8),
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let name = 0..40u8;
    let operation = prop_oneof![
        3 => name.clone().prop_map(Operation::Put),
        1 => name.clone().prop_map(Operation::Delete),
        1 => (name.clone(), name).prop_map(|(from, to)| Operation::Rename(from, to)),
    ];
    prop::collection::vec(operation, 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn slots_behave_as_a_list_of_distinct_names(operations in operations()) {
        let mut host = Host::new(Profile::YubiKey54);
        let mut model: Vec<Vec<u8>> = Vec::new();
        for operation in operations {
            let place = |model: &[Vec<u8>], name| model.iter().position(|known| *known == [name]);
            match operation {
                Operation::Put(name) => {
                    let expected = match place(&model, name) {
                        Some(_) => Ok(vec![]),
                        None if model.len() == 32 => Err(0x6A84),
                        None => {
                            model.push(vec![name]);
                            Ok(vec![])
                        }
                    };
                    prop_assert_eq!(host.put_simple(&[name]), expected);
                }
                Operation::Delete(name) => {
                    let expected = match place(&model, name) {
                        Some(at) => {
                            model.remove(at);
                            Ok(vec![])
                        }
                        None => Err(NOT_FOUND),
                    };
                    prop_assert_eq!(host.delete(&[name]), expected);
                }
                Operation::Rename(from, to) => {
                    let expected = match (place(&model, from), place(&model, to)) {
                        (Some(at), None) => {
                            model[at] = vec![to];
                            Ok(vec![])
                        }
                        _ => Err(NOT_FOUND),
                    };
                    prop_assert_eq!(host.rename(&[from], &[to]), expected);
                }
            }
            prop_assert_eq!(host.names(), Ok(model.clone()));
        }
    }

    #[test]
    fn an_id_has_1_to_64_bytes(name in prop::collection::vec(any::<u8>(), 0..100)) {
        let mut host = Host::new(Profile::default());
        let expected = if (1..=64).contains(&name.len()) { Ok(vec![]) } else { Err(WRONG) };
        prop_assert_eq!(host.put_simple(&name), expected.clone());
        host.put_simple(b"a name of its own").unwrap();
        prop_assert_eq!(host.rename(b"a name of its own", &[&name[..], b"!"].concat()).is_ok(), name.len() < 64);
    }
}

#[test]
fn overwriting_starts_a_counter_again() {
    let mut host = Host::new(Profile::default());
    host.put(b"counter", HOTP | SHA1, 6, b"12345678901234567890", &[])
        .unwrap();
    assert_eq!(host.code(b"counter", &[]).unwrap(), "755224");
    host.put(b"counter", HOTP | SHA1, 6, b"12345678901234567890", &[])
        .unwrap();
    assert_eq!(host.code(b"counter", &[]).unwrap(), "755224");
}

#[test]
fn list_tells_kind_and_algorithm() {
    let mut host = Host::new(Profile::default());
    host.put(b"a", TOTP | SHA512, 6, b"k", &[]).unwrap();
    host.put(b"b", HOTP | SHA256, 6, b"k", &[0x78, 0x02])
        .unwrap();
    assert_eq!(
        host.ask(0xA1, 0, 0, &[]).unwrap(),
        [0x72, 2, 0x23, b'a', 0x72, 2, 0x12, b'b']
    );
}

#[test]
fn what_put_cannot_keep_it_refuses() {
    let mut host = Host::new(Profile::default());
    let long = [7; 65];
    for (what, kind, digits, key, rest) in [
        ("an unknown kind", 0x31, 6, &b"k"[..], &[][..]),
        ("an unknown algorithm", 0x24, 6, b"k", &[]),
        ("too few digits", 0x21, 5, b"k", &[]),
        ("too many digits", 0x21, 9, b"k", &[]),
        ("a key beyond the block", 0x21, 6, &long, &[]),
        ("an unknown property", 0x21, 6, b"k", &[0x78, 0x04]),
        (
            "a property with a length",
            0x21,
            6,
            b"k",
            &[0x78, 0x01, 0x02],
        ),
        ("a counter for time", 0x21, 6, b"k", &[0x7A, 4, 0, 0, 0, 1]),
        ("a short counter", 0x11, 6, b"k", &[0x7A, 2, 0, 1]),
        (
            "a counter before the property",
            0x11,
            6,
            b"k",
            &[0x7A, 4, 0, 0, 0, 1, 0x78, 2],
        ),
        ("something after the end", 0x21, 6, b"k", &[0x71, 1, b'x']),
    ] {
        assert_eq!(
            host.put(b"x", kind, digits, key, rest),
            Err(WRONG),
            "{what}"
        );
    }
    let short = [
        tlv(0x71, b"x"),
        tlv(0x73, &[&[0x21, 6][..], &[0; 13]].concat()),
    ]
    .concat();
    assert_eq!(
        host.ask(0x01, 0, 0, &short),
        Err(WRONG),
        "a key that is not padded"
    );
    assert_eq!(host.ask(0x01, 0, 1, &[]), Err(0x6B00));
    assert_eq!(host.names(), Ok(vec![]));
    host.put(
        b"x",
        HOTP | SHA512,
        8,
        &[7; 128],
        &[0x78, 0x03, 0x7A, 4, 0, 0, 0, 1],
    )
    .unwrap();
}

#[test]
fn a_card_told_to_be_full_still_overwrites() {
    let mut host = Host::new(Profile::default());
    host.put_simple(b"old").unwrap();
    host.card.set_full(true);
    assert_eq!(host.put_simple(b"new"), Err(0x6A84));
    host.put_simple(b"old").unwrap();
    host.card.set_full(false);
    host.put_simple(b"new").unwrap();
}
