//! Proves: Manager.GenerateCode gives the record that FindCredentials gives and the code that
//! Token.GenerateCode gives, for every kind of credential and over several tokens; it names what it
//! found where that is not one, or has no code; a search that finds several spends no code of any.
//! Does not prove: who may call it; how quick it is.

use oathd_card::{CardOptions, SharedCard, Touch};
use oathd_client::{
    AddOptions, Client, CodeRecord, CredentialQuery, CredentialRecord, Error, ErrorName, Token,
};
use oathd_tests::world::User;

use crate::near::Near;

/// RFC 4226, appendix D.
const SEED: &[u8] = b"12345678901234567890";

struct Desk {
    near: Near,
    client: Client,
}

impl Desk {
    async fn new(serials: &[u32]) -> Desk {
        let cards = serials.iter().map(|&serial| {
            let options = CardOptions {
                serial,
                touch: Touch::Always,
                ..CardOptions::default()
            };
            SharedCard::new(options).unwrap()
        });
        let near = Near::behind(cards.collect(), |readers| std::sync::Arc::new(readers)).await;
        let client = near.world.connect(User::Alice).await.unwrap();
        let client = Client::with(client);
        Desk { near, client }
    }

    async fn token(&self, serial: &str) -> Token {
        self.client.find_token(serial).await.unwrap()
    }

    async fn code(&self, text: &str) -> Result<(CredentialRecord, CodeRecord), Error> {
        self.client.find_code(&query(text), false).await
    }
}

fn query(text: &str) -> CredentialQuery {
    CredentialQuery {
        text: Some(text.to_owned()),
        ..CredentialQuery::default()
    }
}

fn named(name: &str) -> AddOptions {
    AddOptions {
        name: Some(name.to_owned()),
        ..AddOptions::default()
    }
}

fn counter(name: &str) -> AddOptions {
    AddOptions {
        kind: Some("hotp".to_owned()),
        ..named(name)
    }
}

/// The name of an error, and the ids that it names with their tokens.
fn told(error: Error) -> (ErrorName, Vec<(String, String)>) {
    match error {
        Error::Oathd { name, details } => {
            let found = details.credentials.unwrap_or_default();
            let found = found.into_iter().map(|found| (found.token, found.id));
            (name, found.collect())
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn record_and_code_are_those_of_the_calls_apart() {
    let desk = Desk::new(&[1]).await;
    let token = desk.token("").await;
    for options in [
        named("plain"),
        AddOptions {
            period: Some(60),
            digits: Some(8),
            algorithm: Some("SHA256".to_owned()),
            ..named("slow")
        },
        AddOptions {
            issuer: Some("Steam".to_owned()),
            ..named("game")
        },
    ] {
        token.add(SEED, &options).await.unwrap();
    }
    for text in ["PLAIN", "slow", "steam"] {
        let found = desk.client.find_credentials(&query(text)).await.unwrap();
        // Again, where a step ended in between.
        let mut apart = token.code(&found.credentials[0].id, false).await.unwrap();
        let (credential, code) = desk.code(text).await.unwrap();
        if apart.from != code.from {
            apart = token.code(&found.credentials[0].id, false).await.unwrap();
        }
        assert_eq!((&credential, &code), (&found.credentials[0], &apart));
    }
}

#[tokio::test]
async fn a_counter_is_spent_by_its_own_code_alone() {
    let desk = Desk::new(&[1]).await;
    let token = desk.token("").await;
    for name in ["count one", "count two"] {
        token.add(SEED, &counter(name)).await.unwrap();
    }
    let path = token.path().to_string();
    let both = ["count one", "count two"].map(|id| (path.clone(), id.to_owned()));
    for _ in 0..3 {
        let error = desk.code("count").await.unwrap_err();
        assert_eq!(told(error), (ErrorName::AmbiguousCredential, both.to_vec()));
        let error = desk.code("nothing").await.unwrap_err();
        assert_eq!(told(error), (ErrorName::NoSuchCredential, Vec::new()));
    }
    for code in ["755224", "287082"] {
        assert_eq!(desk.code("one").await.unwrap().1.code, code);
    }
    assert_eq!(desk.code("count two").await.unwrap().1.code, "755224");
}

#[tokio::test]
async fn a_touch_is_asked_for_by_name() {
    let desk = Desk::new(&[1]).await;
    let token = desk.token("").await;
    let touched = AddOptions {
        touch: Some(true),
        ..named("touched")
    };
    token.add(SEED, &touched).await.unwrap();
    token.add(SEED, &named("other")).await.unwrap();
    let error = desk.code("touch").await.unwrap_err();
    let one = vec![(token.path().to_string(), "touched".to_owned())];
    assert_eq!(told(error), (ErrorName::TouchRequired, one));
    let allowed = desk.client.find_code(&query("touch"), true).await.unwrap();
    assert_eq!(allowed.0.touch, Some(true));
    let apart = token.code("touched", true).await.unwrap();
    assert!(apart.from > allowed.1.from || apart == allowed.1);
}

#[tokio::test]
async fn several_tokens_are_searched() {
    let desk = Desk::new(&[1_111_111, 2_222_222]).await;
    let (one, two) = (desk.token("1111111").await, desk.token("2222222").await);
    for token in [&one, &two] {
        token.add(SEED, &counter("both")).await.unwrap();
    }
    two.add(SEED, &counter("second")).await.unwrap();
    let error = desk.code("both").await.unwrap_err();
    let both = [&one, &two].map(|token| (token.path().to_string(), "both".to_owned()));
    assert_eq!(told(error), (ErrorName::AmbiguousCredential, both.to_vec()));
    let (credential, code) = desk.code("second").await.unwrap();
    assert_eq!(credential.token.as_ref(), Some(two.path()));
    assert_eq!(code.code, "755224");
    let on_one = CredentialQuery {
        token: Some("1111111".to_owned()),
        ..query("both")
    };
    let (credential, code) = desk.client.find_code(&on_one, false).await.unwrap();
    assert_eq!(credential.token.as_ref(), Some(one.path()));
    assert_eq!(code.code, "755224");
    let on_none = CredentialQuery {
        token: Some("3333333".to_owned()),
        ..query("both")
    };
    let error = desk.client.find_code(&on_none, false).await.unwrap_err();
    assert_eq!(told(error), (ErrorName::NoToken, Vec::new()));
}

#[tokio::test]
async fn a_lock_hides_and_is_named() {
    let desk = Desk::new(&[1, 2]).await;
    let client = desk.client.clone().without_interaction();
    let locked = desk.token("1").await;
    locked.add(SEED, &named("inside")).await.unwrap();
    locked.set_password(b"secret", false).await.unwrap();
    desk.token("2")
        .await
        .add(SEED, &named("free"))
        .await
        .unwrap();
    locked.lock(true).await.unwrap();
    for token in [None, Some("1".to_owned())] {
        let hidden = CredentialQuery {
            token,
            ..query("inside")
        };
        let error = client.find_code(&hidden, false).await.unwrap_err();
        assert_eq!(told(error), (ErrorName::PasswordRequired, Vec::new()));
    }
    let (credential, _) = client.find_code(&query("free"), false).await.unwrap();
    assert_eq!(credential.id, "free");
    locked.unlock(b"secret", false).await.unwrap();
    let (credential, _) = client.find_code(&query("inside"), false).await.unwrap();
    assert_eq!(credential.id, "inside");
    assert_eq!(desk.near.cards.len(), 2);
}

/// Ids are random, so that some begin with a digit: a serial is the whole name all the same.
#[tokio::test]
async fn a_serial_wins_over_the_start_of_an_id() {
    let serials: Vec<u32> = (1..=9).collect();
    let desk = Desk::new(&serials).await;
    for serial in serials {
        let token = desk.token(&serial.to_string()).await;
        assert_eq!(token.describe().await.unwrap().serial, Some(serial));
    }
}
