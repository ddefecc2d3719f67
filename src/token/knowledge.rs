//! What earlier answers told about a token's credentials. A hint, never the truth: whatever contradicts it
//! replaces it.

use std::collections::BTreeMap;

use oathd_oath::{CredentialId, TypeOnCard};

use crate::request::Touch;

/// One credential's remembered facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) on_card: TypeOnCard,
    pub(crate) touch: Touch,
}

/// Remembered facts by id. At most as many as one answer of the token can name.
#[derive(Debug, Default)]
pub(crate) struct Knowledge(BTreeMap<CredentialId, Known>);

impl Knowledge {
    pub(crate) fn get(&self, id: &CredentialId) -> Option<Known> {
        self.0.get(id).copied()
    }

    pub(crate) fn touch(&self, id: &CredentialId) -> Touch {
        self.get(id).map_or(Touch::Unknown, |known| known.touch)
    }

    pub(crate) fn learn(&mut self, id: &CredentialId, known: Known) {
        self.0.insert(id.clone(), known);
    }

    /// Replaces everything by a whole listing. A touch that only a wait had shown stays known.
    pub(crate) fn replace(&mut self, listing: impl IntoIterator<Item = (CredentialId, Known)>) {
        let old = std::mem::take(&mut self.0);
        self.0 = listing
            .into_iter()
            .map(|(id, mut known)| {
                if let (Touch::Unknown, Some(before)) = (known.touch, old.get(&id))
                    && before.on_card == known.on_card
                {
                    known.touch = before.touch;
                }
                (id, known)
            })
            .collect();
    }

    pub(crate) fn forget(&mut self, id: &CredentialId) {
        self.0.remove(id);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
