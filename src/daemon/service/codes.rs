//! Codes.

use std::sync::{Arc, Mutex, PoisonError};

use oathd_api::{
    ErrorName,
    wire::{AgentRequest, CodeOptions, CodeRecord, CodeRow, ListOptions},
};
use oathd_oath::CredentialId;
use oathd_token::{Code, CodeEntry, CodeOutcome, CodeRequest, TouchPolicy};

use super::{Call, Service, TokenObject, credentials::parse_id};
use crate::{agents::Shown, bus, error::Error};

/// The outcome of asking the agents to show a touch, once the token has begun to wait.
type ShownTouch = Arc<Mutex<Option<Shown>>>;

impl Service {
    /// The current code of a credential.
    pub(crate) async fn code(
        self: &Arc<Self>,
        call: &Call,
        object: &TokenObject,
        credential: &str,
        options: CodeOptions,
    ) -> Result<CodeRecord, Error> {
        let id = parse_id(credential)?;
        let uid = call.caller.uid;
        let allow = options.allow_touch.unwrap_or(false) || self.agents.has_one(uid);
        let shown = ShownTouch::default();
        let outcome = self
            .with_key(call, &object.token, |access| {
                let touch = match allow {
                    true => self.announcer(call, object, &id, &shown),
                    false => TouchPolicy::Refuse,
                };
                let request = CodeRequest {
                    id: id.clone(),
                    at: self.clock.now(),
                    touch,
                };
                let token = object.token.clone();
                async move { token.code(access, request).await }
            })
            .await;
        if let Some(request) = take(&shown) {
            request.end(end_of_touch(&outcome));
        }
        outcome.map(code_record)
    }

    /// What is done when the token begins to wait for a touch: the caller is told, and its agent.
    fn announcer(
        self: &Arc<Self>,
        call: &Call,
        object: &TokenObject,
        id: &CredentialId,
        shown: &ShownTouch,
    ) -> TouchPolicy {
        let (service, call, object) = (Arc::clone(self), call.clone(), object.clone());
        let (credential, shown) = (id.to_string(), Arc::clone(shown));
        TouchPolicy::Allow(Box::new(move |seconds| {
            let deadline = service.clock.now().saturating_add(seconds);
            let details = AgentRequest {
                token: Some(object.path.clone()),
                credential: Some(credential.clone()),
                deadline: Some(deadline),
                ..service.agent_request(&call, &object.token)
            };
            if let Some(request) = service.agents.show_touch(call.caller.uid, details) {
                *shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(request);
            }
            tokio::spawn(async move {
                bus::touch_awaited(&service, &call, &object, &credential, deadline).await;
            });
        }))
    }

    /// The codes of every credential that needs no touch and spends nothing.
    pub(crate) async fn codes(
        &self,
        call: &Call,
        object: &TokenObject,
        options: ListOptions,
    ) -> Result<Vec<CodeRow>, Error> {
        let entries = self
            .with_key(call, &object.token, |access| {
                // Read for each try: a password may have been waited for in between.
                let (token, at) = (object.token.clone(), self.clock.now());
                async move { token.codes(access, at).await }
            })
            .await?;
        let hidden = options.hidden.unwrap_or(false);
        Ok(entries
            .into_iter()
            .filter_map(|entry| code_row(entry, hidden))
            .collect())
    }
}

fn take(shown: &ShownTouch) -> Option<Shown> {
    shown.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Why a shown touch is over, in the words of the agent interface.
fn end_of_touch(outcome: &Result<Code, Error>) -> &'static str {
    match outcome {
        Ok(_) => "done",
        Err(error) => match error.oathd_name() {
            Some(ErrorName::TouchTimedOut) => "timed-out",
            Some(ErrorName::TokenRemoved) => "removed",
            _ => "failed",
        },
    }
}

fn code_record(code: Code) -> CodeRecord {
    CodeRecord {
        code: code.text.to_string(),
        from: code.from,
        until: code.until,
    }
}

fn code_row(entry: CodeEntry, hidden: bool) -> Option<CodeRow> {
    let label = oathd_oath::Label::parse(&entry.id, entry.kind.on_card());
    if label.is_hidden() && !hidden {
        return None;
    }
    let (kind, period) = super::credentials::kind_words(entry.kind);
    let mut row = CodeRow {
        id: entry.id.to_string(),
        issuer: label.issuer,
        name: label.name,
        kind: kind.to_owned(),
        period,
        ..CodeRow::default()
    };
    match entry.outcome {
        CodeOutcome::Code(code) => {
            row.code = Some(code.text.to_string());
            row.from = Some(code.from);
            row.until = code.until;
        }
        CodeOutcome::TouchRequired => row.reason = Some(ErrorName::TouchRequired.as_str().into()),
        CodeOutcome::Damaged => row.reason = Some(ErrorName::CredentialDamaged.as_str().into()),
        // A single GenerateCode finds out whether a touch is needed.
        CodeOutcome::Uncomputed => row.reason = Some(ErrorName::TouchRequired.as_str().into()),
        CodeOutcome::Counter => row.reason = Some("hotp".to_owned()),
    }
    Some(row)
}
