//! A credential on its way to a token.

use crate::algorithm::{Algorithm, Digits};
use crate::id::{CredentialId, InvalidName};
use crate::kind::Kind;
use crate::label;
use crate::secret::Secret;

/// Everything that makes a credential, secret included. A token never gives it back.
#[derive(Debug, PartialEq, Eq)]
pub struct NewCredential {
    /// Who issued it.
    pub issuer: Option<String>,
    /// The account's name.
    pub name: String,
    /// Time or uses.
    pub kind: Kind,
    /// The hash.
    pub algorithm: Algorithm,
    /// The code's length. Steam's five characters are stored as [`Digits::Six`].
    pub digits: Digits,
    /// The first counter of an HOTP credential; zero for TOTP.
    pub counter: u32,
    /// The shared secret.
    pub secret: Secret,
}

impl NewCredential {
    /// The id under which a token will store it.
    ///
    /// # Errors
    /// When issuer and name do not make an id.
    pub fn id(&self) -> Result<CredentialId, InvalidName> {
        CredentialId::new(self.kind, self.issuer.as_deref(), &self.name)
    }

    /// Whether its codes are Steam's five letters and digits.
    #[must_use]
    pub fn is_steam(&self) -> bool {
        label::is_steam(self.kind, self.issuer.as_deref())
    }
}
