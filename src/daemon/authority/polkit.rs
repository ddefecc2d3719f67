//! Asks polkit, over the bus on which the caller is.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::runtime::Handle;
use zbus::{Connection, Message, names::UniqueName, proxy::CacheProperties};
use zbus_polkit::policykit1::{AuthorityProxy, CheckAuthorizationFlags, Subject};

use super::{Action, Denied, Obstacle};
use crate::identity::Caller;

/// How long polkit may think when it may not ask a person.
const DEADLINE: Duration = Duration::from_secs(10);

/// How long a person may think; a client that allows interaction waits for 120 s.
const INTERACTIVE_DEADLINE: Duration = Duration::from_secs(110);

/// What pcscd asks polkit about its clients. One that asks nobody has registered nothing.
const CARD_ACTIONS: [&str; 2] = [
    "org.debian.pcsc-lite.access_pcsc",
    "org.debian.pcsc-lite.access_card",
];

/// What polkit says about this program at pcscd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardPolicy {
    /// It may use readers and cards.
    Allowed,
    /// It may not.
    Refused,
    /// pcscd asks nobody.
    Unasked,
    /// polkit is not asked here, or does not answer.
    Unknown,
}

/// The system's policy.
#[derive(Debug)]
pub struct Polkit {
    authority: AuthorityProxy<'static>,
    questions: AtomicU64,
}

impl Polkit {
    /// Asks over `connection`, which must be the bus of the callers: polkit looks them up by their
    /// unique names. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// None that depend on polkit: whether it is there shows when it is asked.
    pub async fn new(connection: &Connection) -> zbus::Result<Polkit> {
        let authority = AuthorityProxy::builder(connection)
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        Ok(Polkit {
            authority,
            questions: AtomicU64::new(0),
        })
    }

    /// See [`Authorizer::allow`](super::Authorizer::allow).
    pub(super) async fn check(
        &self,
        caller: &Caller,
        action: Action,
        interactive: bool,
        details: &[(&str, &str)],
    ) -> Result<(), Denied> {
        let deadline = if interactive {
            INTERACTIVE_DEADLINE
        } else {
            DEADLINE
        };
        let denied = |obstacle| Err(Denied { action, obstacle });
        let question = self.ask(caller, action, interactive, details);
        let reason = match tokio::time::timeout(deadline, question).await {
            Ok(Ok(answer)) if answer.is_authorized => return Ok(()),
            Ok(Ok(answer)) => {
                return denied(match (answer.is_challenge, interactive) {
                    (false, _) => Obstacle::Refusal,
                    (true, false) => Obstacle::NoQuestions,
                    // The challenge remains after a dialogue was allowed: nobody could show it.
                    (true, true) => Obstacle::NoAgent,
                });
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", deadline.as_secs()),
        };
        tracing::warn!(
            action = action.id(),
            reason,
            "polkit did not decide; denied"
        );
        denied(Obstacle::Silence)
    }

    /// See [`Authorizer::card_policy`](super::Authorizer::card_policy).
    pub(super) async fn card_policy(&self) -> CardPolicy {
        let asked = tokio::time::timeout(DEADLINE, self.ask_about_cards()).await;
        asked.map_or(CardPolicy::Unknown, |answer| {
            answer.unwrap_or(CardPolicy::Unknown)
        })
    }

    async fn ask_about_cards(&self) -> zbus::Result<CardPolicy> {
        let known = self.authority.enumerate_actions("").await?;
        let mut policy = CardPolicy::Unasked;
        let connection = self.authority.inner().connection();
        let Some(name) = connection.unique_name() else {
            return Ok(CardPolicy::Unknown);
        };
        let subject = subject(name)?;
        for action in CARD_ACTIONS {
            if !known.iter().any(|there| there.action_id == action) {
                continue;
            }
            let (details, flags) = (HashMap::new(), CheckAuthorizationFlags::empty());
            let asked = &self.authority;
            let answer = asked.check_authorization(&subject, action, &details, flags, "");
            if !answer.await?.is_authorized {
                return Ok(CardPolicy::Refused);
            }
            policy = CardPolicy::Allowed;
        }
        Ok(policy)
    }

    async fn ask(
        &self,
        caller: &Caller,
        action: Action,
        interactive: bool,
        details: &[(&str, &str)],
    ) -> zbus::Result<zbus_polkit::policykit1::AuthorizationResult> {
        let subject = subject(&caller.unique_name)?;
        let details: HashMap<&str, &str> = details.iter().copied().collect();
        let flags = if interactive {
            CheckAuthorizationFlags::ALLOW_USER_INTERACTION
        } else {
            CheckAuthorizationFlags::empty()
        };
        let mut question = Question {
            authority: &self.authority,
            id: self.questions.fetch_add(1, Ordering::Relaxed).to_string(),
            open: true,
        };
        let answer = self
            .authority
            .check_authorization(&subject, action.id(), &details, flags, &question.id)
            .await;
        question.open = false;
        answer
    }
}

/// A question under way: dropped before its answer, it is taken back.
struct Question<'a> {
    authority: &'a AuthorityProxy<'static>,
    id: String,
    open: bool,
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let (authority, id) = (self.authority.clone(), std::mem::take(&mut self.id));
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = authority.cancel_check_authorization(&id).await {
                    tracing::debug!(%error, "the question to polkit was not taken back");
                }
            });
        }
    }
}

/// The subject of a unique name: zbus_polkit makes it from the header of a message.
fn subject(name: &UniqueName<'_>) -> zbus::Result<Subject> {
    let message = Message::method_call("/", "Ask").sender(name).build(&())?;
    Subject::new_for_message_header(&message.header())
        .map_err(|error| zbus::Error::Failure(error.to_string()))
}

#[cfg(test)]
mod tests;
