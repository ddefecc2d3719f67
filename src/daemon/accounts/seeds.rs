//! What the vault seals of a factor, and where: its seed, or the key by which its token proves a
//! touch. A value that was moved to another account or factor does not open.

use oathd_core::{AccountName, FactorId, Holding, Sealed};
use oathd_oath::Secret;

use crate::vault::{Binding, Vault, VaultError};

/// Seals what is held of a factor.
///
/// # Errors
///
/// [`VaultError::KeyUnavailable`]
pub(crate) fn seal(
    vault: &Vault,
    holding: Holding,
    (account, factor): (&AccountName, FactorId),
    plain: &[u8],
) -> Result<Sealed, VaultError> {
    let binding = Binding::Factor { account, factor };
    Ok(Sealed(vault.seal(holding.into(), binding, plain)?))
}

/// Opens what [`seal`] made.
///
/// # Errors
///
/// [`VaultError`]
pub(crate) fn open(
    vault: &Vault,
    holding: Holding,
    (account, factor): (&AccountName, FactorId),
    sealed: &Sealed,
) -> Result<Secret, VaultError> {
    let binding = Binding::Factor { account, factor };
    let mut plain = vault.open(holding.into(), binding, &sealed.0)?;
    Secret::new(std::mem::take(&mut *plain)).map_err(|_| VaultError::Damaged)
}
