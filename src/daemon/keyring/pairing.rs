//! Pairings: a token opens for a user by a key that oathd alone holds.

use std::sync::Arc;

use rusqlite::OptionalExtension;
use zeroize::Zeroizing;

use super::{ACCESS_KEY, Keyring, KeyringError, refused};
use crate::vault::{Binding, Purpose};

/// What pairing leaves with oathd.
pub struct PairingKeys {
    /// The serial of the token, where it has one; to recognize it after a reset.
    pub serial: Option<u32>,
    /// The access key that locks the token.
    pub access: Zeroizing<[u8; ACCESS_KEY]>,
    /// The key of the presence credential.
    pub presence: Zeroizing<Vec<u8>>,
    /// The id of the presence credential on the token.
    pub credential_id: String,
}

impl std::fmt::Debug for PairingKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PairingKeys")
            .field("serial", &self.serial)
            .field("credential_id", &self.credential_id)
            .finish_non_exhaustive()
    }
}

/// A row of `pairing` as it is kept.
type SealedPairing = (Option<u32>, Vec<u8>, Vec<u8>, String);

impl Keyring {
    /// Keeps what pairing made, in place of the pairing before.
    ///
    /// # Errors
    ///
    /// [`KeyringError`]; the pairing before stays.
    pub async fn pair(
        &self,
        uid: u32,
        device_id: &[u8],
        keys: PairingKeys,
    ) -> Result<(), KeyringError> {
        let (vault, created, device) =
            (Arc::clone(&self.vault), self.created(), device_id.to_vec());
        self.keep(move |connection| {
            let binding = Binding::Token {
                uid,
                device_id: &device,
            };
            let access = vault.seal(Purpose::AccessKey, binding, keys.access.as_slice());
            let presence = vault.seal(Purpose::PresenceKey, binding, &keys.presence);
            let row = (
                uid,
                &device,
                keys.serial,
                access.map_err(refused)?,
                presence.map_err(refused)?,
                keys.credential_id,
                created,
            );
            connection.execute(
                "INSERT OR REPLACE INTO pairing (uid, device_id, serial, sealed_access_key,
                     sealed_presence_key, presence_credential, created)
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )?;
            Ok(())
        })
        .await?;
        self.confirmed().remove(&(uid, device_id.to_vec()));
        Ok(())
    }

    /// The pairing of a user with a token, if there is one.
    ///
    /// # Errors
    ///
    /// [`KeyringError`]; the vault is asked only if there is something to open.
    pub async fn pairing(
        &self,
        uid: u32,
        device_id: &[u8],
    ) -> Result<Option<PairingKeys>, KeyringError> {
        let place = (uid, device_id.to_vec());
        let row: Option<SealedPairing> = self
            .store
            .write(move |connection| {
                connection
                    .query_row(
                        "SELECT serial, sealed_access_key, sealed_presence_key, presence_credential
                         FROM pairing WHERE uid = ? AND device_id = ?",
                        place,
                        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
                    )
                    .optional()
            })
            .await?;
        let Some((serial, access, presence, credential_id)) = row else {
            return Ok(None);
        };
        let binding = Binding::Token { uid, device_id };
        Ok(Some(PairingKeys {
            serial,
            access: self.open_access_key(Purpose::AccessKey, binding, &access)?,
            presence: self.vault.open(Purpose::PresenceKey, binding, &presence)?,
            credential_id,
        }))
    }

    /// Whether a token has the key of the user's pairing for certain.
    pub fn is_confirmed(&self, uid: u32, device_id: &[u8]) -> bool {
        self.confirmed().contains(&(uid, device_id.to_vec()))
    }

    /// Notes that a token has taken the key of the user's pairing.
    ///
    /// # Errors
    ///
    /// [`KeyringError::Store`].
    pub async fn confirm(&self, uid: u32, device_id: &[u8]) -> Result<(), KeyringError> {
        let place = (uid, device_id.to_vec());
        let row = place.clone();
        let sql = "UPDATE pairing SET confirmed = 1 WHERE uid = ? AND device_id = ?";
        let noted = self
            .store
            .write(move |connection| connection.execute(sql, row))
            .await?;
        if noted > 0 {
            self.confirmed().insert(place);
        }
        Ok(())
    }

    /// Notes that a token is about to lose the key of its pairing.
    ///
    /// # Errors
    ///
    /// [`KeyringError::Store`].
    pub async fn loosen(&self, device_id: &[u8]) -> Result<(), KeyringError> {
        let device = device_id.to_vec();
        let sql = "UPDATE pairing SET confirmed = 0 WHERE device_id = ?";
        self.store
            .write(move |connection| connection.execute(sql, [device]))
            .await?;
        self.confirmed().retain(|(_, held)| held != device_id);
        Ok(())
    }

    /// Forgets a pairing; says whether there was one.
    ///
    /// # Errors
    ///
    /// [`KeyringError::Store`].
    pub async fn unpair(&self, uid: u32, device_id: &[u8]) -> Result<bool, KeyringError> {
        let place = (uid, device_id.to_vec());
        let row = place.clone();
        let sql = "DELETE FROM pairing WHERE uid = ? AND device_id = ?";
        let gone = self
            .store
            .write(move |connection| connection.execute(sql, row))
            .await?;
        self.confirmed().remove(&place);
        Ok(gone > 0)
    }
}
