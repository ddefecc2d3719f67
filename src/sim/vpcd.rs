//! A card behind the real pcscd, through vpcd, the virtual reader of vsmartcard.
//!
//! vpcd listens; a card is in its reader for as long as somebody is connected. Each message is a
//! length in two bytes, most significant first, and that many bytes: a control byte, or an APDU.

use oathd_card::SharedCard;
use rustix::net::sockopt::set_tcp_quickack;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Messages of one byte.
const POWER_OFF: u8 = 0;
const POWER_ON: u8 = 1;
const RESET: u8 = 2;
const SEND_ATR: u8 = 4;

/// The pause between attempts to reach vpcd.
const RETRY: Duration = Duration::from_millis(50);

/// A place in vpcd's reader, and the card that goes in and out of it.
#[derive(Debug)]
pub struct Front {
    card: SharedCard,
    address: String,
    /// The connection, while the card is in the reader.
    link: Mutex<Option<TcpStream>>,
}

/// Why there is no reader.
#[derive(Debug, thiserror::Error)]
pub enum VpcdError {
    /// Nobody listens at the address, or the system refuses the connection.
    #[error("no virtual reader at {address}: {source}; is pcscd running with the vpcd driver?")]
    Unreachable {
        /// Host and port.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// vpcd closed the connection: pcscd ended, or another card took the place.
    #[error("the virtual reader at {address} closed the connection; did pcscd end?")]
    Closed {
        /// Host and port.
        address: String,
    },
}

impl Front {
    /// Prepares to put `card` into the reader whose vpcd listens at `address` (host and port).
    #[must_use]
    pub fn new(card: SharedCard, address: &str) -> Front {
        Front {
            card,
            address: address.to_owned(),
            link: Mutex::new(None),
        }
    }

    /// Keeps the card in the reader while it is inserted, takes it out when it is removed, and
    /// ends when the reader goes. `connected` is called each time the card is in; vpcd gets
    /// `patience` to begin listening each time.
    ///
    /// # Errors
    /// Always, as only the loss of the reader ends it.
    pub fn run(&self, patience: Duration, mut connected: impl FnMut()) -> VpcdError {
        loop {
            self.card.wait_for_insertion();
            let stream = match self.connect(patience) {
                Ok(stream) => stream,
                Err(error) => return error,
            };
            if !self.keep(&stream) {
                continue;
            }
            connected();
            let ended = serve(&self.card, &stream);
            let pulled = self.link().take().is_none() || ended == Ended::CardRemoved;
            if !pulled {
                return VpcdError::Closed {
                    address: self.address.clone(),
                };
            }
        }
    }

    /// Pulls the card, in the middle of a command if there is one.
    pub fn remove(&self) {
        self.card.remove();
        if let Some(stream) = self.link().take() {
            // An error means that the connection is gone already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn connect(&self, patience: Duration) -> Result<TcpStream, VpcdError> {
        let deadline = Instant::now() + patience;
        loop {
            match TcpStream::connect(&self.address) {
                Ok(stream) => return Ok(stream),
                Err(error) if may_come(&error) && Instant::now() < deadline => {
                    thread::sleep(RETRY);
                }
                Err(source) => {
                    return Err(VpcdError::Unreachable {
                        address: self.address.clone(),
                        source,
                    });
                }
            }
        }
    }

    /// Makes the connection known to [`Front::remove`]; `false` when the card was pulled meanwhile.
    fn keep(&self, stream: &TcpStream) -> bool {
        let mut link = self.link();
        if !self.card.present() {
            return false;
        }
        match stream.try_clone() {
            Ok(clone) => *link = Some(clone),
            Err(_) => return false,
        }
        true
    }

    fn link(&self) -> MutexGuard<'_, Option<TcpStream>> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the address can be one: something may listen on it later.
fn may_come(error: &io::Error) -> bool {
    error.kind() != io::ErrorKind::InvalidInput
}

/// How a connection came to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ended {
    CardRemoved,
    ConnectionClosed,
}

/// Answers vpcd until the card or the connection is gone.
fn serve(card: &SharedCard, stream: &TcpStream) -> Ended {
    let mut message = Vec::new();
    loop {
        if read_message(stream, &mut message).is_err() {
            return Ended::ConnectionClosed;
        }
        let answer = match *message {
            [] => continue,
            [POWER_OFF | POWER_ON | RESET] => {
                card.power_off();
                continue;
            }
            [SEND_ATR] => card.atr().to_vec(),
            _ => match card.transmit(&message) {
                Ok(answer) => answer,
                Err(_) => return Ended::CardRemoved,
            },
        };
        if write_message(stream, &answer).is_err() {
            return Ended::ConnectionClosed;
        }
    }
}

/// Reads one message into `message`. vpcd sends length and body in two segments, and the second
/// waits for the acknowledgement of the first: it has to go out at once, or each message takes
/// 40 ms. The option lasts only until the kernel changes its mind, so it is set every time.
fn read_message(mut stream: &TcpStream, message: &mut Vec<u8>) -> io::Result<()> {
    set_tcp_quickack(stream, true)?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    set_tcp_quickack(stream, true)?;
    message.resize(u16::from_be_bytes(length).into(), 0);
    stream.read_exact(message)
}

fn write_message(mut stream: &TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidData)?;
    stream.write_all(&[&length.to_be_bytes(), message].concat())
}

#[cfg(test)]
mod tests;
