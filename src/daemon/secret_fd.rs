//! Secrets that cross the bus in sealed memory files.
//!
//! A string in a D-Bus message is copied through the bus and shown to `busctl monitor`; the content
//! of a memory file is not. The seals make sure that what was measured is what is read:
//! nobody can change the file, or cut it short, meanwhile. See memfd_create(2), fcntl(2).

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use oathd_api::names::SECRET_FD_MAX;
use rustix::{
    fs::{FileType, MemfdFlags, OFlags, SealFlags, fstat},
    io::{Errno, pread, pwrite},
};
use zeroize::Zeroizing;

/// The seals without which content could change under the reader.
const REQUIRED: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::WRITE);

/// Why a file descriptor is not a secret.
#[derive(Debug, thiserror::Error)]
pub enum InvalidFd {
    /// Not a memory file that can be read: another kind of file, a pipe, a socket, `O_PATH`.
    #[error("not a readable memory file: {0}")]
    NotMemory(#[source] Errno),
    /// A seal is missing.
    #[error("the memory file is not sealed against shrinking, growing and writing")]
    Unsealed,
    /// Empty, or larger than what is read: [`SECRET_FD_MAX`] bytes for a secret.
    #[error("the memory file holds {0} bytes, which is none or too many")]
    Size(u64),
}

/// Reads the whole content, from its start and whatever the file offset is, into memory that is
/// wiped.
///
/// # Errors
///
/// [`InvalidFd`] for everything but a readable memory file of 1 to [`SECRET_FD_MAX`] bytes, sealed
/// against shrinking, growing and writing.
pub fn read(fd: impl AsFd) -> Result<Zeroizing<Vec<u8>>, InvalidFd> {
    read_up_to(fd, SECRET_FD_MAX)
}

/// The same for at most `most` bytes.
///
/// # Errors
///
/// [`InvalidFd`]
pub fn read_up_to(fd: impl AsFd, most: usize) -> Result<Zeroizing<Vec<u8>>, InvalidFd> {
    let fd = fd.as_fd();
    let flags = rustix::fs::fcntl_getfl(fd).map_err(InvalidFd::NotMemory)?;
    if flags.contains(OFlags::PATH) {
        return Err(InvalidFd::NotMemory(Errno::BADF));
    }
    let seals = rustix::fs::fcntl_get_seals(fd).map_err(InvalidFd::NotMemory)?;
    if !seals.contains(REQUIRED) {
        return Err(InvalidFd::Unsealed);
    }
    let status = fstat(fd).map_err(InvalidFd::NotMemory)?;
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        return Err(InvalidFd::NotMemory(Errno::INVAL));
    }
    let size = u64::try_from(status.st_size).unwrap_or(u64::MAX);
    let length = match usize::try_from(size) {
        Ok(length) if (1..=most).contains(&length) => length,
        _ => return Err(InvalidFd::Size(size)),
    };
    let mut content = Zeroizing::new(vec![0; length]);
    let mut filled = 0;
    while filled < length {
        match pread(fd, &mut content[filled..], filled as u64) {
            Ok(0) => return Err(InvalidFd::NotMemory(Errno::IO)),
            Ok(count) => filled += count,
            Err(Errno::INTR) => {}
            Err(error) => return Err(InvalidFd::NotMemory(error)),
        }
    }
    Ok(content)
}

/// Makes a memory file with `content`, sealed for good; its offset is 0.
///
/// # Errors
///
/// Those of the kernel: no memory, too many open files.
pub fn create(content: &[u8]) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Kernels before 6.3 do not know NOEXEC_SEAL.
    let fd = match rustix::fs::memfd_create("oathd", flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => rustix::fs::memfd_create("oathd", flags)?,
        other => other?,
    };
    let mut written = 0;
    while written < content.len() {
        match pwrite(&fd, &content[written..], written as u64) {
            Ok(count) => written += count,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    rustix::fs::fcntl_add_seals(&fd, REQUIRED | SealFlags::SEAL)?;
    Ok(fd)
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{File, OpenOptions},
        io::{Read, Seek, SeekFrom},
        os::{
            fd::AsRawFd,
            unix::{fs::OpenOptionsExt, net::UnixStream},
        },
    };

    use proptest::prelude::*;

    use super::*;

    /// A memory file of `size` bytes with just these seals.
    fn memory(size: u64, seals: SealFlags) -> OwnedFd {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let fd = rustix::fs::memfd_create("test", flags).unwrap();
        rustix::fs::ftruncate(&fd, size).unwrap();
        rustix::fs::fcntl_add_seals(&fd, seals).unwrap();
        fd
    }

    fn reopened(fd: &OwnedFd, options: &OpenOptions) -> File {
        let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
        options.open(path).unwrap()
    }

    proptest! {
        #[test]
        fn what_is_created_is_read_wherever_the_offset_is(
            content in prop::collection::vec(any::<u8>(), 1..=SECRET_FD_MAX),
            offset in 0..10_000u64,
        ) {
            let mut file = File::from(create(&content).unwrap());
            file.seek(SeekFrom::Start(offset)).unwrap();
            prop_assert_eq!(&*read(&file).unwrap(), &content);
        }

        #[test]
        fn only_full_seals_and_sizes_within_bounds_are_accepted(
            size in prop_oneof![Just(0), 1..=4096u64, 4097..100_000u64],
            bits in 0..8u32,
        ) {
            let mut seals = SealFlags::empty();
            for (bit, seal) in [SealFlags::SHRINK, SealFlags::GROW, SealFlags::WRITE].iter().enumerate() {
                seals.set(*seal, bits & (1 << bit) != 0);
            }
            let outcome = read(memory(size, seals));
            let fits = (1..=SECRET_FD_MAX as u64).contains(&size);
            match outcome {
                Ok(content) => prop_assert!(bits == 7 && fits && content.len() as u64 == size),
                Err(InvalidFd::Unsealed) => prop_assert!(bits != 7),
                Err(InvalidFd::Size(told)) => prop_assert!(bits == 7 && !fits && told == size),
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
    }

    #[test]
    fn a_created_file_cannot_be_changed_and_is_read_from_its_start() {
        let fd = create(b"secret").unwrap();
        assert_eq!(pwrite(&fd, b"S", 0), Err(Errno::PERM));
        assert_eq!(rustix::fs::ftruncate(&fd, 1), Err(Errno::PERM));
        assert_eq!(rustix::fs::ftruncate(&fd, 10), Err(Errno::PERM));
        assert!(rustix::fs::fcntl_add_seals(&fd, SealFlags::FUTURE_WRITE).is_err());
        let mut content = Vec::new();
        File::from(fd).read_to_end(&mut content).unwrap();
        assert_eq!(content, b"secret");
    }

    #[test]
    fn other_kinds_of_descriptors_are_refused() {
        let sealed = create(b"secret").unwrap();
        let path_only = reopened(
            &sealed,
            OpenOptions::new()
                .read(true)
                .custom_flags(OFlags::PATH.bits().cast_signed()),
        );
        let file = tempfile::tempfile().unwrap();
        let shared_memory = tempfile::tempfile_in("/dev/shm").unwrap();
        shared_memory.set_len(6).unwrap();
        let (socket, _other) = UnixStream::pair().unwrap();
        let (pipe, _writer) = io::pipe().unwrap();
        let directory = File::open("/proc/self").unwrap();
        let device = File::open("/dev/zero").unwrap();
        for fd in [
            path_only.as_fd(),
            file.as_fd(),
            shared_memory.as_fd(),
            socket.as_fd(),
            pipe.as_fd(),
            directory.as_fd(),
            device.as_fd(),
        ] {
            assert!(read(fd).is_err(), "{fd:?}");
        }
        let write_only = memory(0, SealFlags::empty());
        let write_only = reopened(&write_only, OpenOptions::new().write(true));
        write_only.set_len(6).unwrap();
        rustix::fs::fcntl_add_seals(&write_only, REQUIRED).unwrap();
        assert!(matches!(
            read(&write_only),
            Err(InvalidFd::NotMemory(Errno::BADF))
        ));
    }

    #[test]
    fn a_seal_on_future_writes_alone_is_not_enough() {
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::FUTURE_WRITE;
        assert!(matches!(read(memory(6, seals)), Err(InvalidFd::Unsealed)));
    }
}
