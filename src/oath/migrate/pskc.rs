//! PSKC, the Portable Symmetric Key Container (RFC 6030): plain, or encrypted under a pre-shared
//! key or a password.
//!
//! What is encrypted needs a MAC, which is checked before anything is decrypted: with CBC alone a
//! stranger could alter secrets. Whoever has a key gets nothing from a container, or a part of
//! one, that is not encrypted under it.

mod key;
mod protection;
mod xml;

use super::entry::{bounded, push, refuse_duplicates};
use super::{MigrateError, Migration, Note, Reason};
use protection::Protection;

pub use protection::ContainerKey;

/// The longest container in bytes.
pub const MAX_LEN: usize = 16 << 20;

const NAMESPACE: &str = "urn:ietf:params:xml:ns:keyprov:pskc";

/// Reads a container, with its key when it is encrypted.
///
/// A signature is not checked ([`Note::SignatureNotChecked`]). A policy that is not understood
/// forbids its key (RFC 6030 section 5); the start and the end of use are carried over, and a PIN
/// is left behind.
///
/// # Errors
/// When the container cannot be read or opened. A key package that cannot be used is an error in
/// its own place, and so is every one whose serial occurs twice.
pub fn parse(xml: &str, key: Option<&ContainerKey<'_>>) -> Result<Migration, MigrateError> {
    let container = xml::read(bounded(xml, MAX_LEN)?)?;
    if container.name != "KeyContainer" || container.declared_namespace() != Some(NAMESPACE) {
        return Err(MigrateError::NotPskc);
    }
    if container
        .attribute("Version")
        .is_some_and(|version| version != "1.0")
    {
        return Err(MigrateError::UnknownVersion);
    }
    let protection = Protection::unlock(&container, key)?;
    let signed = container.all("Signature").next().is_some();
    let mut migration = Migration::new();
    for package in container.all("KeyPackage") {
        let mut entry = key::read(package, protection.as_ref());
        if let (true, Ok(imported)) = (signed, &mut entry) {
            imported.notes.push(Note::SignatureNotChecked);
        }
        push(&mut migration, package.line, entry)?;
    }
    if migration.is_empty() {
        return Err(container.refused(Reason::Missing("KeyPackage")).into());
    }
    refuse_duplicates(&mut migration);
    Ok(migration)
}

#[cfg(test)]
mod documents;
#[cfg(test)]
mod protection_tests;
#[cfg(test)]
mod tests;
