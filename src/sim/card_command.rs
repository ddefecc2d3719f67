//! `oathd-sim card`: a token in vpcd's reader, or on USB, until it is ended.

use crate::{complain, fail};
use clap::Args;
use oathd_api::ExitCode as Status;
use oathd_card::{CardOptions, CardStatus, Fault, Interface, Profile, SharedCard, Touch};
use oathd_sim::{usb, vpcd};
use std::error::Error;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How long vpcd may take to begin listening.
const PATIENCE: Duration = Duration::from_secs(10);

/// Puts a simulated token into a reader of the real pcscd, or on USB.
///
/// pcscd needs the vpcd driver (Debian: vsmartcard-vpcd), which listens on port 35963 for the card
/// in its first slot and on 35964 for its second. Any PC/SC program then sees a YubiKey.
///
/// With --usb it is a whole YubiKey with its own reader, for udev, libccid and hidraw. That needs
/// root and the kernel module vhci-hcd.
///
/// The command prints `ready` when the card is in the reader, or the token taken up by USB, and
/// `removed`, `touch-awaited` and `touch-over` as these happen. It reads a line at a time on its
/// standard input: `touch`, `remove`, `insert`, `fault SPEC`, or `count`, which prints
/// `commands N`, the number of command APDUs so far. It runs until SIGTERM or SIGINT (status 0) or
/// until the reader goes (69); SIGUSR1 touches the card.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Where vpcd listens
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:35963")]
    vpcd: String,

    /// Plugs the token into this machine's virtual USB host instead
    #[arg(long, conflicts_with_all = ["vpcd", "atr"])]
    usb: bool,

    /// The model: yubikey-5.7, yubikey-5.4, yubikey-4.3 or neo
    #[arg(long, value_name = "PROFILE", default_value_t)]
    profile: Profile,

    /// The serial number
    #[arg(long, value_name = "N", default_value_t = 12_345_678)]
    serial: u32,

    /// The answer to reset: nfc, as in a contactless reader, or usb, which --usb implies. Programs
    /// by Yubico decide by it how long an APDU may be
    #[arg(long, value_name = "INTERFACE", default_value = "nfc")]
    atr: Interface,

    /// Keeps the credentials in FILE, in the clear, and starts with those in it
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,

    /// Who touches the token when it asks: never, always (at once), or manual (`touch` on the
    /// standard input, or SIGUSR1)
    #[arg(long, value_name = "WHO", default_value = "always")]
    touch: Touch,

    /// How long the token waits for a touch, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 15_000)]
    touch_timeout: u64,

    /// Makes something go wrong; may be repeated. Commands are counted from the start:
    ///
    /// unplug-after=N  N commands are answered, the next finds the card pulled
    ///
    /// lose-answer=N   the Nth is carried out, the card is pulled before the answer
    ///
    /// delay=MS        every answer takes this much longer
    ///
    /// corrupt=N       the data of the Nth answer is inverted
    ///
    /// truncate=N      the Nth answer loses half of its data
    ///
    /// answer=N:HEX    the Nth is not carried out and answered so
    ///
    /// memory=ID       computing the credential ID answers 6581
    ///
    /// full            no credential finds room
    #[arg(long, value_name = "SPEC", verbatim_doc_comment)]
    fault: Vec<Fault>,
}

/// Runs the command.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    let options = CardOptions {
        profile: arguments.profile,
        interface: if arguments.usb {
            Interface::Usb
        } else {
            arguments.atr
        },
        serial: arguments.serial,
        state_file: arguments.state,
        touch: arguments.touch,
        touch_timeout: Duration::from_millis(arguments.touch_timeout),
    };
    let card = match SharedCard::new(options) {
        Ok(card) => card,
        Err(error) => return fail(Status::BadInput, &error),
    };
    arguments
        .fault
        .into_iter()
        .for_each(|fault| card.inject(fault));
    let front = Arc::new(if arguments.usb {
        Front::Usb(usb::Front::new(card.clone(), arguments.profile))
    } else {
        Front::Vpcd(vpcd::Front::new(card.clone(), &arguments.vpcd))
    });
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(Status::Unavailable, &error),
    };
    // The other threads end with the process: each of them blocks on something else.
    match runtime.block_on(until_ended(card, front)) {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(error)) => fail(Status::Unavailable, &error),
        Err(error) => fail(Status::Unavailable, &error),
    }
}

/// Where the card goes in and out.
enum Front {
    Vpcd(vpcd::Front),
    Usb(usb::Front),
}

/// Why there is no reader.
type NoReader = Box<dyn Error + Send + Sync>;

impl Front {
    /// Keeps the card where it belongs until that goes.
    fn run(&self) -> NoReader {
        let ready = || say("ready");
        match self {
            Front::Vpcd(front) => front.run(PATIENCE, ready).into(),
            Front::Usb(front) => front.run(ready).into(),
        }
    }

    fn remove(&self) {
        match self {
            Front::Vpcd(front) => front.remove(),
            Front::Usb(front) => front.remove(),
        }
    }
}

/// Serves until a signal ends it, or the reader goes: then says why.
async fn until_ended(card: SharedCard, front: Arc<Front>) -> io::Result<Option<NoReader>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut touch = signal(SignalKind::user_defined1())?;

    // Looked at before anything can happen to the card, or its first change would go untold.
    let (watched, before) = (card.clone(), card.status());
    thread::spawn(move || watch(&watched, before));
    let (sender, mut lost) = tokio::sync::oneshot::channel();
    let runner = Arc::clone(&front);
    thread::spawn(move || sender.send(runner.run()));
    let commanded = card.clone();
    thread::spawn(move || obey(&commanded, &front));

    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(None),
            _ = interrupt.recv() => return Ok(None),
            _ = touch.recv() => press(&card),
            error = &mut lost => return Ok(error.ok()),
        }
    }
}

/// Says what happens to the card from when it stood as `before`.
fn watch(card: &SharedCard, mut before: CardStatus) {
    loop {
        let now = card.wait_for_change(before.generation, Duration::from_secs(86_400));
        changes(before, now).into_iter().for_each(say);
        before = now;
    }
}

/// The words for what changed between two looks.
fn changes(before: CardStatus, now: CardStatus) -> Vec<&'static str> {
    let mut words = Vec::new();
    if before.awaiting_touch && !now.awaiting_touch {
        words.push("touch-over");
    }
    if before.present && !now.present {
        words.push("removed");
    }
    if !before.awaiting_touch && now.awaiting_touch {
        words.push("touch-awaited");
    }
    words
}

/// Reads commands until the standard input ends. A terminal is read from the foreground only:
/// reading from the background would stop the process.
fn obey(card: &SharedCard, front: &Front) {
    let stdin = io::stdin();
    let foreground = rustix::termios::tcgetpgrp(&stdin)
        .map_or(true, |group| group == rustix::process::getpgrp());
    if !foreground {
        return;
    }
    for line in stdin.lock().lines() {
        let Ok(line) = line else { return };
        match line.trim().split_once(' ').unwrap_or((line.trim(), "")) {
            ("", _) => {}
            ("touch", "") => press(card),
            ("remove", "") => front.remove(),
            ("insert", "") => card.insert(),
            ("count", "") => say(&format!("commands {}", card.status().commands)),
            ("fault", spec) => match spec.parse() {
                Ok(fault) => card.inject(fault),
                Err(error) => complain(&error),
            },
            _ => complain(&format_args!(
                "\"{line}\" is no command: use touch, remove, insert, fault SPEC or count"
            )),
        }
    }
}

fn press(card: &SharedCard) {
    if !card.touch() {
        complain(&"nothing waits for a touch by hand");
    }
}

fn say(word: &str) {
    // Nobody listening is no reason to end: the card serves its reader.
    let _ = writeln!(io::stdout(), "{word}");
}
