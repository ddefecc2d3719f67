//! What other verifiers keep.

use oathd_oath::Kind;
use oathd_oath::migrate::{
    Imported, MAX_ENTRIES, MigrateError, Migration, google_authenticator, pam_oath, privacyidea,
    pskc::{self, ContainerKey},
};

use super::otpauth::fits_a_token;

/// The key of RFC 6030's figure 6.
const PRESHARED: [u8; 16] = 0x1234_5678_9012_3456_7890_1234_5678_9012_u128.to_be_bytes();
/// The password of its figure 7.
const PASSWORD: &[u8] = b"qwerty";
/// The secret of both.
const SECRET: &[u8] = b"12345678901234567890";

/// Reads `bytes` as every file there is, and containers with and without keys. Every credential
/// fits a token and keeps what was used; an encrypted container gives its own secret or none.
pub fn migrate(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    if let Ok(imported) = google_authenticator::parse(text, "alice") {
        is_sound(&imported);
    }
    are_sound(pam_oath::parse(text, 3600));
    let by_serial = [privacyidea::parse(text), pskc::parse(text, None)];
    for migration in by_serial {
        if let Ok(migration) = &migration {
            let mut serials: Vec<_> = migration.iter().flatten().map(|i| &i.serial).collect();
            serials.retain(|serial| serial.is_some());
            let all = serials.len();
            serials.sort();
            serials.dedup();
            assert_eq!(serials.len(), all, "a serial twice");
        }
        are_sound(migration);
    }
    for key in [
        ContainerKey::PreShared(&PRESHARED),
        ContainerKey::Password(PASSWORD),
    ] {
        let migration = pskc::parse(text, Some(&key));
        for imported in migration.iter().flatten().flatten() {
            assert_eq!(imported.credential.secret.expose(), SECRET);
        }
        are_sound(migration);
    }
}

fn are_sound(migration: Result<Migration, MigrateError>) {
    let Ok(migration) = migration else {
        return;
    };
    assert!(migration.len() <= MAX_ENTRIES);
    let mut last = 0;
    for entry in &migration {
        let line = match entry {
            Ok(imported) => {
                is_sound(imported);
                imported.line
            }
            Err(refused) => refused.line,
        };
        // Several packages of a container may share a line.
        assert!(line >= last.max(1), "line {line} after {last}");
        last = line;
    }
}

fn is_sound(imported: &Imported) {
    let credential = &imported.credential;
    assert_eq!(fits_a_token(credential).secret, credential.secret);
    match credential.kind {
        Kind::Hotp => {
            let used = u64::from(credential.counter).checked_sub(1);
            assert_eq!(imported.watermark, used);
            assert_eq!(imported.skew_steps, 0);
        }
        Kind::Totp { period } => {
            let used = imported.watermark.unwrap_or_default();
            assert!(used * u64::from(period.seconds()) <= 1 << 33);
        }
    }
    for code in &imported.scratch {
        assert!((10_000_000..100_000_000).contains(&code.expose().parse::<u32>().unwrap()));
    }
}
