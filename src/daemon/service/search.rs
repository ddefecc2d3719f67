//! Searches over the tokens, and the code of the one credential that fits.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use oathd_api::{
    ErrorName,
    wire::{Candidate, CodeOptions, CodeRecord, CredentialQuery, CredentialRecord, ListOptions},
};
use oathd_token::{Pick, PickRequest, Token};
use zbus::OwnedObjectPath;

use super::{
    Call, Service, TokenObject, codes::code_record, credentials::record, slots::is_verifier,
};
use crate::{authority::Action, error::Error};

/// How long a search over several tokens waits for one of them to begin. Short, so that a token that
/// waits for a touch does not hide what the others hold; longer than it takes to power a card up, and
/// than a token that works on another request without a touch.
pub(super) const SEARCH_PATIENCE: Duration = Duration::from_secs(1);

/// How many credentials an error names: a full token's.
const NAMED: usize = 64;

/// What fits, and the tokens that could not be asked.
type Found = (Vec<CredentialRecord>, Vec<(OwnedObjectPath, Error)>);

impl Service {
    /// Finds credentials on all tokens; a token that cannot be asked is named with its error.
    pub(crate) async fn find(
        self: &Arc<Self>,
        call: &Call,
        query: CredentialQuery,
    ) -> Result<(Vec<CredentialRecord>, HashMap<OwnedObjectPath, String>), Error> {
        let objects = self.queried(call, &query).await?;
        let (found, unread) = self.search(call, &objects, &query).await?;
        let unread = unread
            .into_iter()
            .map(|(path, error)| (path, error.word().to_owned()))
            .collect();
        Ok((found, unread))
    }

    /// The one credential that fits, and its code. The caller must be allowed to search, and to have
    /// codes of the token that holds it. Where one token is to be searched, its search and the code
    /// are one transaction.
    pub(crate) async fn code_of(
        self: &Arc<Self>,
        call: &Call,
        query: CredentialQuery,
        options: CodeOptions,
    ) -> Result<(CredentialRecord, CodeRecord), Error> {
        let objects = self.queried(call, &query).await?;
        if let [object] = objects.as_slice() {
            self.authorize_code(call, &object.token).await?;
            return self.pick(call, object, query, options).await;
        }
        self.authorize(call, Action::ListCredentials, None).await?;
        let (found, unread) = self.search(call, &objects, &query).await?;
        if let ([], Some((_, error))) = (found.as_slice(), unread.into_iter().next()) {
            // What hides the credential is the better answer than that it is not seen.
            return Err(error);
        }
        let credential = only(found)?;
        let holds = |object: &&TokenObject| Some(&object.path) == credential.token.as_ref();
        let object = objects.iter().find(holds);
        let object = object.ok_or_else(|| Error::new(ErrorName::TokenRemoved))?;
        self.authorize(call, Action::GenerateCode, Some(&object.token))
            .await?;
        self.code_found(call, object, credential, options).await
    }

    /// The tokens that a query is about.
    async fn queried(
        self: &Arc<Self>,
        call: &Call,
        query: &CredentialQuery,
    ) -> Result<Vec<TokenObject>, Error> {
        let fitting = self.fitting(query.token.as_deref().unwrap_or(""));
        call.unless_busy(fitting).await
    }

    /// Searches some tokens.
    async fn search(
        self: &Arc<Self>,
        call: &Call,
        objects: &[TokenObject],
        query: &CredentialQuery,
    ) -> Result<Found, Error> {
        if objects.is_empty() {
            self.refuse_held()?;
            if query.token.is_some() {
                return Err(Error::new(ErrorName::NoToken));
            }
        }
        let options = ListOptions {
            hidden: query.hidden,
        };
        let asked: Vec<TokenObject> = match objects.len() {
            0 | 1 => objects.to_vec(),
            _ => objects.iter().map(impatient).collect(),
        };
        let lists = asked.iter().map(|o| self.list(call, o, &options));
        let lists = join_all(lists).await;
        let mut found = Vec::new();
        let mut unread = Vec::new();
        for (object, list) in objects.iter().zip(lists) {
            match list {
                Ok(records) => {
                    found.extend(records.into_iter().map(|record| on(&object.path, record)));
                }
                Err(error) => unread.push((object.path.clone(), error)),
            }
        }
        Ok((select(found, query), unread))
    }

    /// Finds out whether a caller may search, and have codes of `token`: both at once where nobody is
    /// asked, one dialogue after the other where somebody has to be.
    async fn authorize_code(&self, call: &Call, token: &Token) -> Result<(), Error> {
        let quiet = call.without_questions();
        let wanted = [
            (Action::ListCredentials, None),
            (Action::GenerateCode, Some(token)),
        ];
        let answers = wanted.map(|(action, token)| self.authorize(&quiet, action, token));
        let mut open = Vec::new();
        for (wanted, answer) in wanted.into_iter().zip(join_all(answers).await) {
            match answer {
                Err(error) if error.asks_for_dialogue() => open.push(wanted),
                // No dialogue about the one helps where the other is refused.
                answer => answer?,
            }
        }
        for (action, token) in open {
            self.authorize(call, action, token).await?;
        }
        Ok(())
    }

    /// Searches one token, and computes the code of the one credential that fits.
    async fn pick(
        self: &Arc<Self>,
        call: &Call,
        object: &TokenObject,
        query: CredentialQuery,
        options: CodeOptions,
    ) -> Result<(CredentialRecord, CodeRecord), Error> {
        let fitting = Arc::new(Mutex::new(Vec::new()));
        let code = self
            .with_key(call, &object.token, |token, access| {
                let request = PickRequest {
                    pick: picking(&query, &object.path, &fitting),
                    at: self.clock.now(),
                    touch: self.may_touch(call, &options),
                };
                async move { token.pick_code(access, request).await }
            })
            .await;
        let fitting = std::mem::take(&mut *fitting.lock().unwrap_or_else(PoisonError::into_inner));
        let code = match code {
            Err(error) if !fitting.is_empty() => return Err(error.concerning(candidates(&fitting))),
            code => code?,
        };
        let credential = only(fitting)?;
        match code {
            Some(code) if !self.is_over(&code) => Ok((credential, code_record(code))),
            // It may need a touch, or waited for its turn until its step was over.
            _ => self.code_found(call, object, credential, options).await,
        }
    }

    /// The code of a credential that was found.
    async fn code_found(
        self: &Arc<Self>,
        call: &Call,
        object: &TokenObject,
        credential: CredentialRecord,
        options: CodeOptions,
    ) -> Result<(CredentialRecord, CodeRecord), Error> {
        match self.code(call, object, &credential.id, options).await {
            Ok(code) => Ok((credential, code)),
            Err(error) => Err(error.concerning(candidates(&[credential]))),
        }
    }
}

/// What picks the one credential that fits a query, and keeps in `fitting` all that do.
fn picking(
    query: &CredentialQuery,
    path: &OwnedObjectPath,
    fitting: &Arc<Mutex<Vec<CredentialRecord>>>,
) -> Pick {
    let (query, path, fitting) = (query.clone(), path.clone(), Arc::clone(fitting));
    let hidden = query.hidden.unwrap_or(false);
    Box::new(move |credentials| {
        let records = credentials.iter().filter(|one| !is_verifier(&one.id));
        let records = records.cloned();
        let records = records.filter_map(|credential| record(credential, hidden));
        let found = select(records.map(|record| on(&path, record)).collect(), &query);
        let one = match found.as_slice() {
            [one] => one.id.parse().ok(),
            _ => None,
        };
        *fitting.lock().unwrap_or_else(PoisonError::into_inner) = found;
        one
    })
}

/// A record with the token it is on.
fn on(path: &OwnedObjectPath, record: CredentialRecord) -> CredentialRecord {
    CredentialRecord {
        token: Some(path.clone()),
        ..record
    }
}

/// The only credential that was found.
fn only(mut found: Vec<CredentialRecord>) -> Result<CredentialRecord, Error> {
    match found.len() {
        0 => Err(Error::new(ErrorName::NoSuchCredential)),
        1 => Ok(found.remove(0)),
        _ => Err(Error::new(ErrorName::AmbiguousCredential).concerning(candidates(&found))),
    }
}

fn candidates(found: &[CredentialRecord]) -> Vec<Candidate> {
    let named = found.iter().take(NAMED).map(|record| Candidate {
        token: record
            .token
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        id: record.id.clone(),
    });
    named.collect()
}

/// A token as a search over several asks it.
fn impatient(object: &TokenObject) -> TokenObject {
    TokenObject {
        path: object.path.clone(),
        token: object.token.with_patience(SEARCH_PATIENCE),
    }
}

/// What of `found` the query means.
fn select(mut found: Vec<CredentialRecord>, query: &CredentialQuery) -> Vec<CredentialRecord> {
    if let Some(issuer) = &query.issuer {
        let wanted = issuer.to_lowercase();
        found.retain(|record| {
            let issuer = record.issuer.as_deref().map(str::to_lowercase);
            issuer.as_deref() == Some(&wanted)
        });
    }
    let Some(text) = &query.text else {
        return found;
    };
    if found.iter().any(|record| record.id == *text) {
        found.retain(|record| record.id == *text);
        return found;
    }
    let wanted = text.to_lowercase();
    found.retain(|record| record.id.to_lowercase().contains(&wanted));
    found
}
