//! The state as a whole: copies of it, its keys, and whether it is sound.

use std::{
    fs::File,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
};

use oathd_api::{
    ErrorName,
    wire::administration::{BackupRecord, LeftRecord, RekeyOptions, RekeyRecord, RestoreRecord},
};
use rustix::{
    fs::{FileType, OFlags, fcntl_getfl, fstat},
    io::Errno,
};
use zeroize::Zeroizing;

use super::actor;
use crate::{
    accounts::change::{handed_out, key},
    error::Error,
    keyring::KeyringError,
    ledger::{RestoreError, What},
    secret_fd,
    service::{Call, Service},
    vault::{EscrowError, KeySource, RekeyError},
};

impl Service {
    /// Writes a copy of the state to an empty file.
    pub(crate) async fn backup(
        self: &Arc<Self>,
        call: &Call,
        into: impl AsFd,
    ) -> Result<BackupRecord, Error> {
        let into = regular(into.as_fd(), OFlags::WRONLY)?;
        if into.1 > 0 {
            return Err(unfit("the file is not empty"));
        }
        self.carry_through(call, move |service, call| async move {
            let made = service.accounts().ledger.backup(into.0, actor(&call));
            let made = made.await?;
            Ok(BackupRecord {
                bytes: made.bytes,
                accounts: made.accounts,
                audit_entries: made.audit_entries,
            })
        })
        .await
    }

    /// Replaces the accounts by those of a backup.
    pub(crate) async fn restore(
        self: &Arc<Self>,
        call: &Call,
        from: impl AsFd,
        dry_run: bool,
    ) -> Result<RestoreRecord, Error> {
        let (from, _) = regular(from.as_fd(), OFlags::RDONLY)?;
        self.carry_through(call, move |service, call| async move {
            let ledger = &service.accounts().ledger;
            let done = ledger.restore(from, None, actor(&call), dry_run).await?;
            if done.adopted && !dry_run {
                let read = service.keyring.read().await;
                read.map_err(KeyringError::from)?;
            }
            let left = done.left.named.into_iter().map(|left| LeftRecord {
                account: left.account.to_string(),
                factor: left.factor,
            });
            Ok(RestoreRecord {
                accounts: done.accounts,
                suspended: done.recovery_suspended,
                floor: done.floor,
                before: done.left.before,
                left: left.collect(),
                left_total: done.left.total,
            })
        })
        .await
    }

    /// What is wrong with the state.
    pub(crate) async fn check(&self) -> Result<Vec<String>, Error> {
        Ok(self.accounts().ledger.check().await?)
    }

    /// Seals everything under another vault key.
    pub(crate) async fn rekey(
        self: &Arc<Self>,
        call: &Call,
        options: RekeyOptions,
    ) -> Result<RekeyRecord, Error> {
        let new = options.key.map(|fd| key(&fd)).transpose()?;
        self.carry_through(call, move |service, call| async move {
            let accounts = service.accounts();
            let rekeyed = accounts.ledger.rekey(&accounts.vault, new, actor(&call));
            let resealed = rekeyed.await?;
            let source = match accounts.vault.source()? {
                KeySource::Credential => "credential",
                KeySource::File => "file",
            };
            Ok(RekeyRecord {
                resealed,
                source: source.to_owned(),
            })
        })
        .await
    }

    /// Believes the clock as it stands; gives the time.
    pub(crate) async fn trust_clock(self: &Arc<Self>, call: &Call) -> Result<u64, Error> {
        self.carry_through(call, move |service, call| async move {
            let ledger = &service.accounts().ledger;
            Ok(ledger.trust_clock(actor(&call)).await?)
        })
        .await
    }

    /// The keys as text to print, for root alone, who is written down before.
    pub(crate) async fn escrow(self: &Arc<Self>, call: &Call) -> Result<zbus::OwnedFd, Error> {
        owns_the_keys(call)?;
        self.carry_through(call, move |service, call| async move {
            let accounts = service.accounts();
            let text = accounts.ledger.escrow(&accounts.vault)?;
            let noted = accounts.ledger.note(actor(&call), What::KeysHandedOut);
            noted.await?;
            handed_out(text.as_bytes())
        })
        .await
    }

    /// Puts the keys of a printed text in place, for root alone.
    pub(crate) async fn restore_keys(
        self: &Arc<Self>,
        call: &Call,
        escrow: impl AsFd,
    ) -> Result<(), Error> {
        owns_the_keys(call)?;
        let bytes = secret_fd::read(escrow)?;
        let text = Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned());
        self.carry_through(call, move |service, call| async move {
            let accounts = service.accounts();
            let restored = accounts
                .ledger
                .restore_keys(&accounts.vault, &text, actor(&call));
            Ok(restored.await?)
        })
        .await
    }
}

/// Root may have the keys, and the user that oathd runs as has them.
fn owns_the_keys(call: &Call) -> Result<(), Error> {
    let own = rustix::process::geteuid().as_raw();
    match call.caller.uid {
        0 => Ok(()),
        uid if uid == own => Ok(()),
        _ => Err(Error::new(ErrorName::NotAuthorized)),
    }
}

fn unfit(reason: &str) -> Error {
    Error::because(ErrorName::InvalidFd, reason)
}

/// The file of a descriptor, and its size: a regular one that its holder has opened so.
fn regular(fd: impl AsFd, opened: OFlags) -> Result<(File, u64), Error> {
    let look = || -> Result<_, Errno> {
        let flags = fcntl_getfl(&fd)?;
        Ok((flags, fstat(&fd)?))
    };
    let (flags, status) = look().map_err(|error| Error::because(ErrorName::InvalidFd, error))?;
    let mode = flags & OFlags::RWMODE;
    if flags.contains(OFlags::PATH) || (mode != opened && mode != OFlags::RDWR) {
        return Err(unfit("the file is not opened for that"));
    }
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        return Err(unfit("it is not a regular file"));
    }
    let file = fd.as_fd().try_clone_to_owned();
    let file: OwnedFd = file.map_err(|error| Error::because(ErrorName::InvalidFd, error))?;
    let size = u64::try_from(status.st_size).unwrap_or(u64::MAX);
    Ok((file.into(), size))
}

impl From<RestoreError> for Error {
    fn from(reason: RestoreError) -> Error {
        match reason {
            RestoreError::Unusable(_) => Error::because(ErrorName::InvalidBackup, reason),
            RestoreError::OtherKey { .. } => Error::because(ErrorName::VaultKeyUnavailable, reason),
            RestoreError::Ledger(reason) => reason.into(),
        }
    }
}

impl From<RekeyError> for Error {
    fn from(reason: RekeyError) -> Error {
        match reason {
            RekeyError::Vault(reason) => reason.into(),
            RekeyError::NewKeyNeeded => Error::because(ErrorName::VaultKeyUnavailable, reason),
            RekeyError::File(_) => Error::because(ErrorName::StateUnavailable, reason),
            RekeyError::Ledger(reason) => reason.into(),
        }
    }
}

impl From<EscrowError> for Error {
    fn from(reason: EscrowError) -> Error {
        match reason {
            EscrowError::Mistake { .. }
            | EscrowError::Foreign { .. }
            | EscrowError::Missing { .. }
            | EscrowError::NotThisStore { .. } => Error::because(ErrorName::InvalidEscrow, reason),
            EscrowError::File(_) => Error::because(ErrorName::StateUnavailable, reason),
            EscrowError::Vault(reason) => reason.into(),
            EscrowError::Ledger(reason) => reason.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    fn refused<T>(outcome: Result<T, Error>) -> bool {
        outcome.is_err_and(|error| error.oathd_name() == Some(ErrorName::InvalidFd))
    }

    #[test]
    fn a_copy_goes_to_a_regular_file_that_may_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy");
        let write = File::create(&path).unwrap();
        let read = File::open(&path).unwrap();
        let both = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        for (file, may_read, may_write) in [
            (&write, false, true),
            (&read, true, false),
            (&both, true, true),
        ] {
            assert_eq!(refused(regular(file, OFlags::RDONLY)), !may_read);
            assert_eq!(refused(regular(file, OFlags::WRONLY)), !may_write);
        }
        let null = OpenOptions::new().write(true).open("/dev/null").unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        assert!(refused(regular(null, OFlags::WRONLY)));
        assert!(refused(regular(writer, OFlags::WRONLY)));
        assert!(refused(regular(reader, OFlags::RDONLY)));
        std::fs::write(&path, b"abc").unwrap();
        assert_eq!(regular(&write, OFlags::WRONLY).unwrap().1, 3);
    }
}
