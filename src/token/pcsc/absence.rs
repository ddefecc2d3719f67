//! Awaiting pcscd's return: the directory of its socket is watched, and nothing is asked while nothing
//! happens there.

use std::{
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

use crate::transport::{Absence, TransportError, Waker};

/// The socket appears a little before pcscd listens on it: so often, at this distance, it is tried.
const TRIES: u32 = 20;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// A wait for pcscd's socket.
pub(super) struct PcscAbsence {
    socket: PathBuf,
    /// Whether pcscd answers.
    answers: fn() -> bool,
    wake: Arc<OwnedFd>,
}

/// How a pause ended.
#[derive(PartialEq, Eq)]
enum Rest {
    Woken,
    Noticed,
    Elapsed,
}

impl PcscAbsence {
    pub(super) fn new(answers: fn() -> bool) -> Result<(PcscAbsence, Waker), TransportError> {
        let socket = std::env::var_os("PCSCLITE_CSOCK_NAME");
        let socket = socket.map_or_else(|| "/run/pcscd/pcscd.comm".into(), PathBuf::from);
        PcscAbsence::of(socket, answers).map_err(|error| TransportError::Unavailable {
            reason: error.to_string(),
        })
    }

    fn of(socket: PathBuf, answers: fn() -> bool) -> io::Result<(PcscAbsence, Waker)> {
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let absence = PcscAbsence {
            socket,
            answers,
            wake: Arc::clone(&wake),
        };
        let waker = Arc::new(move || {
            // A counter that is full wakes as well.
            let _ = io::write(&*wake, &1u64.to_ne_bytes());
        });
        Ok((absence, waker))
    }

    /// Notices about the socket's directory or, while that is missing, about the one above it.
    fn watch(&self) -> io::Result<OwnedFd> {
        let notices = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let flags = WatchFlags::CREATE
            | WatchFlags::MOVED_TO
            | WatchFlags::ATTRIB
            | WatchFlags::DELETE_SELF
            | WatchFlags::ONLYDIR;
        let watch = |directory: &Path| inotify::add_watch(&notices, directory, flags);
        let nearest = self.socket.ancestors().skip(1).find(|path| path.is_dir());
        watch(nearest.unwrap_or(Path::new("/")))?;
        Ok(notices)
    }

    fn rest(&self, notices: Option<&OwnedFd>, limit: Option<Duration>) -> Rest {
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        let mut fds = vec![PollFd::new(&*self.wake, PollFlags::IN)];
        fds.extend(notices.map(|notices| PollFd::new(notices, PollFlags::IN)));
        loop {
            match poll(&mut fds, limit.as_ref()) {
                Err(io::Errno::INTR) => {}
                Err(_) => return Rest::Woken,
                Ok(0) => return Rest::Elapsed,
                Ok(_) if fds.first().is_some_and(|wake| !wake.revents().is_empty()) => {
                    return Rest::Woken;
                }
                Ok(_) => return Rest::Noticed,
            }
        }
    }
}

impl Absence for PcscAbsence {
    fn wait(&mut self) {
        let mut tries = 1;
        loop {
            let notices = self.watch().ok();
            for _ in 0..tries {
                if !self.socket.exists() {
                    break;
                }
                if (self.answers)() {
                    return;
                }
                if tries > 1 && self.rest(None, Some(BETWEEN_TRIES)) == Rest::Woken {
                    return;
                }
            }
            // Without notices only a waker ends this: the next request tries anyway.
            if self.rest(notices.as_ref(), None) == Rest::Woken {
                return;
            }
            tries = TRIES;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        sync::atomic::{AtomicU32, Ordering},
        thread,
        time::Instant,
    };

    use super::*;

    #[test]
    fn the_socket_is_noticed_where_even_its_directory_is_missing() {
        let place = tempfile::tempdir().unwrap();
        let socket = place.path().join("pcscd").join("pcscd.comm");
        let (mut absence, _waker) = PcscAbsence::of(socket.clone(), || true).unwrap();
        let waiting = thread::spawn(move || absence.wait());
        fs::create_dir(socket.parent().unwrap()).unwrap();
        fs::write(&socket, "").unwrap();
        waiting.join().unwrap();
    }

    #[test]
    fn a_socket_that_nobody_listens_on_is_not_enough() {
        static TRIED: AtomicU32 = AtomicU32::new(0);
        let refuses = || {
            TRIED.fetch_add(1, Ordering::Relaxed);
            false
        };
        let place = tempfile::tempdir().unwrap();
        let socket = place.path().join("pcscd.comm");
        fs::write(&socket, "").unwrap();
        let (mut absence, waker) = PcscAbsence::of(socket, refuses).unwrap();
        let waiting = thread::spawn(move || absence.wait());
        let limit = Instant::now() + Duration::from_secs(20);
        while TRIED.load(Ordering::Relaxed) < 3 {
            assert!(Instant::now() < limit, "it was not tried again");
            fs::write(place.path().join("notice"), "").unwrap();
            fs::remove_file(place.path().join("notice")).unwrap();
        }
        waker();
        waiting.join().unwrap();
    }
}
