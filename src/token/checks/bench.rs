//! One hub over one reader, and what tests put into its token.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use oathd_card::{CardOptions, Profile, SharedCard};
use oathd_oath::{Algorithm, CredentialId, Digits, Kind, NewCredential, Secret, code};
use tokio::sync::mpsc::Receiver;

pub(super) use super::world::*;
use crate::{
    AddOptions, CodeRequest, Entropy, Event, Hub, Settings, Token, TouchPolicy, token::lock,
};

/// The reader that most tests use.
pub(super) const READER: &str = "Reader 00";

/// A moment in the middle of a time step.
pub(super) const AT: u64 = 1_700_000_012;

/// Deadlines that tests can run into without waiting long, and those that they must not.
pub(super) fn settings() -> Settings {
    Settings {
        busy_deadline: Duration::from_secs(10),
        touch_hint: Duration::from_millis(40),
        ..Settings::default()
    }
}

pub(super) fn entropy() -> Entropy {
    let next = AtomicU8::new(1);
    Arc::new(move |bytes| {
        let first = next.fetch_add(1, Ordering::Relaxed);
        bytes.fill_with({
            let mut byte = first;
            move || {
                byte = byte.wrapping_mul(167).wrapping_add(13);
                byte
            }
        });
    })
}

pub(super) fn card(profile: Profile, serial: u32) -> SharedCard {
    SharedCard::new(CardOptions {
        profile,
        serial,
        ..CardOptions::default()
    })
    .unwrap()
}

/// A hub over one reader with one card, and its token.
pub(super) struct Bench {
    pub(super) world: World,
    pub(super) card: SharedCard,
    pub(super) hub: Hub,
    pub(super) events: Receiver<Event>,
    pub(super) token: Token,
}

impl Bench {
    pub(super) async fn new() -> Bench {
        Bench::with(Profile::YubiKey57, settings()).await
    }

    pub(super) async fn with(profile: Profile, settings: Settings) -> Bench {
        let world = World::default();
        let card = card(profile, 7_654_321);
        world.insert(READER, &card);
        let (hub, events) = Hub::new(Arc::new(world.clone()), settings, entropy());
        let token = hub.tokens().await.unwrap().remove(0);
        let mut bench = Bench {
            world,
            card,
            hub,
            events,
            token,
        };
        assert!(matches!(bench.events.recv().await, Some(Event::Added(_))));
        bench.sent();
        bench
    }

    /// The instructions sent since the last look.
    pub(super) fn sent(&self) -> Vec<u8> {
        self.world.instructions(READER)
    }

    pub(super) async fn add(&self, credential: NewCredential) -> CredentialId {
        let added = self
            .token
            .add(None, Arc::new(credential), AddOptions::default());
        added.await.unwrap()
    }

    pub(super) async fn add_touched(&self, credential: NewCredential) -> CredentialId {
        let options = AddOptions {
            touch: true,
            overwrite: false,
        };
        let added = self.token.add(None, Arc::new(credential), options);
        added.await.unwrap()
    }

    /// Waits until the work before is over and its token locked again; then nothing counts as sent.
    pub(super) async fn settle(&self) {
        // Served after the work before; whether it is let in is all the same.
        let _ = self.token.validate(None).await;
        self.sent();
    }

    /// Forgets what is known about the credentials, as after an insertion.
    pub(super) fn chill(&self) {
        lock(&self.token.shared().knowledge).clear();
        self.sent();
    }
}

pub(super) fn credential(name: &str, kind: Kind) -> NewCredential {
    NewCredential {
        issuer: None,
        name: name.to_owned(),
        kind,
        algorithm: Algorithm::Sha1,
        digits: Digits::Six,
        counter: 0,
        secret: Secret::new(format!("secret of {name}").into_bytes()).unwrap(),
    }
}

pub(super) fn totp(name: &str) -> NewCredential {
    credential(name, Kind::TOTP)
}

pub(super) fn refusing(id: &CredentialId) -> CodeRequest {
    CodeRequest {
        id: id.clone(),
        at: AT,
        touch: TouchPolicy::Refuse,
    }
}

pub(super) fn allowing(id: &CredentialId) -> CodeRequest {
    CodeRequest {
        id: id.clone(),
        at: AT,
        touch: TouchPolicy::Allow(Box::new(|_| {})),
    }
}

/// The code that a credential must have at [`AT`].
pub(super) fn expected(credential: &NewCredential) -> String {
    let NewCredential {
        secret,
        algorithm,
        digits,
        kind,
        counter,
        ..
    } = credential;
    match *kind {
        Kind::Totp { period } if credential.is_steam() => {
            let mac = code::mac(secret, *algorithm, period.step(AT));
            code::steam(code::truncate(&mac).unwrap())
        }
        Kind::Totp { period } => code::totp(secret, *algorithm, *digits, period, AT),
        Kind::Hotp => code::hotp(secret, *algorithm, *digits, u64::from(*counter)),
    }
}

/// Starts a request and lets it reach its token's queue.
pub(super) async fn begin<T: Send + 'static>(
    request: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    let task = tokio::spawn(request);
    tokio::task::yield_now().await;
    task
}
