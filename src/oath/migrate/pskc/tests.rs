//! Containers are read as RFC 6030 has them.

use proptest::prelude::*;

use super::documents::*;
use super::*;
use crate::algorithm::{Algorithm, Digits};
use crate::kind::{Kind, Period};
use crate::migrate::Refused;

#[test]
fn a_plain_key_with_nothing_else() {
    let xml = format!(
        "<KeyContainer Version=\"1.0\" Id=\"exampleID1\" xmlns=\"{NAMESPACE}\"><KeyPackage>\n\
         <Key Id=\"12345678\" Algorithm=\"{NAMESPACE}:hotp\"><Issuer>Issuer-A</Issuer>\
         <Data><Secret><PlainValue>MTIzNA==\n</PlainValue></Secret></Data></Key></KeyPackage></KeyContainer>"
    );
    let imported = one(&xml, None).unwrap();
    assert_eq!(
        imported.credential.id().unwrap().to_string(),
        "Issuer-A:12345678"
    );
    assert_eq!(imported.credential.secret.expose(), b"1234");
    assert_eq!(
        (imported.credential.kind, imported.credential.digits),
        (Kind::Hotp, Digits::Six)
    );
    assert_eq!(
        (imported.serial, imported.account, imported.watermark),
        (None, None, None)
    );
}

#[test]
fn a_counter_keeps_what_was_used() {
    let beside = "<UserId>UID=jsmith,DC=example</UserId>\
        <AlgorithmParameters><ResponseFormat Length=\"7\" Encoding=\"DECIMAL\"/></AlgorithmParameters>";
    let imported = plain(
        "hotp",
        "<Counter><PlainValue>42</PlainValue></Counter>",
        beside,
    )
    .unwrap();
    assert_eq!(imported.credential.secret.expose(), RFC_4226);
    assert_eq!(
        (imported.credential.counter, imported.watermark),
        (42, Some(41))
    );
    assert_eq!(imported.credential.digits, Digits::Seven);
    assert_eq!(imported.serial.as_deref(), Some("S1"));
    assert_eq!(imported.account.unwrap().user, "UID=jsmith,DC=example");
    assert_eq!(imported.notes, []);
}

#[test]
fn time_keeps_step_and_drift() {
    let value =
        |name: &str, value: &str| format!("<{name}><PlainValue>{value}</PlainValue></{name}>");
    let data = value("Time", "8") + &value("TimeInterval", "60") + &value("TimeDrift", "-1");
    let suite = "<AlgorithmParameters><Suite>HMAC-SHA256</Suite></AlgorithmParameters>";
    let imported = plain("totp", &data, suite).unwrap();
    let period = Period::from_seconds(60).unwrap();
    assert_eq!(imported.credential.kind, Kind::Totp { period });
    assert_eq!(imported.credential.algorithm, Algorithm::Sha256);
    assert_eq!((imported.watermark, imported.skew_steps), (Some(8), -1));
    assert_eq!(imported.notes, []);
    let fresh = plain("totp", &value("Time", "0"), "").unwrap();
    assert_eq!(
        (fresh.watermark, &fresh.notes[..]),
        (None, &[Note::UsedCodesUnknown][..])
    );
    let seconds = plain("totp", &value("Time", "1700000000"), "").unwrap_err();
    assert_eq!(seconds.reason, Reason::Damaged("used time step"));
}

#[test]
fn policies_limit_or_forbid() {
    let policy = |rules: &str| plain("hotp", "", &format!("<Policy>{rules}</Policy>"));
    let dated = policy(
        "<StartDate>2026-03-01T00:00:00Z</StartDate><ExpiryDate>2037-12-31T00:00:00Z</ExpiryDate>\
         <KeyUsage>CR</KeyUsage><KeyUsage>OTP</KeyUsage>",
    );
    let dated = dated.unwrap();
    assert_eq!(dated.not_before, Some(1_772_323_200));
    assert_eq!(dated.not_after, Some(2_145_830_400));
    let pin = policy("<PINPolicy PINKeyId=\"p\" PINUsageMode=\"Prepend\"/>").unwrap();
    assert_eq!(pin.notes, [Note::PinDropped]);
    let refused = |rules: &str| policy(rules).unwrap_err().reason;
    let algorithmic = "<PINPolicy PINUsageMode=\"Algorithmic\"/>";
    assert_eq!(refused(algorithmic), Reason::Unsupported("PINUsageMode"));
    assert_eq!(
        refused("<KeyUsage>Encrypt</KeyUsage>"),
        Reason::Unsupported("KeyUsage")
    );
    assert_eq!(
        refused("<NumberOfTransactions>9</NumberOfTransactions>"),
        Reason::Unsupported("Policy")
    );
    assert_eq!(
        refused("<StartDate>soon</StartDate>"),
        Reason::Damaged("StartDate")
    );
    // The device's dates count as well; the narrower ones win.
    let device = "<DeviceInfo><SerialNo>S1</SerialNo><ExpiryDate>2026-03-01T00:00:00Z</ExpiryDate></DeviceInfo>";
    let key = format!(
        "<Policy><ExpiryDate>2037-12-31T00:00:00Z</ExpiryDate></Policy><Data>{PLAIN}</Data>"
    );
    let both = package("S1", "hotp", &key)
        .replace("<DeviceInfo><SerialNo>S1</SerialNo></DeviceInfo>", device);
    assert_eq!(
        one(&container("", &both), None).unwrap().not_after,
        Some(1_772_323_200)
    );
}

#[test]
fn a_serial_that_occurs_twice_is_nobodys() {
    let key = |serial: &str| package(serial, "hotp", &format!("<Data>{PLAIN}</Data>"));
    let pin = package("S2", "pin", &format!("<Data>{PLAIN}</Data>"));
    let xml = container("", &[key("S1"), key("S2"), pin, key(" S1\n")].join("\n"));
    let reasons: Vec<_> = parse(&xml, None)
        .unwrap()
        .into_iter()
        .map(|entry| entry.err())
        .collect();
    let refused = |line, reason| Some(Refused { line, reason });
    let expected = [
        refused(4, Reason::DuplicateSerial),
        None,
        refused(6, Reason::Unsupported("Algorithm")),
        refused(7, Reason::DuplicateSerial),
    ];
    assert_eq!(reasons, expected);
}

#[test]
fn a_signature_is_noted() {
    let key = package("S1", "hotp", &format!("<Data>{PLAIN}</Data>"));
    let xml = container("", &(key + "<Signature>c2lnbmVk</Signature>"));
    assert_eq!(one(&xml, None).unwrap().notes, [Note::SignatureNotChecked]);
}

#[test]
fn keys_for_something_else_are_refused() {
    let parameters = |inside: &str| {
        let beside = format!("<AlgorithmParameters>{inside}</AlgorithmParameters>");
        plain("hotp", "", &beside).unwrap_err().reason
    };
    let format = "ResponseFormat";
    assert_eq!(
        parameters("<ResponseFormat Length=\"8\" Encoding=\"HEXADECIMAL\"/>"),
        Reason::Unsupported(format)
    );
    assert_eq!(
        parameters("<ResponseFormat Length=\"8\" CheckDigits=\"true\"/>"),
        Reason::Unsupported(format)
    );
    assert_eq!(
        parameters("<ResponseFormat Encoding=\"DECIMAL\"/>"),
        Reason::Missing("Length")
    );
    assert_eq!(
        parameters("<ResponseFormat Length=\"9\"/>"),
        Reason::Unsupported("number of digits")
    );
    assert_eq!(
        parameters("<ChallengeFormat/>"),
        Reason::Unsupported("ChallengeFormat")
    );
    assert_eq!(
        parameters("<Suite>OCRA-1</Suite>"),
        Reason::Unsupported("Suite")
    );
    let data = |data: &str| plain("hotp", data, "").unwrap_err().reason;
    assert_eq!(data(PLAIN), Reason::Repeated("Secret"));
    assert_eq!(
        data("<Counter><EncryptedValue/></Counter>"),
        Reason::Unsupported("Counter")
    );
    assert_eq!(data("<Counter/>"), Reason::Missing("PlainValue"));
    assert_eq!(
        data("<Counter><PlainValue>4294967296</PlainValue></Counter>"),
        Reason::Unsupported("counter")
    );
}

#[test]
fn documents_beyond_reason_are_refused() {
    let xml_error = |xml: &str| matches!(parse(xml, None), Err(MigrateError::Xml { .. }));
    let key = package("&#83;1&amp;", "hotp", &format!("<Data>{PLAIN}</Data>"));
    let good = container("<!-- & --><?php?>", &key);
    assert_eq!(one(&good, None).unwrap().serial.as_deref(), Some("S1&"));

    let dtd = good.replace(
        "<KeyContainer ",
        "<!DOCTYPE x [<!ENTITY e \"S1\">]><KeyContainer ",
    );
    assert_eq!(parse(&dtd, None), Err(MigrateError::Xml { line: 2 }));
    for bad in [
        good.replace("&amp;", "&e;"),
        good.replace("&#83;", "&#x110000;"),
        good.replace("</Data>", "</Date>"),
        good.replace("Id=\"k1\"", "Id=\"k1\" Id=\"k2\""),
        good.clone() + "<x/>",
        good.clone() + "x",
        good.clone() + "</KeyContainer>",
        good.replace("</KeyContainer>", ""),
        String::new(),
        "x".to_owned(),
        good.replace(
            "<Data>",
            &("<Data>".to_owned() + &"<x>".repeat(40) + &"</x>".repeat(40)),
        ),
        good.replace(
            "<Data>",
            &("<Data><x>".to_owned() + &"x".repeat(70_000) + "</x>"),
        ),
        good.replace("<Data>", &("<Data>".to_owned() + &"<x/>".repeat(300_000))),
        good.replace(
            "<Data>",
            &format!(
                "<Data{}>",
                (0..40).map(|n| format!(" a{n}=\"\"")).collect::<String>()
            ),
        ),
    ] {
        assert!(xml_error(&bad), "{}", &bad[..bad.len().min(500)]);
    }
    let long = " ".repeat(MAX_LEN + 1);
    assert_eq!(parse(&long, None), Err(MigrateError::TooLarge(MAX_LEN)));
    for other in [
        "<x/>",
        "<KeyContainer/>",
        "<KeyContainer xmlns=\"urn:x\"/>",
        "<p:KeyContainer xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\"/>",
    ] {
        assert_eq!(parse(other, None), Err(MigrateError::NotPskc), "{other}");
    }
    let version = good.replace("Version=\"1.0\"", "Version=\"2.0\"");
    assert_eq!(parse(&version, None), Err(MigrateError::UnknownVersion));
    assert_eq!(
        parse(&container("", ""), None).unwrap_err().to_string(),
        "line 2: KeyPackage is missing"
    );
}

proptest! {
    #[test]
    fn arbitrary_documents_tell_no_secret(parts in prop::collection::vec(prop::sample::select(vec![
        "<Data>", "</Data>", "<Secret>", "</Secret>", "<PlainValue>", "</PlainValue>", "<Counter>",
        "</Counter>", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=", "<Policy>", "</Policy>", "&lt;", "<![CDATA[", "]]>",
    ]), 0..12)) {
        let xml = container("", &package("S1", "hotp", &parts.concat()));
        let told = match parse(&xml, None) {
            Ok(migration) => format!("{migration:?}"),
            Err(error) => format!("{error:?} {error}"),
        };
        prop_assert!(!told.contains("MTIz") && !told.contains("12345678901234567890"));
    }
}
