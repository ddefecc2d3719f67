//! The records of `Diagnose`.

use zbus::{DeserializeDict, SerializeDict, Type};

/// What the service sees of itself and its surroundings. Keys that are absent are told to
/// administrators alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct DiagnosisRecord {
    /// The caller is an administrator, and is told all of it.
    pub complete: bool,
    /// pcscd: `ready`, `away` (no connection), or `silent` (no answer in time).
    pub card_service: String,
    /// What pcscd or its library said, for a developer or a log.
    pub card_service_detail: Option<String>,
    /// What polkit says about the service at pcscd: `allowed`, `refused`, `unasked` (pcscd asks
    /// nobody) or `unknown`.
    pub card_policy: String,
    /// Tokens that are seen.
    pub tokens: u32,
    /// Another program holds a card, so that it could not be asked what it is.
    pub held: bool,
    /// Two readers show the same token.
    pub duplicated: bool,
    /// The clock of the host is believed.
    pub clock_trusted: bool,
    /// The keys that are kept for tokens: those of the caller, or of every user.
    pub keys: Vec<KeptKeyRecord>,
    /// Where the vault key is from: `credential`, `file`, or `unavailable`.
    pub vault_key: Option<String>,
    /// Why it is not available, for a developer or a log.
    pub vault_key_detail: Option<String>,
    /// The key is a credential, and a key file still lies in the state folder.
    pub vault_key_file_left: Option<bool>,
    /// The key of recovery codes can be used.
    pub codes_key: Option<bool>,
    /// The state folder.
    pub state_folder: Option<String>,
    /// The state can be read and written.
    pub state_writable: Option<bool>,
    /// Why not, for a developer or a log.
    pub state_detail: Option<String>,
    /// The kind of file system of the folder: `btrfs`, `tmpfs`, …, or `other`.
    pub state_file_system: Option<String>,
    /// Bytes that are free in it.
    pub state_free: Option<u64>,
    /// Why the settings, as they are on the disk, cannot be read; for a developer or a log.
    pub settings_detail: Option<String>,
    /// The groups that the settings in force name and this machine does not have.
    pub unknown_groups: Option<Vec<String>>,
    /// The realms whose user this machine does not have.
    pub unserved_realms: Option<Vec<String>>,
}

/// A key that the service keeps for a token, without the key.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct KeptKeyRecord {
    /// Whose it is.
    pub uid: u32,
    /// The token: its serial where that is known, else its id.
    pub token: String,
    /// `remembered` or `paired`.
    pub kind: String,
    /// `fits`, `refused` (the token has another password), `open` (it has none), `reset` (it was
    /// wiped), `unreadable` (the key does not open), `away` (the token is not here), or `untried`.
    pub state: String,
}
