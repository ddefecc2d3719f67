//! Renaming, removing and resetting.

use oathd_oath::CredentialId;

use super::Desk;
use crate::{
    access::Access,
    error::{TokenError, What},
    request::kind_of,
    token::lock,
};

/// A request to rename, able to go on after the card was reset under it.
pub(crate) struct RenameWork {
    access: Access,
    id: CredentialId,
    issuer: Option<String>,
    name: String,
    /// The new id, once it was sent.
    sent: Option<CredentialId>,
}

impl RenameWork {
    pub(crate) fn new(
        access: Access,
        id: CredentialId,
        issuer: Option<String>,
        name: String,
    ) -> RenameWork {
        RenameWork {
            access,
            id,
            issuer,
            name,
            sent: None,
        }
    }

    pub(crate) fn run(&mut self, desk: Desk<'_, '_>) -> Result<CredentialId, TokenError> {
        if !desk.tools.capabilities().rename {
            return Err(TokenError::Unsupported(What::Rename));
        }
        let (mut session, tools) = desk.open(&self.access)?;
        let listed = session.list()?;
        let holds = |id: &CredentialId| listed.iter().any(|one| one.id == *id);
        let Some(old) = listed.iter().find(|one| one.id == self.id) else {
            // Both ids changed places before the reset, or there never was such a credential.
            let done = self.sent.take().filter(|new| holds(new));
            return done.ok_or(TokenError::NoSuchCredential);
        };
        let kind = kind_of(&self.id, old.on_card);
        let new = CredentialId::new(kind, self.issuer.as_deref(), &self.name)?;
        if new == self.id {
            return Ok(new);
        }
        if holds(&new) {
            return Err(TokenError::CredentialExists);
        }
        self.sent = Some(new.clone());
        session.rename(&self.id, &new)?;
        let mut knowledge = lock(&tools.shared.knowledge);
        if let Some(known) = knowledge.get(&self.id) {
            knowledge.forget(&self.id);
            knowledge.learn(&new, known);
        }
        Ok(new)
    }
}

/// A request to delete, able to go on after the card was reset under it.
pub(crate) struct RemoveWork {
    access: Access,
    id: CredentialId,
    sent: bool,
}

impl RemoveWork {
    pub(crate) fn new(access: Access, id: CredentialId) -> RemoveWork {
        RemoveWork {
            access,
            id,
            sent: false,
        }
    }

    pub(crate) fn run(&mut self, desk: Desk<'_, '_>) -> Result<(), TokenError> {
        let (mut session, tools) = desk.open(&self.access)?;
        let sent_before = std::mem::replace(&mut self.sent, true);
        match session.delete(&self.id) {
            Err(TokenError::NoSuchCredential) if sent_before => {}
            outcome => outcome?,
        }
        tools.forget(&self.id);
        Ok(())
    }
}

/// Deletes every credential and the access key.
pub(crate) fn reset(desk: Desk<'_, '_>) -> Result<(), TokenError> {
    let Desk { selected, tools } = desk;
    let answer = selected.reset(tools.aid)?;
    tools.shared.adopt(&answer);
    lock(&tools.shared.knowledge).clear();
    Ok(())
}
