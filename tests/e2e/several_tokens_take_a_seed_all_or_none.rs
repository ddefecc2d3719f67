//! Proves: when one of several tokens cannot take a seed – because it is pulled at any command, is
//! full, answers nonsense or has the name already – no other keeps it, the error names the token and
//! says whether the seed may be on it, and where a seed cannot be taken back the error says on which
//! token it still is.
//! Does not prove: anything about tokens that lose power within a command.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use oathd_card::{CardOptions, Fault, Profile};
use oathd_client::ErrorName;
use oathd_sim::in_process::InProcess;
use oathd_token::transport::{Absence, Cards, Channel, ReaderWatch, Source, TransportError, Waker};

use crate::desk::{Desk, SEED, SERIAL, named, refused, several};

/// More commands than any call here sends to one token.
const MOST: u32 = 20;

#[tokio::test]
async fn wherever_one_is_pulled() {
    type Pull = fn(u32) -> Fault;
    let pulls: [Pull; 2] = [Fault::UnplugAfter, |number| Fault::LoseAnswer(number + 1)];
    for (pulled, pull) in [(0, pulls[0]), (0, pulls[1]), (1, pulls[0]), (1, pulls[1])] {
        let other = 1 - pulled;
        let desk = Desk::with(several(2)).await;
        let client = desk.client().await;
        let memories = (desk.memory(pulled), desk.memory(other));
        for number in 0.. {
            assert!(number < MOST, "the call does not end");
            let tokens = [desk.find(&client, 0).await, desk.find(&client, 1).await];
            desk.card(pulled).inject(pull(number));
            let added = client.add_to(&tokens, SEED, &named("mail")).await;
            if added.is_ok() {
                assert_ne!(desk.memory(pulled), memories.0);
                assert_ne!(desk.memory(other), memories.1);
                break;
            }
            let (name, details) = refused(added);
            assert_eq!(name, ErrorName::TokenRemoved);
            let serial = desk.card(pulled).serial().to_string();
            let unsure = details.detail == Some(format!("may be on {serial}"));
            assert_eq!(details.tokens, Some(vec![serial]));
            if !unsure {
                assert_eq!(details.detail, None);
                assert_eq!(desk.memory(pulled), memories.0, "untold at {number}");
            }
            assert_eq!(desk.memory(other), memories.1, "pulled at {number}");
            let token = desk.reinsert(&client, pulled).await;
            if desk.memory(pulled) != memories.0 {
                // The seed had arrived, and the token left with it.
                token.remove("mail").await.unwrap();
            }
            assert_eq!(desk.memory(pulled), memories.0);
        }
    }
}

#[tokio::test]
async fn what_cannot_be_taken_back_is_named() {
    let desk = Desk::with(several(2)).await;
    let client = desk.client().await;
    let tokens = [desk.find(&client, 0).await, desk.find(&client, 1).await];
    // A call that succeeds shows how many commands each token gets.
    let commands = |number: usize| desk.card(number).status().commands;
    let before = [commands(0), commands(1)];
    client.add_to(&tokens, SEED, &named("mail")).await.unwrap();
    let sent = [0, 1].map(|number| u32::try_from(commands(number) - before[number]).unwrap());
    desk.card(0).inject(Fault::UnplugAfter(sent[0]));
    desk.card(1).inject(Fault::UnplugAfter(sent[1] - 1));
    let (name, details) = refused(client.add_to(&tokens, SEED, &named("more")).await);
    assert_eq!(name, ErrorName::TokenRemoved);
    assert_eq!(details.tokens, Some(vec![(SERIAL + 1).to_string()]));
    let places = format!("still on {SERIAL}; may be on {}", SERIAL + 1);
    assert_eq!(details.detail, Some(places));
    let left = desk
        .reinsert(&client, 0)
        .await
        .credentials(false)
        .await
        .unwrap();
    assert_eq!(left.len(), 2);
    let left = desk
        .reinsert(&client, 1)
        .await
        .credentials(false)
        .await
        .unwrap();
    assert_eq!(left.len(), 1);
}

#[tokio::test]
async fn whatever_one_says_to_its_write() {
    let mumbling = |readers| -> Arc<dyn Source> { Arc::new(Mumbling(readers, Arc::default())) };
    let desk = Desk::behind(several(2), mumbling).await;
    let client = desk.client().await;
    let tokens = [desk.find(&client, 0).await, desk.find(&client, 1).await];
    let memories = (desk.memory(0), desk.memory(1));
    let (name, details) = refused(client.add_to(&tokens, SEED, &named("mail")).await);
    assert_eq!(name, ErrorName::TokenFault);
    assert_eq!(details.tokens, Some(vec![(SERIAL + 1).to_string()]));
    assert_eq!((desk.memory(0), desk.memory(1)), memories);
    client.add_to(&tokens, SEED, &named("mail")).await.unwrap();
}

/// Readers at which the second write is carried out and called a failure.
struct Mumbling(InProcess, Arc<AtomicU32>);

impl Source for Mumbling {
    fn connect(&self) -> Result<Box<dyn Cards>, TransportError> {
        let cards = self.0.connect()?;
        Ok(Box::new(MumblingCards(cards, Arc::clone(&self.1))))
    }

    fn watch(&self) -> Result<(Box<dyn ReaderWatch>, Waker), TransportError> {
        self.0.watch()
    }

    fn absence(&self) -> Result<(Box<dyn Absence>, Waker), TransportError> {
        self.0.absence()
    }
}

struct MumblingCards(Box<dyn Cards>, Arc<AtomicU32>);

impl Cards for MumblingCards {
    fn transaction(
        &mut self,
        reader: &str,
        work: &mut dyn FnMut(&mut dyn Channel),
    ) -> Result<(), TransportError> {
        let writes = &self.1;
        self.0.transaction(reader, &mut |channel| {
            work(&mut MumblingChannel(channel, writes));
        })
    }
}

struct MumblingChannel<'a>(&'a mut dyn Channel, &'a AtomicU32);

impl Channel for MumblingChannel<'_> {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, TransportError> {
        const PUT: u8 = 0x01;
        let answer = self.0.transmit(apdu)?;
        match apdu[1] == PUT && self.1.fetch_add(1, Ordering::Relaxed) == 1 {
            true => Ok(vec![0x64, 0x00]),
            false => Ok(answer),
        }
    }
}

#[tokio::test]
async fn whatever_one_cannot_take() {
    let older = CardOptions {
        serial: SERIAL + 1,
        ..crate::desk::model(Profile::Neo)
    };
    let desk = Desk::with(vec![several(1).remove(0), older]).await;
    let client = desk.client().await;
    let tokens = [desk.find(&client, 0).await, desk.find(&client, 1).await];
    tokens[1].add(SEED, &named("taken")).await.unwrap();
    let memories = (desk.memory(0), desk.memory(1));

    let taken = named("taken");
    let touch = crate::desk::touched("mail");
    let mut sha512 = named("mail");
    sha512.algorithm = Some("SHA512".to_owned());
    let cases = [
        (taken, ErrorName::CredentialExists),
        (touch, ErrorName::Unsupported),
        (sha512, ErrorName::Unsupported),
    ];
    for (options, expected) in cases {
        let (name, details) = refused(client.add_to(&tokens, SEED, &options).await);
        assert_eq!(name, expected);
        assert_eq!(details.tokens, Some(vec![(SERIAL + 1).to_string()]));
        assert_eq!((desk.memory(0), desk.memory(1)), memories);
    }
    // This model tells only by refusing the write that it has no room.
    desk.card(1).inject(Fault::Full);
    let (name, details) = refused(client.add_to(&tokens, SEED, &named("mail")).await);
    assert_eq!(name, ErrorName::TokenFull);
    assert_eq!(details.tokens, Some(vec![(SERIAL + 1).to_string()]));
    assert_eq!((desk.memory(0), desk.memory(1)), memories);
}
