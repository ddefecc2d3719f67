//! Proves: an answer that is inverted, cut, invented or another command's, at any command of any
//! call, ends the call with an error of oathd's own or with its answer, never with silence; oathd
//! and the token serve the next call.
//! Does not prove: that a well-formed lie is noticed; tokens are trusted to compute.

use oathd_card::Fault;
use oathd_client::{Error, ErrorName, RenameOptions, Token};
use oathd_tests::world::eventually;

use crate::desk::{Desk, SEED, named};

/// Invented answers: status words alone, pieces without end, fields with impossible lengths.
const INVENTED: [&[u8]; 12] = [
    &[0x90, 0x00],
    &[0x6f, 0x00],
    &[0x6a, 0x80],
    &[0x6a, 0x82],
    &[0x6a, 0x84],
    &[0x69, 0x82],
    &[0x65, 0x81],
    &[0x67, 0x00],
    &[0x61, 0xff],
    &[0x00, 0x00],
    &[0x72, 0x84, 0xff, 0xff, 0xff, 0xff, 0x90, 0x00],
    &[0x79, 0x03, 0x05, 0x07, 0x01, 0x71, 0x00, 0x90, 0x00],
];

/// Everything that can go wrong with answer `number`.
fn faults(number: u32) -> Vec<Fault> {
    let invented = INVENTED
        .iter()
        .map(|bytes| Fault::Answer(number, bytes.to_vec()));
    let long = Fault::Answer(number, [[0x71; 1000].as_slice(), &[0x90, 0x00]].concat());
    let altered = [Fault::Corrupt(number), Fault::Truncate(number), long];
    altered.into_iter().chain(invented).collect()
}

/// Makes a call with each fault at each of its commands. `ready` brings back what the call, or
/// its garbled answer, changed.
async fn garble_everywhere(
    ready: impl AsyncFn(&Token) -> Result<(), Error>,
    call: impl AsyncFn(&Token) -> Result<(), Error>,
) {
    let desk = Desk::with_a_token().await;
    let client = desk.client().await;
    desk.token().await.add(SEED, &named("mail")).await.unwrap();
    // A token that was taken for another one leaves, and is found again.
    let served = async || {
        let token = client.find_token("").await.ok()?;
        ready(&token).await.ok()?;
        token.credentials(false).await.ok().map(|_| token)
    };
    let token = eventually("the token", served).await.unwrap();
    let start = desk.card(0).status().commands;
    call(&token).await.unwrap();
    let commands = u32::try_from(desk.card(0).status().commands - start).unwrap();
    for number in 1..=commands {
        for fault in faults(number) {
            let token = eventually("the token", served).await.unwrap();
            desk.card(0).inject(fault.clone());
            match call(&token).await {
                Ok(()) => {}
                Err(Error::Oathd { name, .. }) => {
                    assert_ne!(name, ErrorName::ServiceUnavailable);
                    assert_ne!(name, ErrorName::StateUnavailable);
                }
                other => panic!("{fault:?} at {number}: {other:?}"),
            }
        }
    }
    eventually("the token", served).await.unwrap();
}

async fn nothing(_: &Token) -> Result<(), Error> {
    Ok(())
}

/// That a credential was there, or was not, is fine.
fn either(answer: Result<(), Error>, expected: ErrorName) -> Result<(), Error> {
    match answer {
        Err(error) if error.is(expected) => Ok(()),
        answer => answer,
    }
}

#[tokio::test]
async fn in_what_reads() {
    garble_everywhere(nothing, async |token| {
        token.credentials(false).await.map(drop)
    })
    .await;
    garble_everywhere(nothing, async |token| token.codes(false).await.map(drop)).await;
    garble_everywhere(nothing, async |token| {
        token.code("mail", false).await.map(drop)
    })
    .await;
    garble_everywhere(nothing, async |token| token.describe().await.map(drop)).await;
}

#[tokio::test]
async fn in_what_writes() {
    let add = async |token: &Token| token.add(SEED, &named("more")).await.map(drop);
    let remove = async |token: &Token| token.remove("more").await;
    let with = async |token: &Token| either(add(token).await, ErrorName::CredentialExists);
    let without = async |token: &Token| either(remove(token).await, ErrorName::NoSuchCredential);
    garble_everywhere(without, add).await;
    garble_everywhere(with, remove).await;
    let rename = async |token: &Token, from: &str, to: &str| {
        let to = RenameOptions {
            name: Some(to.to_owned()),
            ..RenameOptions::default()
        };
        token.rename(from, &to).await.map(drop)
    };
    let back = async |token: &Token| {
        either(
            rename(token, "post", "mail").await,
            ErrorName::NoSuchCredential,
        )
    };
    garble_everywhere(back, async |token| rename(token, "mail", "post").await).await;
}

#[tokio::test]
async fn with_a_password() {
    let open = async |token: &Token| {
        token.unlock(b"password", false).await?;
        token.clear_password().await
    };
    let set = async |token: &Token| token.set_password(b"password", false).await;
    garble_everywhere(open, set).await;
    let locked = async |token: &Token| {
        token.unlock(b"password", false).await?;
        token.set_password(b"password", false).await
    };
    let code = async |token: &Token| token.code("mail", false).await.map(drop);
    garble_everywhere(locked, code).await;
}

/// While it is identified, a token may be taken for what it is not, but for one that garbles its facts
/// once; put in anew it is itself.
#[tokio::test]
async fn when_it_comes_in() {
    /// Commands to identify a token.
    const MOST: u32 = 6;
    /// The one of them that asks for the facts.
    const FACTS: u32 = 2;
    let desk = Desk::with_a_token().await;
    let client = desk.client().await;
    let known = desk.token().await.describe().await.unwrap();
    for number in 1..=MOST {
        for fault in faults(number) {
            let garbles = match &fault {
                Fault::Answer(_, bytes) => bytes.ends_with(&[0x90, 0x00]),
                _ => true,
            };
            desk.card(0).remove();
            // The fault counts from the first command of this insertion.
            let gone = async || {
                let error = client.find_token("").await.err()?;
                error.is(ErrorName::NoToken).then_some(())
            };
            eventually("its leave", gone).await.unwrap();
            desk.card(0).inject(fault);
            desk.card(0).insert();
            if number == FACTS && garbles {
                let described = async || {
                    let token = client.find_token("").await.ok()?;
                    let about = token.describe().await.ok()?;
                    token.credentials(false).await.ok()?;
                    Some(about)
                };
                let about = eventually("the token with its facts", described)
                    .await
                    .unwrap();
                assert_eq!((about.id, about.serial), (known.id.clone(), known.serial));
            }
            // However it shows, asking for it is answered.
            for token in client.tokens().await.unwrap() {
                if let Err(error) = token.credentials(false).await {
                    assert!(matches!(error, Error::Oathd { .. }), "{error:?}");
                }
            }
            for _ in 0..MOST {
                // A fault that did not show yet does so now.
                drop(desk.card(0).transmit(&[0, 0xA4, 4, 0, 0]));
            }
            desk.card(0).remove();
            desk.card(0).insert();
            // What was found before the removal may still be seen for a moment.
            let described = async || {
                let token = client.find_token("").await.ok()?;
                let about = token.describe().await.ok()?;
                (about.serial == known.serial).then_some(about)
            };
            let about = eventually("the token as itself", described).await.unwrap();
            assert_eq!(about.id, known.id);
        }
    }
}
