//! A computation that may wait for a touch.

use oathd_oath::{CredentialId, TypeOnCard};
use tokio::sync::oneshot;

use super::Tools;
use crate::{error::TokenError, knowledge::Known, request::Touch, session::Timed};

/// Whether a touch may be waited for, and who hears that one may be.
pub(crate) struct Touching {
    allow: bool,
    /// Tells the caller that the token is computing and may be waiting for a touch.
    computing: Option<oneshot::Sender<()>>,
}

/// What is known of a credential when it is to compute.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    pub(crate) known: Known,
    /// The token told it in this very transaction.
    pub(crate) fresh: bool,
}

impl Touching {
    pub(crate) fn new(allow: bool, computing: oneshot::Sender<()>) -> Touching {
        Touching {
            allow,
            computing: Some(computing),
        }
    }

    /// Lets the token compute, unless that needs a touch which is not allowed; keeps what it shows
    /// about touches.
    pub(crate) fn compute<T>(
        &mut self,
        tools: &Tools<'_>,
        id: &CredentialId,
        Found { known, fresh }: Found,
        computation: impl FnOnce() -> Timed<T>,
    ) -> Result<T, TokenError> {
        if known.touch == Touch::Known(true) && !self.allow {
            return Err(TokenError::TouchRequired);
        }
        // Only the token's own word, given in this transaction, rules a touch wait out, and a model
        // that knows none.
        if tools.capabilities().touch
            && (known.touch, fresh) != (Touch::Known(false), true)
            && let Some(computing) = self.computing.take()
        {
            // A caller that went away needs no hint.
            let _ = computing.send(());
        }
        let Timed { outcome, took } = computation();
        let waited = tools.touch_shows(took);
        learn(tools, id, known, &outcome, waited);
        match outcome {
            Err(TokenError::PasswordRequired) if waited || known.touch == Touch::Known(true) => {
                Err(TokenError::TouchTimedOut)
            }
            outcome => outcome,
        }
    }

    /// Lets the caller know that nothing more will be computed, unless the work goes on after a
    /// reset of the card.
    pub(crate) fn rest<T>(&mut self, outcome: &Result<T, TokenError>) {
        if !matches!(outcome, Err(TokenError::Interrupted)) {
            self.computing = None;
        }
    }
}

/// Corrects what is known by what the token did.
fn learn<T>(
    tools: &Tools<'_>,
    id: &CredentialId,
    known: Known,
    outcome: &Result<T, TokenError>,
    waited: bool,
) {
    let learn = |touch| {
        let touch = Touch::Known(touch);
        tools.learn(id, Known { touch, ..known });
    };
    match (outcome, known.touch) {
        (Err(TokenError::NoSuchCredential), _) => tools.forget(id),
        // CALCULATE ALL will tell what has become of it.
        (_, Touch::Known(false)) if waited => tools.forget(id),
        (_, Touch::Unknown) if waited => learn(true),
        // What had looked like a touch of a counter was a slow reader, or a quick finger.
        (Ok(_), Touch::Known(true)) if !waited && known.on_card == TypeOnCard::Hotp => {
            tools.forget(id);
        }
        (Ok(_), Touch::Unknown) => learn(false),
        _ => {}
    }
}
