//! The tokens this card can be.

use crate::algorithm::Algorithm;
use std::fmt;
use std::str::FromStr;

/// Major, minor and patch of a firmware or applet.
pub type Version = [u8; 3];

/// A model of token: its firmware, limits and applets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Profile {
    /// Firmware 5.7.1: 64 credentials, everything the protocol has.
    #[default]
    YubiKey57,
    /// Firmware 5.4.3: 32 credentials.
    YubiKey54,
    /// Firmware 4.3.7: 32 credentials, no rename.
    YubiKey43,
    /// YubiKey NEO, firmware 3.4.9: memory for about 2 KiB of names, no touch, no SHA-512, no
    /// rename, no extended APDUs, no management applet; its SELECT tells the applet's version.
    Neo,
}

impl Profile {
    /// Every profile, newest first.
    pub const ALL: [Profile; 4] = [
        Profile::YubiKey57,
        Profile::YubiKey54,
        Profile::YubiKey43,
        Profile::Neo,
    ];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Profile::YubiKey57 => "yubikey-5.7",
            Profile::YubiKey54 => "yubikey-5.4",
            Profile::YubiKey43 => "yubikey-4.3",
            Profile::Neo => "neo",
        }
    }

    /// The firmware.
    #[must_use]
    pub fn firmware(self) -> Version {
        match self {
            Profile::YubiKey57 => [5, 7, 1],
            Profile::YubiKey54 => [5, 4, 3],
            Profile::YubiKey43 => [4, 3, 7],
            Profile::Neo => [3, 4, 9],
        }
    }

    /// The version in the answer to SELECT: the firmware, but the applet's own on a NEO.
    #[must_use]
    pub fn applet_version(self) -> Version {
        if self == Profile::Neo {
            [1, 0, 1]
        } else {
            self.firmware()
        }
    }

    /// The number of credentials, or `None` where memory is the limit.
    #[must_use]
    pub fn capacity(self) -> Option<usize> {
        match self {
            Profile::YubiKey57 => Some(64),
            Profile::YubiKey54 | Profile::YubiKey43 => Some(32),
            Profile::Neo => None,
        }
    }

    /// The longest APDU, and the most data a chain of them may bring, in bytes.
    #[must_use]
    pub fn longest_apdu(self) -> usize {
        if self == Profile::Neo { 1390 } else { 3062 }
    }

    /// Whether APDUs with three-byte lengths are understood.
    #[must_use]
    pub fn extended_apdus(self) -> bool {
        self != Profile::Neo
    }

    /// Whether credentials can require a touch (firmware 4.2.4).
    #[must_use]
    pub fn touch(self) -> bool {
        self.firmware() >= [4, 2, 4]
    }

    /// Whether credentials can be renamed (firmware 5.3.1).
    #[must_use]
    pub fn rename(self) -> bool {
        self.firmware() >= [5, 3, 1]
    }

    /// Whether the management applet is there (firmware 4.1.0).
    #[must_use]
    pub fn management(self) -> bool {
        self.firmware() >= [4, 1, 0]
    }

    /// Whether a credential can use `algorithm`: SHA-512 needs firmware 4.3.1.
    pub(crate) fn allows(self, algorithm: Algorithm) -> bool {
        algorithm != Algorithm::Sha512 || self.firmware() >= [4, 3, 1]
    }

    /// Whether setting an access code locks the session at once, and needs SELECT and VALIDATE.
    pub(crate) fn set_code_locks(self) -> bool {
        self == Profile::Neo
    }

    /// The answer to reset of a token of this kind in a reader of `interface`.
    #[must_use]
    pub fn atr(self, interface: Interface) -> &'static [u8] {
        match (interface, self) {
            (Interface::Nfc, _) => &[
                0x3B, 0x8D, 0x80, 0x01, 0x80, 0x73, 0xC0, 0x21, 0xC0, 0x57, 0x59, 0x75, 0x62, 0x69,
                0x4B, 0x65, 0x79, 0xF9,
            ],
            (Interface::Usb, Profile::YubiKey57 | Profile::YubiKey54) => &[
                0x3B, 0xFD, 0x13, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x15, 0x80, 0x73, 0xC0, 0x21, 0xC0,
                0x57, 0x59, 0x75, 0x62, 0x69, 0x4B, 0x65, 0x79, 0x40,
            ],
            (Interface::Usb, Profile::YubiKey43) => &[
                0x3B, 0xF8, 0x13, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x15, 0x59, 0x75, 0x62, 0x69, 0x6B,
                0x65, 0x79, 0x34, 0xD4,
            ],
            (Interface::Usb, Profile::Neo) => &[
                0x3B, 0xFC, 0x13, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x15, 0x59, 0x75, 0x62, 0x69, 0x6B,
                0x65, 0x79, 0x4E, 0x45, 0x4F, 0x72, 0x33, 0xE1,
            ],
        }
    }
}

/// How a token hangs on its reader. It decides the answer to reset and what management tells;
/// touch is asked for over both.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Interface {
    /// In a contactless reader.
    #[default]
    Nfc,
    /// Plugged in: token and reader are one device.
    Usb,
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Profile, UnknownProfile> {
        Profile::ALL
            .into_iter()
            .find(|profile| profile.name() == name)
            .ok_or_else(|| UnknownProfile(name.to_owned()))
    }
}

impl FromStr for Interface {
    type Err = UnknownInterface;

    fn from_str(name: &str) -> Result<Interface, UnknownInterface> {
        match name {
            "nfc" => Ok(Interface::Nfc),
            "usb" => Ok(Interface::Usb),
            _ => Err(UnknownInterface(name.to_owned())),
        }
    }
}

/// A word that is no interface.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no interface is called \"{0}\": use nfc or usb")]
pub struct UnknownInterface(String);

/// A name that is no profile's.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no profile is called \"{0}\": use yubikey-5.7, yubikey-5.4, yubikey-4.3 or neo")]
pub struct UnknownProfile(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for profile in Profile::ALL {
            assert_eq!(profile.name().parse(), Ok(profile));
        }
        assert!("yubikey-6".parse::<Profile>().is_err());
    }

    #[test]
    fn check_bytes_of_the_resets_are_right() {
        for profile in Profile::ALL {
            for interface in [Interface::Nfc, Interface::Usb] {
                let atr = profile.atr(interface);
                assert_eq!(
                    atr[1..].iter().fold(0, |sum, byte| sum ^ byte),
                    0,
                    "{profile} {interface:?}"
                );
                assert_eq!(atr[1] & 0xF0 == 0xF0, interface == Interface::Usb);
            }
        }
    }
}
