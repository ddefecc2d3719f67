//! Which keys are kept, without the keys.

use super::Keyring;
use crate::store::StoreError;

/// How many are listed.
const MOST: u32 = 1000;

/// A key that is kept for a user and a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptKey {
    /// Whose it is.
    pub uid: u32,
    /// The device id of the token's applet.
    pub device_id: Vec<u8>,
    /// It was made by pairing; else it is remembered.
    pub paired: bool,
    /// The serial of the token, where it has one and the token was paired.
    pub serial: Option<u32>,
}

impl Keyring {
    /// The keys that are kept for `uid`, or for everybody; 1000 at most.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot be read.
    pub async fn kept(&self, uid: Option<u32>) -> Result<Vec<KeptKey>, StoreError> {
        self.store
            .write(move |connection| {
                let mut query = connection.prepare(
                    "SELECT uid, device_id, 0, NULL FROM remembered_key WHERE ?1 IS NULL OR uid = ?1
                     UNION ALL
                     SELECT uid, device_id, 1, serial FROM pairing WHERE ?1 IS NULL OR uid = ?1
                     ORDER BY 1, 2, 3 LIMIT ?2",
                )?;
                let rows = query.query_map((uid, MOST), |row| {
                    Ok(KeptKey {
                        uid: row.get(0)?,
                        device_id: row.get(1)?,
                        paired: row.get(2)?,
                        serial: row.get(3)?,
                    })
                })?;
                rows.collect()
            })
            .await
    }
}
