//! Proves: an option that a method of Accounts or of an Enrollment does not know is an error and not
//! a silent default, and so is a known one of another type; the account stays as it is. An enrollment
//! that is not there is named so.
//! Does not prove: anything about options that are known.

use oathd_api::names::{ACCOUNTS_INTERFACE, ENROLLMENT_INTERFACE, ROOT_PATH};
use zbus::{Connection, DynamicType, ObjectPath, OwnedObjectPath, Variant};

use crate::holder::{CAROL, SERVICE, describe, enrol, near, nothing};
use crate::raw::{Options, call, refused};

const INVALID_ARGS: &str = "org.freedesktop.DBus.Error.InvalidArgs";
const UNKNOWN_OBJECT: &str = "org.freedesktop.DBus.Error.UnknownObject";
const ACCOUNTS: (&str, &str) = (ROOT_PATH, ACCOUNTS_INTERFACE);

/// The options that each method knows, with values of another type, and one that none knows.
fn wrong(known: &[&'static str]) -> Vec<Options> {
    let odd = Options::from([("odd", Variant::from(1u32))]);
    let another = |key: &&'static str| Options::from([(*key, Variant::from(1i16))]);
    known.iter().map(another).chain([odd]).collect()
}

async fn refuses<B>(connection: &Connection, object: (&str, &str), member: &str, body: &B)
where
    B: serde::Serialize + DynamicType,
{
    let error = refused(connection, object, member, body).await;
    assert_eq!(error, INVALID_ARGS, "{member}");
}

#[tokio::test]
async fn wherever_an_account_is_changed() {
    let near = near().await;
    let client = near.client(SERVICE).await;
    let (_, confirmed) = enrol(&client, CAROL, nothing()).await;
    let (factor, before) = (confirmed.factors[0], describe(&client, CAROL).await);
    let connection = near.world.connect(SERVICE).await.unwrap();
    let proofs = ["proof", "session"];
    let enrolling = [
        "proof",
        "session",
        "custody",
        "kind",
        "algorithm",
        "digits",
        "period",
        "label",
        "role",
        "not_after",
        "issuer",
    ];
    let plain: [(&str, &[&'static str]); 9] = [
        ("Describe", &[]),
        ("BeginEnrollment", &enrolling),
        ("Disable", &proofs),
        ("NewRecoveryCodes", &proofs),
        ("CancelRescue", &[]),
        ("BeginSession", &proofs),
        ("ListSessions", &[]),
        ("EndSessions", &["session", "keep"]),
        ("NewApiKey", &proofs),
    ];
    for (member, known) in plain.into_iter().chain([("RemoveApiKey", &[][..])]) {
        for options in wrong(known) {
            refuses(&connection, ACCOUNTS, member, &(CAROL, options)).await;
        }
    }
    let numbered: [(&str, &[&'static str]); 6] = [
        ("BeginReplacement", &enrolling),
        ("RemoveFactor", &proofs),
        ("SuspendFactor", &proofs),
        (
            "ChangeFactor",
            &["proof", "session", "label", "role", "not_after"],
        ),
        ("SendChannelCode", &[]),
        ("RemoveChannel", &proofs),
    ];
    for (member, known) in numbered {
        for options in wrong(known) {
            refuses(&connection, ACCOUNTS, member, &(CAROL, factor, options)).await;
        }
    }
    for options in wrong(&[]) {
        let body = (CAROL, "0", &options);
        refuses(&connection, ACCOUNTS, "AcknowledgeRecoveryCode", &body).await;
        let body = (CAROL, factor, "12345678", &options);
        refuses(&connection, ACCOUNTS, "ConfirmChannel", &body).await;
    }
    for options in wrong(&["proof", "session", "not_after"]) {
        let body = (CAROL, "sms", "+491701234567", options);
        refuses(&connection, ACCOUNTS, "AddChannel", &body).await;
    }
    assert_eq!(describe(&client, CAROL).await, before);
}

#[tokio::test]
async fn wherever_a_factor_is_enrolled() {
    let near = near().await;
    let connection = near.world.connect(SERVICE).await.unwrap();
    let begin = (CAROL, Options::new());
    let begun = call(&connection, ACCOUNTS, "BeginEnrollment", &begin).await;
    let path: OwnedObjectPath = begun.unwrap().body().deserialize().unwrap();
    let enrollment = (path.as_str(), ENROLLMENT_INTERFACE);
    for member in ["Describe", "Reveal"] {
        for options in wrong(&[]) {
            refuses(&connection, enrollment, member, &options).await;
        }
    }
    for options in wrong(&["role", "touch", "overwrite"]) {
        let body = (Vec::<ObjectPath<'_>>::new(), options);
        refuses(&connection, enrollment, "Write", &body).await;
    }
    for options in wrong(&["keep", "recovery_codes"]) {
        refuses(&connection, enrollment, "Confirm", &("123456", options)).await;
    }
    call(&connection, enrollment, "Cancel", &()).await.unwrap();
    let gone = refused(&connection, enrollment, "Describe", &Options::new()).await;
    assert_eq!(gone, UNKNOWN_OBJECT);
}
