//! Who is calling, and whether it is still there.
//!
//! The bus tells the credentials of a connection as they were when it was made; a unique name is
//! never given twice. So they are asked for once a name and kept until the name leaves the bus.
//! Each kept name has a match rule of its own: programs that never call oathd come and go without
//! waking it.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::StreamExt;
use tokio::{
    sync::{OnceCell, watch},
    task::AbortHandle,
};
use zbus::{
    Connection, MatchRule, MessageStream,
    fdo::{DBusProxy, NameOwnerChanged},
    message,
    names::{BusName, OwnedUniqueName, UniqueName},
    proxy::CacheProperties,
};

/// How many names are kept: below the 512 match rules that dbus-daemon grants a connection.
const CAPACITY: usize = if cfg!(test) { 8 } else { 256 };

/// A program on the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its connection.
    pub unique_name: OwnedUniqueName,
    /// Its user, as the bus saw it connect.
    pub uid: u32,
    /// Its process, where the bus tells; a pid can be given again, so it is for display only.
    pub pid: Option<u32>,
}

/// Why a caller is not known.
#[derive(Debug, thiserror::Error)]
pub enum UnknownCaller {
    /// The bus does not know the name: it left meanwhile, or the bus is gone.
    #[error("{name} is not on the bus: {source}")]
    Absent {
        /// The unique name.
        name: OwnedUniqueName,
        /// What the bus said.
        source: zbus::Error,
    },
    /// The bus does not say which user it is.
    #[error("the bus does not tell the user of {0}")]
    NoUser(OwnedUniqueName),
    /// More callers have work under way than are kept.
    #[error("too many callers at once")]
    TooMany,
}

/// The callers known so far. Clones share them.
#[derive(Clone, Debug)]
pub struct Callers {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    bus: DBusProxy<'static>,
    entries: Mutex<HashMap<OwnedUniqueName, Arc<Entry>>>,
    uses: AtomicU64,
}

/// One name. The task that watches it ends with it.
#[derive(Debug)]
struct Entry {
    caller: OnceCell<Caller>,
    gone: watch::Sender<bool>,
    watcher: OnceLock<AbortHandle>,
    last_use: AtomicU64,
}

impl Entry {
    /// Its user, once the bus has told.
    fn uid(&self) -> Option<u32> {
        self.caller.get().map(|caller| caller.uid)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(watcher) = self.watcher.get() {
            watcher.abort();
        }
    }
}

impl Callers {
    /// Knows nobody yet; asks the bus of `connection`.
    ///
    /// # Errors
    ///
    /// None that depend on the bus: nothing is sent yet.
    pub async fn new(connection: &Connection) -> zbus::Result<Callers> {
        let bus = DBusProxy::builder(connection)
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        Ok(Callers {
            shared: Arc::new(Shared {
                bus,
                entries: Mutex::default(),
                uses: AtomicU64::new(0),
            }),
        })
    }

    /// Tells who `name`, the sender of a message, is. Several first look-ups of one name at once
    /// ask the bus once.
    ///
    /// # Errors
    ///
    /// [`UnknownCaller`]; the call must be refused then.
    pub async fn identify(&self, name: &UniqueName<'_>) -> Result<Caller, UnknownCaller> {
        let (caller, _gone) = self.known(name).await?;
        Ok(caller)
    }

    /// Waits until `name` has left the bus; returns at once for a name that is not on it. Wakes
    /// nobody before.
    pub async fn gone(&self, name: &UniqueName<'_>) {
        if let Ok((_, mut gone)) = self.known(name).await {
            // An error says that the watcher is no more: the bus is gone, and with it the caller.
            let _ = gone.wait_for(|gone| *gone).await;
        }
    }

    /// The caller, and the receiver that keeps it from being evicted.
    async fn known(
        &self,
        name: &UniqueName<'_>,
    ) -> Result<(Caller, watch::Receiver<bool>), UnknownCaller> {
        let (entry, gone) = self.shared.entry(name)?;
        let look_up = self.shared.look_up(name, &entry);
        match entry.caller.get_or_try_init(|| look_up).await {
            Ok(caller) => Ok((caller.clone(), gone)),
            Err(error) => {
                self.shared.forget_unknown(name, &entry);
                Err(error)
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashMap<OwnedUniqueName, Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, name: &UniqueName<'_>) {
        self.lock().remove(name.as_str());
    }

    /// Removes an entry whose look-up failed, unless another look-up has filled it meanwhile.
    fn forget_unknown(&self, name: &UniqueName<'_>, entry: &Arc<Entry>) {
        let mut entries = self.lock();
        let same = entries
            .get(name.as_str())
            .is_some_and(|kept| Arc::ptr_eq(kept, entry));
        if same && !entry.caller.initialized() {
            entries.remove(name.as_str());
        }
    }

    /// Finds or makes the entry of `name`. Its receiver is made under the lock, so that an entry
    /// in use never counts as idle.
    fn entry(
        &self,
        name: &UniqueName<'_>,
    ) -> Result<(Arc<Entry>, watch::Receiver<bool>), UnknownCaller> {
        let mut entries = self.lock();
        if !entries.contains_key(name.as_str()) && entries.len() >= CAPACITY {
            let idle = oldest(&entries, |entry| entry.gone.receiver_count() == 0);
            let place = idle.or_else(|| {
                let greediest = greediest(entries.values().map(|entry| entry.uid()));
                greediest.and_then(|uid| oldest(&entries, |entry| entry.uid() == uid))
            });
            // Whoever waits for the end of the one who loses the place is told of it.
            entries.remove(&place.ok_or(UnknownCaller::TooMany)?);
        }
        let entry = entries.entry(name.to_owned().into()).or_insert_with(|| {
            Arc::new(Entry {
                caller: OnceCell::new(),
                gone: watch::Sender::new(false),
                watcher: OnceLock::new(),
                last_use: AtomicU64::new(0),
            })
        });
        let now = self.uses.fetch_add(1, Ordering::Relaxed);
        entry.last_use.store(now, Ordering::Relaxed);
        Ok((Arc::clone(entry), entry.gone.subscribe()))
    }

    /// Watches the name, then asks for its credentials: whoever leaves in between is seen.
    async fn look_up(
        self: &Arc<Self>,
        name: &UniqueName<'_>,
        entry: &Entry,
    ) -> Result<Caller, UnknownCaller> {
        let absent = |source| UnknownCaller::Absent {
            name: name.to_owned().into(),
            source,
        };
        let connection = self.bus.inner().connection();
        // Asked for in one go, in this order: the bus answers a connection in order.
        let (departures, credentials) = tokio::join!(
            departures(connection, name),
            self.bus
                .get_connection_credentials(BusName::Unique(name.as_ref())),
        );
        let departures = departures.map_err(absent)?;
        let credentials = credentials.map_err(|error| absent(error.into()))?;
        let uid = credentials
            .unix_user_id()
            .ok_or_else(|| UnknownCaller::NoUser(name.to_owned().into()))?;
        let watcher = tokio::spawn(watch_departure(
            departures,
            name.to_owned().into(),
            entry.gone.clone(),
            Arc::downgrade(self),
        ));
        // Set once only: `OnceCell` lets one look-up through, and nothing fails after this.
        let _ = entry.watcher.set(watcher.abort_handle());
        Ok(Caller {
            unique_name: name.to_owned().into(),
            uid,
            pid: credentials.process_id(),
        })
    }
}

/// The name that was used the longest ago among those that `may`.
fn oldest(
    entries: &HashMap<OwnedUniqueName, Arc<Entry>>,
    may: impl Fn(&Entry) -> bool,
) -> Option<OwnedUniqueName> {
    let candidates = entries.iter().filter(|(_, entry)| may(entry));
    let oldest = candidates.min_by_key(|(_, entry)| entry.last_use.load(Ordering::Relaxed));
    oldest.map(|(name, _)| name.clone())
}

/// The user who occurs most often, and gives up a place to a newcomer: a few users that take up all
/// they may must not keep logins out. Root, for whom logins ask, gives up none; those of whom the bus
/// has not told yet count as one user, or a flood of new programs would take the places of all others.
fn greediest(uids: impl Iterator<Item = Option<u32>>) -> Option<Option<u32>> {
    let mut counts = HashMap::new();
    for uid in uids.filter(|uid| *uid != Some(0)) {
        *counts.entry(uid).or_insert(0_usize) += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map(|(uid, _)| uid)
}

/// The one signal that says that `name` left.
async fn departures(connection: &Connection, name: &UniqueName<'_>) -> zbus::Result<MessageStream> {
    let rule = MatchRule::builder()
        .msg_type(message::Type::Signal)
        .sender("org.freedesktop.DBus")
        .interface("org.freedesktop.DBus")
        .member("NameOwnerChanged")
        .arg(0, name.as_str())
        .build()?;
    MessageStream::for_match_rule(rule, connection, Some(NonZeroUsize::MIN)).await
}

async fn watch_departure(
    mut departures: MessageStream,
    name: OwnedUniqueName,
    gone: watch::Sender<bool>,
    shared: Weak<Shared>,
) {
    // The end of the stream is the end of the bus.
    while let Some(Ok(message)) = departures.next().await {
        let left = NameOwnerChanged::from_message(message)
            .and_then(|signal| Some(signal.args().ok()?.new_owner().is_none()));
        if left == Some(true) {
            break;
        }
    }
    if let Some(shared) = shared.upgrade() {
        shared.forget(&name);
    }
    gone.send_replace(true);
}

#[cfg(test)]
mod tests;
