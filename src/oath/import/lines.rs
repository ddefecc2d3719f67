//! Text with a URI on every line: what scanned QR codes and many programs' exports are.

use std::collections::{BTreeMap, BTreeSet};

use super::{ImportError, Imported, MAX_ENTRIES, Reason, Refused, migration};
use crate::otpauth;
use crate::query::after_scheme;

/// Reads the lines. One URI among them is enough to know the format.
pub(super) fn parse(export: &str) -> Result<Imported, ImportError> {
    let lines = || {
        (export.lines().map(str::trim)).filter(|line| !line.is_empty() && !line.starts_with('#'))
    };
    let schemes = ["otpauth://", migration::SCHEME];
    if !lines().any(|line| schemes.iter().any(|s| after_scheme(line, s).is_some())) {
        return Err(ImportError::UnknownFormat);
    }

    let mut imported = Imported::new();
    let mut batches = BTreeMap::<i32, (u32, BTreeSet<i32>)>::new();
    for line in lines() {
        let number = imported.len() + 1;
        let refused = |reason| {
            Err(Refused {
                number,
                label: None,
                reason,
            })
        };
        match after_scheme(line, migration::SCHEME) {
            None => imported.push(otpauth::parse(line).or_else(|e| refused(e.into()))),
            Some(rest) => match migration::parse(rest) {
                Err(reason) => imported.push(refused(reason)),
                Ok(part) => {
                    let (of, seen) = batches.entry(part.batch).or_default();
                    *of = part.of;
                    // A part that was scanned twice is one part; single parts have no batch.
                    if seen.insert(part.index) || part.of <= 1 {
                        let numbered = (number..).zip(part.entries);
                        imported.extend(numbered.map(|(number, entry)| entry.read(number)));
                    }
                }
            },
        }
        if imported.len() > MAX_ENTRIES {
            return Err(ImportError::TooMany);
        }
    }
    for (of, seen) in batches.into_values() {
        let present = seen.len();
        if u32::try_from(present).is_ok_and(|present| present < of) {
            imported.push(Err(Refused {
                number: imported.len() + 1,
                label: None,
                reason: Reason::MissingParts { present, of },
            }));
        }
    }
    Ok(imported)
}
