//! The files of other verifiers, read in the format that the options name.

use data_encoding::HEXLOWER_PERMISSIVE;
use oathd_api::{ErrorName, wire::administration::ImportAccountsOptions};
use oathd_core::{AccountName, RealmName};
use oathd_oath::migrate::{
    MigrateError, Migration, google_authenticator, pam_oath, privacyidea,
    pskc::{self, ContainerKey},
};
use zeroize::Zeroizing;

use crate::error::Error;

/// How far the local time of a machine can be from UTC, in seconds.
const MAX_UTC_OFFSET: i32 = 14 * 3600;

/// A format that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    GoogleAuthenticator,
    PamOath,
    Pskc,
    PrivacyIdea,
}

impl Format {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Format::GoogleAuthenticator => "google_authenticator",
            Format::PamOath => "pam_oath",
            Format::Pskc => "pskc",
            Format::PrivacyIdea => "privacyidea",
        }
    }

    fn parse(word: &str) -> Option<Format> {
        let all = [
            Format::GoogleAuthenticator,
            Format::PamOath,
            Format::Pskc,
            Format::PrivacyIdea,
        ];
        all.into_iter().find(|format| format.word() == word)
    }
}

/// Where a file comes from and whose entries it holds.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) format: Format,
    /// The realm of every row; without it a row's own, or `local`.
    pub(super) realm: Option<RealmName>,
    /// Whose the rows are that name nobody.
    pub(super) account: Option<AccountName>,
    /// How far the local time that the file is written in is ahead of UTC, in seconds.
    pub(super) utc_offset: i32,
}

impl Origin {
    /// What the options say.
    ///
    /// # Errors
    /// `InvalidArgs`.
    pub(super) fn of(options: &ImportAccountsOptions) -> Result<Origin, Error> {
        let format = options.format.as_deref().and_then(Format::parse);
        let format = format.ok_or_else(|| {
            Error::invalid_args(
                "format is one of google_authenticator, pam_oath, pskc and privacyidea",
            )
        })?;
        let realm = options.realm.as_deref().map(str::parse::<RealmName>);
        let realm = realm.transpose().map_err(Error::invalid_args)?;
        let account = options.account.as_deref().map(|account| match &realm {
            Some(realm) if !account.contains('@') => AccountName::new(account, realm.clone()),
            _ => account.parse(),
        });
        let account = account.transpose().map_err(Error::invalid_args)?;
        if format == Format::GoogleAuthenticator && account.is_none() {
            return Err(Error::invalid_args(
                "the format does not tell whose the file is: the option account is needed",
            ));
        }
        let utc_offset = options.utc_offset.unwrap_or_default();
        if utc_offset.abs() > MAX_UTC_OFFSET {
            return Err(Error::invalid_args("utc_offset is at most 14 hours"));
        }
        Ok(Origin {
            format,
            realm,
            account,
            utc_offset,
        })
    }

    /// The entries of a file. `key` opens a container that is encrypted: its text is a password, or
    /// a pre-shared key in hexadecimal, as the container says.
    ///
    /// # Errors
    /// `InvalidImport`; nothing that the file holds is part of it.
    pub(super) fn read(&self, file: &[u8], key: Option<&[u8]>) -> Result<Migration, Error> {
        let invalid = |reason| Error::because(ErrorName::InvalidImport, reason);
        let text = std::str::from_utf8(file)
            .map_err(|_| Error::because(ErrorName::InvalidImport, "the file is not UTF-8"))?;
        match (self.format, key) {
            (Format::Pskc, None) => pskc::parse(text, None),
            (Format::Pskc, Some(key)) => open(text, key),
            (_, Some(_)) => return Err(Error::invalid_args("only pskc takes a key")),
            (Format::PamOath, None) => pam_oath::parse(text, self.utc_offset),
            (Format::PrivacyIdea, None) => privacyidea::parse(text),
            // The name is the options' matter, and may be longer than that of a credential.
            (Format::GoogleAuthenticator, None) => {
                google_authenticator::parse(text, self.format.word()).map(|mut imported| {
                    imported.account = None;
                    vec![Ok(imported)]
                })
            }
        }
        .map_err(invalid)
    }
}

/// Opens a container with a key of the kind that it asks for.
fn open(text: &str, key: &[u8]) -> Result<Migration, MigrateError> {
    let key = key.trim_ascii_end();
    match pskc::parse(text, None) {
        Err(MigrateError::KeyNeeded) => {
            let length = HEXLOWER_PERMISSIVE.decode_len(key.len());
            let length = length.map_err(|_| MigrateError::WrongKey)?;
            let mut bytes = Zeroizing::new(vec![0; length]);
            HEXLOWER_PERMISSIVE
                .decode_mut(key, &mut bytes)
                .map_err(|_| MigrateError::WrongKey)?;
            pskc::parse(text, Some(&ContainerKey::PreShared(&bytes)))
        }
        _ => pskc::parse(text, Some(&ContainerKey::Password(key))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(format: &str) -> ImportAccountsOptions {
        ImportAccountsOptions {
            format: Some(format.to_owned()),
            account: Some("alice".to_owned()),
            ..ImportAccountsOptions::default()
        }
    }

    #[test]
    fn every_format_is_known_by_its_word_and_no_other() {
        for format in ["google_authenticator", "pam_oath", "pskc", "privacyidea"] {
            let origin = Origin::of(&options(format)).unwrap();
            assert_eq!(origin.format.word(), format);
        }
        for format in ["", "PSKC", "csv"] {
            assert!(Origin::of(&options(format)).is_err(), "{format}");
        }
        assert!(Origin::of(&ImportAccountsOptions::default()).is_err());
    }

    #[test]
    fn a_bare_name_takes_the_realm_of_the_options() {
        let mut options = options("pam_oath");
        let account = |options: &_| Origin::of(options).unwrap().account.unwrap().to_string();
        assert_eq!(account(&options), "alice@local");
        options.realm = Some("shop".to_owned());
        assert_eq!(account(&options), "alice@shop");
        options.account = Some("alice@bank".to_owned());
        assert_eq!(account(&options), "alice@bank");
        options.utc_offset = Some(15 * 3600);
        assert!(Origin::of(&options).is_err());
    }

    #[test]
    fn a_file_of_one_user_needs_to_be_told_whose_it_is() {
        let mut options = options("google_authenticator");
        let long = "a".repeat(200);
        options.account = Some(format!("{long}@shop"));
        let origin = Origin::of(&options).unwrap();
        let file = b"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n\" TOTP_AUTH\n";
        let migration = origin.read(file, None).unwrap();
        assert_eq!(migration[0].as_ref().unwrap().account, None);
        assert!(origin.read(&[0xff], None).is_err());
        assert!(origin.read(file, Some(b"qwerty")).is_err());
        options.account = None;
        assert!(Origin::of(&options).is_err());
    }
}
