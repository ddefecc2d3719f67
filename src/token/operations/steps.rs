//! The answers of one credential over given steps.

use oathd_oath::{CredentialId, TypeOnCard};
use zeroize::Zeroizing;

use super::{Desk, code::look_up, codes::decimal, touch::Touching};
use crate::{
    access::Access,
    error::{TokenError, What},
    request::{Form, Steps},
    session::{Session, Timed},
};

/// A request for answers, able to begin again after the card was reset under it.
pub(crate) struct StepsWork {
    id: CredentialId,
    steps: Steps,
    form: Form,
    access: Access,
    touching: Touching,
}

impl StepsWork {
    pub(crate) fn new(
        (id, steps, form): (CredentialId, Steps, Form),
        access: Access,
        touching: Touching,
    ) -> StepsWork {
        StepsWork {
            id,
            steps,
            form,
            access,
            touching,
        }
    }

    pub(crate) fn run(
        &mut self,
        desk: Desk<'_, '_>,
    ) -> Result<Vec<Zeroizing<Vec<u8>>>, TokenError> {
        let outcome = self.attempt(desk);
        self.touching.rest(&outcome);
        outcome
    }

    fn attempt(&mut self, desk: Desk<'_, '_>) -> Result<Vec<Zeroizing<Vec<u8>>>, TokenError> {
        if self.form == Form::Hmac && !desk.tools.capabilities().full_hmac {
            return Err(TokenError::Unsupported(What::FullHmac));
        }
        let (mut session, tools) = desk.open(&self.access)?;
        let (found, _) = look_up(&mut session, &tools, &self.id, 0)?;
        if found.known.on_card == TypeOnCard::Hotp {
            // Its counter would move on, whatever it is asked.
            return Err(TokenError::NoSuchCredential);
        }
        let (id, form) = (&self.id, self.form);
        let touching = &mut self.touching;
        self.steps
            .iter()
            .map(|step| {
                touching.compute(&tools, id, found, || answer(&mut session, id, form, step))
            })
            .collect()
    }
}

fn answer(
    session: &mut Session<'_, '_>,
    id: &CredentialId,
    form: Form,
    step: u64,
) -> Timed<Zeroizing<Vec<u8>>> {
    if form == Form::Hmac {
        return session.calculate_full(id, step);
    }
    let Timed { outcome, took } = session.calculate(id, Some(step));
    let outcome = outcome.and_then(|computed| {
        let text = decimal(computed).ok_or(TokenError::CredentialDamaged)?;
        Ok(Zeroizing::new(text.as_bytes().to_vec()))
    });
    Timed { outcome, took }
}
