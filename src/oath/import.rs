//! Exports of other authenticators.

mod aegis;
mod entry;
mod json;
mod lines;
mod migration;
mod twofas;

use thiserror::Error;

use crate::credential::NewCredential;
use crate::id::InvalidName;
use crate::otpauth::UriError;
use crate::secret::InvalidSecret;

/// The largest export in bytes.
pub const MAX_LEN: usize = 1 << 20;
/// The most credentials in one export.
pub const MAX_ENTRIES: usize = 1000;

/// Why a whole export is refused. No secret is ever part of the error.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ImportError {
    /// More than [`MAX_LEN`] bytes.
    #[error("the export is larger than {MAX_LEN} bytes")]
    TooLarge,
    /// More than [`MAX_ENTRIES`] credentials.
    #[error("the export holds more than {MAX_ENTRIES} credentials")]
    TooMany,
    /// None of the known formats.
    #[error(
        "the format is unknown; known are otpauth:// and otpauth-migration:// lines and plain JSON from Aegis and 2FAS"
    )]
    UnknownFormat,
    /// The export is protected by a password.
    #[error("the export from {app} is encrypted; export it again without encryption")]
    Encrypted {
        /// The program that wrote it.
        app: &'static str,
    },
    /// JSON that is broken, or does not have its program's structure.
    #[error("the export is damaged at line {line}, column {column}")]
    Damaged {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
}

/// One credential of an export that is refused while the others are read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("entry {number}{}: {reason}", label.as_ref().map(|l| format!(" ({l:?})")).unwrap_or_default())]
pub struct Refused {
    /// Its place in the export, from 1.
    pub number: usize,
    /// Its issuer and name, where they could be read.
    pub label: Option<String>,
    /// Why it is refused.
    pub reason: Reason,
}

/// Why one credential of an export is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// Its URI is refused.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// Its secret is refused.
    #[error(transparent)]
    Secret(#[from] InvalidSecret),
    /// Its issuer and name do not make an id.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// Something that tokens do not have.
    #[error("its {what} {value:?} is not supported")]
    Unsupported {
        /// What it is.
        what: &'static str,
        /// The export's value.
        value: String,
    },
    /// The data of an `otpauth-migration://` URI that cannot be decoded.
    #[error("the data in the otpauth-migration:// URI is damaged")]
    Migration,
    /// Parts of an export that was spread over several QR codes are missing.
    #[error("the export has {of} parts and {present} of them are here; add the others")]
    MissingParts {
        /// How many parts are here.
        present: usize,
        /// How many there are.
        of: u32,
    },
}

/// What an export gives: each credential, or why that one is refused.
pub type Imported = Vec<Result<NewCredential, Refused>>;

/// Reads an export in any known format: `otpauth://` and `otpauth-migration://` lines (empty lines
/// and lines that begin with `#` are skipped), Aegis and 2FAS JSON.
///
/// # Errors
/// When nothing of the export can be used; see [`ImportError`]. A credential that cannot be used
/// is an error in its own place, and so are missing parts of an `otpauth-migration://` batch.
pub fn parse(export: &str) -> Result<Imported, ImportError> {
    if export.len() > MAX_LEN {
        return Err(ImportError::TooLarge);
    }
    let export = export.strip_prefix('\u{feff}').unwrap_or(export);
    if export.trim_start().starts_with('{') {
        json::parse(export)
    } else {
        lines::parse(export)
    }
}

#[cfg(test)]
mod tests;
