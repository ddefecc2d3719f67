//! File descriptors that a client sends.

use std::os::fd::OwnedFd;

use oathd_api::names::SECRET_FD_MAX;
use oathd_daemon::secret_fd::{self, InvalidFd};
use rustix::fs::{MemfdFlags, SealFlags, SeekFrom};

use super::Input;

const SEALS: [SealFlags; 5] = [
    SealFlags::SHRINK,
    SealFlags::GROW,
    SealFlags::WRITE,
    SealFlags::FUTURE_WRITE,
    SealFlags::SEAL,
];

/// Reads a memory file that a client made: `[seals u8][size u16][offset u16][content]`. It is taken
/// when it is sealed and fits, whole and from its start; what the daemon makes is always taken.
pub fn fd_intake(bytes: &[u8]) {
    let mut input = Input(bytes);
    let choice = input.byte().unwrap_or_default();
    let mut number = || {
        let (high, low) = (input.byte(), input.byte());
        usize::from(u16::from_be_bytes(
            [high, low].map(Option::unwrap_or_default),
        ))
    };
    let (size, offset) = (number(), number());
    let content = input.0;

    let mut seals = SealFlags::empty();
    for (bit, seal) in SEALS.into_iter().enumerate() {
        seals.set(seal, choice & 1 << bit != 0);
    }
    let mut written = content.to_vec();
    written.resize(size, 0);
    let sealed = seals.contains(SEALS[0] | SEALS[1] | SEALS[2]);
    match secret_fd::read(memory(&written, seals, offset)) {
        Ok(read) => {
            assert!(sealed && (1..=SECRET_FD_MAX).contains(&size));
            assert!(*read == written);
        }
        Err(InvalidFd::Unsealed) => assert!(!sealed),
        Err(InvalidFd::Size(told)) => {
            assert_eq!(told, size as u64);
            assert!(sealed && !(1..=SECRET_FD_MAX).contains(&size));
        }
        Err(InvalidFd::NotMemory(error)) => panic!("a memory file is not one: {error}"),
    }

    if (1..=SECRET_FD_MAX).contains(&content.len()) {
        let made = secret_fd::create(content).unwrap();
        assert!(*secret_fd::read(made).unwrap() == content);
    }
}

fn memory(content: &[u8], seals: SealFlags, offset: usize) -> OwnedFd {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let fd = rustix::fs::memfd_create("fuzz", flags).unwrap();
    rustix::fs::ftruncate(&fd, content.len() as u64).unwrap();
    let mut written = 0;
    while written < content.len() {
        written += rustix::io::pwrite(&fd, &content[written..], written as u64).unwrap();
    }
    rustix::fs::seek(&fd, SeekFrom::Start(offset as u64)).unwrap();
    rustix::fs::fcntl_add_seals(&fd, seals).unwrap();
    fd
}
