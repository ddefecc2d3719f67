//! The seed of an enrollment in slots of tokens: written to all or none, and cleared again.

use std::sync::Arc;

use oathd_api::{ErrorName, wire::enrollment::WriteOptions};
use oathd_core::{Account, Custody, EnrolmentError, Slot, TypedDigits, enrolment::MAX_TOKENS};
use oathd_oath::{CredentialId, Kind, code};
use oathd_token::{AddOptions as Writing, DeviceId, Steps};

use super::{
    Enrollment, Progress,
    wish::{Keeping, Wish},
};
use crate::{
    accounts::Who,
    error::Error,
    service::{Call, Service, TokenObject, token_name},
};

/// Slots that the owner reads codes from, of one enrollment.
const MOST_AUTHENTICATORS: usize = 16;

/// What a slot is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteRole {
    /// Its owner reads codes from there.
    Authenticator,
    /// Codes are checked against it.
    Verifier,
}

impl WriteRole {
    /// The word on the bus.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            WriteRole::Authenticator => "authenticator",
            WriteRole::Verifier => "verifier",
        }
    }
}

/// A slot that was written.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) device: DeviceId,
    /// How the token is called on a command line.
    pub(super) token: String,
    pub(super) role: WriteRole,
    pub(super) credential: CredentialId,
    /// It gives codes without a touch.
    pub(super) touchless: bool,
}

/// What is asked of a write: its role, and how the slots are written.
pub(crate) fn read_options(options: &WriteOptions) -> Result<(WriteRole, Writing), Error> {
    let role = match options.role.as_deref() {
        None | Some("authenticator") => WriteRole::Authenticator,
        Some("verifier") => WriteRole::Verifier,
        Some(_) => return Err(Error::invalid_args("a role is authenticator or verifier")),
    };
    let writing = Writing {
        touch: options.touch.unwrap_or(false),
        overwrite: options.overwrite.unwrap_or(false),
    };
    if role == WriteRole::Verifier && (writing.touch || writing.overwrite) {
        let reason = "a verifier slot is a new one and takes no touch";
        return Err(Error::invalid_args(reason));
    }
    Ok((role, writing))
}

/// The verifier slots of the factors that a change takes away.
pub(in crate::accounts) fn retired(before: &Account, after: &Account) -> Vec<Slot> {
    let gone = before.factors().iter();
    let gone = gone.filter(|factor| after.factor(factor.id).is_none());
    gone.filter_map(|factor| match &factor.custody {
        Custody::OnToken { slot, .. } => Some(slot.clone()),
        Custody::Sealed(_) => None,
    })
    .collect()
}

/// Whether a role fits what is to be enrolled.
fn fits(role: WriteRole, wish: &Wish) -> Result<(), Error> {
    match (role, wish.keeping) {
        (WriteRole::Verifier, Keeping::Sealed) => {
            let reason = "the seed is to be kept sealed, so no slot checks its codes";
            Err(Error::because(ErrorName::Unsupported, reason))
        }
        _ => Ok(()),
    }
}

impl Service {
    /// Writes the seed of an enrollment to a slot of each token, or to none of them.
    pub(crate) async fn write_slots(
        self: &Arc<Self>,
        call: &Call,
        enrollment: &Arc<Enrollment>,
        objects: Vec<TokenObject>,
        (role, writing): (WriteRole, Writing),
    ) -> Result<(), Error> {
        fits(role, &enrollment.wish)?;
        for object in &objects {
            // Its user can still be asked here.
            self.open_for(call, object).await?;
            if role == WriteRole::Verifier && self.pairing_of(call, &object.token).await?.is_none()
            {
                let reason = "a verifier slot is kept on a paired token";
                let error = Error::because(ErrorName::PasswordRequired, reason);
                return Err(error.about(token_name(&object.token)));
            }
        }
        let enrollment = Arc::clone(enrollment);
        self.carry_through(call, move |service, call| async move {
            let mut progress = enrollment.open(&service).await?;
            let there = progress.written.iter().filter(|slot| slot.role == role);
            let most = match role {
                WriteRole::Authenticator => MOST_AUTHENTICATORS,
                WriteRole::Verifier => MAX_TOKENS,
            };
            if there.count() + objects.len() > most {
                return Err(EnrolmentError::TooMany.into());
            }
            let Some(seed) = &progress.seed else {
                return Err(EnrolmentError::Expired.into());
            };
            let wish = &enrollment.wish;
            let credential = match role {
                WriteRole::Authenticator => wish.authenticator(seed),
                WriteRole::Verifier => {
                    let number = service.accounts().random();
                    wish.verifier(&enrollment.who.account, number, seed)
                }
            };
            let id = credential.id()?;
            let slots = objects.iter().map(|object| Written {
                device: object.token.info().device_id.clone(),
                token: token_name(&object.token),
                role,
                credential: id.clone(),
                touchless: !writing.touch && wish.kind != Kind::Hotp,
            });
            let slots: Vec<Written> = slots.collect();
            let written = service.add(&call, objects, credential, writing).await;
            match (&written, role) {
                (Ok(_), _) => progress.written.extend(slots),
                // One whose answer was lost may be there; nothing else has that name.
                (Err(_), WriteRole::Verifier) => progress.doubtful.extend(slots),
                (Err(_), WriteRole::Authenticator) => {}
            }
            written.map(drop)
        })
        .await
    }

    /// Clears verifier slots of factors that are gone, in the background. A token that is away
    /// keeps its slot.
    pub(crate) fn clear_retired(self: &Arc<Self>, who: &Who, slots: Vec<Slot>) {
        if slots.is_empty() {
            return;
        }
        let (service, who) = (Arc::clone(self), who.clone());
        self.in_background(async move {
            for slot in slots {
                let cleared = async {
                    let token = service.token_of(&slot.device).await?;
                    let key = service.key_of_account(&who, &token).await?;
                    let id = CredentialId::from_bytes(&slot.credential)?;
                    Ok::<_, Error>(token.remove(Some(key), id).await?)
                };
                if let Err(error) = cleared.await {
                    tracing::warn!(
                        reason = error.word(),
                        "the verifier slot of a factor that is gone stays on its token"
                    );
                }
            }
        });
    }

    /// Clears slots that an enrollment wrote, where their tokens are here; the others are told in
    /// the log.
    pub(super) async fn clear_written(&self, enrollment: &Enrollment, slots: Vec<Written>) {
        for slot in slots {
            let cleared = async {
                let call = self.on_behalf(&enrollment.caller)?;
                let token = self.token_of(slot.device.as_bytes()).await?;
                self.clear_slot(&call, &token, &slot.credential).await
            };
            if let Err(error) = cleared.await {
                tracing::warn!(
                    token = %slot.token,
                    role = slot.role.as_str(),
                    reason = error.word(),
                    "a slot of an enrollment that was given up may still be on its token"
                );
            }
        }
    }

    /// The codes of the written slots that their owner reads from without a touch must be those of
    /// the seed, or the seed did not arrive there.
    pub(super) async fn check_authenticators(
        &self,
        call: &Call,
        wish: &Wish,
        progress: &Progress,
        steps: std::ops::RangeInclusive<u64>,
    ) -> Result<(), Error> {
        let Some(seed) = &progress.seed else {
            return Err(EnrolmentError::Expired.into());
        };
        let range = steps.clone();
        let expected = || {
            let codes = range.clone();
            codes.map(|step| {
                TypedDigits::parse(&code::hotp(seed, wish.algorithm, wish.digits, step))
            })
        };
        let Some(steps) = Steps::new(steps.collect()) else {
            return Ok(());
        };
        let asked = progress.written.iter();
        for slot in asked.filter(|slot| slot.role == WriteRole::Authenticator && slot.touchless) {
            let token = self.token_of(slot.device.as_bytes()).await?;
            let codes = self.codes_in_slot(call, &token, &slot.credential, &steps);
            let codes = codes.await?.into_iter().map(Some);
            if !codes.eq(expected()) {
                let error = Error::because(ErrorName::TokenFault, "the slot gives other codes");
                return Err(error.about(slot.token.clone()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_slot_is_new_and_takes_no_touch() {
        let options = |role: &str, touch, overwrite| WriteOptions {
            role: Some(role.to_owned()),
            touch: Some(touch),
            overwrite: Some(overwrite),
        };
        for (touch, overwrite) in [(true, false), (false, true), (true, true)] {
            assert!(read_options(&options("verifier", touch, overwrite)).is_err());
            assert!(read_options(&options("authenticator", touch, overwrite)).is_ok());
        }
        for role in [WriteRole::Authenticator, WriteRole::Verifier] {
            let (read, _) = read_options(&options(role.as_str(), false, false)).unwrap();
            assert_eq!(read, role);
        }
        let (role, _) = read_options(&WriteOptions::default()).unwrap();
        assert_eq!(role, WriteRole::Authenticator);
        assert!(read_options(&options("spare", false, false)).is_err());
    }
}
