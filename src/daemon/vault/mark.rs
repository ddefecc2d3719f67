//! How a key is told from another, and what is made from it.

use hkdf::Hkdf;
use rusqlite::{Connection, OptionalExtension};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::key_file::{KeyBytes, LENGTH};

/// The key that HKDF-SHA256 (RFC 5869) makes from another for a purpose, of a size that it always
/// gives. `family` keeps the subkeys of different keys apart.
pub(crate) fn subkey(key: &KeyBytes, family: &str, label: &str) -> KeyBytes {
    let mut subkey = Zeroizing::new([0; LENGTH]);
    let info = [family.as_bytes(), label.as_bytes()];
    let expanded =
        Hkdf::<Sha256>::new(None, key.as_slice()).expand_multi_info(&info, subkey.as_mut_slice());
    debug_assert!(expanded.is_ok(), "32 bytes are within HKDF's 8160");
    subkey
}

/// The check value that the store keeps in a row of `meta`, if it has one.
pub(crate) fn kept(connection: &Connection, row: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    let sql = "SELECT value FROM meta WHERE key = ?";
    connection
        .query_row(sql, [row], |row| row.get(0))
        .optional()
}

/// Makes the store know a key again by its check value.
pub(crate) fn keep(connection: &Connection, row: &str, check: &KeyBytes) -> rusqlite::Result<()> {
    let sql = "REPLACE INTO meta (key, value) VALUES (?, ?)";
    connection.execute(sql, (row, check.as_slice())).map(drop)
}
