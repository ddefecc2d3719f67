//! The code of the one credential that a search picks.

use oathd_oath::Period;

use super::{
    Desk,
    code::Computing,
    list::table,
    touch::{Found, Touching},
};
use crate::{
    access::Access,
    error::TokenError,
    request::{Code, PickRequest, Touch},
    ykoath::Listing,
};

/// A request for the code of what is picked, able to go on after the card was reset under it.
pub(crate) struct PickWork {
    request: PickRequest,
    access: Access,
    computing: Computing,
}

impl PickWork {
    pub(crate) fn new(request: PickRequest, access: Access, touching: Touching) -> PickWork {
        PickWork {
            request,
            access,
            computing: Computing::new(touching),
        }
    }

    pub(crate) fn run(&mut self, desk: Desk<'_, '_>) -> Result<Option<Code>, TokenError> {
        let outcome = self.attempt(desk);
        self.computing.rest(&outcome);
        outcome
    }

    fn attempt(&mut self, desk: Desk<'_, '_>) -> Result<Option<Code>, TokenError> {
        self.computing.refuse_used()?;
        let (mut session, tools) = desk.open(&self.access)?;
        let PickRequest { pick, at, touch } = &mut self.request;
        let (credentials, listings) = table(&mut session, &tools, Period::DEFAULT.step(*at))?;
        let Some(id) = pick(&credentials) else {
            return Ok(None);
        };
        let known = tools.known(&id).ok_or(TokenError::NoSuchCredential)?;
        if *touch && known.touch != Touch::Known(false) {
            return Ok(None);
        }
        let listing = listings.get(&id).copied();
        let fresh = matches!(listing, Some(Listing::Computed(_)));
        let found = (Found { known, fresh }, listing);
        self.computing
            .code(&mut session, &tools, &id, found, *at)
            .map(Some)
    }
}
