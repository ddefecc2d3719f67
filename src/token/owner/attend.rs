//! One attempt at a request, within a transaction.

use std::sync::Arc;

use crate::{
    call::{Attempt, Job},
    card::Card,
    error::{ProtocolError, TokenError},
    identify::identify,
    identity::TokenInfo,
    operations::{Desk, Tools},
    session::Selected,
    token::lock,
    transport::TransportError,
};

/// How an attempt at a request ended.
pub(super) enum Verdict {
    Done,
    Again,
    /// Another token, or none, answers in this reader.
    Foreign,
}

/// Selects the application, makes sure whose it is, works on the request and locks up.
pub(super) fn attend(card: &mut Card<'_>, tools: Tools<'_>, job: &mut Job, last: bool) -> Verdict {
    if !job.ticket.start() {
        return Verdict::Done;
    }
    let selected = match Selected::select(card, tools.aid) {
        Ok(selected) => selected,
        Err(TokenError::Interrupted) if !last => return Verdict::Again,
        Err(TokenError::Protocol(ProtocolError::Status(status))) if !status.failure() => {
            job.work.fail(TokenError::Removed);
            return Verdict::Foreign;
        }
        Err(error) => {
            job.work.fail(error);
            return Verdict::Done;
        }
    };
    let answer = selected.answer().clone();
    let (salt, info) = {
        let facts = lock(&tools.shared.facts);
        (facts.salt == answer.salt, Arc::clone(&facts.info))
    };
    if !salt {
        return stranger(card, tools, job, &info);
    }
    if info.protected != answer.challenge.is_some() {
        tools.shared.set_protected(answer.challenge.is_some());
    }
    let attempt = job.work.attempt(Desk { selected, tools }, last);
    let gone = matches!(
        card.lost,
        Some(
            TransportError::Removed
                | TransportError::CardReset
                | TransportError::Unavailable { .. }
        )
    );
    if card.opened && !gone {
        // The answer is on its way. An application left open would be open to every other program, and
        // a reader that failed at one command leaves it so.
        if let Err(error) = Selected::select(card, tools.aid) {
            tracing::warn!(%error, "token not locked again");
        }
    }
    match attempt {
        Attempt::Done => Verdict::Done,
        Attempt::Again => Verdict::Again,
    }
}

/// Another salt than expected: the same token after a reset, or another token.
fn stranger(card: &mut Card<'_>, tools: Tools<'_>, job: &mut Job, was: &TokenInfo) -> Verdict {
    match identify(card, &tools.settings.extra_aids) {
        Ok(Some(now)) if (now.serial, now.model) == (was.serial, was.model) => {
            tools.shared.adopt(&now.selection);
            job.work.fail(TokenError::Reset);
            Verdict::Done
        }
        Ok(_) => {
            job.work.fail(TokenError::Removed);
            Verdict::Foreign
        }
        Err(error) => {
            job.work.fail(error);
            Verdict::Done
        }
    }
}
