//! The one thread that talks to a token: identifies it once, then serves its queues.

mod attend;

use std::{
    cell::Cell,
    sync::{Arc, Mutex, atomic::AtomicBool, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{
    Receiver, Sender, TrySendError, after, bounded, never, select_biased, unbounded,
};

use self::attend::{Verdict, attend};
use crate::{
    call::Job,
    card::{Card, Link},
    error::TokenError,
    identify::identify,
    identity::{TokenInfo, TokenKey},
    knowledge::Knowledge,
    operations::Tools,
    registry::{Command, Released, Unidentified},
    settings::{Entropy, Settings},
    token::{Facts, Shared, Token, lock},
    transport::{Cards, Reader, Source, TransportError},
};

/// How often a card that another program holds exclusively is tried.
const RETRY: Duration = Duration::from_millis(100);

/// How often an operation begins again after another program reset the card, and how often a card is
/// asked who it is.
const ATTEMPTS: u32 = 3;

/// What overtakes every request.
pub(crate) enum Control {
    /// Close the connection and refuse what waits; done when the guard is dropped.
    Release(Arc<Released>),
    /// The token is gone, or the hub.
    Stop,
}

/// The queues of one owner.
#[derive(Clone)]
pub(crate) struct Lanes {
    /// Set when the owner leaves; held while a request is queued, so that none is queued behind its back.
    closed: Arc<Mutex<bool>>,
    control: Sender<Control>,
    plain: Sender<Job>,
    touched: Sender<Job>,
}

impl Lanes {
    /// Queues a request; one that will wait for a touch comes after all that will not.
    pub(crate) fn submit(&self, job: Job, touched: bool) -> Result<(), TokenError> {
        let lane = if touched { &self.touched } else { &self.plain };
        let closed = lock(&self.closed);
        if *closed {
            return Err(TokenError::Removed);
        }
        lane.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => TokenError::Busy,
            TrySendError::Disconnected(_) => TokenError::Removed,
        })
    }

    pub(crate) fn control(&self, control: Control) {
        // An owner that has ended needs no telling.
        let _ = self.control.send(control);
    }
}

/// What an owner is made of.
pub(crate) struct Plan {
    pub(crate) key: TokenKey,
    pub(crate) reader: Reader,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) entropy: Entropy,
    pub(crate) report: Sender<Command>,
}

struct Owner {
    plan: Plan,
    lanes: Lanes,
    control: Receiver<Control>,
    plain: Receiver<Job>,
    touched: Receiver<Job>,
    cards: Option<Box<dyn Cards>>,
    link: Link,
    stopping: bool,
}

/// A token that was identified, as its owner remembers it.
struct Charge {
    shared: Arc<Shared>,
    aid: Vec<u8>,
    /// The facts that were last reported.
    reported: Arc<TokenInfo>,
}

/// Starts an owner for the card in a reader.
pub(crate) fn start(plan: Plan) -> std::io::Result<Lanes> {
    let (control, control_queue) = unbounded();
    let (plain, plain_queue) = bounded(plan.settings.queue);
    let (touched, touched_queue) = bounded(plan.settings.queue);
    let lanes = Lanes {
        closed: Arc::default(),
        control,
        plain,
        touched,
    };
    let owner = Owner {
        plan,
        lanes: lanes.clone(),
        control: control_queue,
        plain: plain_queue,
        touched: touched_queue,
        cards: None,
        link: Link::plain(),
        stopping: false,
    };
    thread::Builder::new()
        .name("token".to_owned())
        .spawn(move || owner.run())?;
    Ok(lanes)
}

impl Owner {
    fn run(mut self) {
        let key = self.plan.key;
        match self.identify() {
            Ok(mut charge) => {
                let token = Token::new(
                    Arc::clone(&charge.shared),
                    self.lanes.clone(),
                    Arc::clone(&self.plan.settings),
                );
                self.report(Command::Identified(key, Ok(token)));
                self.serve_queues(&mut charge);
                self.report(Command::Gone(key));
            }
            Err(reason) => self.report(Command::Identified(key, Err(reason))),
        }
        *lock(&self.lanes.closed) = true;
        self.refuse_waiting(|| TokenError::Removed);
    }

    fn report(&self, command: Command) {
        // A hub that has ended needs no reports.
        let _ = self.plan.report.send(command);
    }

    fn identify(&mut self) -> Result<Charge, Unidentified> {
        let settings = Arc::clone(&self.plan.settings);
        let deadline = Instant::now() + settings.busy_deadline;
        let (key, report) = (self.plan.key, self.plan.report.clone());
        let refused = Cell::new(false);
        let give_up = || {
            if !refused.replace(true) {
                // A hub that has ended needs no reports.
                let _ = report.send(Command::Refused(key));
            }
            Instant::now() >= deadline
        };
        let mut found = Err(TokenError::Busy);
        for _ in 0..ATTEMPTS {
            let begun = self.with_card(&give_up, &mut |card| {
                found = identify(card, &settings.extra_aids)
            });
            if let Err(error) = begun {
                found = Err(error.into());
            }
            // A card that failed may do better at once, and who only watches asks no second time.
            let again = match &found {
                Ok(_) | Err(TokenError::Busy | TokenError::Removed) => false,
                Err(error) => !matches!(error, TokenError::ServiceUnavailable { .. }),
            };
            if !again {
                break;
            }
        }
        match found {
            Ok(Some(identity)) => {
                let atr = self.plan.reader.atr.as_deref().unwrap_or_default();
                self.link = identity.link(atr);
                let info = Arc::new(identity.info(&self.plan.reader.name));
                tracing::info!(reader = %info.reader, firmware = %info.firmware, "token found");
                let facts = Facts {
                    info: Arc::clone(&info),
                    salt: identity.selection.salt,
                };
                let shared = Shared {
                    key: self.plan.key,
                    facts: Mutex::new(facts),
                    knowledge: Mutex::new(Knowledge::default()),
                    duplicated: AtomicBool::new(false),
                    busy: AtomicBool::new(false),
                };
                Ok(Charge {
                    shared: Arc::new(shared),
                    aid: identity.aid,
                    reported: info,
                })
            }
            Ok(None) => Err(Unidentified::NotOath),
            Err(error) => {
                tracing::debug!(reader = %self.plan.reader.name, %error, "card not identified");
                Err(match error {
                    TokenError::Busy => Unidentified::Held,
                    _ => Unidentified::Failed,
                })
            }
        }
    }

    fn serve_queues(&mut self, charge: &mut Charge) {
        while !self.stopping {
            let idle = match self.cards {
                Some(_) => after(self.plan.settings.linger),
                None => never(),
            };
            let job = select_biased! {
                recv(self.control) -> control => {
                    self.obey(control.unwrap_or(Control::Stop));
                    continue;
                }
                recv(self.plain) -> job => job,
                recv(self.touched) -> job => job,
                recv(idle) -> _ => {
                    self.cards = None;
                    continue;
                }
            };
            let Ok(job) = job else { return };
            charge.shared.busy.store(true, Ordering::Relaxed);
            let stayed = self.serve(charge, job);
            charge.shared.busy.store(false, Ordering::Relaxed);
            if !stayed {
                return;
            }
            self.report_changes(charge);
        }
    }

    fn obey(&mut self, control: Control) {
        match control {
            Control::Stop => self.stopping = true,
            Control::Release(released) => {
                self.cards = None;
                self.refuse_waiting(|| TokenError::Busy);
                drop(released);
            }
        }
    }

    fn refuse_waiting(&mut self, error: impl Fn() -> TokenError) {
        while let Ok(mut job) = self.plain.try_recv().or_else(|_| self.touched.try_recv()) {
            job.work.fail(error());
        }
    }

    /// Serves one request. `false` when the token is gone.
    fn serve(&mut self, charge: &Charge, mut job: Job) -> bool {
        if charge.shared.duplicated.load(Ordering::Acquire) {
            job.work.fail(TokenError::Duplicated);
            return true;
        }
        let settings = Arc::clone(&self.plan.settings);
        let entropy = Arc::clone(&self.plan.entropy);
        let tools = Tools {
            shared: &charge.shared,
            settings: &settings,
            entropy: &entropy,
            aid: &charge.aid,
        };
        let ticket = Arc::clone(&job.ticket);
        for attempt in 1..=ATTEMPTS {
            let mut verdict = Verdict::Done;
            let begun = self.with_card(&|| ticket.is_abandoned(), &mut |card| {
                verdict = attend(card, tools, &mut job, attempt == ATTEMPTS);
            });
            let lost = match begun {
                Ok(lost) => lost,
                Err(error) => {
                    job.work.fail(error.clone().into());
                    Some(error)
                }
            };
            match (lost, verdict) {
                (Some(TransportError::Removed), _) | (_, Verdict::Foreign) => return false,
                (_, Verdict::Again) => {}
                (_, Verdict::Done) => break,
            }
        }
        true
    }

    /// Runs `work` in a transaction, waiting for an exclusive holder until `give_up` says so. Gives what
    /// was lost on the way: then the connection is of no more use.
    fn with_card(
        &mut self,
        give_up: &dyn Fn() -> bool,
        work: &mut dyn FnMut(&mut Card<'_>),
    ) -> Result<Option<TransportError>, TransportError> {
        let mut resets = 0;
        loop {
            if self.stopping {
                return Err(TransportError::Removed);
            }
            let fresh = self.cards.is_none();
            let cards = match &mut self.cards {
                Some(cards) => cards,
                None => self.cards.insert(self.plan.source.connect()?),
            };
            let link = &mut self.link;
            let mut lost = None;
            let begun = cards.transaction(&self.plan.reader.name, &mut |channel| {
                let mut card = Card::new(channel, link);
                work(&mut card);
                lost = card.lost.take();
            });
            match begun {
                Ok(()) => {
                    if matches!(lost, Some(TransportError::Unavailable { .. })) {
                        self.cards = None;
                    }
                    return Ok(lost);
                }
                Err(TransportError::CardReset) if resets < ATTEMPTS => resets += 1,
                // A program that resets the card again and again holds it as well.
                Err(TransportError::InUse | TransportError::CardReset) => {
                    if give_up() {
                        return Err(TransportError::InUse);
                    }
                    self.pause();
                }
                Err(error @ TransportError::Unavailable { .. }) => {
                    self.cards = None;
                    // A connection from before the service's restart tells nothing about it.
                    if fresh {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn pause(&mut self) {
        if let Ok(control) = self.control.recv_timeout(RETRY) {
            self.obey(control);
        }
    }

    fn report_changes(&self, charge: &mut Charge) {
        let info = Arc::clone(&lock(&charge.shared.facts).info);
        if info.device_id != charge.reported.device_id {
            self.report(Command::WasReset(self.plan.key));
        } else if info.protected != charge.reported.protected {
            self.report(Command::Changed(self.plan.key));
        }
        charge.reported = info;
    }
}
