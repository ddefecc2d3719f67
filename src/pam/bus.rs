//! Calls over the system bus: blocking, each with a deadline, each reply read with care.

use std::time::{Duration, Instant};

use dbus::arg::{AppendAll, Array, Dict, Iter, Variant};
use dbus::channel::Channel;
use dbus::strings::{BusName, Interface, Member, Path};
use dbus::{Error, Message};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::ffi::{leave_sigpipe_alone, socket};
use crate::interrupt::Interrupt;
use crate::outcome::{Failure, Unreached};

/// Where the system bus listens. The environment is not asked: it belongs to whoever started the
/// program that PAM runs in.
const SYSTEM_BUS: &str = "unix:path=/run/dbus/system_bus_socket";

/// A reply takes oathd 20 s at most, a touch waited for.
pub(crate) const DEADLINE: Duration = Duration::from_secs(25);

/// What no login waits for takes no longer than this.
pub(crate) const IN_PASSING: Duration = Duration::from_secs(3);

/// A record of an answer: its keys with their values.
pub(crate) type Record<'a> = Dict<'a, &'a str, Variant<Iter<'a>>, Iter<'a>>;

/// Records within a record.
pub(crate) type Records<'a> = Array<'a, Record<'a>, Iter<'a>>;

/// A connection of our own, gone with this value.
pub(crate) struct Bus {
    channel: Channel,
    patience: Duration,
}

impl Bus {
    /// Connects to the bus at `address`, by default the system bus. For each answer `patience` is
    /// waited.
    pub(crate) fn connect(address: Option<&str>, patience: Duration) -> Result<Self, Failure> {
        leave_sigpipe_alone();
        let address = address.unwrap_or(SYSTEM_BUS);
        if address.contains('\0') {
            return Err(Failure::Unreached(Unreached::NoBus));
        }
        let no_bus = |_: Error| Failure::Unreached(Unreached::NoBus);
        let mut channel = Channel::open_private(address).map_err(no_bus)?;
        channel.register().map_err(no_bus)?;
        Ok(Self { channel, patience })
    }

    /// Calls a method and waits for its answer.
    pub(crate) fn call(
        &self,
        method: [&str; 4],
        arguments: impl AppendAll,
    ) -> Result<Message, Failure> {
        let message = message(method, arguments)?;
        self.channel
            .send_with_reply_and_block(message, self.patience)
            .map_err(failure)
    }

    /// The same, but an interrupt from the keyboard ends the wait.
    pub(crate) fn call_until_interrupted(
        &mut self,
        method: [&str; 4],
        arguments: impl AppendAll,
    ) -> Result<Message, Failure> {
        let Ok(interrupt) = Interrupt::hold() else {
            return self.call(method, arguments);
        };
        let sent = self.channel.send(message(method, arguments)?);
        let serial = sent.map_err(|()| Failure::Unreached(Unreached::NoBus))?;
        self.channel.flush();
        self.channel.set_watch_enabled(true);
        let answer = self.answer_to(serial, &interrupt);
        self.channel.set_watch_enabled(false);
        answer
    }

    fn answer_to(&self, serial: u32, interrupt: &Interrupt) -> Result<Message, Failure> {
        let end = Instant::now() + self.patience;
        loop {
            while let Some(mut message) = self.channel.pop_message() {
                if message.get_reply_serial() == Some(serial) {
                    let judged = message.as_result().map(drop).map_err(failure);
                    return judged.map(|()| message);
                }
            }
            let socket = socket(&self.channel).ok_or(Failure::Unreached(Unreached::NoBus))?;
            let left = Timespec::try_from(end.saturating_duration_since(Instant::now()));
            let mut waited = [
                PollFd::new(&socket, PollFlags::IN),
                PollFd::new(interrupt, PollFlags::IN),
            ];
            match poll(&mut waited, left.ok().as_ref()) {
                Ok(0) => return Err(Failure::Unreached(Unreached::NoReply)),
                Ok(_) if !waited[1].revents().is_empty() => return Err(Failure::Interrupted),
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return Err(Failure::Unreached(Unreached::NoBus)),
            }
            // Whether the connection is lost is seen above.
            let _ = self.channel.read_write(Some(Duration::ZERO));
        }
    }
}

fn message(
    [destination, path, interface, member]: [&str; 4],
    arguments: impl AppendAll,
) -> Result<Message, Failure> {
    let unfit = |_: String| Failure::Unreached(Unreached::Unintelligible);
    let mut message = Message::method_call(
        &BusName::new(destination).map_err(unfit)?,
        &Path::new(path).map_err(unfit)?,
        &Interface::new(interface).map_err(unfit)?,
        &Member::new(member).map_err(unfit)?,
    );
    message.append_all(arguments);
    Ok(message)
}

fn failure(error: Error) -> Failure {
    Failure::of(
        error.name().unwrap_or_default(),
        error.message().unwrap_or_default(),
    )
}

/// The record that an answer consists of.
pub(crate) fn record(message: &Message) -> Result<Record<'_>, Failure> {
    message
        .read1()
        .map_err(|_| Failure::Unreached(Unreached::Unintelligible))
}
