//! Calls over the system bus: blocking, each with a deadline, each reply read with care.

use std::time::Duration;

use dbus::arg::{AppendAll, Array, Dict, Iter, Variant};
use dbus::channel::Channel;
use dbus::strings::{BusName, Interface, Member, Path};
use dbus::{Error, Message};

use crate::ffi::leave_sigpipe_alone;
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
        self.channel
            .send_with_reply_and_block(message, self.patience)
            .map_err(|error| {
                Failure::of(
                    error.name().unwrap_or_default(),
                    error.message().unwrap_or_default(),
                )
            })
    }
}

/// The record that an answer consists of.
pub(crate) fn record(message: &Message) -> Result<Record<'_>, Failure> {
    message
        .read1()
        .map_err(|_| Failure::Unreached(Unreached::Unintelligible))
}
