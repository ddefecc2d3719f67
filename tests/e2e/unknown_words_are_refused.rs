//! Proves: an option that a method does not know is an error and not a silent default, wherever
//! options are taken; so are values of another type and objects that are not there.
//! Does not prove: anything about options that are known.

use oathd_daemon::secret_fd;
use oathd_tests::world::{User, eventually};
use zbus::{Connection, Fd, ObjectPath, OwnedObjectPath, Variant};

use crate::near::Near;
use crate::raw::{self, Options, ROOT, call, refused};

const INVALID_ARGS: &str = "org.freedesktop.DBus.Error.InvalidArgs";
const UNKNOWN_OBJECT: &str = "org.freedesktop.DBus.Error.UnknownObject";

/// Calls every method that takes options with these; the names of the errors.
async fn call_all(
    connection: &Connection,
    path: &ObjectPath<'_>,
    options: &Options,
) -> Vec<(&'static str, String)> {
    let mut answers = Vec::new();
    let token = raw::token(path);
    let plain = [
        (ROOT, "ListTokens"),
        (ROOT, "Diagnose"),
        (ROOT, "FindCredentials"),
        (token, "Describe"),
        (token, "ListCredentials"),
        (token, "GenerateCodes"),
        (token, "Lock"),
        (token, "ClearPassword"),
        (token, "Pair"),
        (token, "Reset"),
    ];
    for (object, member) in plain {
        answers.push((member, refused(connection, object, member, options).await));
    }
    let text = [
        (ROOT, "FindToken"),
        (token, "GenerateCode"),
        (token, "RenameCredential"),
        (token, "RemoveCredential"),
    ];
    for (object, member) in text {
        let body = ("mail", options);
        answers.push((member, refused(connection, object, member, &body).await));
    }
    for body in [(options, &Options::new()), (&Options::new(), options)] {
        let error = refused(connection, ROOT, "GenerateCode", &body).await;
        answers.push(("GenerateCode", error));
    }
    let agent = ObjectPath::from_static_str_unchecked("/agent");
    let body = (&agent, options);
    answers.push((
        "RegisterAgent",
        refused(connection, ROOT, "RegisterAgent", &body).await,
    ));
    let secret = || Fd::from(secret_fd::create(b"12345678901234567890").unwrap());
    for member in ["AddCredential", "ImportUri", "Unlock", "SetPassword"] {
        let body = (secret(), options);
        answers.push((member, refused(connection, token, member, &body).await));
    }
    for member in ["AddCredential", "ImportUri"] {
        let body = (vec![path], secret(), options);
        answers.push((member, refused(connection, ROOT, member, &body).await));
    }
    answers
}

#[tokio::test]
async fn a_key_that_no_method_knows_is_an_error() {
    let near = Near::with_a_token().await;
    let token = near.token(User::Alice).await;
    let connection = near.world.connect(User::Alice).await.unwrap();
    let misspelt = Options::from([("allow-touch", Variant::from(true))]);
    for (member, error) in call_all(&connection, token.path(), &misspelt).await {
        assert_eq!(error, INVALID_ARGS, "{member}");
    }
    // Nothing was done on the way: the token is as it was, and is served.
    assert_eq!(token.credentials(true).await.unwrap(), []);
    assert!(!token.describe().await.unwrap().locked);
}

#[tokio::test]
async fn a_value_of_another_type_is_an_error() {
    let near = Near::with_a_token().await;
    let token = near.token(User::Alice).await;
    let connection = near.world.connect(User::Alice).await.unwrap();
    let object = raw::token(token.path());
    let wrong = |key, value| Options::from([("name", Variant::from("n")), (key, value)]);
    let secret = || Fd::from(secret_fd::create(b"12345678901234567890").unwrap());
    for options in [
        wrong("touch", Variant::from("yes")),
        wrong("digits", Variant::from("6")),
        wrong("digits", Variant::from(9_u32)),
        wrong("period", Variant::from(0_u32)),
        wrong("kind", Variant::from("motp")),
        wrong("algorithm", Variant::from("MD5")),
        wrong("counter", Variant::from(1_u32)),
    ] {
        let body = (secret(), &options);
        let error = refused(&connection, object, "AddCredential", &body).await;
        assert_eq!(error, INVALID_ARGS, "{options:?}");
    }
    let error = refused(&connection, object, "GenerateCode", &7_u32).await;
    assert_eq!(error, INVALID_ARGS);
    assert_eq!(token.credentials(true).await.unwrap(), []);
}

#[tokio::test]
async fn an_object_that_is_not_there_is_named_so() {
    let near = Near::with_a_token().await;
    let connection = near.world.connect(User::Alice).await.unwrap();
    let nowhere = ObjectPath::from_static_str_unchecked("/org/oathd/Oathd1/token/0");
    let none = Options::new();
    for member in ["Describe", "ListCredentials", "Lock", "Pair", "Reset"] {
        let error = refused(&connection, raw::token(&nowhere), member, &none).await;
        assert_eq!(error, UNKNOWN_OBJECT, "{member}");
    }
    let secret = Fd::from(secret_fd::create(b"12345678901234567890").unwrap());
    let named = Options::from([("name", Variant::from("n"))]);
    let body = (vec![&nowhere], secret, named);
    let error = refused(&connection, ROOT, "AddCredential", &body).await;
    assert_eq!(error, UNKNOWN_OBJECT);

    // A pulled token's object goes with it.
    let token = near.token(User::Alice).await;
    near.cards[0].remove();
    let gone = raw::token(token.path());
    let empty = async || {
        let listed = call(&connection, ROOT, "ListTokens", &none).await.unwrap();
        let paths: Vec<OwnedObjectPath> = listed.body().deserialize().unwrap();
        paths.is_empty().then_some(())
    };
    eventually("empty list", empty).await.unwrap();
    let error = refused(&connection, gone, "Describe", &none).await;
    assert_eq!(error, UNKNOWN_OBJECT);
}
