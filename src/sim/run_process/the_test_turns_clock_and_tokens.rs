//! Proves: a program on the bus turns the clock, touches, pulls and inserts tokens, and makes them
//! fail, and oathd answers accordingly.

use futures_util::StreamExt;
use oathd_client::{AddOptions, ErrorName, Event};
use tokio::join;
use zbus::{DBusError, OwnedVariant, Proxy, fdo::PropertiesProxy, proxy::CacheProperties};

use crate::harness::{Run, SEED, add_seed, soon};

/// At the first time of the appendix; a token waits longer for its touch than a test does.
const TOUCHED_BY_HAND: [&str; 3] = ["--clock=59", "--touch=manual", "--touch-timeout=120000"];

/// The name of the error that a call of org.oathd.Sim1 gets.
async fn refused(proxy: &Proxy<'_>, method: &'static str, argument: Option<&str>) -> String {
    let answer = match argument {
        Some(argument) => proxy.call_method(method, &argument).await,
        None => proxy.call_method(method, &()).await,
    };
    match answer {
        Err(zbus::Error::MethodError(name, ..)) => name.to_string(),
        Err(zbus::Error::FDO(error)) => error.name().to_string(),
        other => panic!("{other:?}"),
    }
}

/// Waits until a property has this value.
async fn until(proxy: &Proxy<'_>, property: &'static str, value: bool) {
    let object = PropertiesProxy::builder(proxy.connection())
        .destination(proxy.destination().to_owned())
        .path(proxy.path().to_owned())
        .cache_properties(CacheProperties::No);
    let object = object.build().await.unwrap();
    let mut changes = object.receive_properties_changed().await.unwrap();
    let interface = proxy.interface();
    let reached = async {
        while object.get(interface.clone(), property).await.unwrap() != OwnedVariant::from(value) {
            changes.next().await.unwrap();
        }
    };
    soon(reached).await;
}

#[tokio::test]
async fn codes_follow_the_clock() {
    let run = Run::start(&["--clock", "59"]);
    let client = run.client().await;
    let token = add_seed(&client, "rfc", false).await;
    let clock = run.clock().await;
    assert_eq!(clock.get_property::<u64>("Now").await.unwrap(), 59);
    let first = token.code("rfc", false).await.unwrap();
    assert_eq!(
        (first.code.as_str(), first.from, first.until),
        ("94287082", 30, Some(60))
    );
    // RFC 6238, appendix B.
    for (time, code) in [
        (1_111_111_109_u64, "07081804"),
        (1_111_111_111, "14050471"),
        (20_000_000_000, "65353130"),
        (59, "94287082"),
    ] {
        clock.call_method("Set", &time).await.unwrap();
        assert_eq!(token.code("rfc", false).await.unwrap().code, code);
    }
    clock
        .call_method("Advance", &(1_234_567_890_u64 - 59))
        .await
        .unwrap();
    assert_eq!(token.code("rfc", false).await.unwrap().code, "89005924");
    assert!(run.end(0).0.success());
}

#[tokio::test]
async fn the_system_clock_cannot_be_turned() {
    let run = Run::start(&[]);
    let name = refused(&run.clock().await, "Advance", None).await;
    assert!(
        name.starts_with("org.freedesktop.DBus.Error.Unknown"),
        "{name}"
    );
}

#[tokio::test]
async fn a_touch_by_hand_gives_the_code_and_none_gives_none() {
    let run = Run::start(&TOUCHED_BY_HAND);
    let (client, card) = (run.client().await, run.card(0).await);
    let token = add_seed(&client, "touched", true).await;
    let none = token.code("touched", false).await.unwrap_err();
    assert!(none.is(ErrorName::TouchRequired), "{none:?}");

    let (code, touched) = join!(token.code("touched", true), card.call_method("Touch", &()));
    touched.unwrap();
    assert_eq!(code.unwrap().code, "94287082");

    for who in ["always", "never"] {
        card.call_method("SetTouch", &who).await.unwrap();
        assert_eq!(
            refused(&card, "Touch", None).await,
            "org.oathd.Sim1.Error.NotManual"
        );
    }
    card.call_method("SetTouch", &"always").await.unwrap();
    assert_eq!(token.code("touched", true).await.unwrap().code, "94287082");
    let name = refused(&card, "SetTouch", Some("sometimes")).await;
    assert_eq!(name, "org.oathd.Sim1.Error.InvalidTouch");
}

#[tokio::test]
async fn codes_that_waited_for_their_turn_are_of_the_time_they_came() {
    let run = Run::start(&TOUCHED_BY_HAND);
    let (client, card) = (run.client().await, run.card(0).await);
    let clock = run.clock().await;
    let token = add_seed(&client, "touched", true).await;
    add_seed(&client, "plain", false).await;
    token.codes(false).await.unwrap();
    let turn = async {
        until(&card, "AwaitsTouch", true).await;
        // The others have arrived when calls that were sent later have been answered.
        for _ in 0..3 {
            client.tokens().await.unwrap();
        }
        let time = 1_111_111_109_u64;
        clock.call_method("Set", &time).await.unwrap();
        card.call_method("Touch", &()).await.unwrap();
    };
    let queued = async {
        until(&card, "AwaitsTouch", true).await;
        join!(token.code("plain", false), token.codes(false))
    };
    let (touched, (plain, all), ()) = join!(token.code("touched", true), queued, turn);
    assert_eq!(plain.unwrap().code, "07081804");
    let all = all.unwrap();
    let codes: Vec<_> = all.iter().filter_map(|row| row.code.as_deref()).collect();
    assert_eq!(codes, ["07081804"]);
    // Whoever touched is not asked to do it twice.
    assert_eq!(touched.unwrap().code, "94287082");
}

#[tokio::test]
async fn a_token_that_nobody_touches_gives_up() {
    let run = Run::start(&["--touch", "never", "--touch-timeout", "50"]);
    let token = add_seed(&run.client().await, "touched", true).await;
    let error = token.code("touched", true).await.unwrap_err();
    assert!(error.is(ErrorName::TouchTimedOut), "{error:?}");
}

#[tokio::test]
async fn a_token_pulled_during_a_call_ends_it_and_comes_back() {
    let run = Run::start(&TOUCHED_BY_HAND);
    let (client, card) = (run.client().await, run.card(0).await);
    let token = add_seed(&client, "touched", true).await;
    let mut events = client.events().await.unwrap();
    client.tokens().await.unwrap();
    let pull = async {
        until(&card, "AwaitsTouch", true).await;
        card.call_method("Remove", &()).await.unwrap();
        until(&card, "AwaitsTouch", false).await;
        until(&card, "Present", false).await;
    };
    let (code, ()) = join!(token.code("touched", true), pull);
    let error = code.unwrap_err();
    assert!(error.is(ErrorName::TokenRemoved), "{error:?}");
    let gone = soon(events.next()).await.unwrap();
    assert!(matches!(gone, Event::TokenRemoved(_)), "{gone:?}");
    let error = client.find_token("").await.unwrap_err();
    assert!(error.is(ErrorName::NoToken), "{error:?}");

    card.call_method("Insert", &()).await.unwrap();
    let back = soon(events.next()).await.unwrap();
    assert!(matches!(back, Event::TokenAdded(_)), "{back:?}");
    let token = client.find_token("").await.unwrap();
    let (code, touched) = join!(token.code("touched", true), card.call_method("Touch", &()));
    touched.unwrap();
    assert_eq!(code.unwrap().code, "94287082");
}

#[tokio::test]
async fn faults_happen_on_demand() {
    let run = Run::start(&[]);
    let (client, card) = (run.client().await, run.card(0).await);
    let token = add_seed(&client, "first", false).await;
    card.call_method("Fault", &"memory=first").await.unwrap();
    let error = token.code("first", false).await.unwrap_err();
    assert!(error.is(ErrorName::CredentialDamaged), "{error:?}");
    card.call_method("Fault", &"full").await.unwrap();
    let options = AddOptions {
        name: Some("second".to_owned()),
        ..AddOptions::default()
    };
    let error = token.add(SEED, &options).await.unwrap_err();
    assert!(error.is(ErrorName::TokenFull), "{error:?}");
    let name = refused(&card, "Fault", Some("rain")).await;
    assert_eq!(name, "org.oathd.Sim1.Error.InvalidFault");
}

#[tokio::test]
async fn there_are_as_many_tokens_as_asked_for_with_serials_in_order() {
    let none = Run::start(&["--tokens", "0"]);
    let error = none.client().await.find_token("").await.unwrap_err();
    assert!(error.is(ErrorName::NoToken), "{error:?}");

    // The last serial number there is is one.
    let last = Run::start(&["--serial=4294967295"]);
    let token = last.client().await.find_token("4294967295").await;
    assert!(token.is_ok(), "{token:?}");

    let run = Run::start(&[
        "--tokens",
        "3",
        "--serial",
        "41000041",
        "--profile",
        "yubikey-4.3",
    ]);
    let client = run.client().await;
    let error = client.find_token("").await.unwrap_err();
    assert!(error.is(ErrorName::AmbiguousToken), "{error:?}");
    assert_eq!(client.tokens().await.unwrap().len(), 3);
    for (number, serial) in [(0, 41_000_041_u32), (1, 41_000_042), (2, 41_000_043)] {
        let token = client.find_token(&serial.to_string()).await.unwrap();
        let about = token.describe().await.unwrap();
        assert_eq!(
            (about.serial, about.firmware.as_str()),
            (Some(serial), "4.3.7")
        );
        let card = run.card(number).await;
        assert_eq!(card.get_property::<u32>("Serial").await.unwrap(), serial);
        assert!(card.get_property::<bool>("Present").await.unwrap());
    }
}
