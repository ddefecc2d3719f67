//! Programs of the users' sessions that are asked for a touch or a password.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use oathd_api::{names::AGENT_INTERFACE, wire::AgentRequest};
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use zbus::{Connection, OwnedFd, OwnedObjectPath, names::OwnedUniqueName};
use zeroize::Zeroizing;

use crate::{identity::Caller, secret_fd};

/// How many agents one uid may have at once.
const AGENTS_PER_UID: usize = 8;

/// How long an agent's user may take to type a password.
const PASSWORD_WAIT: Duration = Duration::from_secs(100);

/// How long an agent may take to show or hide a touch.
const ANSWER_WAIT: Duration = Duration::from_secs(20);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Agent {
    name: OwnedUniqueName,
    path: OwnedObjectPath,
}

/// The agents by uid. The last registered of each is asked, and where that one is not there any more,
/// the one before.
pub(crate) struct Agents {
    connection: Connection,
    by_uid: Mutex<HashMap<u32, Vec<Agent>>>,
    requests: AtomicU64,
}

/// A request that an agent shows; dropped, it is cancelled, because its caller is gone.
pub(crate) struct Shown {
    connection: Connection,
    agent: Agent,
    request: String,
    /// Why it is over; `None` once the agent itself has ended it.
    reason: Option<&'static str>,
    /// Ends with the agent that was told.
    told: Option<JoinHandle<Agent>>,
}

impl Shown {
    fn new(connection: &Connection, agent: Agent, request: String) -> Shown {
        Shown {
            connection: connection.clone(),
            agent,
            request,
            reason: Some("caller-gone"),
            told: None,
        }
    }

    /// Cancels it for another reason.
    pub(crate) fn end(mut self, reason: &'static str) {
        self.reason = Some(reason);
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let Some(reason) = self.reason else {
            return;
        };
        let body = (std::mem::take(&mut self.request), reason);
        let (connection, agent) = (self.connection.clone(), self.agent.clone());
        let told = self.told.take();
        tokio::spawn(async move {
            let agent = match told {
                // An agent that failed to show it is told to hide it all the same.
                Some(told) => told.await.unwrap_or(agent),
                None => agent,
            };
            tell(connection, agent, "CancelRequest", body).await;
        });
    }
}

impl Agents {
    pub(crate) fn new(connection: Connection) -> Agents {
        Agents {
            connection,
            by_uid: Mutex::default(),
            requests: AtomicU64::new(1),
        }
    }

    /// Registers an object of `caller`'s; false where its uid has too many.
    pub(crate) fn register(&self, caller: &Caller, path: OwnedObjectPath) -> bool {
        let agent = Agent {
            name: caller.unique_name.clone(),
            path,
        };
        let mut by_uid = self.lock();
        let agents = by_uid.entry(caller.uid).or_default();
        agents.retain(|known| *known != agent);
        if agents.len() >= AGENTS_PER_UID {
            return false;
        }
        agents.push(agent);
        true
    }

    /// Ends a registration; false where there was none.
    pub(crate) fn unregister(&self, caller: &Caller, path: &OwnedObjectPath) -> bool {
        self.retain(caller, |agent| agent.path != *path)
    }

    /// Ends every registration of a caller that left the bus.
    pub(crate) fn unregister_all(&self, caller: &Caller) {
        self.retain(caller, |_| false);
    }

    /// Whether a program of `uid` can be asked.
    pub(crate) fn has_one(&self, uid: u32) -> bool {
        self.lock().contains_key(&uid)
    }

    /// Has the uid's agent show that a token waits for a touch. Does not wait for the agent.
    pub(crate) fn show_touch(&self, uid: u32, details: AgentRequest) -> Option<Shown> {
        let mut agents = self.of(uid).into_iter();
        let agent = agents.next()?;
        let request = self.next_request();
        let body = (request.clone(), details);
        let (connection, mut asked) = (self.connection.clone(), agent.clone());
        let told = tokio::spawn(async move {
            while !tell(
                connection.clone(),
                asked.clone(),
                "RequestTouch",
                body.clone(),
            )
            .await
            {
                match agents.next() {
                    Some(earlier) => asked = earlier,
                    None => break,
                }
            }
            asked
        });
        let mut shown = Shown::new(&self.connection, agent, request);
        shown.told = Some(told);
        Some(shown)
    }

    /// Asks the uid's agent for a token's password. `None` where there is no agent, or its user
    /// declined, or did nothing until `deadline`, or what came is no secret: a caller is not told what
    /// an agent does wrong.
    pub(crate) async fn password(
        &self,
        uid: u32,
        details: AgentRequest,
        attempt: u32,
        deadline: Instant,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let details = AgentRequest {
            attempt: Some(attempt),
            ..details
        };
        let deadline = deadline.min(Instant::now() + PASSWORD_WAIT);
        for agent in self.of(uid) {
            let request = self.next_request();
            let body = (request.as_str(), &details);
            let mut shown = Shown::new(&self.connection, agent.clone(), request.clone());
            let call = self.connection.call_method(
                Some(&agent.name),
                &agent.path,
                Some(AGENT_INTERFACE),
                "RequestPassword",
                &body,
            );
            let Ok(answer) = timeout_at(deadline, call).await else {
                shown.end("timed-out");
                return None;
            };
            shown.reason = None;
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) if is_absence(&error) => continue,
                Err(_) => return None,
            };
            let fd = answer.body().deserialize::<OwnedFd>().ok()?;
            let password = secret_fd::read(&fd);
            return password
                .inspect_err(|error| tracing::warn!(%error, "an agent gave no password"))
                .ok();
        }
        None
    }

    /// The agents of a uid, in the order in which they are asked.
    fn of(&self, uid: u32) -> Vec<Agent> {
        let by_uid = self.lock();
        let agents = by_uid.get(&uid).into_iter().flatten();
        agents.rev().cloned().collect()
    }

    fn next_request(&self) -> String {
        self.requests.fetch_add(1, Ordering::Relaxed).to_string()
    }

    fn retain(&self, caller: &Caller, keep: impl Fn(&Agent) -> bool) -> bool {
        let mut by_uid = self.lock();
        let Some(agents) = by_uid.get_mut(&caller.uid) else {
            return false;
        };
        let before = agents.len();
        agents.retain(|agent| agent.name != caller.unique_name || keep(agent));
        let ended = agents.len() < before;
        if agents.is_empty() {
            by_uid.remove(&caller.uid);
        }
        ended
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u32, Vec<Agent>>> {
        // Every change leaves the map whole at each step, so a poisoned map is too.
        self.by_uid.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Calls an agent; false where there is none. Another failure concerns nobody else.
async fn tell<B>(connection: Connection, agent: Agent, member: &'static str, body: B) -> bool
where
    B: serde::Serialize + zbus::DynamicType + Send + Sync + 'static,
{
    let told = connection.call_method(
        Some(&agent.name),
        &agent.path,
        Some(AGENT_INTERFACE),
        member,
        &body,
    );
    if let Ok(Err(error)) = tokio::time::timeout(ANSWER_WAIT, told).await {
        tracing::debug!(agent = %agent.name, member, %error, "agent did not listen");
        return !is_absence(&error);
    }
    true
}

/// Whether a call failed because its callee is not there or does not know what it is called for.
fn is_absence(error: &zbus::Error) -> bool {
    use zbus::fdo::Error;
    let zbus::Error::FDO(error) = error else {
        return false;
    };
    matches!(
        **error,
        Error::ServiceUnknown(_)
            | Error::NameHasNoOwner(_)
            | Error::NoReply(_)
            | Error::UnknownObject(_)
            | Error::UnknownInterface(_)
            | Error::UnknownMethod(_)
    )
}

#[cfg(test)]
mod tests;
