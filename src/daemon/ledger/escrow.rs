//! The keys on paper, and back.

use std::{io, sync::Arc};

use oathd_core::RealmName;
use rusqlite::Connection;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{
    Ledger, Shared,
    entry::{Actor, What},
    keys::{self, Keys},
    trail::Ends,
    writing::{Worked, refused},
};
use crate::store::Extent;
use crate::vault::{EscrowError, Vault, VaultKey, escrow, key, key_file, mark};

impl Ledger {
    /// Both keys as a text to print: the vault key, and the key of codes.
    ///
    /// # Errors
    ///
    /// [`EscrowError`]
    pub fn escrow(&self, vault: &Vault) -> Result<Zeroizing<String>, EscrowError> {
        self.0.keys()?;
        let codes = key_file::read(&self.0.folder.join(keys::FILE), true);
        Ok(escrow::write(&escrow::Keys {
            vault: vault.key()?.bytes(),
            codes: codes.map_err(file_error)?,
        }))
    }

    /// Puts the keys of such a text in their places, where they are used at once. A store that
    /// keeps anything takes its own keys only, one that keeps nothing takes any: so a backup comes
    /// to another machine.
    ///
    /// # Errors
    ///
    /// [`EscrowError`]; the keys stay as they were.
    pub async fn restore_keys(
        &self,
        vault: &Arc<Vault>,
        text: &str,
        actor: Actor,
    ) -> Result<(), EscrowError> {
        let read = escrow::read(text)?;
        let _turn = vault.turn.lock().await;
        let places = [key::FILE, keys::FILE].map(|file| self.0.folder.join(file));
        for (place, bytes) in places.iter().zip([&read.vault, &read.codes]) {
            key_file::prepare(place, bytes).map_err(file_error)?;
        }
        let vault_key = Arc::new(key::of_file(read.vault));
        let codes = (keys::check_of(&read.codes), Arc::new(Keys::of(&read.codes)));
        let (installed, kept_codes) = (Arc::clone(&vault_key), Arc::clone(&codes.1));
        let (vault, shared) = (Arc::clone(vault), Arc::clone(&self.0));
        self.0
            .transact_then(
                Extent::Rows,
                move |shared, connection| shared.take_keys(connection, &vault_key, &codes, &actor),
                move |kept| {
                    if !kept {
                        // Should they be needed after all, they are on the paper.
                        places
                            .iter()
                            .for_each(|place| key_file::settle(place, |_| false));
                        return;
                    }
                    places
                        .iter()
                        .for_each(|place| key_file::settle(place, |_| true));
                    vault.install(installed);
                    *shared
                        .keys
                        .write()
                        .unwrap_or_else(std::sync::PoisonError::into_inner) = Ok(kept_codes);
                },
            )
            .await?
    }
}

impl Shared {
    /// Makes the store one of these keys, if it may be.
    fn take_keys(
        &self,
        connection: &Connection,
        vault_key: &VaultKey,
        (check, codes): &(key_file::KeyBytes, Arc<Keys>),
        actor: &Actor,
    ) -> Worked<Result<(), EscrowError>> {
        let other = |key| refused(Err(EscrowError::NotThisStore { key }));
        if key::is_in_use(connection)? {
            let kept = mark::kept(connection, key::CHECK)?.unwrap_or_default();
            if !vault_key.fits(&kept) {
                return Err(other("vault key"));
            }
            let kept = mark::kept(connection, keys::CHECK)?.unwrap_or_default();
            if !bool::from(check.as_slice().ct_eq(&kept)) {
                return Err(other("key of the recovery codes"));
            }
        }
        mark::keep(connection, key::CHECK, &vault_key.check())?;
        mark::keep(connection, keys::CHECK, check)?;
        // What the trail says so far was sealed under the key before.
        if let Some((ends, _)) = Ends::read(connection)? {
            ends.write(connection, &codes.trail)?;
        }
        let moment = self.times.moment(&RealmName::local());
        let what = vec![What::KeysRestored];
        let appended = self.append_with(connection, codes, (actor, None), moment, what)?;
        Ok((Ok(()), appended))
    }
}

fn file_error(error: io::Error) -> EscrowError {
    EscrowError::File(error.to_string())
}
