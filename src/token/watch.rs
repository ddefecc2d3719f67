//! The thread that waits: for changes of the readers, or for the card service's return.

use std::{io, thread};

use crossbeam_channel::Sender;

use crate::{
    registry::Command,
    transport::{Absence, ReaderWatch, TransportError, Waker},
};

/// A waiting thread.
pub(crate) struct Waiting {
    waker: Waker,
}

impl Waiting {
    /// Ends the wait, and the thread with it. Harmless when it has ended by itself.
    pub(crate) fn end(self) {
        (self.waker)();
    }
}

/// Reports the readers now and after every change, under `turn`, until the service is lost.
pub(crate) fn readers(
    turn: u64,
    mut watch: Box<dyn ReaderWatch>,
    waker: Waker,
    report: Sender<Command>,
) -> io::Result<Waiting> {
    thread::Builder::new()
        .name("readers".to_owned())
        .spawn(move || {
            while let Some(readers) = watch.next().transpose() {
                let over = readers.is_err();
                if report.send(Command::Readers(turn, readers)).is_err() || over {
                    break;
                }
            }
        })?;
    Ok(Waiting { waker })
}

/// Reports, under `turn`, when the service may be there again.
pub(crate) fn service(
    turn: u64,
    mut absence: Box<dyn Absence>,
    waker: Waker,
    report: Sender<Command>,
) -> io::Result<Waiting> {
    thread::Builder::new()
        .name("service".to_owned())
        .spawn(move || {
            absence.wait();
            // A hub that has ended needs no reports.
            let _ = report.send(Command::Returned(turn));
        })?;
    Ok(Waiting { waker })
}

/// A thread could not be started: as good as no service.
pub(crate) fn no_thread(error: &io::Error) -> TransportError {
    TransportError::Unavailable {
        reason: error.to_string(),
    }
}
