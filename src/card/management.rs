//! The management applet: who the token is (read only).

use crate::apdu::Header;
use crate::profile::{Interface, Profile, Version};
use crate::status::{Reply, Status};
use crate::tlv;

/// The application identifier.
pub(crate) const AID: &[u8] = &[0xA0, 0x00, 0x00, 0x05, 0x27, 0x47, 0x11, 0x17];

const USB_SUPPORTED: u8 = 0x01;
const SERIAL: u8 = 0x02;
const USB_ENABLED: u8 = 0x03;
const FORM_FACTOR: u8 = 0x04;
const FIRMWARE: u8 = 0x05;
const LOCKED: u8 = 0x0A;
const NFC_SUPPORTED: u8 = 0x0D;
const NFC_ENABLED: u8 = 0x0E;

/// The OATH application, as a capability.
const OATH: [u8; 2] = [0x00, 0x20];
/// A key for a USB-A port on a keychain.
const USB_A_KEYCHAIN: u8 = 0x01;

/// The answer to SELECT: a sentence that hosts read the version from.
pub(crate) fn select(profile: Profile) -> Vec<u8> {
    let [major, minor, patch] = profile.firmware();
    format!("Virtual mgr - FW version {major}.{minor}.{patch}").into_bytes()
}

/// Carries out an instruction: READ CONFIG, page 0.
///
/// # Errors
/// `6D00` for another instruction, `6B00` for another page.
pub(crate) fn handle(profile: Profile, interface: Interface, serial: u32, header: Header) -> Reply {
    match (header.ins, header.p1p2()) {
        (0x1D, 0) => Ok(device_info(profile.firmware(), interface, serial)),
        (0x1D, _) => Err(Status::WRONG_P1P2),
        _ => Err(Status::WRONG_INS),
    }
}

/// One length byte, then the values. A token of the 4 series tells of NFC only when it sits in a
/// contactless reader, where no real one can be.
fn device_info(firmware: Version, interface: Interface, serial: u32) -> Vec<u8> {
    let mut values = Vec::new();
    tlv::put(&mut values, USB_SUPPORTED, &OATH);
    tlv::put(&mut values, SERIAL, &serial.to_be_bytes());
    tlv::put(&mut values, USB_ENABLED, &OATH);
    tlv::put(&mut values, FORM_FACTOR, &[USB_A_KEYCHAIN]);
    tlv::put(&mut values, FIRMWARE, &firmware);
    if firmware >= [5, 0, 0] || interface == Interface::Nfc {
        tlv::put(&mut values, NFC_SUPPORTED, &OATH);
        tlv::put(&mut values, NFC_ENABLED, &OATH);
    }
    tlv::put(&mut values, LOCKED, &[0]);
    let length = u8::try_from(values.len()).unwrap_or(u8::MAX);
    [&[length], &values[..]].concat()
}
