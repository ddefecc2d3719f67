//! One code.

use std::collections::BTreeMap;

use oathd_oath::{CredentialId, Label, Period, TypeOnCard};
use tokio::sync::oneshot;

use super::{
    Desk, Tools,
    codes::{compute, ready_code},
    list::{remember, remember_all},
};
use crate::{
    access::Access,
    error::{TokenError, What},
    knowledge::Known,
    request::{Code, Touch},
    session::Session,
    ykoath::Listing,
};

/// A request for one code, able to go on after the card was reset under it.
pub(crate) struct CodeWork {
    id: CredentialId,
    at: u64,
    /// A touch may be waited for.
    allow: bool,
    access: Access,
    /// Tells the caller that the token is computing and may be waiting for a touch.
    computing: Option<oneshot::Sender<()>>,
    /// The counter has moved on, as far as anybody can know.
    counter_used: bool,
}

/// What is known of the credential when its code is due.
enum Found {
    /// Its facts, read from the token in this very transaction or (`false`) earlier.
    Known(Known, bool),
    /// The code itself.
    Code(Code),
}

impl CodeWork {
    pub(crate) fn new(
        id: CredentialId,
        at: u64,
        allow: bool,
        access: Access,
        computing: oneshot::Sender<()>,
    ) -> CodeWork {
        CodeWork {
            id,
            at,
            allow,
            access,
            computing: Some(computing),
            counter_used: false,
        }
    }

    pub(crate) fn run(&mut self, desk: Desk<'_, '_>) -> Result<Code, TokenError> {
        let outcome = self.attempt(desk);
        if !matches!(outcome, Err(TokenError::Interrupted)) {
            self.computing = None;
        }
        outcome
    }

    fn attempt(&mut self, desk: Desk<'_, '_>) -> Result<Code, TokenError> {
        if self.counter_used {
            return Err(TokenError::Interrupted);
        }
        let (mut session, tools) = desk.open(&self.access)?;
        let (known, fresh) = match self.find(&mut session, &tools)? {
            Found::Code(code) => return Ok(code),
            Found::Known(known, fresh) => (known, fresh),
        };
        if known.touch == Touch::Known(true) && !self.allow {
            return Err(TokenError::TouchRequired);
        }
        let label = Label::parse(&self.id, known.on_card);
        if label.is_steam() && !tools.capabilities().full_hmac {
            return Err(TokenError::Unsupported(What::FullHmac));
        }
        // Only the token's own word, given in this transaction, rules a touch wait out.
        if (known.touch, fresh) != (Touch::Known(false), true)
            && let Some(computing) = self.computing.take()
        {
            // A caller that went away needs no hint.
            let _ = computing.send(());
        }
        self.counter_used = known.on_card == TypeOnCard::Hotp;
        let timed = compute(&mut session, &self.id, &label, self.at);
        let waited = timed.took >= tools.settings.touch_hint;
        self.learn(&tools, known, &timed.outcome, waited);
        match timed.outcome {
            Err(TokenError::PasswordRequired) if waited || known.touch == Touch::Known(true) => {
                Err(TokenError::TouchTimedOut)
            }
            outcome => outcome,
        }
    }

    fn find(&self, session: &mut Session<'_, '_>, tools: &Tools<'_>) -> Result<Found, TokenError> {
        if let Some(known) = tools.known(&self.id) {
            return Ok(Found::Known(known, false));
        }
        if tools.capabilities().calculate_all {
            match session.calculate_all(Period::DEFAULT.step(self.at)) {
                Ok(all) => {
                    remember_all(tools, &all);
                    let (_, listing) = all
                        .into_iter()
                        .find(|(id, _)| *id == self.id)
                        .ok_or(TokenError::NoSuchCredential)?;
                    if let Listing::Computed(computed) = listing {
                        let label = Label::parse(&self.id, TypeOnCard::Totp);
                        if let Some(code) = ready_code(&label, computed, self.at) {
                            return Ok(Found::Code(code));
                        }
                    }
                    return self.known(tools, true);
                }
                // Some other credential may be the damaged one.
                Err(TokenError::CredentialDamaged) => {}
                Err(error) => return Err(error),
            }
        }
        remember(tools, &session.list()?, &BTreeMap::new());
        self.known(tools, true)
    }

    fn known(&self, tools: &Tools<'_>, fresh: bool) -> Result<Found, TokenError> {
        let known = tools.known(&self.id).ok_or(TokenError::NoSuchCredential)?;
        Ok(Found::Known(known, fresh))
    }

    /// Corrects what is known by what the token did.
    fn learn(
        &self,
        tools: &Tools<'_>,
        known: Known,
        outcome: &Result<Code, TokenError>,
        waited: bool,
    ) {
        let learn = |touch| {
            let touch = Touch::Known(touch);
            tools.learn(&self.id, Known { touch, ..known });
        };
        match (outcome, known.touch) {
            (Err(TokenError::NoSuchCredential), _) => tools.forget(&self.id),
            // CALCULATE ALL will tell what has become of it.
            (_, Touch::Known(false)) if waited => tools.forget(&self.id),
            (_, Touch::Unknown) if waited => learn(true),
            // What had looked like a touch of a counter was a slow reader, or a quick finger.
            (Ok(_), Touch::Known(true)) if !waited && known.on_card == TypeOnCard::Hotp => {
                tools.forget(&self.id);
            }
            (Ok(_), Touch::Unknown) => learn(false),
            _ => {}
        }
    }
}
