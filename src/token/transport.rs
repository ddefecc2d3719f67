//! How bytes reach a card: what the owner threads and the reader watch ask of a card service.

use std::sync::Arc;

/// A failure below the card protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The service is not running, is stopping, or refused this program.
    #[error("card service unavailable: {reason}")]
    Unavailable {
        /// What the service or its library answered.
        reason: String,
    },
    /// The reader is gone or holds no card.
    #[error("no card in the reader")]
    Removed,
    /// Another program holds the card exclusively.
    #[error("another program holds the card")]
    InUse,
    /// Another program reset the card; connecting anew works.
    #[error("the card was reset by another program")]
    CardReset,
    /// The reader or its driver failed.
    #[error("reader failure {code:08x}")]
    Reader {
        /// The PC/SC code.
        code: u32,
    },
}

/// A reader and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// The reader's name, unique within its service.
    pub name: String,
    /// Another number after every insertion and removal: an equal number in a later look means that the
    /// same card was there all the time.
    pub events: u32,
    /// The card's answer to reset; `None` without a card.
    pub atr: Option<Vec<u8>>,
}

/// Ends another thread's wait, at once or, when that thread is about to wait, as soon as it does.
/// May be called any number of times and after the wait is over.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// A card service: pcscd, or readers that a program makes up.
pub trait Source: Send + Sync + 'static {
    /// Opens the service for work with cards. Each owner thread has a connection of its own.
    ///
    /// # Errors
    /// [`TransportError::Unavailable`].
    fn connect(&self) -> Result<Box<dyn Cards>, TransportError>;

    /// Opens the service for watching its readers.
    ///
    /// # Errors
    /// [`TransportError::Unavailable`].
    fn watch(&self) -> Result<(Box<dyn ReaderWatch>, Waker), TransportError>;

    /// A wait for a service that went away.
    ///
    /// # Errors
    /// [`TransportError::Unavailable`] when there is no way to wait.
    fn absence(&self) -> Result<(Box<dyn Absence>, Waker), TransportError>;
}

/// An open connection for work with cards, used by one thread.
pub trait Cards: Send {
    /// Runs `work` in a transaction on the card in `reader`: shared, begun before and ended after it, the
    /// card left as it is. Blocks while another program is in a transaction.
    ///
    /// # Errors
    /// Any [`TransportError`]; when the transaction cannot begin, `work` has not been called. A failure
    /// to end is not reported: the work's own outcome stands.
    fn transaction(
        &mut self,
        reader: &str,
        work: &mut dyn FnMut(&mut dyn Channel),
    ) -> Result<(), TransportError>;
}

/// A card within a transaction.
pub trait Channel {
    /// Sends a command APDU; gives the answer with its status word (at least two bytes).
    ///
    /// # Errors
    /// Any [`TransportError`].
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, TransportError>;
}

/// A view of all readers, used by one thread.
pub trait ReaderWatch: Send {
    /// The readers as they are now: at once when first called, afterwards when something changed, or
    /// when a card may be free that another program held.
    /// `None` when a [`Waker`] ended the wait.
    ///
    /// # Errors
    /// [`TransportError::Unavailable`] when the service went away.
    fn next(&mut self) -> Result<Option<Vec<Reader>>, TransportError>;
}

/// A wait for a card service's return.
pub trait Absence: Send {
    /// Returns when trying to open the service again is worth it, or when a [`Waker`] ended the wait.
    fn wait(&mut self);
}
