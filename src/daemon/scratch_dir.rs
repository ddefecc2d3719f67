//! A folder of one's own, for tests.

use std::{fs::Permissions, os::unix::fs::PermissionsExt};

use tempfile::{Builder, TempDir};

/// A folder that only we can look into, gone with this value.
pub(crate) fn private_dir() -> TempDir {
    Builder::new()
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .unwrap()
}
