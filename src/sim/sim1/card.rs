//! `org.oathd.Sim1.Card`.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use oathd_card::{CardStatus, Fault, SharedCard, Touch};
use tokio::{sync::watch, time::timeout};
use zbus::{Connection, DBusError, interface, object_server::InterfaceRef};

use super::Sim1Error;
use crate::changes::on_each_change;

/// How long a touch waits for the card to ask for it: below the 25 s after which most D-Bus
/// clients give up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A card and the hands around it.
pub(super) struct Card {
    card: SharedCard,
    /// Who touches it.
    touch: Mutex<Touch>,
    status: watch::Receiver<CardStatus>,
}

#[derive(Debug, DBusError)]
#[zbus(prefix = "org.oathd.Sim1.Error")]
enum Error {
    /// The card did not ask for a touch.
    NotAwaited(String),
    /// The card is touched by nobody, or by itself.
    NotManual(String),
    /// No such fault.
    InvalidFault(String),
    /// No such way to touch.
    InvalidTouch(String),
}

impl Card {
    /// Puts the card on the bus, and its changes from then on.
    pub(super) async fn publish(
        connection: &Connection,
        path: String,
        card: &SharedCard,
        touch: Touch,
    ) -> Result<(), Sim1Error> {
        let before = card.status();
        let (sender, status) = watch::channel(before);
        on_each_change(card, move |now| sender.send(now).is_ok())?;
        let object = Card {
            card: card.clone(),
            touch: Mutex::new(touch),
            status: status.clone(),
        };
        let server = connection.object_server();
        server.at(path.as_str(), object).await?;
        let interface = server.interface(path).await?;
        tokio::spawn(report(interface, status, before));
        Ok(())
    }

    fn mode(&self) -> MutexGuard<'_, Touch> {
        self.touch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the bus what happens to the card until the connection is gone.
async fn report(
    interface: InterfaceRef<Card>,
    mut status: watch::Receiver<CardStatus>,
    mut told: CardStatus,
) {
    let emitter = interface.signal_emitter();
    while status.changed().await.is_ok() {
        let now = *status.borrow_and_update();
        let card = interface.get().await;
        if now.present != told.present && card.present_changed(emitter).await.is_err() {
            return;
        }
        let awaits = now.awaiting_touch != told.awaiting_touch;
        if awaits && card.awaits_touch_changed(emitter).await.is_err() {
            return;
        }
        told = now;
    }
}

#[interface(name = "org.oathd.Sim1.Card", introspection_docs = false)]
impl Card {
    async fn touch(&self) -> Result<(), Error> {
        if *self.mode() != Touch::Manual {
            let hint = "call SetTouch with manual first";
            return Err(Error::NotManual(hint.to_owned()));
        }
        let mut status = self.status.clone();
        let touched = async {
            loop {
                status.mark_unchanged();
                if self.card.touch() {
                    return true;
                }
                if status.changed().await.is_err() {
                    return false;
                }
            }
        };
        match timeout(PATIENCE, touched).await {
            Ok(true) => Ok(()),
            _ => Err(Error::NotAwaited("nothing asked for a touch".to_owned())),
        }
    }

    fn set_touch(&self, who: &str) -> Result<(), Error> {
        let touch: Touch = who
            .parse()
            .map_err(|error| Error::InvalidTouch(format!("{error}")))?;
        let mut mode = self.mode();
        self.card.set_touch(touch);
        *mode = touch;
        Ok(())
    }

    fn insert(&self) {
        self.card.insert();
    }

    fn remove(&self) {
        self.card.remove();
    }

    fn fault(&self, spec: &str) -> Result<(), Error> {
        let fault: Fault = spec
            .parse()
            .map_err(|error| Error::InvalidFault(format!("{error}")))?;
        self.card.inject(fault);
        Ok(())
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn serial(&self) -> u32 {
        self.card.serial()
    }

    #[zbus(property)]
    fn present(&self) -> bool {
        self.card.present()
    }

    #[zbus(property)]
    fn awaits_touch(&self) -> bool {
        self.card.status().awaiting_touch
    }
}
