//! A key in a file of its own: 32 bytes, mode 0600, written whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::random::Random;

/// Bytes of a key.
pub(crate) const LENGTH: usize = 32;

/// The bytes of a key.
pub(crate) type KeyBytes = Zeroizing<[u8; LENGTH]>;

/// Reads a key; nothing may follow it. An empty file is [`io::ErrorKind::UnexpectedEof`]. The log is
/// told when the key is `private` and others can read it.
pub(crate) fn read(path: &Path, private: bool) -> io::Result<KeyBytes> {
    let mut file = File::open(path)?;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    if private && mode & 0o077 != 0 {
        tracing::warn!(
            path = %path.display(),
            "the key can be read by other users; make it 0600"
        );
    }
    // One byte more than the key, to see that nothing follows.
    let mut content = Zeroizing::new([0; LENGTH + 1]);
    let mut filled = 0;
    while filled < content.len() {
        match file.read(&mut content[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    if filled != LENGTH {
        let kind = match filled {
            0 => io::ErrorKind::UnexpectedEof,
            _ => io::ErrorKind::InvalidData,
        };
        return Err(io::Error::new(kind, format!("a key has {LENGTH} bytes")));
    }
    let mut bytes = Zeroizing::new([0; LENGTH]);
    bytes.copy_from_slice(&content[..LENGTH]);
    Ok(bytes)
}

/// Writes a key to the disk, beside the place where it will be.
pub(crate) fn prepare(path: &Path, bytes: &KeyBytes) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(unfinished(path))?;
    file.write_all(bytes.as_slice())?;
    file.sync_all()
}

/// Puts a prepared key in its place.
pub(crate) fn put_in_place(path: &Path) -> io::Result<()> {
    fs::rename(unfinished(path), path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Makes a key, on the disk before anything depends on it.
pub(crate) fn make(path: &Path, random: &dyn Random) -> io::Result<KeyBytes> {
    let mut bytes = Zeroizing::new([0; LENGTH]);
    random.fill(bytes.as_mut_slice());
    prepare(path, &bytes)?;
    put_in_place(path)?;
    Ok(bytes)
}

/// Finishes what was begun before a crash: a prepared key that `is_wanted` is put in its place, any
/// other is thrown away.
pub(crate) fn settle(path: &Path, is_wanted: impl FnOnce(&KeyBytes) -> bool) {
    let prepared = match read(&unfinished(path), true) {
        Ok(bytes) => is_wanted(&bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(_) => false,
    };
    let settled = match prepared {
        true => put_in_place(path),
        false => fs::remove_file(unfinished(path)),
    };
    if let Err(error) = settled {
        tracing::error!(%error, path = %path.display(), "a new key is not in its place");
    }
}

/// Where a prepared key waits.
pub(crate) fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}
