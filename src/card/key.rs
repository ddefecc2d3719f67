//! Bytes of a simulated token that are written to its state file.
//!
//! A real token keeps its keys to itself; this one is for tests and keeps them in a file in the
//! clear. Never put a secret into it that protects anything.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use zeroize::Zeroizing;

/// Key bytes: wiped when dropped, hidden from `Debug`, hexadecimal in the state file.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Key(Zeroizing<Vec<u8>>);

impl Key {
    /// Copies `bytes`.
    pub(crate) fn new(bytes: &[u8]) -> Key {
        Key(Zeroizing::new(bytes.to_vec()))
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        hex::serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        hex::deserialize(deserializer).map(|bytes: Vec<u8>| Key(Zeroizing::new(bytes)))
    }
}

/// Hexadecimal text for serde's `with`.
pub(crate) mod hex {
    use super::{Deserialize, Deserializer, Serializer, Zeroizing};
    use serde::de::Error as _;

    /// Writes two digits for every byte.
    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        let text: Zeroizing<String> =
            Zeroizing::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
        serializer.serialize_str(&text)
    }

    /// Reads what `serialize` wrote.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>, B: TryFrom<Vec<u8>>>(
        deserializer: D,
    ) -> Result<B, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        parse(&text)
            .and_then(|bytes| B::try_from(bytes).ok())
            .ok_or_else(|| D::Error::custom("not the hexadecimal digits expected"))
    }

    /// The bytes that pairs of hexadecimal digits stand for.
    pub(crate) fn parse(text: &str) -> Option<Vec<u8>> {
        if !text.len().is_multiple_of(2) || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
            .collect()
    }
}
