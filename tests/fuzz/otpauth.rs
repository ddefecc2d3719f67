//! `otpauth://` URIs.

use oathd_oath::{Kind, Label, NewCredential, code, otpauth as uri};

/// Reads `bytes` as a URI. A credential comes back whole from the URI that is written for it.
pub fn otpauth(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    if let Ok(credential) = uri::parse(text) {
        assert_eq!(fits_a_token(&credential), credential);
    }
}

/// Checks that a credential can be stored, named, computed and written down; gives what its URI
/// says.
pub(super) fn fits_a_token(credential: &NewCredential) -> NewCredential {
    let id = credential.id().unwrap();
    assert_eq!(id.to_string().parse().as_ref(), Ok(&id));
    let label = Label::parse(&id, credential.kind.on_card());
    assert_eq!(label.kind, credential.kind);

    let (secret, algorithm, digits) = (&credential.secret, credential.algorithm, credential.digits);
    let counter = match credential.kind {
        Kind::Totp { period } => period.step(u64::MAX),
        Kind::Hotp => credential.counter.into(),
    };
    let number = code::truncate(&code::mac(secret, algorithm, counter)).unwrap();
    let text = code::hotp(secret, algorithm, digits, counter);
    assert_eq!(text, code::decimal(number, digits));
    assert_eq!(code::steam(number).len(), 5);

    uri::parse(&uri::format(credential)).unwrap()
}
