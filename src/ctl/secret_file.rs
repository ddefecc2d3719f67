//! Files that hold a secret: made new, for their owner's eyes alone.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// A file that waits for its secret, so that a secret is not made before it can be kept. Gone
/// again where none comes.
#[derive(Debug)]
pub(crate) struct Reserved {
    path: PathBuf,
    file: Option<File>,
}

/// Makes the file `path` with mode 0600, or `name` in it where it is a directory. A file that is
/// there is never written to, nor a link followed.
pub(crate) fn reserve(path: &Path, name: &str) -> Result<Reserved, Failure> {
    let path = match path.is_dir() {
        true => path.join(name),
        false => path.to_owned(),
    };
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path);
    match made {
        Ok(file) => Ok(Reserved {
            path,
            file: Some(file),
        }),
        Err(error) => Err(unwritable(&path, &error)),
    }
}

impl Reserved {
    /// Writes the secret, and to the disk; answers where it is.
    pub(crate) fn fill(mut self, secret: &[u8]) -> Result<PathBuf, Failure> {
        if let Some(file) = &mut self.file {
            let written = file.write_all(secret).and_then(|()| file.sync_all());
            written.map_err(|error| unwritable(&self.path, &error))?;
        }
        Ok(self.keep())
    }

    /// Another handle of the file, for oathd to write to.
    pub(crate) fn handle(&self) -> Result<File, Failure> {
        let file = self.file.as_ref().map(File::try_clone);
        let file = file.unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()));
        file.map_err(|error| unwritable(&self.path, &error))
    }

    /// Keeps the file as it is; answers where.
    pub(crate) fn keep(mut self) -> PathBuf {
        self.file = None;
        std::mem::take(&mut self.path)
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    let name = match error.kind() {
        io::ErrorKind::AlreadyExists => "FileExists",
        _ => "Unwritable",
    };
    Failure::input(
        name,
        format!("{} cannot be made: {error}.", path.display()),
        "Name a file that is not there yet, in a directory of yours.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn write(path: &Path, secret: &[u8]) -> Result<PathBuf, Failure> {
        reserve(path, "codes.txt")?.fill(secret)
    }

    #[test]
    fn a_secret_goes_to_a_new_file_of_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let path = write(directory.path(), b"secret").unwrap();
        assert_eq!(path, directory.path().join("codes.txt"));
        assert_eq!(std::fs::read(&path).unwrap(), b"secret");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(write(&path, b"other").unwrap_err().name, "FileExists");
        assert_eq!(std::fs::read(&path).unwrap(), b"secret");
        let link = directory.path().join("link");
        symlink(directory.path().join("elsewhere"), &link).unwrap();
        assert_eq!(write(&link, b"other").unwrap_err().name, "FileExists");
        assert!(!directory.path().join("elsewhere").exists());
    }

    #[test]
    fn a_file_that_gets_no_secret_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("codes.txt");
        let reserved = reserve(directory.path(), "codes.txt").unwrap();
        assert!(path.exists());
        drop(reserved);
        assert!(!path.exists());
        let reserved = reserve(&path, "x").unwrap();
        reserved.handle().unwrap().write_all(b"x").unwrap();
        assert_eq!(reserved.keep(), path);
        assert_eq!(std::fs::read(&path).unwrap(), b"x");
    }
}
