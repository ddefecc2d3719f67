//! Rescue as a part of an account's life.

use crate::account::Account;
use crate::charge::Family;
use crate::event::Event;
use crate::mac::MacKey;
use crate::rescue::{Approver, BypassCode, Rescue, RescueError, RescueRule};

impl Account {
    /// Opens a rescue; the owner is told at once, and can call it off.
    ///
    /// # Errors
    /// [`RescueError`]
    pub fn open_rescue(
        &mut self,
        opener: Approver,
        reason: &str,
        rule: RescueRule,
        at_console: bool,
        now: u64,
    ) -> Result<Event, RescueError> {
        if self
            .rescue
            .as_ref()
            .is_some_and(|rescue| !rescue.has_ended(now))
        {
            return Err(RescueError::AlreadyOpen);
        }
        let rescue = Rescue::open(self.uid, opener, reason, rule, at_console, now)?;
        let event = Event::RescueOpened {
            by: rescue.opened_by,
            reason: rescue.reason.clone(),
            overridden: rescue.is_overridden(),
        };
        self.rescue = Some(rescue);
        self.ledger.reopen(Family::Bypass);
        Ok(event)
    }

    /// A second administrator approves.
    ///
    /// # Errors
    /// [`RescueError`]
    pub fn approve_rescue(&mut self, approver: Approver, now: u64) -> Result<Event, RescueError> {
        let uid = self.uid;
        self.rescue
            .as_mut()
            .ok_or(RescueError::None)?
            .approve(uid, approver, now)?;
        Ok(Event::RescueApproved { by: approver.uid })
    }

    /// Issues the bypass code of the open rescue.
    ///
    /// # Errors
    /// [`RescueError`]
    pub fn issue_bypass(
        &mut self,
        key: &MacKey,
        entropy: &[u8; 10],
        now: u64,
    ) -> Result<(BypassCode, Event), RescueError> {
        let rescue = self.rescue.as_mut().ok_or(RescueError::None)?;
        let code = rescue.issue(key, &self.name, entropy, now)?;
        Ok((code, Event::BypassIssued))
    }

    /// The owner, or an administrator, calls the rescue off; its code is void.
    ///
    /// # Errors
    /// [`RescueError::None`]
    pub fn cancel_rescue(&mut self) -> Result<Event, RescueError> {
        self.rescue.take().ok_or(RescueError::None)?;
        Ok(Event::RescueCancelled)
    }
}
