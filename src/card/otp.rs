//! As much of the OTP applet as tells the serial of a token without a management applet.

use crate::apdu::Header;
use crate::profile::Version;
use crate::status::{Reply, Status};

/// The application identifier.
pub(crate) const AID: &[u8] = &[0xA0, 0x00, 0x00, 0x05, 0x27, 0x20, 0x01];

/// The status: firmware, programming sequence and touch level; both slots are empty.
pub(crate) fn status(firmware: Version) -> Vec<u8> {
    [&firmware[..], &[0, 0, 0]].concat()
}

/// Carries out an instruction: the serial, or the status.
///
/// # Errors
/// `6D00` for another instruction, `6B00` for another slot command.
pub(crate) fn handle(firmware: Version, serial: u32, header: Header) -> Reply {
    match (header.ins, header.p1) {
        (0x01, 0x10) => Ok(serial.to_be_bytes().to_vec()),
        (0x01, _) => Err(Status::WRONG_P1P2),
        (0x03, _) => Ok(status(firmware)),
        _ => Err(Status::WRONG_INS),
    }
}
