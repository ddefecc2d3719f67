//! The keys that seal the state: making them anew, printing them, putting them back.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::admin::{EscrowArgs, RekeyArgs, RestoreKeysArgs};
use crate::failure::Failure;
use crate::session::Session;
use crate::{output, prompt, secret_file};

/// The length of a vault key in bytes.
const KEY_LEN: usize = 32;

/// Seals everything under a new key.
pub(super) async fn rekey(session: &Session, args: &RekeyArgs) -> Result<(), Failure> {
    let key = args.key_file.as_deref().map(read_key).transpose()?;
    let administration = session.client.administration();
    let sealed = administration
        .rekey(key.as_ref().map(|k| k.as_slice()))
        .await?;
    if session.global.json {
        return output::print_json(&json!({
            "resealed": sealed.resealed,
            "source": sealed.source,
        }));
    }
    output::print(&format!(
        "{} values are sealed anew. A printed escrow of the old key is void: `oathctl admin escrow`.\n",
        sealed.resealed
    ))
}

fn read_key(file: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut key = Zeroizing::new(Vec::with_capacity(KEY_LEN + 1));
    let name = file.display().to_string();
    let mut start = prompt::open(file)?.take(KEY_LEN as u64 + 1);
    let read = start.read_to_end(&mut key);
    match read.map_err(|error| prompt::unreadable(&name, &error))? {
        KEY_LEN => Ok(key),
        _ => Err(Failure::input(
            "InvalidKey",
            format!("{name} does not hold {KEY_LEN} bytes."),
            "Make one with `head -c 32 /dev/urandom`.",
        )),
    }
}

/// Prints the keys.
pub(super) async fn escrow(session: &Session, args: &EscrowArgs) -> Result<(), Failure> {
    if let Some(path) = &args.to {
        let path = escrow_to(session, path).await?;
        return match session.global.json {
            true => output::print_json(&json!({ "file": path, "escrow": null })),
            false => output::print(&(written_line(&path) + "\n")),
        };
    }
    let text = session.client.administration().escrow().await?;
    match session.global.json {
        true => output::print_json(&json!({ "file": null, "escrow": *text })),
        false => output::print(&text),
    }
}

/// Writes the keys to a new file, or into a directory; answers where they are.
pub(in crate::command) async fn escrow_to(
    session: &Session,
    path: &Path,
) -> Result<PathBuf, Failure> {
    let file = secret_file::place(path, "oathd-escrow.txt")?;
    let text = session.client.administration().escrow().await?;
    file.fill(text.as_bytes())
}

/// What is left to do with keys in a file.
pub(in crate::command) fn written_line(path: &Path) -> String {
    format!(
        "The keys are in {}. Print it, lock the sheet away, and destroy the file.",
        path.display()
    )
}

/// Puts printed keys in place.
pub(super) async fn restore(session: &Session, args: &RestoreKeysArgs) -> Result<(), Failure> {
    let text = prompt::read_all(prompt::source(&args.file))?;
    session.client.administration().restore_keys(&text).await?;
    match session.global.json {
        true => output::print_json(&json!({ "restored": true })),
        false => output::print("The keys are in place.\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_length() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        assert_eq!(read_key(&path).unwrap_err().name, "Unreadable");
        for length in [0, 31, 33, 4096] {
            std::fs::write(&path, vec![7; length]).unwrap();
            assert_eq!(read_key(&path).unwrap_err().name, "InvalidKey");
        }
        std::fs::write(&path, [7; 32]).unwrap();
        assert_eq!(**read_key(&path).unwrap(), [7; 32]);
    }
}
