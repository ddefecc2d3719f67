//! What a token says it is on USB: descriptors (USB 2.0 §9.6, HID 1.11 §6.2, CCID 1.1 §5.1).

use oathd_card::Profile;

/// A string that the device has, by its index.
const LANGUAGES: u8 = 0;
const MANUFACTURER: u8 = 1;
const PRODUCT: u8 = 2;

/// Interfaces, by number.
pub(crate) const OTP: u16 = 0;
/// FIDO.
pub(crate) const FIDO: u16 = 1;

/// The endpoint on which the keyboard types.
pub(crate) const OTP_ENDPOINT: u8 = 1;
/// The endpoint of CCID messages, to and from the token.
pub(crate) const CCID_ENDPOINT: u8 = 2;
/// The endpoint that tells of the card in the reader.
pub(crate) const CARD_ENDPOINT: u8 = 3;
/// The endpoint of FIDO reports, to and from the token.
pub(crate) const FIDO_ENDPOINT: u8 = 4;

const INTERRUPT: u8 = 3;
const BULK: u8 = 2;
const FROM_DEVICE: u8 = 0x80;
/// The longest packet of a bulk endpoint and of a FIDO report, in bytes.
pub(crate) const PACKET: u8 = 64;

/// The report descriptor of the keyboard: eight bytes of keys, five LEDs, and a feature report of
/// eight bytes, through which programs talk to the OTP slots.
pub(crate) const OTP_REPORTS: &[u8] = &[
    0x05, 0x01, 0x09, 0x06, 0xA1, 0x01, 0x05, 0x07, 0x19, 0xE0, 0x29, 0xE7, 0x15, 0x00, 0x25, 0x01,
    0x75, 0x01, 0x95, 0x08, 0x81, 0x02, 0x95, 0x01, 0x75, 0x08, 0x81, 0x01, 0x95, 0x05, 0x75, 0x01,
    0x05, 0x08, 0x19, 0x01, 0x29, 0x05, 0x91, 0x02, 0x95, 0x01, 0x75, 0x03, 0x91, 0x01, 0x05, 0x07,
    0x95, 0x06, 0x75, 0x08, 0x15, 0x00, 0x25, 0x65, 0x19, 0x00, 0x29, 0x65, 0x81, 0x00, 0x09, 0x03,
    0x75, 0x08, 0x95, 0x08, 0xB1, 0x02, 0xC0,
];

/// The report descriptor of FIDO: 64 bytes each way (CTAP 2.1 §11.2.8.2).
pub(crate) const FIDO_REPORTS: &[u8] = &[
    0x06, 0xD0, 0xF1, 0x09, 0x01, 0xA1, 0x01, 0x09, 0x20, 0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08,
    0x95, 0x40, 0x81, 0x02, 0x09, 0x21, 0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08, 0x95, 0x40, 0x91,
    0x02, 0xC0,
];

/// The bytes of 16-bit fields, least significant first.
fn half(value: u16) -> [u8; 2] {
    value.to_le_bytes()
}

/// The identity of a model on USB.
struct Model {
    product_id: u16,
    product: &'static str,
    /// The longest APDU that its reader takes in one block.
    block: u32,
    /// The longest CCID message.
    message: u32,
}

fn model(profile: Profile) -> Model {
    match profile {
        Profile::YubiKey57 | Profile::YubiKey54 => Model {
            product_id: 0x0407,
            product: "YubiKey OTP+FIDO+CCID",
            block: 3062,
            message: 3072,
        },
        Profile::YubiKey43 => Model {
            product_id: 0x0407,
            product: "Yubikey 4 OTP+U2F+CCID",
            block: 2038,
            message: 3072,
        },
        Profile::Neo => Model {
            product_id: 0x0116,
            product: "Yubikey NEO OTP+U2F+CCID",
            block: 1400,
            message: 1400,
        },
    }
}

/// The longest CCID message, in bytes, header included.
pub(crate) fn longest_message(profile: Profile) -> usize {
    usize::try_from(model(profile).message).unwrap_or(usize::MAX)
}

/// The device descriptor. The release is the firmware; there is no serial number, as on a YubiKey
/// that leaves its factory.
pub(crate) fn device(profile: Profile) -> Vec<u8> {
    let [major, minor, patch] = profile.firmware();
    let model = model(profile);
    [
        &[18, 1][..],
        &half(0x0200),
        &[0, 0, 0, PACKET],
        &half(0x1050),
        &half(model.product_id),
        &[minor << 4 | patch, major],
        &[MANUFACTURER, PRODUCT, 0, 1],
    ]
    .concat()
}

/// The configuration with its three interfaces.
pub(crate) fn configuration(profile: Profile) -> Vec<u8> {
    let interfaces = [
        interface(OTP, 1, [3, 1, 1]),
        hid(OTP_REPORTS),
        endpoint(FROM_DEVICE | OTP_ENDPOINT, INTERRUPT, 8, 10),
        interface(FIDO, 2, [3, 0, 0]),
        hid(FIDO_REPORTS),
        endpoint(FIDO_ENDPOINT, INTERRUPT, PACKET, 2),
        endpoint(FROM_DEVICE | FIDO_ENDPOINT, INTERRUPT, PACKET, 2),
        interface(2, 3, [0x0B, 0, 0]),
        ccid(&model(profile)),
        endpoint(CCID_ENDPOINT, BULK, PACKET, 0),
        endpoint(FROM_DEVICE | CCID_ENDPOINT, BULK, PACKET, 0),
        endpoint(FROM_DEVICE | CARD_ENDPOINT, INTERRUPT, 8, 32),
    ]
    .concat();
    // 9 bytes and the interfaces: far below what the field holds.
    let total = u16::try_from(9 + interfaces.len()).unwrap_or(u16::MAX);
    // One configuration, powered by the bus, 30 mA.
    [&[9, 2][..], &half(total), &[3, 1, 0, 0x80, 15], &interfaces].concat()
}

/// A string descriptor, if there is one of this index.
pub(crate) fn string(profile: Profile, index: u8) -> Option<Vec<u8>> {
    let text = match index {
        LANGUAGES => return Some(vec![4, 3, 0x09, 0x04]),
        MANUFACTURER => "Yubico",
        PRODUCT => model(profile).product,
        _ => return None,
    };
    let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    Some([&[length_of(&units) + 2, 3], &units[..]].concat())
}

/// The HID descriptor that announces a report descriptor.
pub(crate) fn hid(reports: &[u8]) -> Vec<u8> {
    [
        &[9, 0x21][..],
        &half(0x0110),
        &[0, 1, 0x22],
        &half(length_of(reports).into()),
    ]
    .concat()
}

/// The length of one of the texts and descriptors in this file, all of which are short.
fn length_of(bytes: &[u8]) -> u8 {
    u8::try_from(bytes.len()).unwrap_or(u8::MAX)
}

fn interface(number: u16, endpoints: u8, class: [u8; 3]) -> Vec<u8> {
    let number = number.to_le_bytes()[0];
    [&[9, 4, number, 0, endpoints], &class[..], &[0]].concat()
}

fn endpoint(address: u8, kind: u8, packet: u8, interval: u8) -> Vec<u8> {
    [
        &[7, 5, address, kind][..],
        &half(packet.into()),
        &[interval],
    ]
    .concat()
}

/// The CCID class descriptor: one slot that always has its card, T=1, everything automatic, whole
/// APDUs short and extended (`dwFeatures` 000400FE).
fn ccid(model: &Model) -> Vec<u8> {
    let words = |values: &[u32]| -> Vec<u8> {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    };
    [
        &[54, 0x21][..],
        &half(0x0100),
        &[0, 7],
        &words(&[2, 4000, 4000]),
        &[0],
        &words(&[307_200, 307_200]),
        &[0],
        &words(&[model.block, 0, 0, 0x0004_00FE, model.message]),
        &[0xFF, 0xFF, 0, 0, 0, 1],
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_descriptor_has_the_length_it_says() {
        for profile in Profile::ALL {
            assert_eq!(device(profile).len(), 18);
            let configuration = configuration(profile);
            let total = u16::from_le_bytes([configuration[2], configuration[3]]);
            assert_eq!(configuration.len(), usize::from(total));
            let mut rest = &configuration[..];
            let mut kinds = Vec::new();
            while let [length, kind, ..] = *rest {
                kinds.push(kind);
                rest = &rest[usize::from(length)..];
            }
            assert!(rest.is_empty());
            assert_eq!(kinds, [2, 4, 33, 5, 4, 33, 5, 5, 4, 33, 5, 5, 5]);
            for index in 0..=2 {
                let string = string(profile, index).unwrap();
                assert_eq!(string.len(), usize::from(string[0]));
            }
            assert_eq!(string(profile, 3), None);
        }
    }

    #[test]
    fn the_release_is_the_firmware() {
        let releases = Profile::ALL.map(|profile| device(profile)[12..14].to_vec());
        assert_eq!(
            releases,
            [[0x71, 0x05], [0x43, 0x05], [0x37, 0x04], [0x49, 0x03]]
        );
    }
}
