//! privacyIDEA's CSV in both versions. The files here are written from the format's description;
//! the secret is the one of RFC 4226.

use proptest::prelude::*;

use super::*;
use crate::algorithm::Digits;
use crate::id::InvalidName;
use crate::kind::Period;
use crate::migrate::Refused;

const HEX: &str = "3132333435363738393031323334353637383930";

fn one(line: &str) -> Imported {
    let mut migration = parse(line).unwrap();
    assert_eq!(migration.len(), 1, "{line}");
    migration.remove(0).unwrap()
}

#[test]
fn tokens_without_users() {
    let plain = one(&format!("F1, {HEX}"));
    assert_eq!(plain.serial.as_deref(), Some("F1"));
    assert_eq!(plain.credential.name, "F1");
    assert_eq!(plain.credential.secret.expose(), b"12345678901234567890");
    assert_eq!(
        (plain.credential.kind, plain.credential.counter),
        (Kind::Hotp, 0)
    );
    assert_eq!(
        (plain.watermark, plain.account, plain.notes),
        (None, None, vec![])
    );

    let counted = one(&format!("F1,{HEX},HOTP,8,12"));
    assert_eq!(counted.credential.digits, Digits::Eight);
    assert_eq!(
        (counted.credential.counter, counted.watermark),
        (12, Some(11))
    );

    let timed = one(&format!("F1,{HEX},totp,6,60,sha256,,"));
    let period = Period::from_seconds(60).unwrap();
    assert_eq!(timed.credential.kind, Kind::Totp { period });
    assert_eq!(timed.credential.algorithm, Algorithm::Sha256);
    assert_eq!(timed.notes, [Note::UsedCodesUnknown]);

    let slot = one(&format!("508326:1,{HEX}"));
    assert_eq!(slot.serial.as_deref(), Some("508326:1"));
    assert_eq!(slot.credential.issuer.as_deref(), Some("508326"));
    assert_eq!(slot.credential.name, "1");

    let long = one(&format!("F1,{}", "00".repeat(32)));
    assert_eq!(long.credential.algorithm, Algorithm::Sha1);
    assert_eq!(long.notes, [Note::HashAssumed]);
}

#[test]
fn tokens_with_users() {
    let file = format!(
        "# version: 2\nalice, ldap, staff, F1, {HEX}, totp, 6, 30\n# x\n\n,,,F2,{HEX}\nbob,,,F3,{HEX}\n"
    );
    let migration = parse(&file).unwrap();
    let accounts: Vec<_> = (migration.iter().flatten())
        .map(|i| (i.line, i.account.clone(), i.serial.clone().unwrap()))
        .collect();
    let account = |user: &str, realm: Option<&str>| {
        let (user, realm) = (user.to_owned(), realm.map(str::to_owned));
        Some(Account { user, realm })
    };
    let expected = [
        (2, account("alice", Some("staff")), "F1".to_owned()),
        (5, None, "F2".to_owned()),
        (6, account("bob", None), "F3".to_owned()),
    ];
    assert_eq!(accounts, expected);
    for old in ["#version:1", "# version: 0", "# serial, seed"] {
        assert_eq!(
            one(&format!("{old}\r\nF1,{HEX}\r\n")).serial.as_deref(),
            Some("F1")
        );
    }
    assert_eq!(parse("# version: 3\n"), Err(MigrateError::UnknownVersion));
}

#[test]
fn a_serial_that_occurs_twice_is_nobodys() {
    let file = format!("F1,{HEX}\nF2,{HEX}\nF1 ,{HEX},totp\nF1\n");
    let migration = parse(&file).unwrap();
    let refused = |line, reason| Err(Refused { line, reason });
    assert_eq!(migration[0], refused(1, Reason::DuplicateSerial));
    assert!(migration[1].is_ok());
    assert_eq!(migration[2], refused(3, Reason::DuplicateSerial));
    assert_eq!(migration[3], refused(4, Reason::Missing("seed")));
}

#[test]
fn refusals_name_the_column() {
    let cases = [
        (format!(",{HEX}"), Reason::Missing("serial")),
        ("F\u{1b}1,31".to_owned(), Reason::Damaged("serial")),
        ("F1,31g2".to_owned(), Reason::Damaged("secret")),
        (format!("F1:,{HEX}"), Reason::Name(InvalidName::Empty)),
        (format!("F1,{HEX},ocra"), Reason::Unsupported("type")),
        (
            format!("F1,{HEX},hotp,9"),
            Reason::Unsupported("number of digits"),
        ),
        (
            format!("F1,{HEX},hotp,six"),
            Reason::Damaged("number of digits"),
        ),
        (format!("F1,{HEX},hotp,6,-1"), Reason::Damaged("counter")),
        (
            format!("F1,{HEX},hotp,6,4294967296"),
            Reason::Unsupported("counter"),
        ),
        (format!("F1,{HEX},totp,6,0"), Reason::Damaged("time step")),
        (
            format!("F1,{HEX},totp,6,30,md5"),
            Reason::Unsupported("hash"),
        ),
        (
            format!("F1,{HEX},totp,6,30,sha1,x"),
            Reason::Unsupported("column beyond the hash"),
        ),
    ];
    for (line, reason) in cases {
        assert_eq!(
            parse(&line).unwrap(),
            [Err(Refused { line: 1, reason })],
            "{line}"
        );
    }
    let long = format!("F1,{}", "31".repeat(257));
    assert!(parse(&long).unwrap()[0].is_err());
    let long = " ".repeat(MAX_LEN + 1);
    assert_eq!(parse(&long), Err(MigrateError::TooLarge(MAX_LEN)));
}

proptest! {
    #[test]
    fn arbitrary_lines_tell_no_secret(
        version in "(# version: 2\n)?",
        columns in prop::collection::vec("(F1|hotp|totp|6|30|sha1|.{0,12})", 0..8),
        place in 0usize..8,
    ) {
        let mut columns = columns;
        columns.insert(place.min(columns.len()), HEX.to_owned());
        let Ok(migration) = parse(&(version + &columns.join(","))) else {
            return Ok(());
        };
        for refused in migration.iter().filter_map(|entry| entry.as_ref().err()) {
            prop_assert!(!format!("{refused:?} {refused}").contains(HEX), "{}", refused);
        }
    }
}
