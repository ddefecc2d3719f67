//! Enrollments under way: a factor on its way into an account.
//!
//! An enrollment lives in memory, with the connection that began it, apart from the account, which
//! stays as it is until a code confirms it. It ends with that connection, after ten minutes, and
//! with the service; what it wrote to tokens is cleared again then, where the token is here. Only a
//! crash of the service can leave a slot behind.

mod confirm;
mod judging;
mod registry;
mod slots;
mod wish;

use std::{sync::Arc, time::Duration};

use oathd_api::{
    ErrorName,
    names::ENROLLMENT_PATH,
    wire::{
        account::EnrollOptions,
        enrollment::{EnrollmentRecord, WrittenRecord},
    },
};
use oathd_core::{
    Change, Enrolment, EnrolmentError, Event, FactorId, enrolment::LIFETIME, fingerprint,
};
use oathd_oath::{Secret, otpauth};
use tokio::sync::{MutexGuard as Held, watch};
use zbus::OwnedObjectPath;

pub(crate) use registry::Enrollments;
pub(crate) use slots::read_options;
pub(super) use slots::retired;
pub(crate) use wish::Replaced;

use super::{
    Who,
    change::{Done, handed_out},
    notices::host,
};
use crate::{
    bus,
    error::Error,
    identity::Caller,
    service::{Call, Service, kind_words},
};
use slots::Written;
use wish::Wish;

/// An enrollment under way.
pub(crate) struct Enrollment {
    pub(crate) path: OwnedObjectPath,
    pub(crate) caller: Caller,
    who: Who,
    wish: Wish,
    /// When it ends, in Unix seconds; for display.
    until: u64,
    /// When it ends, in the time since boot.
    deadline: Duration,
    progress: tokio::sync::Mutex<Progress>,
    ended: watch::Sender<bool>,
}

/// How far an enrollment is.
struct Progress {
    rules: Enrolment,
    /// The seed; none once the enrollment is over.
    seed: Option<Secret>,
    written: Vec<Written>,
    /// Slots that may have been written: the token did not answer.
    doubtful: Vec<Written>,
    revealed: bool,
}

impl From<EnrolmentError> for Error {
    fn from(reason: EnrolmentError) -> Error {
        match reason {
            EnrolmentError::Expired | EnrolmentError::Discarded | EnrolmentError::Stale => {
                Error::because(ErrorName::EnrollmentExpired, reason)
            }
            EnrolmentError::WrongCode { tries_left } => Error::with(
                ErrorName::WrongCode,
                oathd_api::wire::ErrorDetails {
                    tries_left: Some(tries_left.into()),
                    ..Default::default()
                },
            ),
            EnrolmentError::CodeUsed => Error::new(ErrorName::CodeUsed),
            EnrolmentError::NothingWritten => Error::because(ErrorName::NotEnrolled, reason),
            EnrolmentError::NeedsSeed => Error::because(ErrorName::Unsupported, reason),
            EnrolmentError::OneOrTwoCodes => Error::because(ErrorName::InvalidResponse, reason),
            EnrolmentError::ClockUntrusted => Error::new(ErrorName::ClockUntrusted),
            EnrolmentError::NothingToReplace => Error::new(ErrorName::NoSuchFactor),
            EnrolmentError::InvalidLabel => Error::because(ErrorName::InvalidName, reason),
            EnrolmentError::TooMany | EnrolmentError::TooManySeeds(_) => {
                Error::limits_exceeded(reason)
            }
        }
    }
}

/// What a new factor takes the place of, as the bus says it: 0 stands for all that were lost.
pub(crate) fn replaced(factor: u32) -> Replaced {
    match factor {
        0 => Replaced::Lost,
        factor => Replaced::One(FactorId(factor)),
    }
}

impl Enrollment {
    /// The enrollment, if it is not over.
    async fn open(&self, service: &Service) -> Result<Held<'_, Progress>, Error> {
        let progress = self.progress.lock().await;
        let late = service.clock.boot_time() >= self.deadline;
        match progress.seed.is_some() && !late {
            true => Ok(progress),
            false => Err(EnrolmentError::Expired.into()),
        }
    }

    /// What can be told of it.
    pub(crate) async fn describe(&self, service: &Service) -> Result<EnrollmentRecord, Error> {
        let progress = self.open(service).await?;
        let (kind, period) = kind_words(self.wish.kind);
        let written = progress.written.iter().map(|slot| WrittenRecord {
            token: slot.token.clone(),
            role: slot.role.as_str().to_owned(),
            credential: slot.credential.to_string(),
        });
        Ok(EnrollmentRecord {
            account: self.who.account.to_string(),
            until: self.until,
            custody: self.wish.keeping.as_str().to_owned(),
            kind: kind.to_owned(),
            algorithm: self.wish.algorithm.to_string(),
            digits: u8::from(self.wish.digits).into(),
            period,
            tries_left: progress.rules.tries_left().into(),
            revealed: progress.revealed,
            written: written.collect(),
        })
    }

    /// The otpauth address of the seed, in a memory file, once.
    pub(crate) async fn reveal(&self, service: &Service) -> Result<zbus::OwnedFd, Error> {
        let mut progress = self.open(service).await?;
        if progress.revealed {
            let reason = "the address was handed out before";
            return Err(Error::because(ErrorName::Unsupported, reason));
        }
        let Some(seed) = &progress.seed else {
            return Err(EnrolmentError::Expired.into());
        };
        let address = otpauth::format(&self.wish.authenticator(seed));
        let address = handed_out(address.as_bytes())?;
        progress.revealed = true;
        Ok(address)
    }
}

impl Service {
    /// Begins an enrollment and puts its object on the bus.
    pub(crate) async fn begin_enrollment(
        self: &Arc<Self>,
        call: &Call,
        who: &Who,
        replaced: Replaced,
        options: EnrollOptions,
    ) -> Result<OwnedObjectPath, Error> {
        let accounts = self.accounts();
        if who.account.realm().is_local() && who.uid.is_none() {
            return Err(Error::invalid_args("this machine has no such user"));
        }
        let entropy = |bytes: &mut [u8]| (accounts.entropy)(bytes);
        let now = self.clock.now();
        let read = Wish::read(&options, &who.account, replaced, &host(), &entropy, now);
        let (wish, seed) = read?;
        let place = accounts.enrollments.reserve(self.enrollment_path()?, who)?;
        let change = match replaced {
            Replaced::Nothing => Change::AddFactor,
            Replaced::One(_) | Replaced::Lost => Change::ReplaceFactor,
        };
        let shown = (options.proof, options.session);
        let permit = self.may_change(call, who, change, shown).await?;
        // Told now, not when the seed is to be sealed.
        accounts.vault.source()?;
        let key = accounts.ledger.fingerprint_key()?;
        let plan = wish.plan(fingerprint(&key, &seed));
        let begun = self.keep_change(call, who, Some(permit), move |draft, _| {
            let now = draft.moment.now;
            let rules = match replaced {
                Replaced::Lost => Enrolment::begin_for_lost(&draft.account, plan, now)?,
                Replaced::One(_) | Replaced::Nothing => {
                    Enrolment::begin(&draft.account, plan, now)?
                }
            };
            Ok(Done::with(rules, Event::EnrolmentStarted))
        });
        let rules = begun.await?;
        let enrollment = Arc::new(Enrollment {
            path: place.path.clone(),
            caller: call.caller.clone(),
            who: who.clone(),
            wish,
            until: now.saturating_add(LIFETIME),
            deadline: self.clock.boot_time() + Duration::from_secs(LIFETIME),
            progress: tokio::sync::Mutex::new(Progress {
                rules,
                seed: Some(seed),
                written: Vec::new(),
                doubtful: Vec::new(),
                revealed: false,
            }),
            ended: watch::Sender::new(false),
        });
        accounts.enrollments.fill(&enrollment);
        drop(place);
        if let Err(error) = bus::publish_enrollment(self, &enrollment).await {
            accounts.enrollments.remove(&enrollment.path);
            return Err(error);
        }
        self.watch_enrollment(&enrollment);
        Ok(enrollment.path.clone())
    }

    /// Ends an enrollment when its caller leaves, or when its time is over.
    fn watch_enrollment(self: &Arc<Self>, enrollment: &Arc<Enrollment>) {
        let (service, enrollment) = (Arc::clone(self), Arc::clone(enrollment));
        tokio::spawn(async move {
            let mut ended = enrollment.ended.subscribe();
            tokio::select! {
                _ = ended.wait_for(|ended| *ended) => return,
                () = service.gone(&enrollment.caller) => {}
                () = tokio::time::sleep(Duration::from_secs(LIFETIME)) => {}
            }
            service.end_enrollment(&enrollment).await;
        });
    }

    /// Ends an enrollment that was not confirmed, and clears what it wrote.
    pub(crate) async fn end_enrollment(self: &Arc<Self>, enrollment: &Enrollment) {
        let mut progress = enrollment.progress.lock().await;
        if progress.seed.take().is_none() {
            return;
        }
        let mut written = std::mem::take(&mut progress.written);
        written.append(&mut progress.doubtful);
        drop(progress);
        self.retire_enrollment(enrollment).await;
        self.clear_written(enrollment, written).await;
        let (name, actor) = (&enrollment.who.account, enrollment.who.actor());
        let told = self.accounts().ledger.change(name, actor, |draft| {
            draft.record([Event::EnrolmentDiscarded]);
        });
        if let Err(error) = told.await {
            tracing::warn!(%error, "the end of an enrollment is not written down");
        }
    }

    /// Takes an enrollment that is over off the bus.
    async fn retire_enrollment(&self, enrollment: &Enrollment) {
        self.accounts().enrollments.remove(&enrollment.path);
        let _ = enrollment.ended.send_replace(true);
        bus::withdraw_enrollment(self, &enrollment.path).await;
    }

    /// Ends every enrollment, with the service.
    pub(crate) async fn end_enrollments(self: &Arc<Self>) {
        for enrollment in self.accounts().enrollments.all() {
            self.end_enrollment(&enrollment).await;
        }
    }

    /// An object path that nobody guesses.
    fn enrollment_path(&self) -> Result<OwnedObjectPath, Error> {
        let opaque = self.accounts().random::<16>();
        let path = format!("{ENROLLMENT_PATH}/{:032x}", u128::from_be_bytes(opaque));
        OwnedObjectPath::try_from(path).map_err(|_| Error::unknown_object())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nought_is_all_that_were_lost() {
        assert_eq!(replaced(0), Replaced::Lost);
        assert_eq!(replaced(3), Replaced::One(FactorId(3)));
    }
}
