//! A file that gets one line of JSON a message, for tests and CI.

use std::{
    fs::{File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use rustix::fs::OFlags;

use super::{Outcome, hook};
use crate::{message::Message, progress::Reason};

/// Appends the message. Only a plain file is written to, and only its owner can read it.
pub(super) fn append(path: &Path, message: &Message) -> Outcome {
    let Some(line) = hook::line(message) else {
        return Outcome::Never(Reason::Refused);
    };
    match open(path).and_then(|mut file| file.write_all(&line)) {
        Ok(()) => Outcome::Sent,
        Err(error) => {
            tracing::warn!(file = %path.display(), %error, "not written");
            Outcome::Later(Reason::CannotStart)
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    // Neither a link nor a pipe that nobody reads: the first leads elsewhere, the second hangs.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a plain file"));
    }
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use zeroize::Zeroizing;

    use super::*;
    use crate::message::Kind;

    fn message() -> Message {
        Message {
            kind: Kind::File,
            address: "a".into(),
            subject: None,
            text: Zeroizing::new("t".into()),
        }
    }

    #[test]
    fn lines_are_appended_to_a_file_that_only_its_owner_reads() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        std::fs::write(&path, "before\n").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        for _ in 0..2 {
            assert!(matches!(append(&path, &message()), Outcome::Sent));
        }
        let line = r#"{"kind":"file","address":"a","text":"t"}"#;
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("before\n{line}\n{line}\n"));
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
    }

    #[test]
    fn what_is_not_a_plain_file_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("target"), dir.path().join("link"));
        symlink(&target, &link).unwrap();
        for path in [
            link,
            dir.path().to_owned(),
            "/dev/null".into(),
            dir.path().join("no/file"),
        ] {
            assert!(
                matches!(append(&path, &message()), Outcome::Later(_)),
                "{path:?}"
            );
        }
        assert!(!target.exists());
    }
}
