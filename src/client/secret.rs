//! Handing a secret over without putting it into a message.

use std::io::Write;
use std::os::fd::OwnedFd;

use oathd_api::names::SECRET_FD_MAX;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use thiserror::Error;

use crate::error::Error;

/// A secret that is empty or does not fit into a sealed memory file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("A secret of {0} bytes cannot be handed over.")]
pub struct InvalidLength(
    /// The length in bytes.
    pub usize,
);

/// Puts `secret` into a memory file and seals it against every change: the form in which seeds
/// and passwords travel. Its content lives in memory alone and goes away with the last holder.
///
/// # Errors
/// [`Error::SecretLength`] when there is no byte or there are more than
/// [`SECRET_FD_MAX`]; [`Error::Memory`] when the kernel refuses.
pub fn seal(secret: &[u8]) -> Result<OwnedFd, Error> {
    if secret.is_empty() || secret.len() > SECRET_FD_MAX {
        return Err(InvalidLength(secret.len()).into());
    }
    let fd = memfd_create(
        "oathd-secret",
        MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING,
    )
    .map_err(|error| Error::Memory(error.into()))?;
    let mut file = std::fs::File::from(fd);
    file.write_all(secret).map_err(Error::Memory)?;
    fcntl_add_seals(
        &file,
        SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL,
    )
    .map_err(|error| Error::Memory(error.into()))?;
    Ok(file.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn a_sealed_secret_can_be_read_and_not_changed() {
        for length in [1, 20, SECRET_FD_MAX] {
            let secret: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let file = std::fs::File::from(seal(&secret).unwrap());
            let mut read = vec![0; length];
            file.read_exact_at(&mut read, 0).unwrap();
            assert_eq!(read, secret);
            assert!(file.write_at(b"x", 0).is_err());
            assert!(file.set_len(length as u64 + 1).is_err());
            assert!(file.set_len(0).is_err());
        }
    }

    #[test]
    fn nothing_and_too_much_are_refused() {
        for length in [0, SECRET_FD_MAX + 1] {
            let refused = seal(&vec![0; length]).unwrap_err();
            assert!(matches!(refused, Error::SecretLength(InvalidLength(n)) if n == length));
        }
    }
}
