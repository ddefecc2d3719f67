//! Tells owners what happens to their accounts, and the log what looks like an attack. In the
//! background: no answer waits for it, and a notice that cannot be sent changes nothing.

use std::sync::{Arc, Mutex, PoisonError};

use hashlink::LruCache;
use oathd_core::{Account, AccountName, Address, ChannelKind, Event, FactorId, Family, Way};
use tokio::sync::{Semaphore, mpsc};

use super::{deliver::Deliver, waiting::Waiting};

/// How many notices may wait, for all realms together.
const QUEUE: usize = 256;

/// How many are handed on at once.
const AT_ONCE: usize = 8;

/// How long a notice is worth sending, in seconds.
const KEEP: u32 = 3_600;

/// Seconds in which the same thing is told of an account once: whoever sends a used code again and
/// again would have its owner paid for it in texts.
const QUIET: u64 = 3_600;

/// How many accounts it is remembered of.
const REMEMBERED: usize = 1_024;

/// What happened to an account, and who is told.
#[derive(Debug)]
pub(crate) struct Told {
    account: AccountName,
    now: u64,
    events: Vec<Event>,
    channels: Vec<(ChannelKind, Address)>,
}

impl Told {
    /// What is to be told of `events`: on every channel but `except`, the one that took part.
    /// `None` for the everyday.
    pub(crate) fn of(
        account: &Account,
        events: &[Event],
        except: Option<FactorId>,
        now: u64,
    ) -> Option<Told> {
        let events: Vec<Event> = events
            .iter()
            .filter(|event| event.is_told_to_the_owner() || event.is_alarm())
            .cloned()
            .collect();
        if events.is_empty() {
            return None;
        }
        let ids = account.notice_channels(except, now);
        let channels = account.channels().iter();
        let channels = channels.filter(|channel| ids.contains(&channel.id));
        Some(Told {
            account: account.name().clone(),
            now,
            events,
            channels: channels.map(|c| (c.kind, c.address.clone())).collect(),
        })
    }
}

/// The way to owners and to the log. Clones share it.
#[derive(Clone)]
pub(crate) struct Notices {
    waiting: Arc<Mutex<Waiting<Told>>>,
    /// Says that one waits.
    bell: mpsc::Sender<()>,
    told: Arc<Mutex<LruCache<(AccountName, &'static str), u64>>>,
}

impl Notices {
    /// Sends by `deliver` until the last clone is gone.
    pub(crate) fn new(deliver: Deliver) -> Notices {
        let (notices, rung) = Notices::unsent();
        let waiting = Arc::clone(&notices.waiting);
        tokio::spawn(work_off(waiting, rung, move |told| {
            let deliver = deliver.clone();
            async move { send(&deliver, &told).await }
        }));
        notices
    }

    /// What waits stays; the bell rings when there is something.
    fn unsent() -> (Notices, mpsc::Receiver<()>) {
        let (bell, rung) = mpsc::channel(1);
        let notices = Notices {
            waiting: Arc::new(Mutex::new(Waiting::new(QUEUE))),
            bell,
            told: Arc::new(Mutex::new(LruCache::new(REMEMBERED))),
        };
        (notices, rung)
    }

    /// Tells; `None` is nothing. To be called when what happened is on the disk.
    pub(crate) fn tell(&self, told: Option<Told>) {
        let Some(mut told) = told else {
            return;
        };
        for event in told.events.iter().filter(|event| event.is_alarm()) {
            tracing::warn!(
                target: "oathd::security",
                account = %told.account,
                event = ?event,
                "alarm"
            );
        }
        told.events.retain(Event::is_told_to_the_owner);
        self.leave_out_repetitions(&mut told);
        if told.events.is_empty() || told.channels.is_empty() {
            return;
        }
        let realm = told.account.realm().clone();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lost) = waiting.push(&realm, told) {
            tracing::warn!(account = %lost.account, "a notice is not sent: too many wait");
        }
        // A bell that rings already is enough.
        let _ = self.bell.try_send(());
    }

    fn leave_out_repetitions(&self, told: &mut Told) {
        let mut before = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let (account, now) = (&told.account, told.now);
        told.events.retain(|event| {
            if !matches!(event, Event::CodeReplayed { .. }) {
                return true;
            }
            let last = before.insert((account.clone(), "replayed"), now);
            last.is_none_or(|last| now.abs_diff(last) >= QUIET)
        });
    }
}

/// Sends what waits whenever the bell rings; a few at once, so that one which takes long does not
/// delay the others.
async fn work_off<F: Future<Output = ()> + Send + 'static>(
    waiting: Arc<Mutex<Waiting<Told>>>,
    mut rung: mpsc::Receiver<()>,
    send: impl Fn(Told) -> F,
) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    while rung.recv().await.is_some() {
        // A place first: until then whose turn it is may change. It is never closed.
        while let Ok(place) = Arc::clone(&places).acquire_owned().await
            && let Some(told) = next(&waiting)
        {
            let sent = send(told);
            tokio::spawn(async move {
                sent.await;
                drop(place);
            });
        }
    }
}

fn next(waiting: &Mutex<Waiting<Told>>) -> Option<Told> {
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.pop()
}

async fn send(deliver: &Deliver, told: &Told) {
    let host = host();
    let subject = format!("Your account on {host}");
    for event in &told.events {
        let Some(sentence) = sentence(event) else {
            continue;
        };
        let text = format!("{} on {host}: {sentence}", told.account);
        for (kind, address) in &told.channels {
            let sent = deliver.send(*kind, address, &text, &subject, KEEP).await;
            if let Err(error) = sent {
                tracing::warn!(account = %told.account, %error, "a notice is not sent");
            }
        }
    }
}

/// The name of this machine.
pub(crate) fn host() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// What an owner is told; `None` for what is not told.
fn sentence(event: &Event) -> Option<String> {
    let said = match event {
        Event::Verified { way, .. } => match way {
            Way::Code(_) | Way::Presence(_) => return None,
            Way::Recovery | Way::LegacyRecovery => "A recovery code was used.",
            Way::OutOfBand(_) => "A code that was sent to you was used.",
            Way::Bypass => "The code of a rescue was used; your factors are suspended.",
        },
        Event::CodeReplayed { .. } => "A used code was tried again: somebody may have seen it.",
        Event::Disabled { family, .. } => match family {
            Family::Codes => "After too many wrong codes your factor must be enrolled anew.",
            Family::Presence => "After too many wrong answers your token must be enrolled anew.",
            Family::Recovery => "After too many wrong codes your recovery codes are refused.",
            Family::OutOfBand => "After too many wrong codes your channels are closed.",
            Family::Bypass => "After too many wrong codes the rescue is closed.",
        },
        Event::RecoveryCodesLow { left } => {
            return Some(format!("{left} recovery codes are left; make new ones."));
        }
        Event::RecoveryCodesIssued => "New recovery codes were made; the old ones are void.",
        Event::RecoverySuspended => "After a restore your recovery codes wait to be renewed.",
        Event::Resynchronised { .. } => "A token was synchronised again.",
        Event::FactorAdded { .. } => "A second factor was added.",
        Event::FactorRemoved { .. } => "A second factor was removed.",
        Event::FactorSuspended { .. } => "A second factor was suspended.",
        Event::SwitchedOff => "The second factor was switched off.",
        Event::ChannelVerified { .. } => "A channel for codes was added.",
        Event::ChannelRemoved { .. } => "A channel for codes was removed.",
        Event::CodeSent { .. } => "A code to log in with was sent to another channel.",
        Event::RescueOpened { .. } => {
            "An administrator began a rescue of your account. If you did not ask for it, call it off."
        }
        Event::RescueApproved { .. } => "A second administrator approved the rescue.",
        Event::RescueCancelled => "The rescue of your account was called off.",
        Event::BypassIssued => "The code of the rescue was issued.",
        Event::FactorChanged { .. } => "A second factor was named anew, or given another end.",
        Event::Failed { .. }
        | Event::RealmUnderAttack { .. }
        | Event::EnrolmentStarted
        | Event::EnrolmentDiscarded
        | Event::ChannelAdded { .. } => return None,
    };
    Some(said.to_owned())
}

#[cfg(test)]
mod tests {
    use oathd_core::CallerClass;

    use super::*;

    fn told(events: Vec<Event>, now: u64) -> Told {
        Told {
            account: "alice".parse().unwrap(),
            now,
            events,
            channels: vec![(ChannelKind::File, Address::new("/a").unwrap())],
        }
    }

    #[test]
    fn everything_that_is_told_has_a_sentence_for_one_text_message() {
        let class = CallerClass::Remote;
        let (factor, channel) = (FactorId(1), FactorId(2));
        for event in [
            Event::Verified {
                way: Way::Recovery,
                class,
            },
            Event::Verified {
                way: Way::OutOfBand(channel),
                class,
            },
            Event::Verified {
                way: Way::Bypass,
                class,
            },
            Event::CodeReplayed { class },
            Event::Disabled {
                family: Family::Codes,
                class,
            },
            Event::RecoveryCodesLow { left: 2 },
            Event::FactorAdded { factor },
            Event::RescueOpened {
                by: 1,
                reason: "lost".to_owned(),
                overridden: false,
            },
            Event::SwitchedOff,
        ] {
            assert!(event.is_told_to_the_owner());
            let sentence = sentence(&event).unwrap();
            assert!(
                sentence.ends_with('.') && sentence.len() <= 90,
                "{sentence}"
            );
        }
        assert_eq!(sentence(&Event::EnrolmentStarted), None);
    }

    #[test]
    fn the_everyday_is_not_told() {
        let account = Account::new("alice".parse().unwrap(), None);
        let class = CallerClass::Remote;
        let usual = Event::Verified {
            way: Way::Code(FactorId(1)),
            class,
        };
        assert!(Told::of(&account, &[usual], None, 5).is_none());
        assert!(Told::of(&account, &[Event::SwitchedOff], None, 5).is_some());
    }

    /// All but one of the places may hang for ever.
    #[tokio::test]
    async fn a_notice_that_takes_long_delays_no_other() {
        let (notices, rung) = Notices::unsent();
        let (sent, mut seen) = mpsc::unbounded_channel();
        let waiting = Arc::clone(&notices.waiting);
        let worker = tokio::spawn(work_off(waiting, rung, move |told: Told| {
            sent.send(told.now).unwrap();
            async move {
                if told.now < AT_ONCE as u64 {
                    std::future::pending::<()>().await;
                }
            }
        }));
        for now in 1..100 {
            notices.tell(Some(told(vec![Event::SwitchedOff], now)));
            // The runtime has one thread, and nothing here waits for the world outside.
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            assert_eq!(seen.try_recv(), Ok(now));
        }
        drop(notices);
        worker.await.unwrap();
    }

    #[tokio::test]
    async fn a_used_code_is_told_of_once_an_hour() {
        let (notices, mut rung) = Notices::unsent();
        let replayed = || Event::CodeReplayed {
            class: CallerClass::Remote,
        };
        for now in [1_000, 1_001, 2_000] {
            notices.tell(Some(told(vec![replayed()], now)));
        }
        notices.tell(Some(told(vec![replayed(), Event::SwitchedOff], 2_001)));
        rung.recv().await.unwrap();
        let next = || next(&notices.waiting).map(|told| told.events);
        assert_eq!(next(), Some(vec![replayed()]));
        assert_eq!(next(), Some(vec![Event::SwitchedOff]));
        assert_eq!(next(), None);
    }
}
