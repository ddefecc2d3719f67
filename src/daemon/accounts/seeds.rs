//! What the vault seals of a factor, and where: its seed, or the key by which its token proves a
//! touch. A value that was moved to another account or factor does not open.

use oathd_core::{AccountName, FactorId, Sealed};
use oathd_oath::Secret;
use zeroize::Zeroizing;

use crate::vault::{Binding, Purpose, Vault, VaultError};

/// Seals the seed of a factor.
///
/// # Errors
///
/// [`VaultError::KeyUnavailable`]
pub(crate) fn seal(
    vault: &Vault,
    account: &AccountName,
    factor: FactorId,
    seed: &Secret,
) -> Result<Sealed, VaultError> {
    seal_for(vault, Purpose::AccountSeed, account, factor, seed.expose())
}

/// Opens the seed of a factor.
///
/// # Errors
///
/// [`VaultError`]
pub(crate) fn open(
    vault: &Vault,
    account: &AccountName,
    factor: FactorId,
    sealed: &Sealed,
) -> Result<Secret, VaultError> {
    open_for(vault, Purpose::AccountSeed, account, factor, sealed)
}

/// Seals the key of a factor's presence credential.
///
/// # Errors
///
/// [`VaultError::KeyUnavailable`]
pub(crate) fn seal_presence(
    vault: &Vault,
    account: &AccountName,
    factor: FactorId,
    key: &[u8],
) -> Result<Sealed, VaultError> {
    seal_for(vault, Purpose::FactorPresence, account, factor, key)
}

/// Opens the key of a factor's presence credential.
///
/// # Errors
///
/// [`VaultError`]
pub(crate) fn open_presence(
    vault: &Vault,
    account: &AccountName,
    factor: FactorId,
    sealed: &Sealed,
) -> Result<Secret, VaultError> {
    open_for(vault, Purpose::FactorPresence, account, factor, sealed)
}

fn seal_for(
    vault: &Vault,
    purpose: Purpose,
    account: &AccountName,
    factor: FactorId,
    plain: &[u8],
) -> Result<Sealed, VaultError> {
    let binding = Binding::Factor { account, factor };
    Ok(Sealed(vault.seal(purpose, binding, plain)?))
}

fn open_for(
    vault: &Vault,
    purpose: Purpose,
    account: &AccountName,
    factor: FactorId,
    sealed: &Sealed,
) -> Result<Secret, VaultError> {
    let binding = Binding::Factor { account, factor };
    let mut plain: Zeroizing<Vec<u8>> = vault.open(purpose, binding, &sealed.0)?;
    Secret::new(std::mem::take(&mut *plain)).map_err(|_| VaultError::Damaged)
}
