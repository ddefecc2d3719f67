//! Another vault key, for everything that the store keeps.

use std::sync::Arc;

use oathd_core::RealmName;

use super::{
    Ledger,
    entry::{Actor, What},
    writing::refused,
};
use crate::{
    store::{Abort, Extent},
    vault::{
        RekeyError, Vault,
        key_file::KeyBytes,
        rekey::{Failed, Rekey},
    },
};

impl Ledger {
    /// Seals everything that the store keeps under a new vault key; says how many values there
    /// were. The key is made, unless it is a systemd credential: then `new` is given, and whoever
    /// gave it puts it in the place of the credential.
    ///
    /// # Errors
    ///
    /// [`RekeyError`]; the key stays as it was.
    pub async fn rekey(
        &self,
        vault: &Arc<Vault>,
        new: Option<KeyBytes>,
        actor: Actor,
    ) -> Result<u64, RekeyError> {
        let _turn = vault.turn.lock().await;
        let rekey = Arc::new(Rekey::begin(vault, new)?);
        let begun = Arc::clone(&rekey);
        self.0
            .transact_then(
                Extent::Everything,
                move |shared, connection| {
                    let resealed = begun.reseal(connection).map_err(|failed| match failed {
                        Failed::Sqlite(error) => Abort::Sqlite(error),
                        Failed::Rekey(error) => refused(Err(error)),
                    })?;
                    let moment = shared.times.moment(&RealmName::local());
                    let what = vec![What::Rekeyed];
                    let appended = shared.append(connection, (&actor, None), moment, what)?;
                    Ok((Ok(resealed), appended))
                },
                move |kept| rekey.finish(kept),
            )
            .await?
    }
}
