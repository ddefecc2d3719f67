//! A code that pam_oath accepted is below the watermark, whatever its window was; no line is passed
//! over. The files here are written from liboath's description; the secret is the one of RFC 4226.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::migrate::Refused;

const HEX: &str = "3132333435363738393031323334353637383930";
/// 2026-03-01T12:00:00Z
const NOON: u64 = 1_772_366_400;

fn one(line: &str, utc_offset: i32) -> Result<Imported, Refused> {
    let mut migration = parse(line, utc_offset).unwrap();
    assert_eq!(migration.len(), 1, "{line}");
    migration.remove(0)
}

fn reason(line: &str) -> Reason {
    one(line, 0).unwrap_err().reason
}

/// The local time of a day in March 2026.
fn stamp(at: u64, utc_offset: i32) -> String {
    let local = at.checked_add_signed(utc_offset.into()).unwrap() - (NOON - 12 * 3600);
    let (day, second) = (local / 86_400 + 1, local % 86_400);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("2026-03-{day:02}T{hour:02}:{minute:02}:{:02}L", second % 60)
}

#[test]
fn a_users_file() {
    let file = format!(
        "# type user PIN secret\n\n\
         HOTP alice - {HEX}\n\
         HOTP/E/8\tbob\t4711\t{HEX}\t1\t287082\t2026-03-01T12:00:00L\n  \
         HOTP/T60/7 carol + {HEX}\n",
    );
    let migration = parse(&file, 0).unwrap();
    let [alice, bob, carol] = migration.as_slice() else {
        panic!("{migration:?}");
    };
    let (alice, bob, carol) = (
        alice.as_ref().unwrap(),
        bob.as_ref().unwrap(),
        carol.as_ref().unwrap(),
    );
    assert_eq!((alice.line, bob.line, carol.line), (3, 4, 5));
    assert_eq!(alice.credential.kind, Kind::Hotp);
    assert_eq!((alice.credential.counter, alice.watermark), (0, None));
    assert_eq!(alice.credential.secret.expose(), b"12345678901234567890");
    assert_eq!(
        (alice.notes.as_slice(), carol.notes.as_slice()),
        (&[][..], &[][..])
    );
    // The moving factor is the counter of the last code: the next one is good.
    assert_eq!((bob.credential.counter, bob.watermark), (2, Some(1)));
    assert_eq!(bob.credential.digits, Digits::Eight);
    assert_eq!(bob.notes, [Note::PinDropped]);
    assert_eq!(carol.credential.id().unwrap().to_string(), "60/carol");
    assert_eq!(carol.credential.digits, Digits::Seven);
    assert_eq!(carol.account, Some(local("carol")));
}

#[test]
fn a_comment_is_nobody() {
    let file = format!("#HOTP alice - {HEX}\n\t# HOTP alice - {HEX}\n##\n#\n");
    assert_eq!(parse(&file, 0).unwrap(), []);
    // pam_oath skips these as well; here somebody is told.
    for line in [
        "//HOTP alice - 3132",
        "HOTP#alice - 3132",
        "; HOTP alice - 3132",
    ] {
        assert_eq!(reason(line), Reason::Unsupported("type"));
    }
}

#[test]
fn refusals_name_the_field() {
    let last = format!("HOTP alice - {HEX} 1 287082");
    let cases = [
        ("TOTP alice - 3132".to_owned(), Reason::Unsupported("type")),
        (
            "HOTP/T45 alice - 3132".to_owned(),
            Reason::Unsupported("type"),
        ),
        (
            "HOTP/E/5 alice - 3132".to_owned(),
            Reason::Unsupported("type"),
        ),
        (
            "HOTP/E/6/6 alice - 3132".to_owned(),
            Reason::Unsupported("type"),
        ),
        ("HOTP".to_owned(), Reason::Missing("user")),
        ("HOTP alice".to_owned(), Reason::Missing("PIN")),
        ("HOTP alice -".to_owned(), Reason::Missing("secret")),
        ("HOTP alice - 313".to_owned(), Reason::Damaged("secret")),
        ("HOTP alice - 31é".to_owned(), Reason::Damaged("secret")),
        (
            format!("HOTP alice - {HEX} +1"),
            Reason::Damaged("moving factor"),
        ),
        (
            format!("HOTP alice - {HEX} 4294967296"),
            Reason::Unsupported("counter"),
        ),
        (
            format!("HOTP alice - {HEX} {} 1", u64::MAX),
            Reason::Unsupported("counter"),
        ),
        (
            format!("{last} 2026-03-01T12:00:00Z"),
            Reason::Damaged("last time"),
        ),
        (
            format!("{last} 1970-01-01T00:00:00L x"),
            Reason::Damaged("last time"),
        ),
    ];
    for (line, reason) in &cases[..cases.len() - 1] {
        assert_eq!(self::reason(line), *reason, "{line}");
    }
    let (line, reason) = &cases[cases.len() - 1];
    assert_eq!(one(line, 3600).unwrap_err().reason, *reason);
    let long = " ".repeat(MAX_LEN + 1);
    assert_eq!(parse(&long, 0), Err(MigrateError::TooLarge(MAX_LEN)));
}

#[test]
fn a_last_code_of_another_secret_is_noted() {
    let line = format!("HOTP/T30 alice - {HEX} 0 12345x {}", stamp(NOON, 0));
    let imported = one(&line, 0).unwrap();
    assert_eq!(
        (imported.watermark, &imported.notes[..]),
        (None, &[Note::UsedCodesUnknown][..])
    );
    let undated = one(&format!("HOTP/T30 alice - {HEX} 0 123456"), 0).unwrap();
    assert_eq!(undated.notes, [Note::UsedCodesUnknown]);
}

#[test]
fn the_higher_of_two_steps_with_one_code_counts() {
    let steps = Period::DEFAULT.step(NOON - 3600)..=Period::DEFAULT.step(NOON + 3600);
    let (secret, lower, higher) = (0u16..)
        .find_map(|number| {
            let secret = Secret::new(number.to_be_bytes().to_vec()).unwrap();
            let mut seen = BTreeMap::new();
            let (lower, higher) = steps.clone().find_map(|step| {
                let code = code::hotp(&secret, Algorithm::Sha1, Digits::Six, step);
                seen.insert(code, step).map(|before| (before, step))
            })?;
            Some((secret, lower, higher))
        })
        .unwrap();
    let hex = data_encoding::HEXLOWER.encode(secret.expose());
    let code = code::hotp(&secret, Algorithm::Sha1, Digits::Six, lower);
    let line = format!("HOTP/T30 alice - {hex} 0 {code} {}", stamp(NOON, 0));
    assert_eq!(one(&line, 0).unwrap().watermark, Some(higher));
}

proptest! {
    #[test]
    fn the_last_code_stays_used(
        bytes in prop::collection::vec(any::<u8>(), 2..=64),
        minute: bool,
        digits in 6u8..=8,
        shift in -3500i64..=3500,
        daylight in prop::sample::select(vec![-3600i64, 0, 3600]),
        quarter in -40i32..=40,
    ) {
        let secret = Secret::new(bytes).unwrap();
        let period = Period::from_seconds(if minute { 60 } else { 30 }).unwrap();
        let used = period.step(NOON.checked_add_signed(shift).unwrap());
        let code = code::hotp(&secret, Algorithm::Sha1, digits.try_into().unwrap(), used);
        let utc_offset = quarter * 900;
        let line = format!(
            "HOTP/T{period}/{digits} alice - {} 0 {code} {}",
            data_encoding::HEXUPPER.encode(secret.expose()),
            stamp(NOON.checked_add_signed(daylight).unwrap(), utc_offset),
        );
        let watermark = one(&line, utc_offset).unwrap().watermark.unwrap();
        prop_assert!(watermark >= used);
        let marked = code::hotp(&secret, Algorithm::Sha1, digits.try_into().unwrap(), watermark);
        prop_assert_eq!(marked, code);
    }

    #[test]
    fn arbitrary_lines_tell_no_secret(
        kind in "(HOTP|HOTP/T30|#|.{0,6})",
        fields in prop::collection::vec("(-|alice|1|2026-03-01T12:00:00L|.{0,12})", 0..4),
        place in 0usize..5,
    ) {
        let mut fields = [vec![kind], fields].concat();
        fields.insert(place.min(fields.len()), HEX.to_owned());
        let line = fields.join(" ");
        let migration = parse(&line, 0).unwrap();
        let refused = migration.iter().filter_map(|entry| entry.as_ref().err());
        for refused in refused {
            prop_assert!(!format!("{refused:?} {refused}").contains(HEX), "{}", refused);
        }
    }
}
