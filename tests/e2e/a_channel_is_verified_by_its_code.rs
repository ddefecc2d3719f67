//! Proves: a channel carries nothing until the code that was sent there comes back, in three tries;
//! an address that the delivery service refuses is not kept; without that service the channel is
//! added and its code sent later; sends are throttled; channels that are there are told of a new one
//! and of their own removal.
//! Does not prove: that messages leave the machine.

use std::sync::Arc;

use oathd_api::wire::account::ChannelOptions;
use oathd_api::wire::verifier::SentRecord;
use oathd_client::{Client, ErrorName};
use oathd_daemon::clock::ManualClock;
use oathd_tests::world::eventually;

use crate::desk::{cause, refused};
use crate::holder::{Authenticator, CAROL, DAVE, SERVICE, config, describe, enrol, nothing, prove};
use crate::near::Near;
use crate::postman::Postman;

const START: u64 = 1_800_000_000;
const PHONE: &str = "+491701234567";
const MAIL: &str = "carol@example.org";

struct Stand {
    near: Near,
    clock: Arc<ManualClock>,
    client: Client,
    authenticator: Authenticator,
}

impl Stand {
    /// Carol, enrolled.
    async fn new() -> Stand {
        let clock = Arc::new(ManualClock::new(START));
        let near = Near::at(&clock, config()).await;
        let client = near.client(SERVICE).await;
        let (authenticator, _) = enrol(&client, CAROL, nothing()).await;
        Stand {
            near,
            clock,
            client,
            authenticator,
        }
    }

    async fn options(&mut self) -> ChannelOptions {
        let proof = prove(&self.client, CAROL, &self.authenticator.next()).await;
        ChannelOptions {
            proof: proof.proof,
            ..ChannelOptions::default()
        }
    }

    async fn add(
        &mut self,
        kind: &str,
        address: &str,
    ) -> Result<(u32, SentRecord), oathd_client::Error> {
        let (accounts, options) = (self.client.accounts(), self.options().await);
        accounts.add_channel(CAROL, kind, address, &options).await
    }

    async fn confirm(&self, channel: u32, code: &str) -> Result<(), oathd_client::Error> {
        let accounts = self.client.accounts();
        accounts.confirm_channel(CAROL, channel, code).await
    }
}

#[tokio::test]
async fn in_three_tries() {
    let mut stand = Stand::new().await;
    let postman = Postman::begin(&stand.near.world).await;
    let (channel, sent) = stand.add("sms", PHONE).await.unwrap();
    assert_eq!((sent.address.as_str(), sent.until), (PHONE, START + 600));
    assert_eq!(sent.verdict.as_deref(), Some("ok"));
    assert!(sent.delivery.is_some() && sent.reason.is_none());
    assert_eq!(
        describe(&stand.client, CAROL).await.channels[0].verified,
        None
    );
    let send = stand.client.verifier();
    let refused_login = send.send_code(CAROL, channel, &Default::default()).await;
    assert_eq!(cause(refused_login), ErrorName::NoSuchFactor);

    let code = postman.code(PHONE);
    let wrong = if code == "00000000" {
        "00000001"
    } else {
        "00000000"
    };
    for left in [2, 1, 0] {
        let (name, details) = refused(stand.confirm(channel, wrong).await);
        assert_eq!(
            (name, details.tries_left),
            (ErrorName::WrongCode, Some(left))
        );
    }
    assert_eq!(
        cause(stand.confirm(channel, &code).await),
        ErrorName::WrongCode
    );
    assert_eq!(
        cause(stand.confirm(channel, "x").await),
        ErrorName::InvalidResponse
    );
    assert_eq!(
        cause(stand.confirm(99, &code).await),
        ErrorName::NoSuchFactor
    );

    let accounts = stand.client.accounts();
    let (name, details) = refused(accounts.send_channel_code(CAROL, channel).await);
    assert_eq!(
        (name, details.retry_after),
        (ErrorName::Throttled, Some(30))
    );
    stand.clock.set(START + 30);
    let sent = accounts.send_channel_code(CAROL, channel).await.unwrap();
    assert_eq!(sent.address, "…67");
    stand.confirm(channel, &postman.code(PHONE)).await.unwrap();
    let told = describe(&stand.client, CAROL).await.channels;
    assert_eq!(told[0].verified, Some(START + 30));
    // It needs no code any more.
    let again = accounts.send_channel_code(CAROL, channel).await;
    assert_eq!(cause(again), ErrorName::NoSuchFactor);
}

#[tokio::test]
async fn of_an_address_that_is_one() {
    let mut stand = Stand::new().await;
    let postman = Postman::begin(&stand.near.world).await;
    let (name, details) = refused(stand.add("sms", "bad number").await);
    assert_eq!(name, ErrorName::InvalidAddress);
    assert_eq!(details.detail.as_deref(), Some("invalid"));
    for (kind, address, error) in [
        ("sms", "", ErrorName::InvalidAddress),
        ("email", "a\nb", ErrorName::InvalidAddress),
        ("operator", "desk", ErrorName::Unsupported),
    ] {
        assert_eq!(
            cause(stand.add(kind, address).await),
            error,
            "{kind} {address}"
        );
    }
    assert!(stand.add("fax", PHONE).await.is_err());
    stand.add("sms", PHONE).await.unwrap();
    stand.clock.set(START + 60);
    let twice = stand.add("sms", PHONE).await;
    assert_eq!(cause(twice), ErrorName::InvalidAddress);
    assert_eq!(describe(&stand.client, CAROL).await.channels.len(), 1);
    assert_eq!(postman.letters(PHONE).len(), 1);
    let accounts = stand.client.accounts();
    let options = ChannelOptions::default();
    let added = accounts.add_channel(DAVE, "sms", PHONE, &options).await;
    assert_eq!(cause(added), ErrorName::NotEnrolled);
}

#[tokio::test]
async fn later_where_nothing_can_be_sent() {
    let mut stand = Stand::new().await;
    let (channel, sent) = stand.add("sms", PHONE).await.unwrap();
    assert_eq!((sent.delivery, sent.verdict), (None, None));
    assert_eq!(sent.reason.as_deref(), Some("absent"));
    stand.clock.set(START + 30);
    let accounts = stand.client.accounts();
    let unsent = accounts.send_channel_code(CAROL, channel).await;
    assert_eq!(cause(unsent), ErrorName::DeliveryFailed);
    let postman = Postman::begin(&stand.near.world).await;
    stand.clock.set(START + 60);
    accounts.send_channel_code(CAROL, channel).await.unwrap();
    stand.confirm(channel, &postman.code(PHONE)).await.unwrap();
}

#[tokio::test]
async fn and_the_others_are_told() {
    let mut stand = Stand::new().await;
    let postman = Postman::begin(&stand.near.world).await;
    let (phone, _) = stand.add("sms", PHONE).await.unwrap();
    stand.confirm(phone, &postman.code(PHONE)).await.unwrap();
    let (mail, _) = stand.add("email", MAIL).await.unwrap();
    stand.confirm(mail, &postman.code(MAIL)).await.unwrap();
    let told = async |address: &str, letters: usize| {
        let arrived = async || {
            let there = postman.letters(address);
            (there.len() == letters).then_some(there)
        };
        let mut there = eventually("a notice", arrived).await.unwrap();
        there.pop().unwrap().text
    };
    assert!(told(PHONE, 2).await.contains("channel"));
    let proof = prove(&stand.client, CAROL, &stand.authenticator.next()).await;
    let accounts = stand.client.accounts();
    accounts.remove_channel(CAROL, phone, &proof).await.unwrap();
    assert!(told(PHONE, 3).await.contains("removed"));
    assert!(told(MAIL, 2).await.contains("removed"));
    let left = describe(&stand.client, CAROL).await.channels;
    assert_eq!((left.len(), left[0].id), (1, mail));
    let proof = prove(&stand.client, CAROL, &stand.authenticator.next()).await;
    let gone = accounts.remove_channel(CAROL, phone, &proof).await;
    assert_eq!(cause(gone), ErrorName::NoSuchFactor);
}
