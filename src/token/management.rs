//! The management application: serial number, firmware, form factor, applications.

use crate::{
    apdu::Command,
    applications::Applications,
    error::ProtocolError,
    identity::{FormFactor, Version},
    tlv,
};

/// The application's identifier.
pub const AID: &[u8] = &[0xa0, 0x00, 0x00, 0x05, 0x27, 0x47, 0x11, 0x17];

/// How many pages of facts a device may have.
pub const MAX_PAGES: u8 = 8;

/// What the application tells. A field that a device leaves out is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceFacts {
    /// Serial number.
    pub serial: Option<u32>,
    /// Firmware version; the qualified one of a development firmware.
    pub version: Option<Version>,
    /// The device's shape.
    pub form_factor: FormFactor,
    /// Applications switched on over USB.
    pub usb_enabled: Option<Applications>,
    /// Applications switched on over NFC.
    pub nfc_enabled: Option<Applications>,
    /// A FIPS model of the fifth generation.
    pub fips: bool,
    /// Another page of facts follows.
    pub more: bool,
}

/// Reads one page of facts (firmware 4.1.0 and later).
#[must_use]
pub fn read(page: u8) -> Command {
    Command::with(0x1d, page, 0x00, Vec::new())
}

/// Adds one page's answer to what is known.
///
/// # Errors
/// When the announced length or a field is wrong.
pub fn parse(answer: &[u8], known: DeviceFacts) -> Result<DeviceFacts, ProtocolError> {
    let (length, fields) = answer.split_first().ok_or(ProtocolError::Truncated)?;
    let fields = fields
        .get(..usize::from(*length))
        .ok_or(ProtocolError::Truncated)?;
    let mut facts = DeviceFacts {
        more: false,
        ..known
    };
    for field in tlv::fields(fields) {
        let (tag, value) = field?;
        let bad = ProtocolError::BadValue { tag };
        match (tag, value) {
            (0x02, &[a, b, c, d]) => facts.serial = Some(u32::from_be_bytes([a, b, c, d])),
            (0x03, _) => facts.usb_enabled = Some(applications(value).ok_or(bad)?),
            (0x04, &[shape, ..]) => {
                facts.form_factor = form_factor(shape);
                facts.fips = shape & 0x80 != 0;
            }
            (0x05, &[major, minor, patch]) => {
                facts.version = Some(Version::new(major, minor, patch));
            }
            (0x0e, _) => facts.nfc_enabled = Some(applications(value).ok_or(bad)?),
            (0x10, &[more, ..]) => facts.more = more != 0,
            (0x19, _) => {
                if let Some(version) = qualified_version(value)? {
                    facts.version = Some(version);
                }
            }
            (0x02 | 0x04 | 0x05 | 0x10, _) => return Err(bad),
            _ => {}
        }
    }
    Ok(facts)
}

/// The version in the text that answers a selection, such as `Virtual mgr - FW version 5.7.1`.
#[must_use]
pub fn parse_select(answer: &[u8]) -> Option<Version> {
    let text = std::str::from_utf8(answer).ok()?;
    text.split(|c: char| !c.is_ascii_digit() && c != '.')
        .find_map(|word| {
            let mut numbers = word.split('.').map(str::parse);
            match (
                numbers.next(),
                numbers.next(),
                numbers.next(),
                numbers.next(),
            ) {
                (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) => {
                    Some(Version::new(major, minor, patch))
                }
                _ => None,
            }
        })
}

fn applications(value: &[u8]) -> Option<Applications> {
    match *value {
        [low] => Some(Applications(u16::from(low))),
        [high, low] => Some(Applications(u16::from_be_bytes([high, low]))),
        _ => None,
    }
}

/// The low nibble is the shape; the bits above mark FIPS and Security Key models.
fn form_factor(value: u8) -> FormFactor {
    match value & 0x0f {
        1 => FormFactor::KeychainA,
        2 => FormFactor::NanoA,
        3 => FormFactor::KeychainC,
        4 => FormFactor::NanoC,
        5 => FormFactor::KeychainCi,
        6 => FormFactor::BioA,
        7 => FormFactor::BioC,
        _ => FormFactor::Unknown,
    }
}

/// The version inside a version qualifier, unless it marks a final release (type 2), which tag 05 names.
fn qualified_version(value: &[u8]) -> Result<Option<Version>, ProtocolError> {
    let (mut version, mut final_release) = (None, false);
    for field in tlv::fields(value) {
        match field? {
            (0x01, &[major, minor, patch]) => version = Some(Version::new(major, minor, patch)),
            (0x02, &[kind]) => final_release = kind == 2,
            _ => {}
        }
    }
    Ok(version.filter(|_| !final_release))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page(fields: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0];
        for (tag, value) in fields {
            tlv::push(&mut bytes, *tag, value);
        }
        bytes[0] = u8::try_from(bytes.len() - 1).unwrap();
        bytes
    }

    #[test]
    fn a_yubikeys_page_is_read() {
        let bytes = page(&[
            (0x01, &[0x00, 0x20]),
            (0x02, &[0x00, 0xbc, 0x61, 0x4e]),
            (0x03, &[0x02, 0x20]),
            (0x04, &[0x81]),
            (0x05, &[5, 7, 1]),
            (0x10, &[1]),
        ]);
        let facts = parse(&bytes, DeviceFacts::default()).unwrap();
        assert_eq!(facts.serial, Some(12_345_678));
        assert_eq!(facts.version, Some(Version::new(5, 7, 1)));
        assert_eq!(facts.form_factor, FormFactor::KeychainA);
        assert_eq!(facts.usb_enabled, Some(Applications(0x0220)));
        assert!(facts.more && facts.fips);
        let second = parse(&page(&[]), facts).unwrap();
        assert_eq!(second.serial, Some(12_345_678), "pages add up");
        assert!(!second.more);
    }

    #[test]
    fn development_firmware_is_known_by_its_qualifier() {
        let qualifier = [0x01, 3, 5, 8, 0, 0x02, 1, 1];
        let facts = parse(
            &page(&[(0x05, &[0, 0, 1]), (0x19, &qualifier)]),
            DeviceFacts::default(),
        );
        assert_eq!(facts.unwrap().version, Some(Version::new(5, 8, 0)));
    }

    #[test]
    fn the_version_is_found_in_the_text() {
        let version = |text: &str| parse_select(text.as_bytes());
        assert_eq!(
            version("Virtual mgr - FW version 5.7.1"),
            Some(Version::new(5, 7, 1))
        );
        assert_eq!(
            version("Yubikey mgr - FW version 3.4.9"),
            Some(Version::new(3, 4, 9))
        );
        assert_eq!(version("FW version 5.7"), None);
        assert_eq!(version(""), None);
    }

    proptest! {
        #[test]
        fn no_answer_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse_select(&bytes);
            if let Ok(facts) = parse(&bytes, DeviceFacts::default()) {
                prop_assert!(facts.serial.is_none() || bytes.len() > 6);
            }
        }
    }
}
