//! What the OATH applet remembers without power, and the file that keeps it.

use crate::algorithm::Algorithm;
use crate::credential::Credential;
use crate::key::{Key, hex};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The contents of an OATH applet: salt, access code and credentials, oldest first.
///
/// Its file is JSON **with the seeds in the clear**: it is a simulator's, for seeds made for tests.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Random, new after a RESET; the device id is made of it.
    #[serde(with = "hex")]
    pub(crate) salt: [u8; 8],
    /// What VALIDATE asks for.
    pub(crate) access: Option<AccessCode>,
    /// In the order they were put.
    pub(crate) credentials: Vec<Credential>,
}

/// The key that opens a locked applet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccessCode {
    /// The hash of both proofs.
    pub(crate) algorithm: Algorithm,
    /// The shared key.
    pub(crate) key: Key,
}

/// Why a state file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Reading or writing failed.
    #[error("{}: {source}", path.display())]
    File {
        /// The state file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The contents are not a state.
    #[error("{} is not the state of a simulated token: {source}", path.display())]
    Contents {
        /// The state file.
        path: PathBuf,
        /// Where the text stops making sense.
        source: serde_json::Error,
    },
}

impl State {
    /// An empty applet.
    #[must_use]
    pub fn new(salt: [u8; 8]) -> State {
        State {
            salt,
            access: None,
            credentials: Vec::new(),
        }
    }

    /// Reads the file at `path`; `None` when there is none.
    ///
    /// # Errors
    /// [`StateError`] when the file cannot be read, or holds something else.
    pub fn load(path: &Path) -> Result<Option<State>, StateError> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(StateError::File {
                    path: path.to_owned(),
                    source,
                });
            }
        };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|source| StateError::Contents {
                path: path.to_owned(),
                source,
            })
    }

    /// Replaces the file at `path`, readable by its owner only. A crash leaves the old file or the
    /// new one, never half of it.
    ///
    /// # Errors
    /// [`StateError`] when the directory or disk refuses.
    pub fn save(&self, path: &Path) -> Result<(), StateError> {
        self.replace(path).map_err(|source| StateError::File {
            path: path.to_owned(),
            source,
        })
    }

    fn replace(&self, path: &Path) -> io::Result<()> {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        fs::File::open(directory)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::tests::credentials;
    use proptest::prelude::*;

    fn states() -> impl Strategy<Value = State> {
        let access =
            prop::option::of(
                prop::array::uniform16(any::<u8>()).prop_map(|key| AccessCode {
                    algorithm: Algorithm::Sha1,
                    key: Key::new(&key),
                }),
            );
        (
            any::<[u8; 8]>(),
            access,
            prop::collection::vec(credentials(), 0..8),
        )
            .prop_map(|(salt, access, credentials)| State {
                salt,
                access,
                credentials,
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_saved_state_is_loaded_equal(state in states()) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("state.json");
            state.save(&path).unwrap();
            prop_assert_eq!(State::load(&path).unwrap(), Some(state));
            prop_assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        }

        #[test]
        fn other_contents_are_refused(text in ".{0,200}") {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("state.json");
            fs::write(&path, text).unwrap();
            let refused = matches!(State::load(&path), Err(StateError::Contents { .. }));
            prop_assert!(refused);
        }
    }

    #[test]
    fn no_file_is_no_state_and_no_directory_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("missing").join("state.json");
        assert_eq!(State::load(&path).unwrap(), None);
        assert!(matches!(
            State::new([0; 8]).save(&path),
            Err(StateError::File { .. })
        ));
    }

    #[test]
    fn keys_do_not_show_in_debug_output() {
        let state = State {
            access: Some(AccessCode {
                algorithm: Algorithm::Sha1,
                key: Key::new(b"canary canary ca"),
            }),
            ..State::new([0; 8])
        };
        let text = format!("{state:?}");
        assert!(text.contains("Key(..)"), "{text}");
        assert!(!text.contains("99"), "{text}");
    }
}
