//! The committed corpora, as ordinary tests: every file and every beginning of it. Proves nothing
//! about inputs that nobody kept; `make fuzz` looks for those.

use std::{
    collections::BTreeSet,
    fs,
    panic::{self, PanicHookInfo},
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::*;

/// A function that checks an input.
type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 10] = [
    ("apdu_answers", apdu_answers),
    ("card_apdus", card_apdus),
    ("exchange", exchange),
    ("fd_intake", fd_intake),
    ("import", import),
    ("migrate", migrate),
    ("otpauth", otpauth),
    ("records", records),
    ("responses", responses),
    ("tlv", tlv),
];

/// Panics on any thread: a token's owner has one of its own, whose end its caller survives.
static PANICS: AtomicUsize = AtomicUsize::new(0);

fn names(directory: &str) -> BTreeSet<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(directory);
    let entries = fs::read_dir(directory).unwrap();
    let names = entries.map(|entry| entry.unwrap().path());
    names
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_target_is_replayed() {
    let replayed: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("targets"), replayed);
    assert_eq!(names("corpus"), replayed);
}

#[test]
fn what_was_found_stays_fixed() {
    let show = panic::take_hook();
    panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        show(info);
    }));
    for (name, target) in TARGETS {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/corpus")
            .join(name);
        for file in fs::read_dir(corpus).unwrap() {
            let path = file.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            for length in 0..=bytes.len() {
                let ended = panic::catch_unwind(|| target(&bytes[..length])).is_ok();
                let sound = ended && PANICS.load(Ordering::SeqCst) == 0;
                assert!(sound, "{name}: {length} bytes of {}", path.display());
            }
        }
    }
}
