//! Exports of other authenticators.

use data_encoding::BASE64_NOPAD;
use oathd_oath::import::{self as exports, MAX_ENTRIES};

use super::otpauth::fits_a_token;

/// Reads `bytes` as an export, and once more as the message inside an `otpauth-migration://` URI.
/// Every credential fits a token, and every refusal names an entry.
pub fn import(bytes: &[u8]) {
    if let Ok(text) = str::from_utf8(bytes) {
        export(text);
    }
    let data = BASE64_NOPAD.encode(bytes).replace('+', "%2B");
    export(&format!("otpauth-migration://offline?data={data}"));
}

fn export(text: &str) {
    let Ok(imported) = exports::parse(text) else {
        return;
    };
    assert!(imported.iter().flatten().count() <= MAX_ENTRIES);
    for (number, entry) in (1..).zip(&imported) {
        match entry {
            Ok(credential) => {
                let again = fits_a_token(credential);
                assert_eq!(again.id(), credential.id());
                assert_eq!(again.kind, credential.kind);
                assert_eq!(again.algorithm, credential.algorithm);
                assert_eq!(again.digits, credential.digits);
                assert_eq!(again.counter, credential.counter);
                assert_eq!(again.secret, credential.secret);
            }
            Err(refused) => assert_eq!(refused.number, number, "{refused}"),
        }
    }
}
