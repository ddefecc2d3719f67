//! Secrets made to be recognized, in whatever form they turn up.

use std::fs;
use std::path::{Path, PathBuf};

use data_encoding::{BASE32_NOPAD, BASE64_NOPAD, HEXLOWER, HEXUPPER};

use crate::dice::Dice;

/// Secrets to look for, each with what it is.
#[derive(Default)]
pub(crate) struct Canaries(Vec<(String, Vec<u8>)>);

impl Canaries {
    /// A new seed of 20 letters, as an account's page shows it.
    pub(crate) fn seed(&mut self, what: &str, dice: &mut Dice) -> String {
        // The last letter is 6f: in hexadecimal, upper and lower case always differ.
        let seed = letters(dice, 19) + "o";
        let base32 = BASE32_NOPAD.encode(seed.as_bytes());
        self.add(what, seed);
        base32
    }

    /// A new password.
    pub(crate) fn password(&mut self, what: &str, dice: &mut Dice) -> String {
        let password = format!("canary {}", letters(dice, 16));
        self.add(what, password.as_bytes());
        password
    }

    /// Another secret.
    pub(crate) fn add(&mut self, what: &str, secret: impl Into<Vec<u8>>) {
        self.0.push((what.to_owned(), secret.into()));
    }

    /// What of them is in `text`, and in which form.
    pub(crate) fn found_in(&self, text: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        for (what, secret) in &self.0 {
            for (form, shape) in forms(secret) {
                if contains(text, &shape) {
                    found.push(format!("{what} {form}"));
                }
            }
        }
        found
    }

    /// Fails when one of them is in a file of `folder`, or in `folder` itself.
    pub(crate) fn assert_not_in(&self, folder: &Path) {
        for file in files(folder) {
            // A socket cannot be read, and keeps nothing.
            let content = fs::read(&file).unwrap_or_default();
            let found = self.found_in(&content);
            assert!(found.is_empty(), "{}: {found:?}", file.display());
        }
    }
}

fn letters(dice: &mut Dice, count: usize) -> String {
    (0..count)
        .map(|_| char::from(b'a' + dice.below(26) as u8))
        .collect()
}

/// The forms in which a secret may be written. Of a list, and of base64 whose start nobody knows,
/// a part is enough.
fn forms(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let list = format!("{secret:?}");
    let base64 = BASE64_NOPAD.encode(secret);
    let base32 = BASE32_NOPAD.encode(secret);
    vec![
        ("as it is", secret.to_vec()),
        ("in hexadecimal", HEXLOWER.encode(secret).into()),
        ("in HEXADECIMAL", HEXUPPER.encode(secret).into()),
        ("in base32", base32.to_lowercase().into()),
        ("in BASE32", base32.into()),
        ("in base64", base64[..base64.len() - 1].into()),
        ("as a list", list.trim_matches(['[', ']']).into()),
    ]
}

fn contains(text: &[u8], shape: &[u8]) -> bool {
    let Some(&first) = shape.first() else {
        return false;
    };
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&byte| byte == first) {
        rest = &rest[at..];
        if rest.starts_with(shape) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

fn files(path: &Path) -> Vec<PathBuf> {
    match fs::read_dir(path) {
        Err(_) => vec![path.to_owned()],
        Ok(entries) => entries
            .flat_map(|entry| files(&entry.unwrap().path()))
            .collect(),
    }
}

#[test]
fn a_leak_is_seen_in_every_form() {
    let (mut dice, mut canaries) = (Dice::new(), Canaries::default());
    let base32 = canaries.seed("seed", &mut dice);
    let raw = BASE32_NOPAD.decode(base32.as_bytes()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    canaries.assert_not_in(folder.path());
    for (form, shape) in forms(&raw) {
        let mut text = dice.bytes(50);
        text.extend(shape);
        text.extend(dice.bytes(50));
        assert_eq!(canaries.found_in(&text), [format!("seed {form}")]);
        text.remove(60);
        assert!(canaries.found_in(&text).is_empty());
    }
    fs::create_dir(folder.path().join("deep")).unwrap();
    fs::write(folder.path().join("deep/file"), &raw).unwrap();
    let seen = std::panic::catch_unwind(|| canaries.assert_not_in(folder.path()));
    assert!(seen.is_err());
}
