//! Interrupts from the keyboard, which tell that whoever was asked leaves.

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Holds interrupts back from this thread while it lives, so that they can be waited for. Once they are
/// let go, the program has them as if nobody had looked.
pub(crate) struct Interrupt {
    /// Readable when one came. It is never read: that would take the interrupt from the program.
    came: SignalFd,
    before: SigSet,
}

impl Interrupt {
    /// Holds them back from here on.
    ///
    /// # Errors
    /// When the system has no place for it.
    pub(crate) fn hold() -> Result<Self, Errno> {
        let mut interrupt = SigSet::empty();
        interrupt.add(Signal::SIGINT);
        let came = SignalFd::with_flags(&interrupt, SfdFlags::SFD_CLOEXEC)?;
        let before = interrupt.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        Ok(Self { came, before })
    }
}

impl AsFd for Interrupt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.came.as_fd()
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        // The mask was valid when it was read.
        let _ = self.before.thread_set_mask();
    }
}
