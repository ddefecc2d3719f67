//! Awaiting pcscd's return: its socket's directory is watched, nothing is polled while nothing happens.

use std::{
    mem::MaybeUninit,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll},
    fs::inotify::{self, CreateFlags, WatchFlags},
    io,
};

use super::establish;
use crate::transport::{Absence, TransportError, Waker};

/// The socket appears a little before pcscd listens on it: so often, at this distance, it is tried.
const TRIES: u32 = 20;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// A wait for pcscd's socket.
pub(super) struct PcscAbsence {
    socket: PathBuf,
    notices: OwnedFd,
    wake: Arc<OwnedFd>,
}

impl PcscAbsence {
    pub(super) fn new() -> Result<(PcscAbsence, Waker), TransportError> {
        let socket = std::env::var_os("PCSCLITE_CSOCK_NAME")
            .map_or_else(|| PathBuf::from("/run/pcscd/pcscd.comm"), PathBuf::from);
        let notices =
            inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).map_err(unavailable)?;
        let wake =
            eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(unavailable)?;
        let wake = Arc::new(wake);
        let waking = Arc::clone(&wake);
        let absence = PcscAbsence {
            socket,
            notices,
            wake,
        };
        let waker = Arc::new(move || {
            // A counter that is full wakes as well.
            let _ = io::write(&*waking, &1u64.to_ne_bytes());
        });
        Ok((absence, waker))
    }

    /// Watches the socket's directory, and the one above it, where the first appears when it is missing.
    fn watch(&self) -> Result<(), TransportError> {
        let flags = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::ATTRIB;
        let above = self.socket.ancestors().skip(1).take(2);
        let watched = above
            .filter(|directory| !directory.as_os_str().is_empty())
            .map(|directory: &Path| inotify::add_watch(&self.notices, directory, flags))
            .filter(Result::is_ok)
            .count();
        if watched == 0 {
            return Err(TransportError::Unavailable {
                reason: format!("no directory above {} exists", self.socket.display()),
            });
        }
        Ok(())
    }

    /// `true` when woken, `false` after a notice or the time.
    fn rest(&self, limit: Option<Duration>) -> bool {
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        let mut fds = [
            PollFd::new(&*self.wake, PollFlags::IN),
            PollFd::new(&self.notices, PollFlags::IN),
        ];
        loop {
            match poll(&mut fds, limit.as_ref()) {
                Err(io::Errno::INTR) => {}
                Err(_) => return true,
                Ok(_) => return !fds[0].revents().is_empty(),
            }
        }
    }

    /// Takes the notices out of their queue.
    fn read_notices(&self) {
        let mut buffer = [MaybeUninit::uninit(); 1024];
        let mut reader = inotify::Reader::new(&self.notices, &mut buffer);
        while reader.next().is_ok() {}
    }
}

impl Absence for PcscAbsence {
    fn wait(&mut self) {
        let mut tries = 1;
        loop {
            if self.watch().is_err() {
                // Nothing can be waited for; the next request will try.
                self.rest_until_woken();
                return;
            }
            for _ in 0..tries {
                if self.socket.exists() && establish().is_ok() {
                    return;
                }
                self.read_notices();
                if tries > 1 && self.woken_within(BETWEEN_TRIES) {
                    return;
                }
            }
            if self.rest(None) {
                return;
            }
            self.read_notices();
            tries = TRIES;
        }
    }
}

impl PcscAbsence {
    fn rest_until_woken(&self) {
        while !self.rest(None) {
            self.read_notices();
        }
    }

    /// Whether the wait was ended within that time; a notice ends the pause early.
    fn woken_within(&self, time: Duration) -> bool {
        self.rest(Some(time))
    }
}

fn unavailable(error: io::Errno) -> TransportError {
    TransportError::Unavailable {
        reason: error.to_string(),
    }
}
