//! The client against an object that answers like a token, over a socket pair: what goes over
//! the wire, and how answers are read. Whether oathd agrees is for the end-to-end tests.

use std::collections::HashMap;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;

use zbus::connection::Builder;
use zbus::message::{Flags, Header};
use zbus::{Connection, DBusError, Guid, OwnedFd, OwnedObjectPath, Variant, interface};

use crate::{
    AddOptions, ChangeOptions, Client, EnrollOptions, Error, ErrorDetails, ErrorName, Event,
    ExitCode, Token, seal,
};

const TOKEN: &str = "/org/oathd/Oathd1/token/t1";

/// An error as the service words it.
struct Refusal(&'static str, ErrorDetails);

impl DBusError for Refusal {
    fn create_reply(&self, call: &Header<'_>) -> zbus::Result<zbus::Message> {
        zbus::Message::error(call, self.name()).build(&self.1.message("Text for a log."))
    }
    fn name(&self) -> zbus::names::ErrorName<'_> {
        zbus::names::ErrorName::from_static_str_unchecked(self.0)
    }
    fn description(&self) -> Option<&str> {
        None
    }
}

type Record = HashMap<&'static str, Variant<'static>>;

struct FakeToken;

#[interface(name = "org.oathd.Oathd1.Token")]
impl FakeToken {
    async fn generate_code(
        &self,
        credential: &str,
        options: HashMap<String, Variant<'_>>,
    ) -> Result<Record, Refusal> {
        let touch = options.get("allow_touch") == Some(&Variant::from(true));
        match (credential, touch) {
            ("touched", false) => Err(Refusal(
                "org.oathd.Oathd1.Error.TouchRequired",
                ErrorDetails::default(),
            )),
            ("missing", _) => Err(Refusal(
                "org.oathd.Oathd1.Error.NoSuchCredential",
                ErrorDetails {
                    detail: Some("missing".into()),
                    tokens: Some(vec!["12345678".into()]),
                    ..Default::default()
                },
            )),
            ("crowded", _) => Err(Refusal(
                "org.freedesktop.DBus.Error.LimitsExceeded",
                ErrorDetails {
                    detail: Some("this user has too many calls".into()),
                    ..Default::default()
                },
            )),
            ("nonsense", _) => Err(Refusal(
                "org.freedesktop.DBus.Error.InvalidArgs",
                ErrorDetails {
                    detail: Some("a time that is over".into()),
                    ..Default::default()
                },
            )),
            ("foreign", _) => Err(Refusal("com.example.Odd", ErrorDetails::default())),
            _ => Ok(HashMap::from([
                ("code", Variant::from("123456")),
                ("from", Variant::from(30u64)),
                ("until", Variant::from(60u64)),
                ("a_key_of_a_later_release", Variant::from(1u8)),
            ])),
        }
    }

    async fn add_credential(
        &self,
        key: OwnedFd,
        parameters: HashMap<String, Variant<'_>>,
    ) -> String {
        let mut seed = [0; 3];
        std::fs::File::from(std::os::fd::OwnedFd::from(key))
            .read_exact_at(&mut seed, 0)
            .unwrap();
        let mut keys: Vec<_> = parameters.into_keys().collect();
        keys.sort();
        format!("{} {}", String::from_utf8_lossy(&seed), keys.join(" "))
    }

    async fn describe(
        &self,
        _options: HashMap<String, Variant<'_>>,
        #[zbus(header)] header: Header<'_>,
    ) -> Record {
        let flags = header.primary().flags();
        HashMap::from([
            ("id", Variant::from("id")),
            ("model", Variant::from("a model")),
            ("firmware", Variant::from("5.7.1")),
            ("reader", Variant::from("a reader")),
            ("capabilities", Variant::from(vec!["touch"])),
            (
                "locked",
                Variant::from(flags.contains(Flags::ALLOW_INTERACTIVE_AUTH)),
            ),
            ("unlocked", Variant::from(false)),
            ("remembered", Variant::from(false)),
            ("paired", Variant::from(false)),
        ])
    }
}

struct FakeAccounts;

#[interface(name = "org.oathd.Oathd1.Accounts")]
impl FakeAccounts {
    async fn begin_enrollment(
        &self,
        account: &str,
        options: HashMap<String, Variant<'_>>,
    ) -> Result<OwnedObjectPath, Refusal> {
        match options.get("proof") == Some(&Variant::from("7")) {
            true => Ok(format!("/org/oathd/Oathd1/enrollment/{account}")
                .try_into()
                .unwrap()),
            false => Err(Refusal(
                "org.oathd.Oathd1.Error.ProofRequired",
                ErrorDetails::default(),
            )),
        }
    }

    async fn new_recovery_codes(
        &self,
        _account: &str,
        _options: HashMap<String, Variant<'_>>,
    ) -> OwnedFd {
        seal(b"0AAA\n1BBB\n").unwrap().into()
    }
}

/// A client, the token it talks to, and the other end of the wire.
async fn pair() -> (Client, Token, Connection) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let server = Builder::unix_stream(theirs)
        .server(Guid::generate())
        .p2p()
        .serve_at(TOKEN, FakeToken)
        .serve_at("/org/oathd/Oathd1", FakeAccounts)
        .build();
    let client = Builder::unix_stream(ours).p2p().build();
    let (server, client) = tokio::join!(server, client);
    let client = Client::with(client.unwrap());
    let token = client.token(TOKEN.try_into().unwrap());
    (client, token, server.unwrap())
}

#[tokio::test]
async fn a_code_is_read_and_unknown_keys_are_passed_over() {
    let (_client, token, _server) = pair().await;
    let code = token.code("plain", false).await.unwrap();
    assert_eq!(
        (code.code.as_str(), code.from, code.until),
        ("123456", 30, Some(60))
    );
}

#[tokio::test]
async fn touch_is_asked_for_and_then_allowed() {
    let (_client, token, _server) = pair().await;
    let refused = token.code("touched", false).await.unwrap_err();
    assert!(refused.is(ErrorName::TouchRequired));
    assert_eq!(refused.exit_code(), ExitCode::MoreNeeded);
    assert!(token.code("touched", true).await.is_ok());
}

#[tokio::test]
async fn an_error_keeps_its_name_and_its_details() {
    let (_client, token, _server) = pair().await;
    let refused = token.code("missing", false).await.unwrap_err();
    let Error::Oathd { name, details } = &refused else {
        panic!("{refused:?}")
    };
    assert_eq!(*name, ErrorName::NoSuchCredential);
    assert_eq!(details.detail.as_deref(), Some("missing"));
    assert_eq!(
        details.tokens.as_deref(),
        Some(&["12345678".to_owned()][..])
    );

    let odd = token.code("foreign", false).await.unwrap_err();
    assert!(matches!(odd, Error::Bus(_)));
}

#[tokio::test]
async fn a_user_who_takes_too_much_is_told_to_wait() {
    let (_client, token, _server) = pair().await;
    let refused = token.code("crowded", false).await.unwrap_err();
    assert_eq!(
        (refused.name(), refused.exit_code()),
        ("LimitsExceeded", ExitCode::Busy)
    );
    assert_eq!(
        refused.detail().as_deref(),
        Some("this user has too many calls")
    );
}

#[tokio::test]
async fn what_does_not_fit_is_told() {
    let (_client, token, _server) = pair().await;
    let refused = token.code("nonsense", false).await.unwrap_err();
    assert_eq!(
        (refused.name(), refused.exit_code()),
        ("InvalidArgs", ExitCode::Usage)
    );
    assert_eq!(refused.detail().as_deref(), Some("a time that is over"));
}

#[tokio::test]
async fn a_method_that_nobody_has_is_an_error_of_the_bus() {
    let (_client, token, _server) = pair().await;
    assert!(matches!(token.pair().await, Err(Error::Bus(_))));
}

#[tokio::test]
async fn a_seed_travels_in_a_file_and_absent_options_do_not_travel() {
    let (_client, token, _server) = pair().await;
    let options = AddOptions {
        name: Some("name".into()),
        touch: Some(true),
        ..Default::default()
    };
    let answer = token.add(b"abc", &options).await.unwrap();
    assert_eq!(answer, "abc name touch");
}

#[tokio::test]
async fn an_enrollment_that_is_gone_is_over() {
    let (client, token, _server) = pair().await;
    let accounts = client.accounts();
    let mut options = EnrollOptions::default();
    let refused = accounts.begin_enrollment("a", &options).await.unwrap_err();
    assert!(refused.is(ErrorName::ProofRequired));
    options.proof = Some("7".into());
    let enrollment = accounts.begin_enrollment("a", &options).await.unwrap();
    let over = enrollment.describe().await.unwrap_err();
    assert!(over.is(ErrorName::EnrollmentExpired), "{over:?}");
    // A token that is gone was pulled.
    let path = format!("{}0", token.path()).try_into().unwrap();
    let pulled = client.token(path).describe().await.unwrap_err();
    assert!(pulled.is(ErrorName::TokenRemoved), "{pulled:?}");
}

#[tokio::test]
async fn what_comes_in_a_file_is_read_from_it() {
    let (client, _token, _server) = pair().await;
    let options = ChangeOptions::default();
    let codes = client.accounts().new_recovery_codes("a", &options).await;
    assert_eq!(*codes.unwrap(), "0AAA\n1BBB\n");
}

#[tokio::test]
async fn interaction_is_allowed_unless_the_client_says_no() {
    let (client, token, _server) = pair().await;
    assert!(token.describe().await.unwrap().locked);
    let silent = client.without_interaction().token(token.path().clone());
    assert!(!silent.describe().await.unwrap().locked);
}

#[tokio::test]
async fn signals_become_events() {
    let (client, _token, server) = pair().await;
    let mut events = client.events().await.unwrap();
    let emit = |member: &'static str| {
        let server = server.clone();
        async move {
            let interface = "org.oathd.Oathd1.Token";
            let nobody = None::<&str>;
            match member {
                "TouchAwaited" => {
                    let body = ("GitHub:me", 99u64);
                    server
                        .emit_signal(nobody, TOKEN, interface, member, &body)
                        .await
                }
                _ => {
                    server
                        .emit_signal(nobody, TOKEN, interface, member, &())
                        .await
                }
            }
            .unwrap();
        }
    };
    emit("NobodyKnowsThis").await;
    emit("Changed").await;
    emit("TouchAwaited").await;
    assert!(matches!(events.next().await, Some(Event::Changed(path)) if path.as_str() == TOKEN));
    let Some(Event::TouchAwaited {
        credential,
        deadline,
        ..
    }) = events.next().await
    else {
        panic!("no touch")
    };
    assert_eq!((credential.as_str(), deadline), ("GitHub:me", 99));
    server.close().await.unwrap();
    assert!(events.next().await.is_none());
}
