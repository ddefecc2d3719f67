//! A locked card tells nothing, and opens for who knows the code only.

use super::host::*;
use crate::Profile;
use proptest::prelude::*;

const CODE: &[u8] = b"sixteen bytes...";

fn locked(profile: Profile) -> (Host, Vec<u8>) {
    let mut host = Host::new(profile);
    host.put_simple(b"kept").unwrap();
    host.set_code(CODE).unwrap();
    let selected = host.select().unwrap();
    (host, selected)
}

fn refusals(host: &mut Host) -> Vec<Result<Vec<u8>, u16>> {
    vec![
        host.put_simple(b"new"),
        host.delete(b"kept"),
        host.set_code(b"another sixteen."),
        host.ask(0x03, 0, 0, &[0x73, 0]),
        host.rename(b"kept", b"taken"),
        host.ask(0xA1, 0, 0, &[]),
        host.calculate_full(b"kept", &[0; 8]),
        host.ask(0xA4, 0, 1, &tlv(0x74, &[0; 8])),
    ]
}

#[test]
fn nothing_but_validate_and_reset_works_on_a_locked_card() {
    for profile in Profile::ALL {
        let (mut host, selected) = locked(profile);
        for refusal in refusals(&mut host) {
            assert_eq!(refusal, Err(LOCKED), "{profile}");
        }
        let mutual = tlv(0x75, &hmac_sha1(CODE, b"hosthost"));
        assert_eq!(host.validate(CODE, &selected), Ok(mutual));
        assert_eq!(host.names().unwrap(), [b"kept"]);
    }
}

#[test]
fn select_and_power_lock_again() {
    let (mut host, selected) = locked(Profile::default());
    host.validate(CODE, &selected).unwrap();
    let selected = host.select().unwrap();
    assert_eq!(host.names(), Err(LOCKED));
    host.validate(CODE, &selected).unwrap();
    host.card.power_off();
    assert_eq!(host.names(), Err(0x6D00), "no applet is selected");
    host.select().unwrap();
    assert_eq!(host.names(), Err(LOCKED));
}

#[test]
fn another_applet_locks_but_an_unknown_one_does_not() {
    let (mut host, selected) = locked(Profile::default());
    host.validate(CODE, &selected).unwrap();
    assert_eq!(
        host.ask(0xA4, 4, 0, &[0xA0, 0, 0, 3, 8, 0, 0, 0]),
        Err(0x6A82)
    );
    assert!(host.names().is_ok());
    host.ask(0xA4, 4, 0, &[0xA0, 0, 0, 5, 0x27, 0x47, 0x11, 0x17])
        .unwrap();
    host.select().unwrap();
    assert_eq!(host.names(), Err(LOCKED));
}

proptest! {
    #[test]
    fn a_wrong_code_does_not_open(wrong in prop::collection::vec(any::<u8>(), 16)) {
        let (mut host, selected) = locked(Profile::default());
        prop_assert_eq!(host.validate(&wrong, &selected), Err(WRONG));
        prop_assert_eq!(host.names(), Err(LOCKED));
        prop_assert_eq!(host.validate(CODE, &selected), Err(0x6985));
        let selected = host.select().unwrap();
        prop_assert!(host.validate(CODE, &selected).is_ok());
    }

    #[test]
    fn part_of_the_answer_does_not_open(length in 0usize..20) {
        let (mut host, selected) = locked(Profile::default());
        let challenge = values(&selected).into_iter().find(|(tag, _)| *tag == 0x74).unwrap().1;
        let proof = tlv(0x75, &hmac_sha1(CODE, &challenge)[..length]);
        prop_assert_eq!(host.ask(0xA3, 0, 0, &[proof, tlv(0x74, b"hosthost")].concat()), Err(WRONG));
        prop_assert_eq!(host.names(), Err(LOCKED));
    }
}

#[test]
fn challenges_do_not_repeat_and_show_only_with_a_code() {
    let (mut host, first) = locked(Profile::default());
    let second = host.select().unwrap();
    assert_ne!(first, second);
    assert!(host.validate(CODE, &first).is_err());
    let selected = host.select().unwrap();
    host.validate(CODE, &selected).unwrap();
    host.ask(0x03, 0, 0, &[0x73, 0]).unwrap();
    let open = host.select().unwrap();
    assert_eq!(
        values(&open)
            .iter()
            .map(|(tag, _)| *tag)
            .collect::<Vec<_>>(),
        [0x79, 0x71]
    );
    assert!(host.names().is_ok());
}

#[test]
fn a_code_is_set_only_with_its_proof() {
    let mut host = Host::new(Profile::default());
    let wrong = hmac_sha1(b"another sixteen.", b"proofing");
    let data = [
        tlv(0x73, &[&[0x21], CODE].concat()),
        tlv(0x74, b"proofing"),
        tlv(0x75, &wrong),
    ]
    .concat();
    assert_eq!(host.ask(0x03, 0, 0, &data), Err(NOT_FOUND));
    let selected = host.select().unwrap();
    assert!(values(&selected).iter().all(|(tag, _)| *tag != 0x74));
    assert_eq!(
        host.ask(
            0xA3,
            0,
            0,
            &[tlv(0x75, &wrong), tlv(0x74, b"hosthost")].concat()
        ),
        Err(NOT_FOUND)
    );
}

#[test]
fn setting_a_code_leaves_the_session_open_but_on_a_neo() {
    for profile in Profile::ALL {
        let mut host = Host::new(profile);
        host.set_code(CODE).unwrap();
        let expected = if profile == Profile::Neo {
            Err(LOCKED)
        } else {
            Ok(vec![])
        };
        assert_eq!(host.names(), expected, "{profile}");
    }
}

#[test]
fn reset_forgets_everything_and_makes_another_salt() {
    let (mut host, before) = locked(Profile::default());
    assert_eq!(host.ask(0x04, 0, 0, &[]), Err(0x6B00));
    host.ask(0x04, 0xDE, 0xAD, &[]).unwrap();
    assert_eq!(host.names(), Ok(vec![]));
    let after = host.select().unwrap();
    assert_ne!(values(&before)[1], values(&after)[1]);
    assert_eq!(host.names(), Ok(vec![]));
}

#[test]
fn proofs_of_another_form_are_refused() {
    let mut host = Host::new(Profile::default());
    for (key, challenge) in [
        (CODE, &b""[..]),
        (&CODE[..13], b"proofing"),
        (&[7; 65], b"proofing"),
    ] {
        let proof = if key.len() > 64 {
            vec![0; 20]
        } else {
            hmac_sha1(key, challenge)
        };
        let data = [
            tlv(0x73, &[&[0x21], key].concat()),
            tlv(0x74, challenge),
            tlv(0x75, &proof),
        ];
        assert_eq!(host.ask(0x03, 0, 0, &data.concat()), Err(WRONG));
    }
    let (mut host, selected) = locked(Profile::default());
    let challenge = values(&selected)[2].1.clone();
    for host_challenge in [&b""[..], b"seven..", b"nine....."] {
        let data = [
            tlv(0x75, &hmac_sha1(CODE, &challenge)),
            tlv(0x74, host_challenge),
        ]
        .concat();
        assert_eq!(host.ask(0xA3, 0, 0, &data), Err(WRONG));
    }
}
