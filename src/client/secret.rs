//! Handing a secret over without putting it into a message.

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use oathd_api::names::{IMPORT_FD_MAX, SECRET_FD_MAX};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use thiserror::Error;
use zeroize::Zeroizing;

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
    seal_at_most(secret, SECRET_FD_MAX)
}

/// Puts the export of another verifier into a sealed memory file, for
/// [`Administration::import`](crate::Administration::import).
///
/// # Errors
/// Those of [`seal`], where the most is [`IMPORT_FD_MAX`].
pub fn seal_export(export: &[u8]) -> Result<OwnedFd, Error> {
    seal_at_most(export, IMPORT_FD_MAX)
}

fn seal_at_most(secret: &[u8], most: usize) -> Result<OwnedFd, Error> {
    if secret.is_empty() || secret.len() > most {
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

/// The content of a memory file that oathd has handed out.
///
/// # Errors
/// [`Error::Memory`] where it cannot be read or is larger than any that oathd makes.
pub fn unseal(fd: impl Into<OwnedFd>) -> Result<Zeroizing<Vec<u8>>, Error> {
    const MOST: usize = 64 << 10;
    let file = std::fs::File::from(fd.into());
    let length = file.metadata().map_err(Error::Memory)?.len();
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= MOST);
    let length = length.ok_or_else(|| Error::Memory(io::ErrorKind::FileTooLarge.into()))?;
    let mut secret = Zeroizing::new(vec![0; length]);
    // The offset of the file may be anywhere.
    file.read_exact_at(&mut secret, 0).map_err(Error::Memory)?;
    Ok(secret)
}

/// The same for a text.
///
/// # Errors
/// Those of [`unseal`], and [`Error::Memory`] where it is no text.
pub fn unseal_text(fd: impl Into<OwnedFd>) -> Result<Zeroizing<String>, Error> {
    let secret = unseal(fd)?;
    match str::from_utf8(&secret) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Error::Memory(io::ErrorKind::InvalidData.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_secret_can_be_read_and_not_changed() {
        for length in [1, 20, SECRET_FD_MAX] {
            let secret: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let file = std::fs::File::from(seal(&secret).unwrap());
            let mut read = vec![0; length];
            file.read_exact_at(&mut read, 0).unwrap();
            assert_eq!(read, secret);
            let again = unseal(file.try_clone().unwrap()).unwrap();
            assert_eq!(*again, secret);
            assert!(file.write_at(b"x", 0).is_err());
            assert!(file.set_len(length as u64 + 1).is_err());
            assert!(file.set_len(0).is_err());
        }
    }

    #[test]
    fn what_is_no_text_is_not_read_as_one() {
        assert_eq!(
            *unseal_text(seal("ü\n".as_bytes()).unwrap()).unwrap(),
            "ü\n"
        );
        assert!(unseal_text(seal(&[0xff]).unwrap()).is_err());
        let large = seal_export(&vec![b'x'; (64 << 10) + 1]).unwrap();
        assert!(unseal(large).is_err());
    }

    #[test]
    fn nothing_and_too_much_are_refused() {
        for length in [0, SECRET_FD_MAX + 1] {
            let refused = seal(&vec![0; length]).unwrap_err();
            assert!(matches!(refused, Error::SecretLength(InvalidLength(n)) if n == length));
        }
    }
}
