//! Tokens laid out for a test, and the oathd that serves them: what each token remembers can be
//! compared, and it asks the test for its touches.

use std::os::unix::fs::chown;
use std::sync::Arc;

use oathd_card::{CardOptions, Profile, SharedCard, Touch};
use oathd_client::{AddOptions, Client, Error, ErrorDetails, ErrorName, Event, Events, Token};
use oathd_daemon::config::Config;
use oathd_sim::in_process::InProcess;
use oathd_tests::world::{BOUND, User, eventually};
use oathd_token::transport::Source;
use tempfile::TempDir;

use crate::near::Near;

/// The seed of RFC 4226 and RFC 6238.
pub(crate) const SEED: &[u8] = b"12345678901234567890";

/// The serial of the first token; the others follow.
pub(crate) const SERIAL: u32 = 12_345_678;

/// oathd and its tokens.
pub(crate) struct Desk {
    pub(crate) near: Near,
    memories: TempDir,
}

/// A token of this model that waits for touches by hand.
pub(crate) fn model(profile: Profile) -> CardOptions {
    CardOptions {
        profile,
        serial: SERIAL,
        touch: Touch::Manual,
        ..CardOptions::default()
    }
}

/// So many tokens with serials of their own.
pub(crate) fn several(count: u32) -> Vec<CardOptions> {
    let card = |number| CardOptions {
        serial: SERIAL + number,
        ..model(Profile::default())
    };
    (0..count).map(card).collect()
}

/// A credential called `name`, of the default parameters.
pub(crate) fn named(name: &str) -> AddOptions {
    AddOptions {
        name: Some(name.to_owned()),
        ..AddOptions::default()
    }
}

/// The same, which wants a touch at every code.
pub(crate) fn touched(name: &str) -> AddOptions {
    AddOptions {
        touch: Some(true),
        ..named(name)
    }
}

/// The cause and the details of a failure, which must be one of oathd's own.
#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(answer: Result<T, Error>) -> (ErrorName, ErrorDetails) {
    match answer {
        Err(Error::Oathd { name, details }) => (name, *details),
        other => panic!("no error of oathd: {other:?}"),
    }
}

/// The cause of a failure, which must be one of oathd's own.
#[track_caller]
pub(crate) fn cause<T: std::fmt::Debug>(answer: Result<T, Error>) -> ErrorName {
    refused(answer).0
}

/// What comes while a call goes on that does not end before.
pub(crate) async fn meanwhile<T: std::fmt::Debug, R>(
    call: impl Future<Output = T>,
    coming: impl Future<Output = R>,
) -> R {
    tokio::select! {
        biased;
        early = call => panic!("{early:?}"),
        came = coming => came,
    }
}

/// The next event that `wanted` takes.
pub(crate) async fn next<T>(events: &mut Events, wanted: impl Fn(Event) -> Option<T>) -> T {
    let next = async {
        loop {
            if let Some(found) = wanted(events.next().await.unwrap()) {
                return found;
            }
        }
    };
    tokio::time::timeout(BOUND, next).await.unwrap()
}

impl Desk {
    /// With one token of the newest model.
    pub(crate) async fn with_a_token() -> Desk {
        Desk::with(several(1)).await
    }

    /// With these tokens.
    pub(crate) async fn with(tokens: Vec<CardOptions>) -> Desk {
        Desk::behind(tokens, |readers| Arc::new(readers)).await
    }

    /// With something between oathd and the readers.
    pub(crate) async fn behind(
        tokens: Vec<CardOptions>,
        between: fn(InProcess) -> Arc<dyn Source>,
    ) -> Desk {
        Desk::configured(tokens, between, Config::default()).await
    }

    /// With settings of its own.
    pub(crate) async fn configured(
        tokens: Vec<CardOptions>,
        between: fn(InProcess) -> Arc<dyn Source>,
        config: Config,
    ) -> Desk {
        let memories = tempfile::tempdir().unwrap();
        let uid = User::Oathd.uid();
        chown(memories.path(), Some(uid), Some(uid)).unwrap();
        let put = |(number, options): (usize, CardOptions)| {
            let state_file = Some(memories.path().join(number.to_string()));
            SharedCard::new(CardOptions {
                state_file,
                ..options
            })
        };
        let cards = tokens.into_iter().enumerate().map(put);
        let cards = cards.collect::<Result<Vec<_>, _>>().unwrap();
        Desk {
            near: Near::configured(cards, between, config).await,
            memories,
        }
    }

    /// Card `number`.
    pub(crate) fn card(&self, number: usize) -> &SharedCard {
        &self.near.cards[number]
    }

    /// Everything that card `number` remembers without power.
    pub(crate) fn memory(&self, number: usize) -> String {
        std::fs::read_to_string(self.memories.path().join(number.to_string())).unwrap()
    }

    /// Root's program, which lets nobody be asked.
    pub(crate) async fn client(&self) -> Client {
        self.near.client(User::Root).await
    }

    /// Card 0, as root sees it.
    pub(crate) async fn token(&self) -> Token {
        self.find(&self.client().await, 0).await
    }

    /// Card `number` for `client`, as soon as oathd shows it.
    pub(crate) async fn find(&self, client: &Client, number: usize) -> Token {
        let serial = self.card(number).serial().to_string();
        let find = async || client.find_token(&serial).await.ok();
        eventually("the token", find).await.unwrap()
    }

    /// Pulls card `number` where it still is in its reader, puts it back, and waits until oathd
    /// shows it to `client` as a new one.
    pub(crate) async fn reinsert(&self, client: &Client, number: usize) -> Token {
        self.card(number).remove();
        let serial = self.card(number).serial().to_string();
        let gone = async || client.find_token(&serial).await.err();
        eventually("the token's leave", gone).await.unwrap();
        self.card(number).insert();
        self.find(client, number).await
    }

    /// Waits until card `number` asks for a touch.
    pub(crate) async fn touch_request(&self, number: usize) {
        let asks = async || self.card(number).status().awaiting_touch.then_some(());
        eventually("a request for a touch", asks).await.unwrap();
    }

    /// Waits until card `number` asks for a touch, and touches it.
    pub(crate) async fn touch(&self, number: usize) {
        let touched = async || self.card(number).touch().then_some(());
        eventually("a request for a touch", touched).await.unwrap();
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // Work that is still under way finds its token pulled, and does not delay the end.
        self.near.cards.iter().for_each(SharedCard::remove);
    }
}
