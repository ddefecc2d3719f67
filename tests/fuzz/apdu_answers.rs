//! Answers of tokens.

use oathd_oath::{Algorithm, Secret, TypeOnCard, code};
use oathd_token::{
    AccessKey, Version,
    apdu::Response,
    management::{self, DeviceFacts},
    tlv::{fields, push},
    ykoath::{self, Listing},
};

/// Reads `bytes` as every answer there is. What an answer tells, written as an answer, tells the
/// same.
pub fn apdu_answers(bytes: &[u8]) {
    match Response::parse(bytes) {
        Some(Response { data, status }) => {
            assert_eq!([&data[..], &status.0.to_be_bytes()].concat(), bytes);
        }
        None => assert!(bytes.len() < 2),
    }
    select(bytes);
    list(bytes);
    codes(bytes);
    all_codes(bytes);
    validate(bytes);
    device(bytes);
}

fn select(bytes: &[u8]) {
    let Ok(told) = ykoath::parse_select(bytes) else {
        return;
    };
    assert!(!told.salt.is_empty());
    let Version {
        major,
        minor,
        patch,
    } = told.version;
    let mut written = Vec::new();
    push(&mut written, 0x79, &[major, minor, patch]);
    push(&mut written, 0x71, &told.salt);
    if let Some(challenge) = &told.challenge {
        assert!(!challenge.is_empty());
        push(&mut written, 0x74, challenge);
    }
    assert_eq!(ykoath::parse_select(&written), Ok(told));
}

fn list(bytes: &[u8]) {
    let Ok(told) = ykoath::parse_list(bytes) else {
        return;
    };
    let mut written = Vec::new();
    for listed in &told {
        let kind = match listed.on_card {
            TypeOnCard::Hotp => 0x10,
            TypeOnCard::Totp => 0x20,
        };
        let algorithm = match listed.algorithm {
            Algorithm::Sha1 => 1,
            Algorithm::Sha256 => 2,
            Algorithm::Sha512 => 3,
        };
        let value = [&[kind | algorithm], listed.id.as_bytes()].concat();
        push(&mut written, 0x72, &value);
    }
    assert_eq!(ykoath::parse_list(&written), Ok(told));
}

fn codes(bytes: &[u8]) {
    if let Ok(computed) = ykoath::parse_calculate(bytes) {
        assert!(computed.value >> 31 == 0);
    }
    if let Ok(mac) = ykoath::parse_calculate_full(bytes) {
        assert!(code::truncate(&mac).is_some(), "{} bytes", mac.len());
    }
}

fn all_codes(bytes: &[u8]) {
    let Ok(told) = ykoath::parse_calculate_all(bytes) else {
        return;
    };
    let mut written = Vec::new();
    for (id, listing) in &told {
        push(&mut written, 0x71, id.as_bytes());
        let (tag, digits, number) = match listing {
            Listing::Computed(computed) => (0x76, computed.digits, Some(computed.value)),
            Listing::Counter(digits) => (0x77, *digits, None),
            Listing::Touch(digits) => (0x7c, *digits, None),
        };
        let mut value = vec![digits.map_or(0, u8::from)];
        value.extend(number.into_iter().flat_map(u32::to_be_bytes));
        push(&mut written, tag, &value);
    }
    let again = ykoath::parse_calculate_all(&written).unwrap();
    assert!(again == told, "{} entries", told.len());
}

/// A card that does not know the key is never believed.
fn validate(bytes: &[u8]) {
    let (key, challenge) = ([7; 16], [1; 8]);
    let secret = Secret::new(key.to_vec()).unwrap();
    let proof = code::mac(&secret, Algorithm::Sha1, u64::from_be_bytes(challenge));
    let key = AccessKey::from_bytes(&key).unwrap();
    let believed = ykoath::parse_validate(bytes, &key, &challenge).is_ok();
    let proven = fields(bytes).next() == Some(Ok((0x75, &proof[..])));
    assert_eq!(believed, proven);
}

/// Telling the same page twice changes nothing.
fn device(bytes: &[u8]) {
    if let Ok(facts) = management::parse(bytes, DeviceFacts::default()) {
        assert_eq!(management::parse(bytes, facts.clone()), Ok(facts));
    }
    if let Some(version) = management::parse_select(bytes) {
        let text = format!("FW version {version}");
        assert_eq!(management::parse_select(text.as_bytes()), Some(version));
    }
}
