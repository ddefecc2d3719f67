//! Setting, changing and clearing the access key.

use std::sync::Arc;

use super::Desk;
use crate::{
    access::{Access, AccessKey},
    error::TokenError,
};

/// A request to set (`Some`) or clear (`None`) the key, able to go on after the card was reset under it.
pub(crate) struct KeyWork {
    access: Access,
    new: Access,
    sent: bool,
}

impl KeyWork {
    pub(crate) fn new(access: Access, new: Option<Arc<AccessKey>>) -> KeyWork {
        KeyWork {
            access,
            new,
            sent: false,
        }
    }

    pub(crate) fn run(&mut self, desk: Desk<'_, '_>) -> Result<(), TokenError> {
        let protected = desk.selected.answer().challenge.is_some();
        if self.sent && protected && self.new.is_some() {
            // Either key may be the card's. The new one opens it when the change had arrived.
            let shared = desk.tools.shared;
            return match desk.open(&self.new) {
                Ok(_) => {
                    shared.set_protected(true);
                    Ok(())
                }
                Err(TokenError::WrongPassword) => Err(TokenError::Interrupted),
                Err(error) => Err(error),
            };
        }
        let (mut session, tools) = desk.open(&self.access)?;
        self.sent = true;
        match &self.new {
            Some(key) => session.set_key(key, tools.entropy)?,
            None => session.clear_key()?,
        }
        tools.shared.set_protected(self.new.is_some());
        Ok(())
    }
}
