//! Slots of tokens that an account's factor is kept in: asked for codes, cleared, and guarded.

use std::sync::Arc;

use oathd_api::ErrorName;
use oathd_core::TypedDigits;
use oathd_oath::{CredentialId, Label, TypeOnCard};
use oathd_token::{Form, Steps, StepsRequest, Token, TouchPolicy};

use super::{Call, Service, TokenObject};
use crate::{bus, error::Error, identity::Caller, keyring::PairingKeys};

impl Service {
    /// A call of the service's own on behalf of a caller, who may have left: nobody is asked, and
    /// it is not given up.
    pub(crate) fn on_behalf(&self, caller: &Caller) -> Result<Call, Error> {
        let underway = Arc::new(self.guests.begin(caller.uid)?);
        Ok(Call::unasked(caller.clone(), underway))
    }

    /// Runs work of the service's own in the background; the end of the service waits for it, and
    /// none begins after that.
    pub(crate) fn in_background(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Ok(unfinished) = Arc::clone(&self.changes).try_read_owned() {
            tokio::spawn(async move {
                work.await;
                drop(unfinished);
            });
        }
    }

    /// Waits until a caller has left the bus.
    pub(crate) async fn gone(&self, caller: &Caller) {
        self.callers.gone(&caller.unique_name).await;
    }

    /// Makes sure that the caller can open a token, asking for its password where that is allowed.
    pub(crate) async fn open_for(&self, call: &Call, object: &TokenObject) -> Result<(), Error> {
        self.ensure_key(call, &object.token).await
    }

    /// The keys of the caller's pairing with a token; none where there is no pairing that holds.
    pub(crate) async fn pairing_of(
        &self,
        call: &Call,
        token: &Token,
    ) -> Result<Option<PairingKeys>, Error> {
        let uid = call.caller.uid;
        let info = token.info();
        let device = info.device_id.as_bytes();
        match self.keyring.is_confirmed(uid, device) {
            true => Ok(self.keyring.pairing(uid, device).await?),
            false => Ok(None),
        }
    }

    /// The codes of a time-based slot that wants no touch, over some steps.
    pub(crate) async fn codes_in_slot(
        &self,
        call: &Call,
        token: &Token,
        id: &CredentialId,
        steps: &Steps,
    ) -> Result<Vec<TypedDigits>, Error> {
        let answers = self
            .with_key(call, token, |token, access| {
                let request = StepsRequest {
                    id: id.clone(),
                    steps: steps.clone(),
                    form: Form::Code,
                    touch: TouchPolicy::Refuse,
                };
                async move { token.steps(access, request).await }
            })
            .await?;
        let digits = answers.iter().map(|answer| {
            let text = std::str::from_utf8(answer).ok();
            text.and_then(TypedDigits::parse)
                .ok_or_else(|| Error::because(ErrorName::TokenFault, "the answer is no code"))
        });
        digits.collect()
    }

    /// Clears a slot, and tells so; one that is clear already is no failure.
    pub(crate) async fn clear_slot(
        &self,
        call: &Call,
        token: &Token,
        id: &CredentialId,
    ) -> Result<(), Error> {
        let cleared = self.clear_quietly(call, token, id).await;
        if let Some(object) = self.object_of(token.key()).await {
            bus::changed(self, &object).await;
        }
        cleared
    }

    /// Clears a slot; one that is clear already is no failure.
    pub(super) async fn clear_quietly(
        &self,
        call: &Call,
        token: &Token,
        id: &CredentialId,
    ) -> Result<(), Error> {
        match self.remove_from(call, token, id).await {
            Err(error) if error.oathd_name() == Some(ErrorName::NoSuchCredential) => Ok(()),
            outcome => outcome,
        }
    }
}

/// Whether an id is that of a slot which codes are checked against. Nobody is given a code of one,
/// or may call it by another name.
pub(super) fn is_verifier(id: &CredentialId) -> bool {
    let label = Label::parse(id, TypeOnCard::Totp);
    let digits = |part: &str, count| {
        part.len() == count && part.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let named = label.name.strip_prefix("oathd ");
    let parts = named.and_then(|rest| rest.split_once(' '));
    let fits = |(whose, number): (&str, &str)| digits(whose, 16) && digits(number, 8);
    label.is_hidden() && parts.is_some_and(fits)
}

/// Refuses a slot that codes are checked against, as if it were not there.
pub(super) fn refuse_verifier(id: &CredentialId) -> Result<(), Error> {
    match is_verifier(id) {
        true => Err(Error::new(ErrorName::NoSuchCredential)),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_codes_are_checked_against_is_known() {
        for (id, verifier) in [
            ("_hidden:oathd 0123456789abcdef 01234567", true),
            ("60/_hidden:oathd 0123456789abcdef 01234567", true),
            ("_hidden:oathd 0123456789abcdef 0123456", false),
            ("_hidden:oathd 0123456789abcdeg 01234567", false),
            ("_hidden:oathd presence", false),
            ("_hidden:mail", false),
            ("oathd 0123456789abcdef 01234567", false),
        ] {
            let id = CredentialId::from_bytes(id.as_bytes()).unwrap();
            assert_eq!(is_verifier(&id), verifier, "{id}");
        }
    }
}
