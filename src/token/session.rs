//! The OATH application, selected: locked at first where it has a key, open afterwards. An open
//! application is a type of its own, and only it takes the instructions that need the key.

use std::time::{Duration, Instant};

use oathd_oath::{CredentialId, NewCredential};
use zeroize::Zeroizing;

use crate::{
    access::{Access, AccessKey},
    apdu::{Command, StatusWord},
    card::{Card, refusal},
    error::{ProtocolError, TokenError},
    settings::Entropy,
    ykoath::{self, Computed, Listed, Listing, SelectAnswer},
};

/// The application right after its selection.
pub(crate) struct Selected<'a, 'c> {
    card: &'a mut Card<'c>,
    answer: SelectAnswer,
}

/// The application, open.
pub(crate) struct Session<'a, 'c> {
    card: &'a mut Card<'c>,
}

impl<'a, 'c> Selected<'a, 'c> {
    pub(crate) fn select(card: &'a mut Card<'c>, aid: &[u8]) -> Result<Self, TokenError> {
        let data = card.ask(&ykoath::select(aid))?;
        card.opened = false;
        let answer = ykoath::parse_select(&data)?;
        Ok(Selected { card, answer })
    }

    pub(crate) fn answer(&self) -> &SelectAnswer {
        &self.answer
    }

    /// Opens the application. One without a key is open to everybody,
    /// whatever key is offered, but to a key that insists on being asked for.
    pub(crate) fn unlock(
        self,
        access: &Access,
        entropy: &Entropy,
    ) -> Result<Session<'a, 'c>, TokenError> {
        let Selected { card, answer } = self;
        let Some(card_challenge) = answer.challenge else {
            return match access.as_deref().is_some_and(AccessKey::insists) {
                true => Err(ProtocolError::NotMutual.into()),
                false => Ok(Session { card }),
            };
        };
        let key = access.as_deref().ok_or(TokenError::PasswordRequired)?;
        let mut host_challenge = [0; 8];
        entropy(&mut host_challenge);
        let response = card.exchange(&ykoath::validate(key, &card_challenge, &host_challenge))?;
        match response.status {
            StatusWord::OK => {
                card.opened = true;
                ykoath::parse_validate(&response.data, key, &host_challenge)?;
                Ok(Session { card })
            }
            StatusWord::WRONG_SYNTAX => Err(TokenError::WrongPassword),
            status => Err(refusal(status)),
        }
    }

    /// Deletes everything, key included; gives the new selection's answer.
    pub(crate) fn reset(self, aid: &[u8]) -> Result<SelectAnswer, TokenError> {
        self.card.ask(&ykoath::reset())?;
        Ok(Selected::select(self.card, aid)?.answer)
    }
}

/// A computation's answer and how long the token kept it back.
pub(crate) struct Timed<T> {
    pub(crate) outcome: Result<T, TokenError>,
    pub(crate) took: Duration,
}

impl Session<'_, '_> {
    pub(crate) fn list(&mut self) -> Result<Vec<Listed>, TokenError> {
        Ok(ykoath::parse_list(&self.card.ask(&ykoath::list())?)?)
    }

    pub(crate) fn calculate_all(
        &mut self,
        step: u64,
    ) -> Result<Vec<(CredentialId, Listing)>, TokenError> {
        let command = ykoath::calculate_all(&ykoath::step_challenge(step));
        Ok(ykoath::parse_calculate_all(&self.card.ask(&command)?)?)
    }

    /// Computes over a time step, or the next HOTP code when there is none.
    pub(crate) fn calculate(&mut self, id: &CredentialId, step: Option<u64>) -> Timed<Computed> {
        let challenge = step.map(ykoath::step_challenge);
        let command = ykoath::calculate(id, challenge.as_ref().map_or(&[], <[u8; 8]>::as_slice));
        self.timed(&command, ykoath::parse_calculate)
    }

    /// Computes the whole HMAC over a time step.
    pub(crate) fn calculate_full(
        &mut self,
        id: &CredentialId,
        step: u64,
    ) -> Timed<Zeroizing<Vec<u8>>> {
        let command = ykoath::calculate_full(id, &ykoath::step_challenge(step));
        self.timed(&command, ykoath::parse_calculate_full)
    }

    fn timed<T>(
        &mut self,
        command: &Command,
        parse: impl FnOnce(&[u8]) -> Result<T, ProtocolError>,
    ) -> Timed<T> {
        let begun = Instant::now();
        let answer = self.card.ask(command);
        Timed {
            took: begun.elapsed(),
            outcome: answer.and_then(|data| Ok(parse(&data)?)),
        }
    }

    /// Writes a credential. A card without a fixed number of slots says "no space" in two ways.
    pub(crate) fn put(
        &mut self,
        id: &CredentialId,
        credential: &NewCredential,
        touch: bool,
        capacity: Option<u16>,
    ) -> Result<(), TokenError> {
        let response = self.card.exchange(&ykoath::put(id, credential, touch))?;
        match response.status {
            StatusWord::OK => Ok(()),
            StatusWord::NO_SPACE => Err(TokenError::Full { capacity }),
            StatusWord::GENERIC if capacity.is_none() => Err(TokenError::Full { capacity }),
            status => Err(refusal(status)),
        }
    }

    pub(crate) fn delete(&mut self, id: &CredentialId) -> Result<(), TokenError> {
        self.card.ask(&ykoath::delete(id)).map(drop)
    }

    pub(crate) fn rename(
        &mut self,
        old: &CredentialId,
        new: &CredentialId,
    ) -> Result<(), TokenError> {
        self.card.ask(&ykoath::rename(old, new)).map(drop)
    }

    pub(crate) fn set_key(&mut self, key: &AccessKey, entropy: &Entropy) -> Result<(), TokenError> {
        let mut challenge = [0; 8];
        entropy(&mut challenge);
        let response = self.card.exchange(&ykoath::set_code(key, &challenge))?;
        match response.status {
            StatusWord::OK => {
                // Still open, although it has a key now.
                self.card.opened = true;
                Ok(())
            }
            StatusWord::NO_SUCH_OBJECT => {
                Err(ProtocolError::Status(StatusWord::NO_SUCH_OBJECT).into())
            }
            status => Err(refusal(status)),
        }
    }

    pub(crate) fn clear_key(&mut self) -> Result<(), TokenError> {
        self.card.ask(&ykoath::clear_code()).map(drop)
    }
}
