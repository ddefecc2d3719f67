//! Which program wrote a JSON export, and what such exports need: wiped secrets and bounded lists.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::{ImportError, Imported, MAX_ENTRIES, aegis, twofas};

/// The outermost members that tell the programs apart. JSON's `null` counts as absent.
#[derive(Deserialize)]
struct Outline {
    db: Option<IgnoredAny>,
    header: Option<Header>,
    services: Option<IgnoredAny>,
    #[serde(rename = "servicesEncrypted")]
    services_encrypted: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Header {
    slots: Option<IgnoredAny>,
}

/// Reads the export of whichever program wrote it.
pub(super) fn parse(export: &str) -> Result<Imported, ImportError> {
    let outline: Outline = read(export)?;
    let encrypted = |app| Err(ImportError::Encrypted { app });
    if outline.header.is_some_and(|header| header.slots.is_some()) {
        encrypted("Aegis")
    } else if outline.services_encrypted.is_some() {
        encrypted("2FAS")
    } else if outline.db.is_some() {
        aegis::parse(export)
    } else if outline.services.is_some() {
        twofas::parse(export)
    } else {
        Err(ImportError::UnknownFormat)
    }
}

/// Reads JSON. The parser's own message can quote a secret, so only the place is kept.
pub(super) fn read<'a, T: Deserialize<'a>>(export: &'a str) -> Result<T, ImportError> {
    serde_json::from_str(export).map_err(|error| ImportError::Damaged {
        line: error.line(),
        column: error.column(),
    })
}

/// A string that is wiped when dropped. The parser's scratch space for escapes is not.
#[derive(Default)]
pub(super) struct Wiped(pub(super) Zeroizing<String>);

impl<'de> Deserialize<'de> for Wiped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

/// A list of which no more than one over [`MAX_ENTRIES`] is kept, so that a small file cannot
/// become a large list.
pub(super) struct Bounded<T>(Vec<T>);

impl<T> Bounded<T> {
    /// The list, unless it is too long.
    pub(super) fn into_vec(self) -> Result<Vec<T>, ImportError> {
        if self.0.len() > MAX_ENTRIES {
            return Err(ImportError::TooMany);
        }
        Ok(self.0)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Bounded<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
            type Value = Bounded<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut kept = Vec::new();
                while kept.len() <= MAX_ENTRIES {
                    match list.next_element()? {
                        Some(element) => kept.push(element),
                        None => return Ok(Bounded(kept)),
                    }
                }
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Bounded(kept))
            }
        }

        deserializer.deserialize_seq(List(PhantomData))
    }
}
