//! What an owner does for a request, once the token's application is selected.

use std::{sync::Arc, time::Duration};

use oathd_oath::CredentialId;

use crate::{
    access::Access,
    capability::Capabilities,
    error::TokenError,
    identity::DeviceId,
    knowledge::Known,
    session::{Selected, Session},
    settings::{Entropy, Settings},
    token::{Shared, lock},
    ykoath::SelectAnswer,
};

pub(crate) mod add;
pub(crate) mod code;
pub(crate) mod codes;
pub(crate) mod list;
pub(crate) mod manage;
pub(crate) mod password;
pub(crate) mod pick;
pub(crate) mod steps;
pub(crate) mod touch;

/// The selected application and what belongs to the work on it.
pub(crate) struct Desk<'a, 'c> {
    pub(crate) selected: Selected<'a, 'c>,
    pub(crate) tools: Tools<'a>,
}

/// What the owner lends to an operation.
#[derive(Clone, Copy)]
pub(crate) struct Tools<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) settings: &'a Settings,
    pub(crate) entropy: &'a Entropy,
    pub(crate) aid: &'a [u8],
}

impl<'a, 'c> Desk<'a, 'c> {
    /// Opens the application with the request's key.
    pub(crate) fn open(self, access: &Access) -> Result<(Session<'a, 'c>, Tools<'a>), TokenError> {
        let session = self.selected.unlock(access, self.tools.entropy)?;
        Ok((session, self.tools))
    }
}

impl Tools<'_> {
    pub(crate) fn capabilities(&self) -> Capabilities {
        lock(&self.shared.facts).info.capabilities
    }

    /// Whether an answer that took so long looks like a wait for a touch.
    pub(crate) fn touch_shows(&self, took: Duration) -> bool {
        self.capabilities().touch && took >= self.settings.touch_hint
    }

    pub(crate) fn known(&self, id: &CredentialId) -> Option<Known> {
        lock(&self.shared.knowledge).get(id)
    }

    pub(crate) fn learn(&self, id: &CredentialId, known: Known) {
        lock(&self.shared.knowledge).learn(id, known);
    }

    pub(crate) fn forget(&self, id: &CredentialId) {
        lock(&self.shared.knowledge).forget(id);
    }
}

impl Shared {
    /// Takes over what a selection told: whose application it is, and whether it has a key.
    pub(crate) fn adopt(&self, answer: &SelectAnswer) {
        let mut facts = lock(&self.facts);
        if facts.salt != answer.salt {
            lock(&self.knowledge).clear();
            facts.salt.clone_from(&answer.salt);
        }
        let info = Arc::make_mut(&mut facts.info);
        info.device_id = DeviceId::from_salt(&answer.salt);
        info.protected = answer.challenge.is_some();
    }

    /// Notes that the token does not know CALCULATE ALL.
    fn deny_calculate_all(&self) {
        let mut facts = lock(&self.facts);
        let info = Arc::make_mut(&mut facts.info);
        info.capabilities.calculate_all = false;
    }

    /// Notes that a key was set or taken away.
    pub(crate) fn set_protected(&self, protected: bool) {
        let mut facts = lock(&self.facts);
        Arc::make_mut(&mut facts.info).protected = protected;
    }
}
