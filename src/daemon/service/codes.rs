//! Codes.

use std::sync::{Arc, Mutex, PoisonError};

use oathd_api::{
    ErrorName,
    wire::{AgentRequest, CodeOptions, CodeRecord, CodeRow, ListOptions},
};
use oathd_oath::CredentialId;
use oathd_token::{Code, CodeEntry, CodeOutcome, CodeRequest, TouchPolicy};

use super::{
    Call, Service, TokenObject,
    credentials::parse_id,
    slots::{is_verifier, refuse_verifier},
};
use crate::{agents::Shown, bus, error::Error};

/// A wait for a touch, shared with what is done when the token begins it.
type SharedWait = Arc<Mutex<TouchWait>>;

#[derive(Default)]
struct TouchWait {
    begun: bool,
    /// The outcome of asking the agents to show it.
    shown: Option<Shown>,
}

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
        refuse_verifier(&id)?;
        let allow = self.may_touch(call, &options);
        let wait = SharedWait::default();
        let outcome = self
            .compute(call, object, &id, || match allow {
                true => self.announcer(call, object, &id, &wait),
                false => TouchPolicy::Refuse,
            })
            .await;
        let TouchWait { begun, shown } = take(&wait);
        if let Some(request) = shown {
            request.end(end_of_touch(&outcome));
        }
        let code = outcome?;
        if begun || !self.is_over(&code) {
            return Ok(code_record(code));
        }
        // It waited for its turn so long that its step is over. One touch is enough for a call.
        let call = call.without_questions();
        let again = self.compute(&call, object, &id, || TouchPolicy::Refuse);
        match again.await {
            Err(error) if error.oathd_name() == Some(ErrorName::TouchRequired) => {
                Ok(code_record(code))
            }
            again => again.map(code_record),
        }
    }

    /// Whether a touch may be waited for: the caller tells its user, or the user's agent does.
    pub(super) fn may_touch(&self, call: &Call, options: &CodeOptions) -> bool {
        options.allow_touch.unwrap_or(false) || self.agents.has_one(call.caller.uid)
    }

    /// Asks the token for one code, of the moment at which it is asked.
    async fn compute(
        &self,
        call: &Call,
        object: &TokenObject,
        id: &CredentialId,
        touch: impl Fn() -> TouchPolicy,
    ) -> Result<Code, Error> {
        self.with_key(call, &object.token, |token, access| {
            let request = CodeRequest {
                id: id.clone(),
                at: self.clock.now(),
                touch: touch(),
            };
            async move { token.code(access, request).await }
        })
        .await
    }

    /// Whether a code holds no more. One of a counter does until it is used.
    pub(super) fn is_over(&self, code: &Code) -> bool {
        code.until.is_some_and(|until| until <= self.clock.now())
    }

    /// What is done when the token begins to wait for a touch: the caller is told, and its agent.
    fn announcer(
        self: &Arc<Self>,
        call: &Call,
        object: &TokenObject,
        id: &CredentialId,
        wait: &SharedWait,
    ) -> TouchPolicy {
        let (service, call, object) = (Arc::clone(self), call.clone(), object.clone());
        let (credential, wait) = (id.to_string(), Arc::clone(wait));
        TouchPolicy::Allow(Box::new(move |seconds| {
            let seconds = seconds.min(call.left().as_secs());
            let deadline = service.clock.now().saturating_add(seconds);
            let details = AgentRequest {
                token: Some(object.path.clone()),
                credential: Some(credential.clone()),
                deadline: Some(deadline),
                ..service.agent_request(&call, &object.token)
            };
            *wait.lock().unwrap_or_else(PoisonError::into_inner) = TouchWait {
                begun: true,
                shown: service.agents.show_touch(call.caller.uid, details),
            };
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
        let mut entries = self.compute_all(call, object).await?;
        let over = entries.iter().any(|entry| match &entry.outcome {
            CodeOutcome::Code(code) => self.is_over(code),
            _ => false,
        });
        // What was left uncomputed might wait for a touch, as something before it did.
        let complete = |entry: &CodeEntry| !matches!(entry.outcome, CodeOutcome::Uncomputed);
        if over && entries.iter().all(complete) {
            entries = self.compute_all(call, object).await?;
        }
        let hidden = options.hidden.unwrap_or(false);
        Ok(entries
            .into_iter()
            .filter(|entry| !is_verifier(&entry.id))
            .filter_map(|entry| code_row(entry, hidden))
            .collect())
    }

    /// Asks the token for all codes, of the moment at which it is asked.
    async fn compute_all(
        &self,
        call: &Call,
        object: &TokenObject,
    ) -> Result<Vec<CodeEntry>, Error> {
        self.with_key(call, &object.token, |token, access| {
            // Read for each try: a password may have been waited for in between.
            let at = self.clock.now();
            async move { token.codes(access, at).await }
        })
        .await
    }
}

fn take(wait: &SharedWait) -> TouchWait {
    std::mem::take(&mut *wait.lock().unwrap_or_else(PoisonError::into_inner))
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

pub(super) fn code_record(code: Code) -> CodeRecord {
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
