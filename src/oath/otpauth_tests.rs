//! URIs come back as they were written, and arbitrary ones are read or refused.

use proptest::prelude::*;

use super::*;

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Hotp),
        (1u32..).prop_map(|seconds| Kind::Totp {
            period: Period::from_seconds(seconds).unwrap(),
        }),
    ]
}

fn algorithms() -> impl Strategy<Value = Algorithm> {
    prop::sample::select(vec![Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512])
}

fn digits() -> impl Strategy<Value = Digits> {
    prop::sample::select(vec![Digits::Six, Digits::Seven, Digits::Eight])
}

/// Credentials as [`parse`] gives them: no outer spaces, a name without issuer has no colon.
fn credentials() -> impl Strategy<Value = NewCredential> {
    let issuers = prop::option::of("[^:\\pC\\pZ]{1,4}( ?[^:\\pC\\pZ]){0,2}|Steam");
    let names = "[^:\\pC\\pZ]{1,4}( ?[^:\\pC\\pZ]){0,2}";
    let secrets = prop::collection::vec(any::<u8>(), 2..=256);
    (
        issuers,
        names,
        kinds(),
        algorithms(),
        digits(),
        any::<u32>(),
        secrets,
    )
        .prop_map(
            |(issuer, name, kind, algorithm, digits, counter, secret)| NewCredential {
                issuer,
                name,
                kind,
                algorithm,
                digits,
                counter: if kind == Kind::Hotp { counter } else { 0 },
                secret: Secret::new(secret).unwrap(),
            },
        )
        .prop_filter("fits a token", |credential| credential.id().is_ok())
}

proptest! {
    #[test]
    fn a_credential_comes_back(credential in credentials()) {
        prop_assert_eq!(parse(&format(&credential)).unwrap(), credential);
    }

    #[test]
    fn arbitrary_text_is_read_or_refused(text in ".{0,200}") {
        let _ = parse(&text);
        let _ = parse(&format!("otpauth://{text}"));
    }

    #[test]
    fn what_is_read_fits_a_token_and_comes_back(
        label in "[ -~é]{0,70}",
        query in "((secret|issuer|digits|period|counter|algorithm|encoder)=[A-Z2-7%+:]{0,9}&){0,6}",
        issuer in prop::option::of("[ :a-z]{0,5}"),
        kind in "(totp|hotp|steam|TOTP)",
    ) {
        let (label, query) = match issuer {
            Some(issuer) => (format!("{issuer}:{label}"), format!("{query}issuer={issuer}&")),
            None => (label, query),
        };
        if let Ok(credential) = parse(&format!("otpauth://{kind}/{label}?{query}secret=GEZDGNBV")) {
            credential.id().unwrap();
            prop_assert_eq!(parse(&format(&credential)).unwrap(), credential);
        }
    }

    /// A secret may have been put where something else belongs.
    #[test]
    fn a_refusal_quotes_nothing(
        secret in "[A-Z2-7]{16,32}",
        place in prop::sample::select(vec!["algorithm", "digits", "period", "counter"]),
    ) {
        for uri in [
            format!("otpauth://{secret}"),
            format!("otpauth://{secret}/me?secret=GEZDGNBV"),
            format!("{secret}://totp/me?secret=GEZDGNBV"),
            format!("otpauth://totp/me?{secret}=GEZDGNBV"),
            format!("otpauth://totp/me?secret=1{secret}"),
            format!("otpauth://totp/{}?secret=GEZDGNBV", secret.repeat(5)),
            format!("otpauth://hotp/me?secret=GEZDGNBV&{place}={secret}&period={secret}"),
            format!("otpauth://totp/me?secret=GEZDGNBV&{place}={secret}&period={secret}"),
        ] {
            let told = match parse(&uri) {
                Ok(_) => continue,
                Err(refusal) => format!("{refusal} {refusal:?}").to_uppercase(),
            };
            let begin = &secret[..8];
            prop_assert!(!told.contains(begin), "{uri}: {told}");
        }
    }

    /// The TOTP part of the format, as another library reads it. A label of dots alone is a
    /// relative path to its URL parser, however it is encoded.
    #[test]
    fn another_reader_agrees(
        credential in credentials().prop_filter("what that reader knows", |c| {
            let dots = c.issuer.is_none() && [".", ".."].contains(&c.name.as_str());
            c.kind != Kind::Hotp && !c.is_steam() && c.secret.expose().len() >= 16 && !dots
        }),
        at: u32,
    ) {
        let theirs = totp_rs::Totp::from_url(format(&credential).as_str()).unwrap();
        prop_assert_eq!(theirs.issuer(), credential.issuer.as_deref());
        prop_assert_eq!(theirs.account_name(), &credential.name);
        let Kind::Totp { period } = credential.kind else { unreachable!() };
        let ours = crate::code::totp(
            &credential.secret, credential.algorithm, credential.digits, period, at.into(),
        );
        prop_assert_eq!(theirs.generate(at.into()).to_string(), ours);
    }
}

#[test]
fn defaults_fill_what_is_missing() {
    let credential = parse("otpauth://totp/Example:alice@example.org?secret=gezd gnbv").unwrap();
    assert_eq!(credential.issuer.as_deref(), Some("Example"));
    assert_eq!(credential.name, "alice@example.org");
    assert_eq!(credential.kind, Kind::TOTP);
    assert_eq!(credential.algorithm, Algorithm::Sha1);
    assert_eq!(credential.digits, Digits::Six);
    assert_eq!(credential.secret.expose(), b"12345");
    let counted = parse("OTPAUTH://HOTP/a?SECRET=GEZDGNBV").unwrap();
    assert_eq!((counted.kind, counted.counter), (Kind::Hotp, 0));
}

#[test]
fn the_issuer_parameter_wins_and_spaces_go() {
    let read = |uri: &str| {
        let credential = parse(uri).unwrap();
        (credential.issuer.unwrap_or_default(), credential.name)
    };
    let pair = |issuer: &str, name: &str| (issuer.to_owned(), name.to_owned());
    assert_eq!(
        read("otpauth://totp/Old:%20bob?secret=GEZDGNBV&issuer=New+Co"),
        pair("New Co", "bob")
    );
    assert_eq!(
        read("otpauth://totp/Big%3Abob+x?secret=GEZDGNBV&issuer="),
        pair("Big", "bob+x")
    );
    assert_eq!(
        read("otpauth://totp/:bob?secret=GEZDGNBV"),
        pair("", ":bob")
    );
    assert_eq!(
        read("otpauth://totp/a:b:c?secret=GEZDGNBV&image=x#end"),
        pair("a", "b:c")
    );
}

/// A token reads the id up to its first colon as the issuer, and so does every tool.
#[test]
fn an_issuer_with_a_colon_ends_there() {
    for label in ["alice", "localhost:8080:alice", "localhost%3A8080:%20alice"] {
        let uri = format!("otpauth://totp/{label}?secret=GEZDGNBV&issuer=localhost%3A8080");
        let read = parse(&uri).unwrap();
        assert_eq!(read.id().unwrap().to_string(), "localhost:8080:alice");
        assert_eq!(read.issuer.as_deref(), Some("localhost"));
        assert_eq!(parse(&format(&read)).unwrap(), read);
    }
}

#[test]
fn steam_is_known_by_any_of_its_signs() {
    for uri in [
        "otpauth://totp/Steam:gaben?secret=GEZDGNBV&issuer=Steam",
        "otpauth://totp/STEAM:gaben?secret=GEZDGNBV&digits=5",
        "otpauth://totp/gaben?secret=GEZDGNBV&encoder=steam",
        "otpauth://steam/gaben?secret=GEZDGNBV&digits=5",
    ] {
        let credential = parse(uri).unwrap();
        assert!(credential.is_steam(), "{uri}");
        assert_eq!(credential.digits, Digits::Six);
        assert!(format(&credential).contains("&digits=5&"));
    }
}

#[test]
fn refusals_name_their_reason() {
    let refusal = |rest: &str| parse(&format!("otpauth://{rest}")).unwrap_err();
    assert_eq!(parse("https://example.org").unwrap_err(), UriError::Scheme);
    assert_eq!(refusal(&"a".repeat(MAX_LEN)), UriError::TooLong);
    assert_eq!(refusal("motp/a?secret=GEZDGNBV"), UriError::Type);
    assert_eq!(refusal("totp/%ff?secret=GEZDGNBV"), UriError::Encoding);
    assert_eq!(refusal("totp/a?issuer=b"), UriError::NoSecret);
    assert_eq!(
        refusal("totp/a?secret=GEZDGNBV&secret=GEZDGNBV"),
        UriError::Repeated("secret")
    );
    assert_eq!(
        refusal("totp/a?secret=GEZDGNBV&period=0"),
        UriError::Unsupported("period")
    );
    assert_eq!(
        refusal("totp/a?secret=GEZDGNBV&digits=5"),
        UriError::Unsupported("digits")
    );
    assert_eq!(
        refusal("totp/a?secret=GEZDGNBV&algorithm=MD5"),
        UriError::Unsupported("algorithm")
    );
    assert_eq!(
        refusal("hotp/a?secret=GEZDGNBV&counter=4294967296"),
        UriError::Unsupported("counter")
    );
    assert_eq!(
        refusal("totp/a?secret=0"),
        UriError::Secret(InvalidSecret::Symbol { position: 1 })
    );
    assert_eq!(
        refusal("totp/?secret=GEZDGNBV&issuer=a"),
        UriError::Name(InvalidName::Empty)
    );
    assert_eq!(
        refusal(&format!("totp/{}?secret=GEZDGNBV", "é".repeat(33))),
        UriError::Name(InvalidName::TooLong { bytes: 66 })
    );
}

/// Once written down, such a name was read back as an issuer and a name.
#[test]
fn a_blank_issuer_before_a_name_with_a_colon_comes_back_as_it_was_read() {
    let read = parse("otpauth://totp/%20:%2F%20B:c?secret=GEZDGNBVGY3TQOJQ").unwrap();
    assert_eq!(parse(&format(&read)).unwrap(), read);
}
