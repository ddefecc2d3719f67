//! The settings: `/etc/oathd/oathd.conf` and, on top of it, `/etc/oathd/oathd.conf.d/*.conf`.
//!
//! The files are TOML. Drop-ins are read in the order of their names, and a key in a later file
//! replaces the same key of an earlier one. Keys that are not known are errors, so that a misspelt
//! key is not a silent default.

mod accounts;

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use data_encoding::HEXLOWER_PERMISSIVE;
use serde::{Deserialize, de::DeserializeOwned};

pub use accounts::{AccountSettings, NamedRealm, Realm};
use accounts::{AuditTable, PolicyTable, RescueTable, Tables};

/// The file that is read when the command line names none; it may be absent.
pub const DEFAULT_FILE: &str = "/etc/oathd/oathd.conf";

/// The settings in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The file that they were read from, which may be absent if it is [`DEFAULT_FILE`]; none for
    /// those of a simulation.
    pub file: Option<PathBuf>,
    /// `readers` – Parts of the names of the readers that oathd looks into, as `pcsc_scan` shows
    /// them, such as `['Yubico', 'Nitrokey']`. Empty, the default: every reader.
    pub readers: Vec<String>,
    /// `extra_aids` – Applet identifiers to try besides that of YKOATH, in hexadecimal, 5 to 16
    /// bytes each (ISO 7816-4); for cards that carry the applet under another one. Default: none.
    pub extra_aids: Vec<Vec<u8>>,
    /// `linger_seconds` – How long the connection to pcscd is kept after the last use, 0 to 3600.
    /// A longer time makes the next code quicker, and keeps pcscd running. Default: 5.
    pub linger: Duration,
    /// `busy_deadline_seconds` – How long a call waits for a token that another program holds
    /// before it answers `TokenBusy`, 1 to 20. Default: 5.
    pub busy_deadline: Duration,
    /// `call_deadline_seconds` – How long a call may take in all, a touch included, 5 to 24; most
    /// D-Bus clients give up after 25. Default: 20.
    pub call_deadline: Duration,
    /// `idle_exit_seconds` – After how long without anything to do oathd ends, 600 to 86400; the next
    /// call starts it again. 0, the default: never.
    pub idle_exit: Option<Duration>,
    /// `log` – What goes to the journal: `off`, `error`, `warn`, `info`, `debug`, `trace`, or a list
    /// such as `info,oathd_token=debug`. `--log` and `$OATHD_LOG` win over it. Default: `info`.
    pub log: String,
    /// What is set of accounts.
    pub accounts: AccountSettings,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            file: None,
            readers: Vec::new(),
            extra_aids: Vec::new(),
            linger: Duration::from_secs(5),
            busy_deadline: Duration::from_secs(5),
            call_deadline: Duration::from_secs(20),
            idle_exit: None,
            log: "info".to_owned(),
            accounts: AccountSettings::default(),
        }
    }
}

/// What is wrong with the settings, and where.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file or folder cannot be read.
    #[error("{}: {source}", file.display())]
    Read {
        /// The file or folder.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not TOML, a key that is not known, or a value of another type; the message shows the line.
    #[error("{}: {source}", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// What and where, key included.
        source: Box<toml::de::Error>,
    },
    /// A value that does not fit its key.
    #[error("{}: {key}: {reason}", file.display())]
    Value {
        /// The file.
        file: PathBuf,
        /// The key.
        key: &'static str,
        /// What would fit.
        reason: String,
    },
}

impl ConfigError {
    /// What is wrong, in one line.
    pub(crate) fn line(&self) -> String {
        let text = self.to_string();
        let parts = text.lines().map(|line| line.trim_matches([' ', '|', '^']));
        parts
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("; ")
    }

    fn read(file: &Path, source: io::Error) -> ConfigError {
        ConfigError::Read {
            file: file.to_owned(),
            source,
        }
    }

    fn value(file: &Path, key: &'static str, reason: String) -> ConfigError {
        ConfigError::Value {
            file: file.to_owned(),
            key,
            reason,
        }
    }
}

/// One file as it is written: every key may be absent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    readers: Option<Vec<String>>,
    extra_aids: Option<Vec<String>>,
    linger_seconds: Option<u64>,
    busy_deadline_seconds: Option<u64>,
    call_deadline_seconds: Option<u64>,
    idle_exit_seconds: Option<u64>,
    log: Option<String>,
    policy: Option<PolicyTable>,
    rescue: Option<RescueTable>,
    audit: Option<AuditTable>,
    support_contact: Option<String>,
    accept_sessions_as_proof: Option<bool>,
    accept_logins_as_proof_seconds: Option<u64>,
}

impl Config {
    /// Reads `file`, by default [`DEFAULT_FILE`], which alone may be absent, the drop-ins in the folder
    /// of the same name with `.d` appended, and the realms in `realms.d` beside it. Blocks: the users
    /// of realms are looked up by name.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the file and the key.
    pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
        let usual = Path::new(DEFAULT_FILE);
        let file = file.unwrap_or(usual);
        Ok(Config {
            file: Some(file.to_owned()),
            ..Config::read(file, file != usual)?
        })
    }

    fn read(main: &Path, required: bool) -> Result<Config, ConfigError> {
        let mut config = Config::default();
        match fs::read_to_string(main) {
            Ok(text) => config.apply(main, &text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !required => {}
            Err(source) => return Err(ConfigError::read(main, source)),
        }
        for file in drop_ins(main)? {
            config.apply(&file, &read(&file)?)?;
        }
        config
            .accounts
            .read_realms(main.with_file_name("realms.d"))?;
        Ok(config)
    }

    /// Lays the keys of one file, named `path` in errors, over what was set before.
    fn apply(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let file: File = parse(path, text)?;
        let value_error = |key, reason| ConfigError::value(path, key, reason);
        let seconds = |key, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                Ok(Duration::from_secs(value))
            } else {
                Err(value_error(
                    key,
                    format!("{value} is not {least} to {most}"),
                ))
            }
        };
        if let Some(readers) = file.readers {
            if readers.iter().any(|part| part.trim().is_empty()) {
                return Err(value_error("readers", "a name is empty".to_owned()));
            }
            self.readers = readers;
        }
        if let Some(aids) = file.extra_aids {
            self.extra_aids = aids
                .iter()
                .map(|text| aid(text).ok_or_else(|| value_error("extra_aids", aid_reason(text))))
                .collect::<Result<_, _>>()?;
        }
        if let Some(value) = file.linger_seconds {
            self.linger = seconds("linger_seconds", value, 0, 3600)?;
        }
        if let Some(value) = file.busy_deadline_seconds {
            self.busy_deadline = seconds("busy_deadline_seconds", value, 1, 20)?;
        }
        if let Some(value) = file.call_deadline_seconds {
            self.call_deadline = seconds("call_deadline_seconds", value, 5, 24)?;
        }
        if let Some(value) = file.idle_exit_seconds {
            let shortest = crate::idle::SHORTEST.as_secs();
            self.idle_exit = match value {
                0 => None,
                value => Some(seconds("idle_exit_seconds", value, shortest, 86_400)?),
            };
        }
        if let Some(filter) = file.log {
            crate::logging::check(&filter)
                .map_err(|error| value_error("log", error.to_string()))?;
            self.log = filter;
        }
        let tables = Tables {
            policy: file.policy,
            rescue: file.rescue,
            audit: file.audit,
            support_contact: file.support_contact,
            sessions_prove: file.accept_sessions_as_proof,
            logins_prove: file.accept_logins_as_proof_seconds,
        };
        let applied = self.accounts.apply(tables);
        applied.map_err(|(key, reason)| value_error(key, reason))
    }
}

fn read(file: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(file).map_err(|source| ConfigError::read(file, source))
}

/// Reads the text of a file, named `path` in errors.
fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|source| ConfigError::Syntax {
        file: path.to_owned(),
        source: Box::new(source),
    })
}

/// The `.conf` files beside `main`, in the order of their names.
fn drop_ins(main: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let mut folder = main.as_os_str().to_owned();
    folder.push(".d");
    conf_files(PathBuf::from(folder))
}

/// The `.conf` files in a folder, which may be absent, in the order of their names.
fn conf_files(folder: PathBuf) -> Result<Vec<PathBuf>, ConfigError> {
    let read_error = |source| ConfigError::read(&folder, source);
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(read_error)?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(read_error)?.path();
        if path.extension() == Some(OsStr::new("conf")) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn aid(text: &str) -> Option<Vec<u8>> {
    let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?;
    (5..=16).contains(&bytes.len()).then_some(bytes)
}

fn aid_reason(text: &str) -> String {
    format!("{text:?} is not 5 to 16 bytes in hexadecimal")
}

#[cfg(test)]
mod man_page;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn apply(text: &str) -> Result<Config, ConfigError> {
        let mut config = Config::default();
        config.apply(Path::new("test.conf"), text)?;
        Ok(config)
    }

    #[test]
    fn every_key_is_read() {
        let config = apply(
            "readers = ['Yubi']\nextra_aids = ['A0000005272101', 'd276000085']\nlinger_seconds = 0\n\
             busy_deadline_seconds = 1\ncall_deadline_seconds = 24\nidle_exit_seconds = 600\n\
             log = 'info,oathd_token=debug'",
        )
        .unwrap();
        assert_eq!(config.readers, ["Yubi"]);
        assert_eq!(config.extra_aids[0], b"\xA0\0\0\x05\x27\x21\x01");
        assert_eq!(config.extra_aids[1].len(), 5);
        assert_eq!(config.linger, Duration::ZERO);
        assert_eq!(config.busy_deadline, Duration::from_secs(1));
        assert_eq!(config.call_deadline, Duration::from_secs(24));
        assert_eq!(config.idle_exit, Some(Duration::from_secs(600)));
        assert_eq!(config.log, "info,oathd_token=debug");
        assert_eq!(apply("").unwrap(), Config::default());
    }

    #[test]
    fn errors_name_the_file_and_the_key() {
        for (text, key) in [
            ("reader = ['Yubi']", "reader"),
            ("readers = 'Yubi'", "readers"),
            ("readers = ['']", "readers"),
            ("extra_aids = ['A000']", "extra_aids"),
            ("extra_aids = ['not hexadecimal']", "extra_aids"),
            ("linger_seconds = 3601", "linger_seconds"),
            ("linger_seconds = -1", "linger_seconds"),
            ("busy_deadline_seconds = 0", "busy_deadline_seconds"),
            ("call_deadline_seconds = 25", "call_deadline_seconds"),
            ("idle_exit_seconds = 599", "idle_exit_seconds"),
            ("log = 'oathd=loud'", "log"),
            ("log", "log"),
        ] {
            let error = apply(text).unwrap_err().to_string();
            assert!(error.contains("test.conf"), "{error}");
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn drop_ins_win_in_the_order_of_their_names() {
        let dir = tempfile::tempdir().unwrap();
        let main = dir.path().join("oathd.conf");
        let folder = dir.path().join("oathd.conf.d");
        assert!(Config::load(Some(&main)).is_err());
        assert_eq!(Config::read(&main, false).unwrap(), Config::default());
        fs::create_dir(&folder).unwrap();
        fs::write(
            &main,
            "linger_seconds = 1\nlog = 'debug'\nbusy_deadline_seconds = 2",
        )
        .unwrap();
        fs::write(folder.join("20-b.conf"), "linger_seconds = 20").unwrap();
        fs::write(
            folder.join("10-a.conf"),
            "linger_seconds = 10\nlog = 'warn'",
        )
        .unwrap();
        fs::write(folder.join("30-c.conf.disabled"), "linger_seconds = 30").unwrap();
        let config = Config::load(Some(&main)).unwrap();
        assert_eq!(config.linger, Duration::from_secs(20));
        assert_eq!(config.log, "warn");
        assert_eq!(config.busy_deadline, Duration::from_secs(2));
        fs::write(folder.join("40-bad.conf"), "lingerseconds = 1").unwrap();
        let error = Config::load(Some(&main)).unwrap_err().to_string();
        assert!(error.contains("40-bad.conf") && error.contains("lingerseconds"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,60}") {
            let _ = apply(&text);
        }

        #[test]
        fn deadlines_are_within_their_bounds_or_refused(value in any::<u32>()) {
            let outcome = apply(&format!("call_deadline_seconds = {value}"));
            prop_assert_eq!(outcome.is_ok(), (5..=24).contains(&value));
        }
    }
}
