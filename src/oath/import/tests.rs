//! Every format is read, entries are refused one by one, and arbitrary exports never panic. The
//! exports here are written from the formats' descriptions; none comes from a real program.

use data_encoding::BASE64;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use super::*;
use crate::algorithm::{Algorithm, Digits};
use crate::kind::{Kind, Period};

/// One credential in short: id, algorithm, digits, counter, secret.
fn short(credential: &NewCredential) -> (String, Algorithm, u8, u32, Vec<u8>) {
    (
        credential.id().unwrap().to_string(),
        credential.algorithm,
        credential.digits.into(),
        credential.counter,
        credential.secret.expose().to_vec(),
    )
}

fn reasons(imported: Imported) -> Vec<(usize, Option<String>, Reason)> {
    let refused = imported.into_iter().filter_map(Result::err);
    refused.map(|r| (r.number, r.label, r.reason)).collect()
}

/// A protobuf field of bytes, text or a message.
fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let len = u8::try_from(bytes.len()).unwrap();
    let len = if len < 128 {
        vec![len]
    } else {
        vec![len & 127 | 128, 1]
    };
    [&[tag << 3 | 2][..], &len, bytes].concat()
}

/// A protobuf field of a small number.
fn number(tag: u8, value: u8) -> Vec<u8> {
    vec![tag << 3, value]
}

fn uri(payload: &[u8]) -> String {
    let data = BASE64.encode(payload);
    format!(
        "otpauth-migration://offline?data={}",
        utf8_percent_encode(&data, NON_ALPHANUMERIC)
    )
}

#[test]
fn a_migration_uri() {
    let payload = [
        field(
            1,
            &[
                field(1, b"12345678901234567890"),
                field(2, b"Example:alice"),
                field(3, b"Example"),
                number(4, 3),
                number(5, 2),
                number(6, 2),
            ]
            .concat(),
        ),
        field(
            1,
            &[
                field(1, &[0xfb, 0xff, 0xfe]),
                field(2, b"bob"),
                number(4, 1),
                number(5, 1),
                number(6, 1),
                number(7, 9),
            ]
            .concat(),
        ),
        field(
            1,
            &[field(1, b"12"), field(2, b"carol"), number(4, 4)].concat(),
        ),
        number(2, 1),
        number(3, 1),
    ]
    .concat();
    let imported = parse(&uri(&payload)).unwrap();
    let read: Vec<_> = imported.iter().flatten().map(short).collect();
    let alice = b"12345678901234567890".to_vec();
    assert_eq!(
        read,
        [
            ("Example:alice".to_owned(), Algorithm::Sha512, 8, 0, alice),
            (
                "bob".to_owned(),
                Algorithm::Sha1,
                6,
                9,
                vec![0xfb, 0xff, 0xfe]
            ),
        ]
    );
    let md5 = Reason::Unsupported {
        what: "algorithm",
        value: "MD5".to_owned(),
    };
    assert_eq!(reasons(imported), [(3, Some("carol".to_owned()), md5)]);
}

#[test]
fn parts_of_a_migration_are_counted_and_counted_once() {
    let part = |index| {
        let entry = [field(1, b"1234"), field(2, format!("a{index}").as_bytes())].concat();
        let batch = [number(3, 3), number(4, index), number(5, 77)].concat();
        uri(&[field(1, &entry), batch].concat())
    };
    let whole = parse(&format!(
        "{}\n{}\n\n# scanned\n{}",
        part(0),
        part(2),
        part(1)
    ))
    .unwrap();
    assert_eq!(whole.iter().flatten().count(), 3);
    assert_eq!(whole.len(), 3);

    let partial = parse(&format!("{}\n{}\n{}", part(0), part(2), part(0))).unwrap();
    assert_eq!(partial.iter().flatten().count(), 2);
    let missing = Reason::MissingParts { present: 2, of: 3 };
    assert_eq!(reasons(partial), [(3, None, missing)]);
}

#[test]
fn lines_are_refused_one_by_one() {
    let imported = parse(
        "\u{feff}# mine\r\n\r\notpauth://totp/a?secret=GEZDGNBV\r\nhttps://example.org\r\n\
         otpauth-migration://offline?data=AAA\r\notpauth-migration://offline\r\n\
         otpauth://totp/b?secret=GEZDGNBV\r\n",
    )
    .unwrap();
    let names: Vec<_> = imported.iter().flatten().map(|c| c.name.clone()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(
        reasons(imported),
        [
            (2, None, Reason::Uri(UriError::Scheme)),
            (3, None, Reason::Migration),
            (4, None, Reason::Migration),
        ]
    );
}

#[test]
fn a_plain_aegis_export() {
    let imported = parse(
        r#"{"version":1,"header":{"slots":null,"params":null},"db":{"version":3,"entries":[
        {"type":"totp","uuid":"x","name":"alice","issuer":"Example","icon":null,"favorite":false,
         "info":{"secret":"GEZDGNBVGY3TQOJQ","algo":"SHA256","digits":7,"period":60}},
        {"type":"hotp","name":"bob","issuer":"","info":{"secret":"GEZDGNBV","algo":"SHA1","digits":6,"counter":5}},
        {"type":"steam","name":"gaben","issuer":"Valve","info":{"secret":"GEZDGNBV","algo":"SHA1","digits":5,"period":30}},
        {"type":"totp","name":"","issuer":"Only","info":{"secret":"GEZDGNBV"}},
        {"type":"yandex","name":"ya","issuer":"Y","info":{"secret":"GEZDGNBV","pin":"1234"}},
        {"type":"totp","name":"zero","issuer":"","info":{"secret":"GEZDGNBV","period":0}},
        {"type":"totp","name":"bad","issuer":"A\u0007B","info":{"secret":"GEZDGNBV"}},
        {"type":"totp","name":"none","issuer":"","info":{}},
        {"type":"totp","name":"me","issuer":"Host:80","info":{"secret":"GEZDGNBV"}},
        {"type":"totp","name":"Host:80:you","issuer":"Host:80","info":{"secret":"GEZDGNBV"}}
        ]}}"#,
    )
    .unwrap();
    let five = b"12345".to_vec();
    let read: Vec<_> = imported.iter().flatten().map(short).collect();
    assert_eq!(
        read,
        [
            (
                "60/Example:alice".to_owned(),
                Algorithm::Sha256,
                7,
                0,
                b"1234567890".to_vec()
            ),
            ("bob".to_owned(), Algorithm::Sha1, 6, 5, five.clone()),
            (
                "Steam:gaben".to_owned(),
                Algorithm::Sha1,
                6,
                0,
                five.clone()
            ),
            ("Only:Only".to_owned(), Algorithm::Sha1, 6, 0, five.clone()),
            ("Host:80:me".to_owned(), Algorithm::Sha1, 6, 0, five.clone()),
            ("Host:80:you".to_owned(), Algorithm::Sha1, 6, 0, five),
        ]
    );
    let unsupported = |what, value: &str| Reason::Unsupported {
        what,
        value: value.to_owned(),
    };
    assert_eq!(
        reasons(imported),
        [
            (5, Some("Y:ya".to_owned()), unsupported("type", "yandex")),
            (6, Some("zero".to_owned()), unsupported("period", "0")),
            (
                7,
                Some("A\u{7}B:bad".to_owned()),
                Reason::Name(InvalidName::ControlCharacter)
            ),
            (
                8,
                Some("none".to_owned()),
                Reason::Secret(InvalidSecret::TooShort(0))
            ),
        ]
    );
}

#[test]
fn a_plain_2fas_export() {
    let imported = parse(
        r#"{"schemaVersion":4,"appVersionCode":50000,"groups":[],"services":[
        {"name":"Example","secret":"GEZDGNBV","updatedAt":1,"order":{"position":0},"otp":{"label":"Example:alice",
         "account":"alice","issuer":"Example Inc","digits":8,"period":45,"algorithm":"SHA512","counter":0,"tokenType":"TOTP"}},
        {"name":"Counter","secret":"gezd gnbv","otp":{"account":null,"label":"Counter:bob","counter":3,"tokenType":"HOTP"}},
        {"name":"Steam","secret":"GEZDGNBV","otp":{"account":"gaben","digits":5,"tokenType":"STEAM"}},
        {"name":"Old","secret":"GEZDGNBV"}
        ]}"#,
    )
    .unwrap();
    let read: Vec<_> = imported
        .iter()
        .map(|c| short(c.as_ref().unwrap()))
        .collect();
    let five = b"12345".to_vec();
    assert_eq!(
        read,
        [
            (
                "45/Example:alice".to_owned(),
                Algorithm::Sha512,
                8,
                0,
                five.clone()
            ),
            (
                "Counter:bob".to_owned(),
                Algorithm::Sha1,
                6,
                3,
                five.clone()
            ),
            (
                "Steam:gaben".to_owned(),
                Algorithm::Sha1,
                6,
                0,
                five.clone()
            ),
            ("Old:Old".to_owned(), Algorithm::Sha1, 6, 0, five),
        ]
    );
}

#[test]
fn encrypted_exports_say_what_to_do() {
    let aegis = r#"{"version":1,"header":{"slots":[{"type":1}],"params":{}},"db":"b64"}"#;
    let twofas = r#"{"services":[],"servicesEncrypted":"a:b:c","schemaVersion":4}"#;
    for (export, app) in [(aegis, "Aegis"), (twofas, "2FAS")] {
        let error = parse(export).unwrap_err();
        assert_eq!(error, ImportError::Encrypted { app });
        assert!(
            error
                .to_string()
                .ends_with("export it again without encryption")
        );
    }
}

#[test]
fn whole_exports_are_refused_by_name() {
    assert_eq!(parse("").unwrap_err(), ImportError::UnknownFormat);
    assert_eq!(
        parse("hello\nworld").unwrap_err(),
        ImportError::UnknownFormat
    );
    assert_eq!(parse(r#"{"a":1}"#).unwrap_err(), ImportError::UnknownFormat);
    assert_eq!(
        parse(&" ".repeat(MAX_LEN + 1)).unwrap_err(),
        ImportError::TooLarge
    );
    let lines = "otpauth://totp/a?secret=GEZDGNBV\n".repeat(MAX_ENTRIES);
    assert_eq!(parse(&lines).unwrap().len(), MAX_ENTRIES);
    assert_eq!(
        parse(&format!("{lines}x")).unwrap_err(),
        ImportError::TooMany
    );
    let services = vec!["{}"; MAX_ENTRIES + 1].join(",");
    let json = format!(r#"{{"services":[{services}]}}"#);
    assert_eq!(parse(&json).unwrap_err(), ImportError::TooMany);
}

#[test]
fn errors_never_quote_a_secret() {
    for export in [
        r#"{"services":[{"secret":"CANARY","otp":{"digits":"CANARY"}}]}"#,
        r#"{"db":{"entries":[{"info":{"secret":["CANARY"]}}]}}"#,
        r#"{"services":[{"name":"a","secret":"CANARY18"}]}"#,
        "otpauth://totp/a?secret=CANARY18",
        "otpauth://totp/?secret=CANARY",
    ] {
        let shown = match parse(export) {
            Err(error) => format!("{error} {error:?}"),
            Ok(imported) => {
                let refused = imported.into_iter().next().unwrap().unwrap_err();
                format!("{refused} {refused:?}")
            }
        };
        assert!(!shown.contains("CANARY"), "{shown}");
    }
}

#[test]
fn a_refusal_reads_as_a_sentence() {
    let refused = |label: Option<&str>| Refused {
        number: 3,
        label: label.map(str::to_owned),
        reason: Reason::Migration,
    };
    let sentence = "the data in the otpauth-migration:// URI is damaged";
    assert_eq!(refused(None).to_string(), format!("entry 3: {sentence}"));
    assert_eq!(
        refused(Some("a\n")).to_string(),
        format!("entry 3 (\"a\\n\"): {sentence}")
    );
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        let _ = parse(&text);
        let _ = parse(&format!("otpauth-migration://offline?data={text}"));
        let _ = parse(&format!(r#"{{"services":[{text}]}}"#));
    }

    #[test]
    fn arbitrary_messages_never_panic(payload in prop::collection::vec(any::<u8>(), 0..200)) {
        let imported = parse(&uri(&payload)).unwrap();
        for credential in imported.iter().flatten() {
            credential.id().unwrap();
        }
    }

    /// What is read can be written: every credential has an id and a URI that comes back.
    #[test]
    fn what_is_imported_fits_a_token(
        name in "[ -~é]{0,40}",
        issuer in "[ -~é]{0,40}",
        kind in "(totp|hotp|steam|x)",
        digits in 4i64..10,
        period in prop_oneof![-1i64..3, any::<i64>()],
    ) {
        let export = serde_json::json!({"db": {"entries": [{
            "type": kind, "name": name, "issuer": issuer,
            "info": {"secret": "GEZDGNBV", "digits": digits, "period": period, "counter": period},
        }]}});
        for credential in parse(&export.to_string()).unwrap().into_iter().flatten() {
            let uri = crate::otpauth::format(&credential);
            let again = crate::otpauth::parse(&uri).unwrap();
            prop_assert_eq!(again.id().unwrap(), credential.id().unwrap());
        }
    }
}

#[test]
fn a_migration_credential_has_the_usual_period() {
    let entry = [field(1, b"1234"), field(2, b"a")].concat();
    let imported = parse(&uri(&field(1, &entry))).unwrap();
    let credential = imported.into_iter().next().unwrap().unwrap();
    assert_eq!(
        credential.kind,
        Kind::Totp {
            period: Period::DEFAULT
        }
    );
    assert_eq!(credential.digits, Digits::Six);
}
