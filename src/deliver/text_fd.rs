//! Reads a message out of a sealed memory file.
//!
//! A string in a D-Bus message is copied through the bus and shown to `busctl monitor`; the content
//! of a memory file is not. With the seals, what was measured is what is read: memfd_create(2),
//! fcntl(2).

use std::os::fd::AsFd;

use oathd_api::names::SECRET_FD_MAX;
use rustix::{
    fs::{OFlags, SealFlags, fcntl_get_seals, fcntl_getfl, fstat},
    io::{Errno, pread},
};
use zeroize::Zeroizing;

const REQUIRED: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::WRITE);

/// Why a file descriptor is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidFd {
    /// Another kind of file, or one that cannot be read.
    #[error("not a readable memory file: {0}")]
    NotMemory(#[from] Errno),
    /// A seal is missing.
    #[error("the memory file is not sealed against shrinking, growing and writing")]
    Unsealed,
    /// Empty or too large.
    #[error("the memory file holds {0} bytes, not 1 to {SECRET_FD_MAX}")]
    Size(i64),
}

/// Reads the whole content from its start, wherever the file offset is.
pub(crate) fn read(fd: impl AsFd) -> Result<Zeroizing<Vec<u8>>, InvalidFd> {
    let fd = fd.as_fd();
    if fcntl_getfl(fd)?.contains(OFlags::PATH) {
        return Err(Errno::BADF.into());
    }
    // Only memory files have seals: every other file fails here.
    if !fcntl_get_seals(fd)?.contains(REQUIRED) {
        return Err(InvalidFd::Unsealed);
    }
    let size = fstat(fd)?.st_size;
    let length = match usize::try_from(size) {
        Ok(length @ 1..=SECRET_FD_MAX) => length,
        _ => return Err(InvalidFd::Size(size)),
    };
    let mut content = Zeroizing::new(vec![0; length]);
    let mut filled = 0;
    while filled < length {
        match pread(fd, &mut content[filled..], filled as u64) {
            Ok(0) => return Err(Errno::IO.into()),
            Ok(count) => filled += count,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::{Seek, SeekFrom, Write},
    };

    use proptest::prelude::*;
    use rustix::fs::{MemfdFlags, fcntl_add_seals, memfd_create};

    use super::*;

    fn memory(content: &[u8], seals: SealFlags) -> File {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let mut file = File::from(memfd_create("test", flags).unwrap());
        file.write_all(content).unwrap();
        fcntl_add_seals(&file, seals).unwrap();
        file
    }

    proptest! {
        #[test]
        fn what_is_sealed_and_of_a_fit_size_is_read(
            content in prop::collection::vec(any::<u8>(), 0..=SECRET_FD_MAX + 8),
            offset in 0..10_000u64,
            bits in prop_oneof![Just(7), 0..8u32],
        ) {
            let mut seals = SealFlags::empty();
            for (bit, seal) in [SealFlags::SHRINK, SealFlags::GROW, SealFlags::WRITE].into_iter().enumerate() {
                seals.set(seal, bits & (1 << bit) != 0);
            }
            let mut file = memory(&content, seals);
            file.seek(SeekFrom::Start(offset)).unwrap();
            let fits = (1..=SECRET_FD_MAX).contains(&content.len());
            match read(&file) {
                Ok(read) => prop_assert!(bits == 7 && fits && *read == content),
                Err(InvalidFd::Unsealed) => prop_assert!(bits != 7),
                Err(InvalidFd::Size(_)) => prop_assert!(bits == 7 && !fits),
                Err(error) => prop_assert!(false, "{}", error),
            }
        }
    }

    #[test]
    fn other_files_are_refused() {
        let (pipe, _writer) = std::io::pipe().unwrap();
        assert!(matches!(read(&pipe), Err(InvalidFd::NotMemory(_))));
        let file = tempfile::tempfile().unwrap();
        file.set_len(8).unwrap();
        assert!(read(&file).is_err());
        assert!(read(File::open("/dev/zero").unwrap()).is_err());
    }
}
