//! Proves: a call is answered once its deadline has passed, however many steps it takes and however
//! soon each of them would be done: nothing was changed if a change had not begun, and a change that
//! had begun is carried through.
//! Does not prove: how long the deadline is, and nothing of the steps of polkit and agents.

use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use oathd_client::ErrorName;
use oathd_daemon::config::Config;
use oathd_sim::in_process::InProcess;
use oathd_tests::world::eventually;
use oathd_token::transport::{Absence, Cards, Channel, ReaderWatch, Source, TransportError, Waker};

use crate::desk::{Desk, SEED, named, refused, several};

/// How long each of the slow commands takes: two of them are too much for one call.
const SLOW: Duration = Duration::from_secs(3);

const DEADLINE: Duration = Duration::from_secs(5);

/// Reads the names on a token.
const LIST: u8 = 0xa1;

/// Writes a credential.
const PUT: u8 = 0x01;

async fn desk(between: fn(InProcess) -> Arc<dyn Source>) -> Desk {
    let config = Config {
        call_deadline: DEADLINE,
        ..Config::default()
    };
    Desk::configured(several(2), between, config).await
}

#[tokio::test]
async fn and_changes_nothing_after_it() {
    let desk = desk(|readers| Arc::new(Slow::<LIST>(readers))).await;
    let client = desk.client().await;
    let tokens = [desk.find(&client, 0).await, desk.find(&client, 1).await];
    let memories = [desk.memory(0), desk.memory(1)];
    let (name, _) = refused(client.add_to(&tokens, SEED, &named("mail")).await);
    assert_eq!(name, ErrorName::TokenFault);
    for token in &tokens {
        // What the token had begun comes first.
        token.credentials(false).await.unwrap();
    }
    assert_eq!([desk.memory(0), desk.memory(1)], memories);
}

#[tokio::test]
async fn and_what_it_changes_is_carried_through() {
    let desk = desk(|readers| Arc::new(Slow::<PUT>(readers))).await;
    let client = desk.client().await;
    let tokens = [desk.find(&client, 0).await, desk.find(&client, 1).await];
    let (name, details) = refused(client.add_to(&tokens, SEED, &named("mail")).await);
    assert_eq!(name, ErrorName::TokenFault);
    let told = "the call took too long; what it has begun to change is carried through";
    assert_eq!(details.detail.as_deref(), Some(told));
    let both = async || {
        let mut all = 0;
        for token in &tokens {
            all += token.credentials(false).await.unwrap().len();
        }
        (all == 2).then_some(())
    };
    eventually("the seed on both", both).await.unwrap();
}

/// Readers in which one command is slow.
struct Slow<const COMMAND: u8>(InProcess);

impl<const COMMAND: u8> Source for Slow<COMMAND> {
    fn connect(&self) -> Result<Box<dyn Cards>, TransportError> {
        Ok(Box::new(SlowCards::<COMMAND>(self.0.connect()?)))
    }

    fn watch(&self) -> Result<(Box<dyn ReaderWatch>, Waker), TransportError> {
        self.0.watch()
    }

    fn absence(&self) -> Result<(Box<dyn Absence>, Waker), TransportError> {
        self.0.absence()
    }
}

struct SlowCards<const COMMAND: u8>(Box<dyn Cards>);

impl<const COMMAND: u8> Cards for SlowCards<COMMAND> {
    fn transaction(
        &mut self,
        reader: &str,
        work: &mut dyn FnMut(&mut dyn Channel),
    ) -> Result<(), TransportError> {
        self.0.transaction(reader, &mut |channel| {
            work(&mut SlowChannel::<COMMAND>(channel));
        })
    }
}

struct SlowChannel<'a, const COMMAND: u8>(&'a mut dyn Channel);

impl<const COMMAND: u8> Channel for SlowChannel<'_, COMMAND> {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, TransportError> {
        if apdu[1] == COMMAND {
            sleep(SLOW);
        }
        self.0.transmit(apdu)
    }
}
