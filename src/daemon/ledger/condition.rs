//! How the state is, for whoever looks for what is wrong.

use std::path::PathBuf;

use super::Ledger;
use crate::store::{REHEARSAL, StoreError};

/// How the state is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The state folder.
    pub folder: PathBuf,
    /// Whether something could be written to the store and has reached the disk.
    pub trial: Result<(), StoreError>,
    /// Whether the key of recovery codes is there and is the right one.
    pub codes_key: bool,
}

impl Ledger {
    /// Writes something on trial, and says how the state is.
    pub async fn condition(&self) -> Condition {
        let store = &self.0.store;
        let trial = store.write(|connection| connection.execute(REHEARSAL, ()));
        let trial = trial.await;
        Condition {
            folder: self.0.folder.clone(),
            trial: trial.map(drop),
            codes_key: self.0.keys().is_ok(),
        }
    }
}
