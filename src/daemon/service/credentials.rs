//! Credentials: listed, written, renamed, removed.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use oathd_api::{
    ErrorName,
    wire::{AddOptions, CredentialRecord, ListOptions, RenameOptions},
};
use oathd_oath::{Algorithm, CredentialId, Digits, Kind, Label, NewCredential, Period, Secret};
use oathd_token::{AddOptions as Writing, Credential, Token, TokenError, Touch};

use super::{Call, Service, TokenObject, slots::refuse_verifier, token_name};
use crate::{bus, error::Error};

impl Service {
    /// The credentials of one token.
    pub(crate) async fn list(
        &self,
        call: &Call,
        object: &TokenObject,
        options: &ListOptions,
    ) -> Result<Vec<CredentialRecord>, Error> {
        let credentials = self
            .with_key(call, &object.token, |token, access| async move {
                token.list(access).await
            })
            .await?;
        let hidden = options.hidden.unwrap_or(false);
        Ok(credentials
            .into_iter()
            .filter_map(|credential| record(credential, hidden))
            .collect())
    }

    /// Writes a credential to every one of `objects`, or to none of them.
    pub(crate) async fn add(
        self: &Arc<Self>,
        call: &Call,
        objects: Vec<TokenObject>,
        credential: NewCredential,
        writing: Writing,
    ) -> Result<CredentialId, Error> {
        let id = credential.id()?;
        if objects.is_empty() {
            return Err(Error::new(ErrorName::NoToken));
        }
        if objects.len() > 1 && writing.overwrite {
            // What an overwritten credential was cannot be put back.
            return Err(Error::invalid_args("overwrite excludes several tokens"));
        }
        let credential = Arc::new(credential);
        for object in &objects {
            self.with_key(call, &object.token, |token, access| {
                let credential = Arc::clone(&credential);
                async move { token.check_add(access, credential, writing).await }
            })
            .await
            .map_err(|error| error.about(token_name(&object.token)))?;
        }
        let written_id = id.clone();
        self.carry_through(call, move |service, call| async move {
            for (index, object) in objects.iter().enumerate() {
                let unsure = AtomicBool::new(false);
                let written = service
                    .with_key(&call, &object.token, |token, access| {
                        let credential = Arc::clone(&credential);
                        let unsure = &unsure;
                        async move {
                            let added = token.add(access, credential, writing).await;
                            let open = added.as_ref().is_err_and(may_have_happened);
                            unsure.store(open, Ordering::Relaxed);
                            added
                        }
                    })
                    .await;
                if let Err(error) = written {
                    let mut error = error.about(token_name(&object.token));
                    let done = objects.get(..index).unwrap_or_default();
                    let open = match objects.len() > 1 && unsure.into_inner() {
                        true => std::slice::from_ref(object),
                        false => &[],
                    };
                    for (how, objects) in [("still", done), ("may be", open)] {
                        let kept = service.take_back(&call, objects, &written_id).await;
                        if !kept.is_empty() {
                            error = error.noting(format!("{how} on {}", kept.join(", ")));
                        }
                    }
                    return Err(error);
                }
                bus::changed(&service, object).await;
            }
            Ok(())
        })
        .await?;
        Ok(id)
    }

    /// Removes what a failed [`Service::add`] wrote; names the tokens that kept it.
    async fn take_back(
        &self,
        call: &Call,
        objects: &[TokenObject],
        id: &CredentialId,
    ) -> Vec<String> {
        let mut kept = Vec::new();
        for object in objects {
            let gone = self.clear_quietly(call, &object.token, id).await;
            if gone.is_err() {
                kept.push(token_name(&object.token));
            }
            bus::changed(self, object).await;
        }
        kept
    }

    /// Gives a credential another issuer or name.
    pub(crate) async fn rename(
        self: &Arc<Self>,
        call: &Call,
        object: &TokenObject,
        credential: &str,
        options: RenameOptions,
    ) -> Result<CredentialId, Error> {
        let id = parse_id(credential)?;
        refuse_verifier(&id)?;
        let listed = self
            .with_key(call, &object.token, |token, access| async move {
                token.list(access).await
            })
            .await?;
        let kind = listed
            .iter()
            .find(|listed| listed.id == id)
            .map(|listed| listed.kind)
            .ok_or_else(|| Error::new(ErrorName::NoSuchCredential))?;
        let label = Label::parse(&id, kind.on_card());
        let issuer = options.issuer.or(label.issuer).filter(|i| !i.is_empty());
        let name = options.name.unwrap_or(label.name);
        let object = object.clone();
        self.carry_through(call, move |service, call| async move {
            let renamed = service
                .with_key(&call, &object.token, |token, access| {
                    let id = id.clone();
                    let (issuer, name) = (issuer.clone(), name.clone());
                    async move { token.rename(access, id, issuer, name).await }
                })
                .await?;
            bus::changed(&service, &object).await;
            Ok(renamed)
        })
        .await
    }

    /// Removes a credential.
    pub(crate) async fn remove(
        self: &Arc<Self>,
        call: &Call,
        object: &TokenObject,
        credential: &str,
    ) -> Result<(), Error> {
        let id = parse_id(credential)?;
        self.ensure_key(call, &object.token).await?;
        let object = object.clone();
        self.carry_through(call, move |service, call| async move {
            service.remove_from(&call, &object.token, &id).await?;
            bus::changed(&service, &object).await;
            Ok(())
        })
        .await
    }

    /// Removes a credential from a token.
    pub(super) async fn remove_from(
        &self,
        call: &Call,
        token: &Token,
        id: &CredentialId,
    ) -> Result<(), Error> {
        self.with_key(call, token, |token, access| {
            let id = id.clone();
            async move { token.remove(access, id).await }
        })
        .await
    }
}

/// Whether a token that failed so may have done what it was asked to do.
fn may_have_happened(error: &TokenError) -> bool {
    matches!(
        error,
        TokenError::Removed
            | TokenError::TimedOut
            | TokenError::Interrupted
            | TokenError::Protocol(_)
            | TokenError::ServiceUnavailable { .. }
    )
}

/// Reads the id that a caller names; what cannot be an id is on no token.
pub(super) fn parse_id(credential: &str) -> Result<CredentialId, Error> {
    let parsed = credential.parse::<CredentialId>();
    parsed.map_err(|_| Error::new(ErrorName::NoSuchCredential))
}

/// What a seed and its parameters make, or what is wrong with them.
pub(crate) fn new_credential(
    secret: &[u8],
    options: &AddOptions,
) -> Result<(NewCredential, Writing), Error> {
    let secret = Secret::new(secret.to_vec())?;
    let algorithm = match options.algorithm.as_deref() {
        None => Algorithm::Sha1,
        Some(word) => word.parse().map_err(Error::invalid_args)?,
    };
    let digits = match options.digits {
        None => Digits::Six,
        Some(number) => u8::try_from(number)
            .ok()
            .and_then(|number| Digits::try_from(number).ok())
            .ok_or_else(|| Error::invalid_args("digits are 6, 7 or 8"))?,
    };
    let kind = match options.kind.as_deref() {
        None | Some("totp") => Kind::Totp {
            period: match options.period {
                None => Period::DEFAULT,
                Some(seconds) => Period::from_seconds(seconds)
                    .ok_or_else(|| Error::invalid_args("a period is at least one second"))?,
            },
        },
        Some("hotp") if options.period.is_none() => Kind::Hotp,
        Some("hotp") => return Err(Error::invalid_args("hotp has no period")),
        Some(_) => return Err(Error::invalid_args("a kind is totp or hotp")),
    };
    if kind != Kind::Hotp && options.counter.is_some() {
        return Err(Error::invalid_args("totp has no counter"));
    }
    let credential = NewCredential {
        issuer: options.issuer.clone().filter(|issuer| !issuer.is_empty()),
        name: options.name.clone().unwrap_or_default(),
        kind,
        algorithm,
        digits,
        counter: options.counter.unwrap_or(0),
        secret,
    };
    let writing = Writing {
        touch: options.touch.unwrap_or(false),
        overwrite: options.overwrite.unwrap_or(false),
    };
    Ok((credential, writing))
}

/// The words for a kind, and its period.
pub(crate) fn kind_words(kind: Kind) -> (&'static str, Option<u32>) {
    match kind {
        Kind::Totp { period } => ("totp", Some(period.seconds())),
        Kind::Hotp => ("hotp", None),
    }
}

/// The record of a credential; none for a hidden one that is not asked for.
pub(super) fn record(credential: Credential, hidden: bool) -> Option<CredentialRecord> {
    let label = Label::parse(&credential.id, credential.kind.on_card());
    if label.is_hidden() && !hidden {
        return None;
    }
    let steam = label.is_steam();
    let (kind, period) = kind_words(credential.kind);
    Some(CredentialRecord {
        token: None,
        id: credential.id.to_string(),
        issuer: label.issuer,
        name: label.name,
        kind: kind.to_owned(),
        algorithm: Some(credential.algorithm.to_string()),
        digits: match steam {
            true => Some(5),
            false => credential.digits.map(|digits| u32::from(u8::from(digits))),
        },
        period,
        touch: match credential.touch {
            Touch::Known(touch) => Some(touch),
            Touch::Unknown => None,
        },
        damaged: credential.damaged.then_some(true),
    })
}
