//! A card as a USB device of this machine: a whole YubiKey, with its own reader.
//!
//! The kernel's virtual host controller sends what a USB host would, over a socket. `device` and
//! what it is made of decide what is answered; here the bytes are moved.

mod ccid;
mod descriptors;
mod device;
mod hid;
mod usbip;
mod vhci;

pub use usbip::InvalidRequest;
pub use vhci::AttachError;

use device::{Device, Effect};
use oathd_card::{Profile, Removed, SharedCard};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use usbip::{HEADER, Request};

/// The controller that Linux makes first.
const CONTROLLER: &str = "/sys/devices/platform/vhci_hcd.0";

/// How often the host is asked for more time while the card waits: hosts give up after 3 s or
/// more.
const PAUSE: Duration = Duration::from_millis(500);

/// How many requests may be under way between two threads.
const QUEUE: usize = 64;

/// A port of this machine, and the token that goes in and out of it.
#[derive(Debug)]
pub struct Front {
    card: SharedCard,
    profile: Profile,
    controller: PathBuf,
    /// The cable, while the token is plugged in.
    cable: Mutex<Option<UnixStream>>,
}

/// Why there is no token on USB.
#[derive(Debug, thiserror::Error)]
pub enum UsbError {
    /// It cannot be plugged in.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// The kernel let go of it: somebody detached the port, or unloaded the controller.
    #[error("the virtual USB host detached the token")]
    Detached,
    /// The kernel sent what no host would.
    #[error("the virtual USB host is not understood: {0}")]
    Invalid(#[from] InvalidRequest),
}

impl Front {
    /// Prepares to plug `card`, which is a `profile`, into this machine.
    #[must_use]
    pub fn new(card: SharedCard, profile: Profile) -> Front {
        Front {
            card,
            profile,
            controller: CONTROLLER.into(),
            cable: Mutex::new(None),
        }
    }

    /// Keeps the token plugged in while its card is inserted, unplugs it when that is removed, and
    /// ends when the kernel lets go. `configured` is called each time the host has taken it up.
    ///
    /// # Errors
    /// Always, as only the loss of the port ends it.
    pub fn run(&self, mut configured: impl FnMut()) -> UsbError {
        loop {
            self.card.wait_for_insertion();
            let cable = match vhci::attach(&self.controller) {
                Ok(cable) => cable,
                Err(error) => return error.into(),
            };
            if !self.keep(&cable) {
                continue;
            }
            let ended = serve(&self.card, self.profile, &cable, PAUSE, &mut configured);
            let pulled = self.cable().take().is_none();
            match ended {
                Ended::CardRemoved => {}
                Ended::Detached if pulled => {}
                Ended::Detached => return UsbError::Detached,
                Ended::Invalid(request) => return request.into(),
            }
        }
    }

    /// Unplugs the token, in the middle of a command if there is one.
    pub fn remove(&self) {
        self.card.remove();
        if let Some(cable) = self.cable().take() {
            unplug(&cable);
        }
    }

    /// Makes the cable known to [`Front::remove`]; `false` when the card was pulled meanwhile.
    fn keep(&self, cable: &UnixStream) -> bool {
        let mut kept = self.cable();
        if !self.card.present() {
            return false;
        }
        match cable.try_clone() {
            Ok(clone) => *kept = Some(clone),
            Err(_) => return false,
        }
        true
    }

    fn cable(&self) -> MutexGuard<'_, Option<UnixStream>> {
        self.cable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unplug(cable: &UnixStream) {
    // An error means that the kernel has let go already.
    let _ = cable.shutdown(Shutdown::Both);
}

/// How the token came off its port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ended {
    CardRemoved,
    Detached,
    Invalid(InvalidRequest),
}

/// What the token hears.
enum Event {
    Request(Request),
    Answer(Result<Vec<u8>, Removed>),
    Ended(Ended),
}

/// Answers the kernel until the card or the cable is gone. A thread reads the cable and another
/// talks to the card, so that a card that waits for a touch keeps nothing else waiting.
fn serve(
    card: &SharedCard,
    profile: Profile,
    cable: &UnixStream,
    pause: Duration,
    configured: &mut dyn FnMut(),
) -> Ended {
    let (events, heard) = sync_channel(QUEUE);
    let (commands, for_card) = sync_channel(1);
    thread::scope(|scope| {
        let requests = events.clone();
        scope.spawn(move || listen(cable, &requests));
        scope.spawn(move || talk(card, &for_card, &events));
        let mut port = Port {
            card,
            cable,
            device: Device::new(profile, card.atr()),
            commands,
        };
        let ended = port.run(&heard, pause, configured);
        // What the threads wait for comes to its end: the cable, the command, the channels.
        unplug(cable);
        card.power_off();
        ended
    })
}

/// Reads requests until there are no more.
fn listen(cable: &UnixStream, events: &SyncSender<Event>) {
    loop {
        let event = match read_request(cable) {
            Ok(Ok(request)) => Event::Request(request),
            Ok(Err(invalid)) => Event::Ended(Ended::Invalid(invalid)),
            Err(_) => Event::Ended(Ended::Detached),
        };
        let last = matches!(event, Event::Ended(_));
        if events.send(event).is_err() || last {
            return;
        }
    }
}

fn read_request(mut cable: &UnixStream) -> io::Result<Result<Request, InvalidRequest>> {
    let mut header = [0; HEADER];
    cable.read_exact(&mut header)?;
    let mut request = Request::parse(&header);
    if let Ok(request) = &mut request {
        cable.read_exact(request.data())?;
    }
    Ok(request)
}

/// Hands commands to the card, and brings its answers.
fn talk(card: &SharedCard, commands: &Receiver<Vec<u8>>, events: &SyncSender<Event>) {
    for apdu in commands {
        if events.send(Event::Answer(card.transmit(&apdu))).is_err() {
            return;
        }
    }
}

/// A token in its port.
struct Port<'a> {
    card: &'a SharedCard,
    cable: &'a UnixStream,
    device: Device,
    commands: SyncSender<Vec<u8>>,
}

impl Port<'_> {
    fn run(
        &mut self,
        heard: &Receiver<Event>,
        pause: Duration,
        configured: &mut dyn FnMut(),
    ) -> Ended {
        let mut extension = None;
        loop {
            if !self.device.waits() {
                extension = None;
            }
            let effects = match next(heard, extension) {
                Ok(Event::Request(request)) => self.device.request(request),
                Ok(Event::Answer(Err(Removed))) if !self.card.present() => {
                    return Ended::CardRemoved;
                }
                Ok(Event::Answer(answer)) => self.device.answered(answer.ok()),
                Ok(Event::Ended(ended)) => return ended,
                Err(RecvTimeoutError::Timeout) => {
                    extension = None;
                    self.device.extend()
                }
                Err(RecvTimeoutError::Disconnected) => return Ended::Detached,
            };
            if self.device.waits() {
                extension.get_or_insert_with(|| Instant::now() + pause);
            }
            for effect in effects {
                if self.carry_out(effect, configured).is_err() {
                    return Ended::Detached;
                }
            }
        }
    }

    fn carry_out(&mut self, effect: Effect, configured: &mut dyn FnMut()) -> io::Result<()> {
        match effect {
            Effect::Reply(reply) => return self.cable.write_all(&reply.encode()),
            Effect::Configured => configured(),
            Effect::CutPower => self.card.power_off(),
            Effect::Transmit(apdu) => {
                let sent = self.commands.send(apdu);
                return sent.map_err(|_| io::ErrorKind::BrokenPipe.into());
            }
        }
        Ok(())
    }
}

/// The next event, or a timeout when it is time to ask for more.
fn next(heard: &Receiver<Event>, extension: Option<Instant>) -> Result<Event, RecvTimeoutError> {
    match extension {
        Some(at) => heard.recv_timeout(at.saturating_duration_since(Instant::now())),
        None => heard.recv().map_err(RecvTimeoutError::from),
    }
}

#[cfg(test)]
mod tests;
