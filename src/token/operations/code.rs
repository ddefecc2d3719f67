//! One code.

use oathd_oath::{CredentialId, Label, Period, TypeOnCard};

use super::{
    Desk, Tools,
    codes::{compute, ready_code},
    list::{Listings, compute_all, remember, remember_all},
    touch::{Found, Touching},
};
use crate::{
    access::Access,
    error::{TokenError, What},
    request::Code,
    session::Session,
    ykoath::Listing,
};

/// A request for one code, able to go on after the card was reset under it.
pub(crate) struct CodeWork {
    id: CredentialId,
    at: u64,
    access: Access,
    computing: Computing,
}

/// The computation of a code, which spends no more than one count of a counter.
pub(crate) struct Computing {
    touching: Touching,
    /// The counter has moved on, as far as anybody can know.
    counter_used: bool,
}

impl CodeWork {
    pub(crate) fn new(id: CredentialId, at: u64, access: Access, touching: Touching) -> CodeWork {
        CodeWork {
            id,
            at,
            access,
            computing: Computing::new(touching),
        }
    }

    pub(crate) fn run(&mut self, desk: Desk<'_, '_>) -> Result<Code, TokenError> {
        let outcome = self.attempt(desk);
        self.computing.rest(&outcome);
        outcome
    }

    fn attempt(&mut self, desk: Desk<'_, '_>) -> Result<Code, TokenError> {
        self.computing.refuse_used()?;
        let (mut session, tools) = desk.open(&self.access)?;
        let (found, listing) = look_up(&mut session, &tools, &self.id, self.at)?;
        self.computing
            .code(&mut session, &tools, &self.id, (found, listing), self.at)
    }
}

impl Computing {
    pub(crate) fn new(touching: Touching) -> Computing {
        Computing {
            touching,
            counter_used: false,
        }
    }

    /// See [`Touching::rest`].
    pub(crate) fn rest<T>(&mut self, outcome: &Result<T, TokenError>) {
        self.touching.rest(outcome);
    }

    /// Refuses to begin again where a count may be spent.
    pub(crate) fn refuse_used(&self) -> Result<(), TokenError> {
        match self.counter_used {
            true => Err(TokenError::Interrupted),
            false => Ok(()),
        }
    }

    /// The code of `id` at the moment `at`: the one of `listing`, which CALCULATE ALL gave for that
    /// moment, where that is one.
    pub(crate) fn code(
        &mut self,
        session: &mut Session<'_, '_>,
        tools: &Tools<'_>,
        id: &CredentialId,
        (found, listing): (Found, Option<Listing>),
        at: u64,
    ) -> Result<Code, TokenError> {
        let label = Label::parse(id, found.known.on_card);
        if let Some(Listing::Computed(computed)) = listing
            && let Some(code) = ready_code(&label, computed, at)
        {
            return Ok(code);
        }
        if label.is_steam() && !tools.capabilities().full_hmac {
            return Err(TokenError::Unsupported(What::FullHmac));
        }
        let used = &mut self.counter_used;
        self.touching.compute(tools, id, found, || {
            *used = found.known.on_card == TypeOnCard::Hotp;
            compute(session, id, &label, at)
        })
    }
}

/// What is known of a credential, else what the token tells of it, with its code where that came along.
/// A counter is looked up each time: made anew as a time-based credential by another program, it would
/// answer an empty challenge with nobody's code.
pub(crate) fn look_up(
    session: &mut Session<'_, '_>,
    tools: &Tools<'_>,
    id: &CredentialId,
    at: u64,
) -> Result<(Found, Option<Listing>), TokenError> {
    let known = tools.known(id);
    if let Some(known) = known.filter(|known| known.on_card == TypeOnCard::Totp) {
        let fresh = false;
        return Ok((Found { known, fresh }, None));
    }
    let mut listing = None;
    let all = match known {
        Some(_) => Ok(None),
        None => compute_all(session, tools, Period::DEFAULT.step(at)),
    };
    match all {
        Ok(Some(all)) => {
            remember_all(tools, &all);
            listing = all
                .into_iter()
                .find_map(|(found, listing)| (found == *id).then_some(listing));
        }
        // Some other credential may be the damaged one.
        Ok(None) | Err(TokenError::CredentialDamaged) => {
            remember(tools, &session.list()?, &Listings::new());
        }
        Err(error) => return Err(error),
    }
    let known = tools.known(id).ok_or(TokenError::NoSuchCredential)?;
    // Nothing but CALCULATE ALL tells of touches, and that of time-based credentials alone.
    let fresh = listing.is_some() && known.on_card == TypeOnCard::Totp;
    Ok((Found { known, fresh }, listing))
}
