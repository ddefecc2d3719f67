//! Files that hold a secret: made new, for their owner's eyes alone.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Where a file can be made: that was tried, so that a secret is not made before it can be kept. No
/// file is there yet, so that whoever ends a command at one of its questions leaves none behind.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
}

/// A file that waits for its content. Gone again where none comes.
#[derive(Debug)]
pub(crate) struct NewFile {
    path: PathBuf,
    file: File,
    kept: bool,
}

/// Finds out whether the file `path` can be made, or `name` in it where it is a directory. A file
/// that is there is never written to, nor a link followed.
pub(crate) fn place(path: &Path, name: &str) -> Result<Place, Failure> {
    let path = match path.is_dir() {
        true => path.join(name),
        false => path.to_owned(),
    };
    drop(make(path.clone())?);
    Ok(Place { path })
}

fn make(path: PathBuf) -> Result<NewFile, Failure> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path);
    match made {
        Ok(file) => Ok(NewFile {
            path,
            file,
            kept: false,
        }),
        Err(error) => Err(unwritable(&path, &error)),
    }
}

impl Place {
    /// Makes the file, with mode 0600.
    pub(crate) fn make(self) -> Result<NewFile, Failure> {
        make(self.path)
    }

    /// Makes the file and writes the secret, and to the disk; answers where it is.
    pub(crate) fn fill(self, secret: &[u8]) -> Result<PathBuf, Failure> {
        let mut new = self.make()?;
        let written = new.file.write_all(secret);
        let written = written.and_then(|()| new.file.sync_all());
        written.map_err(|error| unwritable(&new.path, &error))?;
        Ok(new.keep())
    }
}

impl NewFile {
    /// Another handle of the file, for oathd to write to.
    pub(crate) fn handle(&self) -> Result<File, Failure> {
        let file = self.file.try_clone();
        file.map_err(|error| unwritable(&self.path, &error))
    }

    /// Keeps the file as it is; answers where.
    pub(crate) fn keep(mut self) -> PathBuf {
        self.kept = true;
        std::mem::take(&mut self.path)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.kept {
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
        place(path, "codes.txt")?.fill(secret)
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
    fn a_file_is_there_once_its_secret_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("codes.txt");
        let found = place(directory.path(), "codes.txt").unwrap();
        assert!(!path.exists());
        let new = found.make().unwrap();
        assert!(path.exists());
        drop(new);
        assert!(!path.exists());
        let new = place(&path, "x").unwrap().make().unwrap();
        new.handle().unwrap().write_all(b"x").unwrap();
        assert_eq!(new.keep(), path);
        assert_eq!(std::fs::read(&path).unwrap(), b"x");
        let nowhere = directory.path().join("absent/codes.txt");
        assert_eq!(place(&nowhere, "x").unwrap_err().name, "Unwritable");
    }

    #[test]
    fn a_file_that_came_meanwhile_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("codes.txt");
        let found = place(&path, "x").unwrap();
        std::fs::write(&path, "other").unwrap();
        assert_eq!(found.fill(b"secret").unwrap_err().name, "FileExists");
        assert_eq!(std::fs::read(&path).unwrap(), b"other");
    }
}
