//! What a token's model offers: the one record that everything else asks.

use crate::identity::Version;

/// The family of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Model {
    /// YubiKey NEO.
    YubiKeyNeo,
    /// YubiKey 4.
    YubiKey4,
    /// YubiKey FIPS of the fourth generation.
    YubiKey4Fips,
    /// YubiKey 5 and later, FIPS or not.
    YubiKey5,
    /// A card that answers the OATH application's name and no application of Yubico's beside it.
    Generic,
}

/// What a token can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Capabilities {
    /// Changing a credential's name (firmware 5.3.1).
    pub rename: bool,
    /// Credentials that require a touch (firmware 4.2.4 by the protocol's description).
    pub touch: bool,
    /// SHA-512 (firmware 4.3.1, but not FIPS of the fourth generation).
    pub sha512: bool,
    /// All codes in one command.
    pub calculate_all: bool,
    /// Whole HMAC answers.
    pub full_hmac: bool,
    /// Writing over a credential.
    pub overwrite: bool,
    /// How many credentials fit, where the model fixes that number.
    pub capacity: Option<u16>,
    /// Storing an id that a stored id begins with damages the stored one (4.0.1 to 4.3.4).
    pub prefix_corruption: bool,
    /// Extended APDUs over USB (firmware 4.0).
    pub extended_apdu: bool,
    /// A command soon after a long answer may be lost over USB (4.2.0 to 4.2.6).
    pub touch_workaround: bool,
}

impl Model {
    /// The model of a YubiKey with this firmware; 4.4 was for FIPS alone.
    #[must_use]
    pub fn of_yubikey(firmware: Version) -> Model {
        match (firmware.major, firmware.minor) {
            (0..=3, _) => Model::YubiKeyNeo,
            (4, 4) => Model::YubiKey4Fips,
            (4, _) => Model::YubiKey4,
            _ => Model::YubiKey5,
        }
    }
}

impl Capabilities {
    /// What a model with this firmware offers. A generic card is judged by the version its OATH
    /// application reports.
    #[must_use]
    pub fn of(model: Model, firmware: Version) -> Capabilities {
        let from = |major, minor, patch| firmware >= Version::new(major, minor, patch);
        let within = |first: Version, last: Version| firmware >= first && firmware <= last;
        Capabilities {
            rename: from(5, 3, 1),
            touch: from(4, 2, 4),
            sha512: from(4, 3, 1) && model != Model::YubiKey4Fips,
            calculate_all: true,
            full_hmac: true,
            overwrite: true,
            capacity: match model {
                Model::YubiKeyNeo | Model::Generic => None,
                Model::YubiKey4 | Model::YubiKey4Fips => Some(32),
                Model::YubiKey5 if from(5, 7, 0) => Some(64),
                Model::YubiKey5 => Some(32),
            },
            prefix_corruption: within(Version::new(4, 0, 1), Version::new(4, 3, 4)),
            extended_apdu: from(4, 0, 0),
            touch_workaround: within(Version::new(4, 2, 0), Version::new(4, 2, 6)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(model: Model, version: (u8, u8, u8)) -> Capabilities {
        Capabilities::of(model, Version::new(version.0, version.1, version.2))
    }

    #[test]
    fn every_limit_lies_between_two_firmwares() {
        type Limit = (fn(&Capabilities) -> bool, (u8, u8, u8), (u8, u8, u8));
        let since: [Limit; 5] = [
            (|can| can.rename, (5, 3, 0), (5, 3, 1)),
            (|can| can.touch, (4, 2, 3), (4, 2, 4)),
            (|can| can.sha512, (4, 3, 0), (4, 3, 1)),
            (|can| can.extended_apdu, (3, 4, 9), (4, 0, 0)),
            (|can| can.capacity == Some(64), (5, 6, 9), (5, 7, 0)),
        ];
        for (offer, before, from) in since {
            assert!(!offer(&of(Model::YubiKey5, before)), "{before:?}");
            assert!(offer(&of(Model::YubiKey5, from)), "{from:?}");
        }
    }

    #[test]
    fn fips_of_the_fourth_generation_has_no_sha512() {
        for (patch, minor, model) in [
            (9, 3, Model::YubiKey4),
            (0, 4, Model::YubiKey4Fips),
            (5, 4, Model::YubiKey4Fips),
            (0, 5, Model::YubiKey4),
        ] {
            let firmware = Version::new(4, minor, patch);
            assert_eq!(Model::of_yubikey(firmware), model);
            let can = Capabilities::of(model, firmware);
            assert_eq!(can.sha512, model == Model::YubiKey4);
            assert_eq!(can.capacity, Some(32));
        }
    }

    #[test]
    fn faults_of_a_firmware_end_with_it() {
        let corrupts = |version| of(Model::YubiKey4, version).prefix_corruption;
        assert!(!corrupts((4, 0, 0)) && corrupts((4, 0, 1)));
        assert!(corrupts((4, 3, 4)) && !corrupts((4, 3, 5)));
        let unsteady = |version| of(Model::YubiKey4, version).touch_workaround;
        assert!(!unsteady((4, 1, 9)) && unsteady((4, 2, 0)));
        assert!(unsteady((4, 2, 6)) && !unsteady((4, 2, 7)));
    }
}
