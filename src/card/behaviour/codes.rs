//! Codes are those of the standards.

use super::host::*;
use crate::{Outcome, Profile};
use proptest::prelude::*;

const SEED: &[u8] = b"12345678901234567890";
const SEED_32: &[u8] = b"12345678901234567890123456789012";
const SEED_64: &[u8] = b"1234567890123456789012345678901234567890123456789012345678901234";

#[test]
fn counter_codes_are_those_of_rfc_4226() {
    let mut host = Host::new(Profile::Neo);
    host.put(b"counter", HOTP | SHA1, 6, SEED, &[]).unwrap();
    // RFC 4226, appendix D.
    for code in [
        "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
        "520489",
    ] {
        assert_eq!(host.code(b"counter", &[]).unwrap(), code);
    }
}

#[test]
fn time_codes_are_those_of_rfc_6238() {
    let mut host = Host::new(Profile::YubiKey43);
    host.put(b"sha1", TOTP | SHA1, 8, SEED, &[]).unwrap();
    host.put(b"sha256", TOTP | SHA256, 8, SEED_32, &[]).unwrap();
    host.put(b"sha512", TOTP | SHA512, 8, SEED_64, &[]).unwrap();
    // RFC 6238, appendix B.
    for (time, sha1, sha256, sha512) in [
        (59, "94287082", "46119246", "90693936"),
        (1_111_111_109, "07081804", "68084774", "25091201"),
        (1_111_111_111, "14050471", "67062674", "99943326"),
        (1_234_567_890, "89005924", "91819424", "93441116"),
        (2_000_000_000, "69279037", "90698825", "38618901"),
        (20_000_000_000_u64, "65353130", "77737706", "47863826"),
    ] {
        let challenge = (time / 30).to_be_bytes();
        assert_eq!(host.code(b"sha1", &challenge).unwrap(), sha1);
        assert_eq!(host.code(b"sha256", &challenge).unwrap(), sha256);
        assert_eq!(host.code(b"sha512", &challenge).unwrap(), sha512);
    }
}

proptest! {
    #[test]
    fn the_full_answer_is_the_hmac(key in prop::collection::vec(any::<u8>(), 14..=64), challenge in prop::collection::vec(any::<u8>(), 1..=64)) {
        let mut host = Host::new(Profile::default());
        host.put(b"x", TOTP | SHA1, 7, &key, &[]).unwrap();
        let expected = [&[0x75, 21, 7], &hmac_sha1(&key, &challenge)[..]].concat();
        prop_assert_eq!(host.calculate_full(b"x", &challenge), Ok(expected));
    }

    #[test]
    fn all_codes_at_once_are_the_single_ones(names in prop::collection::btree_set("[a-z]{1,20}", 1..20), step in any::<u64>()) {
        let mut host = Host::new(Profile::default());
        let challenge = step.to_be_bytes();
        for name in &names {
            host.put_simple(name.as_bytes()).unwrap();
        }
        let all = host.calculate_all(&challenge).unwrap();
        prop_assert_eq!(all.len(), 2 * names.len());
        for pair in all.chunks(2) {
            let single = host.ask(0xA2, 0, 1, &[tlv(0x71, &pair[0].1), tlv(0x74, &challenge)].concat());
            prop_assert_eq!(single, Ok(tlv(0x76, &pair[1].1)));
        }
    }

    #[test]
    fn a_counter_starts_where_it_is_told(start in any::<u32>()) {
        let mut host = Host::new(Profile::default());
        host.put(b"counter", HOTP | SHA1, 6, SEED, &tlv(0x7A, &start.to_be_bytes())).unwrap();
        host.put(b"time", TOTP | SHA1, 6, SEED, &[]).unwrap();
        for offset in 0..3 {
            let counter = u64::from(start) + offset;
            prop_assert_eq!(host.code(b"counter", &[]), host.code(b"time", &counter.to_be_bytes()));
        }
    }
}

#[test]
fn all_codes_at_once_hold_back_counters_and_touches() {
    let mut host = Host::new(Profile::default());
    host.put(b"counter", HOTP | SHA1, 8, SEED, &[]).unwrap();
    host.put(b"touch", TOTP | SHA1, 7, SEED, &[0x78, 0x02])
        .unwrap();
    host.put(b"both", HOTP | SHA1, 6, SEED, &[0x78, 0x02])
        .unwrap();
    let expected = vec![
        (0x71, b"counter".to_vec()),
        (0x77, vec![8]),
        (0x71, b"touch".to_vec()),
        (0x7C, vec![7]),
        (0x71, b"both".to_vec()),
        (0x77, vec![6]),
    ];
    assert_eq!(host.calculate_all(&[0; 8]).unwrap(), expected);
    assert_eq!(host.code(b"counter", &[]).unwrap(), "84755224");
}

#[test]
fn a_touch_is_waited_for_and_can_be_given_up() {
    let mut host = Host::new(Profile::default());
    host.put(b"both", HOTP | SHA1, 6, SEED, &[0x78, 0x02])
        .unwrap();
    let calculate = [
        &[0, 0xA2, 0, 1, 8][..],
        &tlv(0x71, b"both"),
        &tlv(0x74, &[]),
    ]
    .concat();
    assert_eq!(host.card.touched(), None);

    assert_eq!(
        host.card.transmit(&calculate, &mut host.entropy),
        Outcome::AwaitTouch
    );
    assert_eq!(host.card.touch_timed_out(), Some(vec![0x69, 0x82]));
    assert_eq!(host.card.touched(), None);

    assert_eq!(
        host.card.transmit(&calculate, &mut host.entropy),
        Outcome::AwaitTouch
    );
    assert_eq!(host.raw(&[0]), [0x67, 0x00]);
    assert_eq!(host.card.touched(), None);

    assert_eq!(
        host.card.transmit(&calculate, &mut host.entropy),
        Outcome::AwaitTouch
    );
    host.card.power_off();
    assert_eq!(host.card.touched(), None);

    host.select().unwrap();
    assert_eq!(
        host.code(b"both", &[]).unwrap(),
        "755224",
        "a wait without a touch moves no counter"
    );
}

#[test]
fn challenges_that_may_only_rise_do() {
    let mut host = Host::new(Profile::default());
    host.put(b"rising", TOTP | SHA1, 6, SEED, &[0x78, 0x01])
        .unwrap();
    assert!(host.code(b"rising", &5_u64.to_be_bytes()).is_ok());
    assert!(host.code(b"rising", &5_u64.to_be_bytes()).is_ok());
    assert_eq!(host.code(b"rising", &4_u64.to_be_bytes()), Err(WRONG));
    assert!(host.code(b"rising", &6_u64.to_be_bytes()).is_ok());
}

#[test]
fn a_challenge_has_its_bounds() {
    let mut host = Host::new(Profile::default());
    host.put_simple(b"time").unwrap();
    assert_eq!(host.code(b"time", &[]), Err(WRONG));
    assert_eq!(host.code(b"time", &[0; 65]), Err(WRONG));
    assert_eq!(host.calculate_all(&[]), Err(WRONG));
    assert_eq!(host.calculate_all(&[0; 65]), Err(WRONG));
    assert_eq!(host.code(b"other", &[0; 8]), Err(NOT_FOUND));
}

#[test]
fn broken_memory_is_said_until_it_is_overwritten() {
    let mut host = Host::new(Profile::default());
    host.put_simple(b"one").unwrap();
    host.put_simple(b"two").unwrap();
    host.card.damage(b"one");
    assert_eq!(host.calculate_all(&[0; 8]), Err(0x6581));
    assert_eq!(host.code(b"one", &[0; 8]), Err(0x6581));
    assert!(host.code(b"two", &[0; 8]).is_ok());
    assert_eq!(host.names().unwrap(), [b"one", b"two"]);
    host.rename(b"one", b"three").unwrap();
    assert_eq!(host.code(b"three", &[0; 8]), Err(0x6581));
    host.put_simple(b"three").unwrap();
    assert!(host.calculate_all(&[0; 8]).is_ok());

    host.card.damage(b"three");
    host.delete(b"three").unwrap();
    host.put_simple(b"three").unwrap();
    assert!(host.calculate_all(&[0; 8]).is_ok());

    host.card.damage(b"two");
    host.ask(0x04, 0xDE, 0xAD, &[]).unwrap();
    host.put_simple(b"two").unwrap();
    assert!(host.calculate_all(&[0; 8]).is_ok());
}
