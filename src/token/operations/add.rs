//! A new credential: all checks, then one write.

use std::sync::Arc;

use oathd_oath::{Algorithm, CredentialId, NewCredential};

use super::{Desk, Tools};
use crate::{
    access::Access,
    capability::Capabilities,
    error::{TokenError, What},
    knowledge::Known,
    request::{AddOptions, Touch},
    session::Session,
};

/// A request to store a credential, able to go on after the card was reset under it.
pub(crate) struct AddWork {
    access: Access,
    credential: Arc<NewCredential>,
    options: AddOptions,
    /// The write was sent; it replaced a credential or (`false`) made a new one.
    sent: Option<bool>,
}

impl AddWork {
    pub(crate) fn new(
        access: Access,
        credential: Arc<NewCredential>,
        options: AddOptions,
    ) -> AddWork {
        AddWork {
            access,
            credential,
            options,
            sent: None,
        }
    }

    pub(crate) fn check(&mut self, desk: Desk<'_, '_>) -> Result<CredentialId, TokenError> {
        self.offered(desk.tools.capabilities())?;
        let id = self.credential.id()?;
        let (mut session, tools) = desk.open(&self.access)?;
        self.fits(&mut session, &tools, &id)?;
        Ok(id)
    }

    pub(crate) fn run(&mut self, desk: Desk<'_, '_>) -> Result<CredentialId, TokenError> {
        self.offered(desk.tools.capabilities())?;
        let id = self.credential.id()?;
        let (mut session, tools) = desk.open(&self.access)?;
        if self.sent == Some(false) && session.list()?.iter().any(|one| one.id == id) {
            // The write had arrived before the reset.
            self.learn(&tools, &id);
            return Ok(id);
        }
        let exists = self.fits(&mut session, &tools, &id)?;
        self.sent = Some(exists);
        session.put(
            &id,
            &self.credential,
            self.options.touch,
            tools.capabilities().capacity,
        )?;
        self.learn(&tools, &id);
        Ok(id)
    }

    /// What the model must offer.
    fn offered(&self, can: Capabilities) -> Result<(), TokenError> {
        let missing = if self.options.touch && !can.touch {
            What::Touch
        } else if self.credential.algorithm == Algorithm::Sha512 && !can.sha512 {
            What::Sha512
        } else if self.credential.is_steam() && !can.full_hmac {
            What::FullHmac
        } else {
            return Ok(());
        };
        Err(TokenError::Unsupported(missing))
    }

    /// What the stored credentials must leave room for. Tells whether the id exists.
    fn fits(
        &self,
        session: &mut Session<'_, '_>,
        tools: &Tools<'_>,
        id: &CredentialId,
    ) -> Result<bool, TokenError> {
        let can = tools.capabilities();
        let listed = session.list()?;
        let exists = listed.iter().any(|one| one.id == *id);
        if exists && !self.options.overwrite {
            return Err(TokenError::CredentialExists);
        }
        if exists && !can.overwrite {
            return Err(TokenError::Unsupported(What::Overwrite));
        }
        let damages =
            |stored: &CredentialId| stored.as_bytes().starts_with(id.as_bytes()) && stored != id;
        if can.prefix_corruption && listed.iter().any(|one| damages(&one.id)) {
            return Err(TokenError::Unsupported(What::PrefixName));
        }
        match can.capacity {
            Some(capacity) if !exists && listed.len() >= usize::from(capacity) => {
                Err(TokenError::Full {
                    capacity: Some(capacity),
                })
            }
            _ => Ok(exists),
        }
    }

    fn learn(&self, tools: &Tools<'_>, id: &CredentialId) {
        let known = Known {
            on_card: self.credential.kind.on_card(),
            touch: Touch::Known(self.options.touch),
        };
        tools.learn(id, known);
    }
}
