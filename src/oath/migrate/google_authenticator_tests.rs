//! The state of pam_google_authenticator comes over whole or not at all. The files here are written
//! from the format's description; the secret is the one of RFC 4226.

use proptest::prelude::*;

use super::*;

const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn read(rest: &str) -> Imported {
    parse(&format!("{SECRET}\n{rest}"), "alice").unwrap()
}

fn refusal(rest: &str) -> (usize, Reason) {
    match parse(&format!("{SECRET}\n{rest}"), "alice") {
        Err(MigrateError::Refused(Refused { line, reason })) => (line, reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_time_based_file() {
    let imported = read(concat!(
        "\" RATE_LIMIT 3 30 1700000000\n",
        "\" WINDOW_SIZE 17\n",
        "\" DISALLOW_REUSE 56666670 56666668 56666672\n",
        "\" TOTP_AUTH\n",
        "84129075\n",
        "10000000\n",
    ));
    assert_eq!(imported.account.as_ref().unwrap().user, "alice");
    assert_eq!(imported.credential.id().unwrap().to_string(), "alice");
    assert_eq!(imported.credential.secret.expose(), b"12345678901234567890");
    assert_eq!(imported.credential.kind, Kind::TOTP);
    assert_eq!(imported.watermark, Some(56_666_672));
    assert_eq!(imported.notes, [Note::WindowNarrowed(17)]);
    let scratch: Vec<_> = imported.scratch.iter().map(Scratch::expose).collect();
    assert_eq!(scratch, ["84129075", "10000000"]);
    assert!(!format!("{imported:?}").contains("84129075"));
}

#[test]
fn what_the_file_does_not_keep_is_noted() {
    let unknown = [Note::UsedCodesUnknown];
    let reusable = read("\" TOTP_AUTH\n");
    assert_eq!(
        (reusable.watermark, &reusable.notes[..]),
        (None, &unknown[..])
    );
    // The codes that taught the skew are not in the list.
    let skewed = read("\" DISALLOW_REUSE 100\n\" TOTP_AUTH\n\" TIME_SKEW -720\n\" STEP_SIZE 60\n");
    assert_eq!(
        (skewed.watermark, &skewed.notes[..]),
        (Some(100), &unknown[..])
    );
    assert_eq!(skewed.skew_steps, -720);
    assert_eq!(skewed.credential.id().unwrap().to_string(), "60/alice");
    let unused = read("\" DISALLOW_REUSE\n\" TOTP_AUTH\n\" TIME_SKEW 0\n\" WINDOW_SIZE 3\n");
    assert_eq!((unused.watermark, unused.notes), (None, vec![]));
}

#[test]
fn a_counter_wins_over_time() {
    let imported = read("\" HOTP_COUNTER 7\n\" TOTP_AUTH\n\" DISALLOW_REUSE 99\n\" TIME_SKEW 4\n");
    assert_eq!(imported.credential.kind, Kind::Hotp);
    assert_eq!(imported.credential.counter, 7);
    assert_eq!(imported.watermark, Some(6));
    assert_eq!(imported.skew_steps, 0);
    assert_eq!(
        read("\" HOTP_COUNTER 0\n\" TOTP_AUTH\n").credential.kind,
        Kind::TOTP
    );
}

#[test]
fn refusals_name_line_and_option() {
    let cases = [
        ("", 1, Reason::Missing("TOTP_AUTH or HOTP_COUNTER")),
        (
            "\" TOTP_AUTH\n\" TOTP_AUTH\n",
            3,
            Reason::Repeated("option"),
        ),
        (
            "\" TOTP_AUTH\n84129075 \n0412907\n",
            4,
            Reason::Damaged("scratch code"),
        ),
        ("04129075\n", 2, Reason::Damaged("scratch code")),
        ("\" HOTP_COUNTER\n", 2, Reason::Missing("HOTP_COUNTER")),
        ("\" HOTP_COUNTER -1\n", 2, Reason::Damaged("HOTP_COUNTER")),
        (
            "\" HOTP_COUNTER 4294967296\n",
            1,
            Reason::Unsupported("counter"),
        ),
        (
            "\" TOTP_AUTH\n\" STEP_SIZE 61\n",
            3,
            Reason::Damaged("STEP_SIZE"),
        ),
        (
            "\" TOTP_AUTH\n\" STEP_SIZE 0\n",
            3,
            Reason::Damaged("STEP_SIZE"),
        ),
        ("\" WINDOW_SIZE x\n", 2, Reason::Damaged("WINDOW_SIZE")),
        ("\" TIME_SKEW 1.5\n", 2, Reason::Damaged("TIME_SKEW")),
        (
            "\" DISALLOW_REUSE 1 x\n",
            2,
            Reason::Damaged("DISALLOW_REUSE"),
        ),
        // Seconds instead of steps would lock the owner out for good.
        (
            "\" TOTP_AUTH\n\" DISALLOW_REUSE 1700000000\n",
            1,
            Reason::Damaged("used time step"),
        ),
    ];
    for (rest, line, reason) in cases {
        assert_eq!(refusal(rest), (line, reason), "{rest:?}");
    }
    let secret = |text| parse(text, "alice").unwrap_err().to_string();
    assert_eq!(
        secret(""),
        "line 1: the secret is too short (0 bytes); it needs at least 2"
    );
    let long = "A".repeat(MAX_LEN + 1);
    assert_eq!(parse(&long, "alice"), Err(MigrateError::TooLarge(MAX_LEN)));
}

proptest! {
    #[test]
    fn no_used_step_is_above_the_watermark(
        steps in prop::collection::vec(0u64..200_000_000, 1..30),
        before: bool,
    ) {
        let list: Vec<_> = steps.iter().map(u64::to_string).collect();
        let reuse = format!("\" DISALLOW_REUSE {}\n", list.join(" "));
        let rest = if before { reuse + "\" TOTP_AUTH\n" } else { "\" TOTP_AUTH\n".to_owned() + &reuse };
        let watermark = read(&rest).watermark.unwrap();
        prop_assert!(steps.iter().all(|step| *step <= watermark));
        prop_assert!(steps.contains(&watermark));
    }

    #[test]
    fn arbitrary_files_are_read_or_refused_without_secrets(
        lines in prop::collection::vec("(\" [A-Z_]{1,14}[ 0-9-]{0,12}|[0-9]{7,9}|.{0,12})", 0..8),
    ) {
        let told = format!("{:?}", parse(&format!("{SECRET}\n{}", lines.join("\n")), "alice"));
        prop_assert!(!told.contains(SECRET) && !told.contains("12345678901234567890"));
    }
}
