//! What was stripped, swapped or altered gives no secret.

use aes::Aes256;
use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockModeEncrypt, KeyIvInit};
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use sha2::Sha512;

use super::documents::*;
use super::*;
use crate::algorithm::Digits;

#[test]
fn figure_6_opens_with_its_key_alone() {
    let xml = figure_6(&protected(CIPHER, MAC));
    let imported = one(&xml, Some(&ContainerKey::PreShared(&PRESHARED))).unwrap();
    assert_eq!(imported.credential.secret.expose(), RFC_4226);
    assert_eq!(imported.credential.digits, Digits::Eight);
    assert_eq!(imported.serial.as_deref(), Some("987654321"));

    let fails = |key: Option<&ContainerKey<'_>>| parse(&xml, key).unwrap_err();
    assert_eq!(fails(None), MigrateError::KeyNeeded);
    assert_eq!(
        fails(Some(&ContainerKey::Password(b"x"))),
        MigrateError::KeyNeeded
    );
    assert_eq!(
        fails(Some(&ContainerKey::PreShared(&[0; 15]))),
        MigrateError::WrongKey
    );
    assert_eq!(
        fails(Some(&ContainerKey::PreShared(&[0; 16]))),
        MigrateError::WrongKey
    );
    // An AES-256 key does not fit AES-128.
    assert_eq!(
        fails(Some(&ContainerKey::PreShared(&[0; 32]))),
        MigrateError::WrongKey
    );
}

#[test]
fn figure_7_opens_with_its_password_alone() {
    let xml = figure_7(1000);
    let imported = one(&xml, Some(&ContainerKey::Password(b"qwerty"))).unwrap();
    assert_eq!(imported.credential.secret.expose(), RFC_4226);
    let fails = |xml: &str, key: Option<&ContainerKey<'_>>| parse(xml, key).unwrap_err();
    assert_eq!(fails(&xml, None), MigrateError::PasswordNeeded);
    assert_eq!(
        fails(&xml, Some(&ContainerKey::PreShared(&PRESHARED))),
        MigrateError::PasswordNeeded
    );
    for wrong in [&b"qwertz"[..], b"", b"qwerty\n"] {
        let opened = parse(&xml, Some(&ContainerKey::Password(wrong)));
        assert!(opened.is_err() || opened.unwrap()[0].is_err());
    }
    for rounds in [0, 2_000_001, u32::MAX] {
        let error = fails(&figure_7(rounds), Some(&ContainerKey::Password(b"qwerty"))).to_string();
        assert_eq!(error, "line 1: IterationCount is not supported");
    }
}

#[test]
fn nothing_comes_out_without_its_mac() {
    let key = ContainerKey::PreShared(&PRESHARED);
    let reason = |secret: &str| one(&figure_6(secret), Some(&key)).unwrap_err().reason;
    let whole = protected(CIPHER, MAC);
    let (value, mac) = whole.split_at(whole.find("<ValueMAC>").unwrap());
    assert_eq!(reason(value), Reason::Missing("ValueMAC"));
    assert_eq!(reason(&protected(CIPHER, "")), Reason::WrongMac);
    // A part of the MAC is not enough.
    assert_eq!(
        reason(&protected(CIPHER, "Su+NvtQfmvfJzF6bmQiJqg==")),
        Reason::WrongMac
    );
    assert_eq!(reason(&protected(CIPHER, "é")), Reason::Damaged("ValueMAC"));
    assert_eq!(reason(&(whole.clone() + mac)), Reason::Repeated("ValueMAC"));
    assert_eq!(
        reason(&(value.to_owned() + &whole)),
        Reason::Repeated("EncryptedValue")
    );
    let plain = "<PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue>";
    assert_eq!(reason(plain), Reason::NotEncrypted);
    assert_eq!(reason(&format!("{plain}{mac}")), Reason::NotEncrypted);
    assert_eq!(
        reason(&format!("{plain}{whole}")),
        Reason::Repeated("value of the Secret")
    );

    let xml = figure_6(&whole);
    let start = xml.find("<MACMethod").unwrap();
    let end = xml.find("</MACMethod>").unwrap() + "</MACMethod>".len();
    let stripped = format!("{}{}", &xml[..start], &xml[end..]);
    let error = parse(&stripped, Some(&key)).unwrap_err().to_string();
    assert_eq!(error, "line 2: MACMethod is missing");
    let unencrypted = container("", &package("S1", "hotp", &format!("<Data>{PLAIN}</Data>")));
    assert_eq!(
        parse(&unencrypted, Some(&key)),
        Err(MigrateError::NotEncrypted)
    );
    let keyless = container(
        "",
        &package(
            "S1",
            "hotp",
            &format!("<Data><Secret>{whole}</Secret></Data>"),
        ),
    );
    assert_eq!(
        one(&keyless, None).unwrap_err().reason,
        Reason::Missing("EncryptionKey")
    );
}

#[test]
fn aes_256_and_sha_512_without_a_mac_key() {
    let key = [7; 32];
    // Padding whose filling is not its length, as XML Encryption has it.
    let mut text = *b"12345678901234567890????????\0\0\0\x0c";
    let length = text.len();
    let blocks = cbc::Encryptor::<Aes256>::new(&key.into(), &[1; 16].into())
        .encrypt_padded::<NoPadding>(&mut text, length)
        .unwrap();
    let cipher = [&[1; 16][..], blocks].concat();
    let mac = Hmac::<Sha512>::new_from_slice(&key)
        .unwrap()
        .chain_update(&cipher);
    let mac = mac.finalize().into_bytes();
    let secret =
        protected(&BASE64.encode(&cipher), &BASE64.encode(&mac)).replace("aes128", "aes256");
    let head = "<EncryptionKey><KeyName/></EncryptionKey>\
        <MACMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#hmac-sha512\"/>";
    let inside = format!("<Data><Secret>{secret}</Secret></Data>");
    let xml = container(head, &package("S1", "hotp", &inside));
    let imported = one(&xml, Some(&ContainerKey::PreShared(&key))).unwrap();
    assert_eq!(imported.credential.secret.expose(), RFC_4226);
}

proptest! {
    #[test]
    fn an_altered_container_gives_its_secret_or_none(place: prop::sample::Index, byte in 0x20u8..0x7f) {
        let mut xml = figure_6(&protected(CIPHER, MAC)).into_bytes();
        let place = place.index(xml.len());
        xml[place] = byte;
        let key = ContainerKey::PreShared(&PRESHARED);
        if let Ok(migration) = parse(std::str::from_utf8(&xml).unwrap(), Some(&key)) {
            for imported in migration.iter().flatten() {
                prop_assert_eq!(imported.credential.secret.expose(), RFC_4226);
            }
        }
    }
}
