//! The two HID interfaces: as much as shows who the token is.

use super::descriptors::PACKET;
use oathd_card::{Profile, Version};

/// The length of a FIDO report.
const REPORT: usize = PACKET as usize;

/// The channel on which a host asks for one of its own.
const BROADCAST: u32 = u32::MAX;
/// Set in the command byte of a message's first report.
const FIRST: u8 = 0x80;
const INIT: u8 = 0x06;
const CANCEL: u8 = 0x11;
const ERROR: u8 = 0x3F;
const PROTOCOL_VERSION: u8 = 2;
/// Neither CBOR nor the messages of U2F are understood, and nothing winks.
const NO_MESSAGES: u8 = 0x08;

/// What is wrong with a message (CTAP 2.1 §11.2.9.1.6).
#[derive(Clone, Copy)]
#[repr(u8)]
enum Refusal {
    Command = 0x01,
    Length = 0x03,
    Channel = 0x0B,
}

/// The feature report of the keyboard while nothing is asked of the OTP slots: firmware,
/// programming sequence and touch level (both slots are empty), and no flags.
pub(crate) fn otp_status(firmware: Version) -> [u8; 8] {
    let [major, minor, patch] = firmware;
    [0, major, minor, patch, 0, 0, 0, 0]
}

/// A FIDO interface that gives out channels and refuses everything else (CTAP 2.1 §11.2).
#[derive(Debug)]
pub(crate) struct Fido {
    firmware: Version,
    /// The channel given out last; they count up from 1.
    channels: u32,
}

impl Fido {
    /// The interface of a token.
    pub(crate) fn new(profile: Profile) -> Fido {
        Fido {
            firmware: profile.firmware(),
            channels: 0,
        }
    }

    /// Answers a report. Later reports of a message, and what is too short for a first one, have
    /// no answer of their own.
    pub(crate) fn answer(&mut self, report: &[u8]) -> Option<Vec<u8>> {
        let [a, b, c, d, command, high, low, ref data @ ..] = *report else {
            return None;
        };
        if command & FIRST == 0 || command == FIRST | CANCEL {
            return None;
        }
        let channel = u32::from_be_bytes([a, b, c, d]);
        let length = u16::from_be_bytes([high, low]);
        Some(
            match self.carry_out(channel, command & !FIRST, length, data) {
                Ok(answer) => message(channel, INIT, &answer),
                Err(refusal) => message(channel, ERROR, &[refusal as u8]),
            },
        )
    }

    /// The data of the answer to INIT.
    fn carry_out(
        &mut self,
        channel: u32,
        command: u8,
        length: u16,
        data: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        let given = (1..=self.channels).contains(&channel);
        if !given && (channel != BROADCAST || command != INIT) {
            return Err(Refusal::Channel);
        }
        if command != INIT {
            return Err(Refusal::Command);
        }
        let (8, Some(nonce)) = (length, data.first_chunk::<8>()) else {
            return Err(Refusal::Length);
        };
        let own = if given { channel } else { self.next_channel() };
        let [major, minor, patch] = self.firmware;
        Ok([
            &nonce[..],
            &own.to_be_bytes(),
            &[PROTOCOL_VERSION, major, minor, patch, NO_MESSAGES],
        ]
        .concat())
    }

    /// The last channel but one is given out for ever when all are.
    fn next_channel(&mut self) -> u32 {
        self.channels = (self.channels + 1).min(BROADCAST - 1);
        self.channels
    }
}

/// A message of one report.
fn message(channel: u32, command: u8, data: &[u8]) -> Vec<u8> {
    let length = u8::try_from(data.len()).unwrap_or(u8::MAX);
    let mut report = [
        &channel.to_be_bytes()[..],
        &[FIRST | command, 0, length],
        data,
    ]
    .concat();
    report.resize(REPORT, 0);
    report
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn report(channel: u32, command: u8, data: &[u8]) -> Vec<u8> {
        message(channel, command, data)
    }

    #[test]
    fn a_host_gets_a_channel_of_its_own_and_the_firmware() {
        let mut fido = Fido::new(Profile::YubiKey54);
        for channel in 1..=3u8 {
            let answer = fido.answer(&report(BROADCAST, INIT, b"nonce 12")).unwrap();
            let expected = [
                &[0xFF, 0xFF, 0xFF, 0xFF, 0x86, 0, 17][..],
                b"nonce 12",
                &[0, 0, 0, channel, 2, 5, 4, 3, 8],
            ]
            .concat();
            assert_eq!(answer[..24], expected);
            assert_eq!(answer.len(), 64);
        }
        let again = fido.answer(&report(2, INIT, b"nonce 34")).unwrap();
        assert_eq!(again[15..19], [0, 0, 0, 2]);
    }

    #[test]
    fn everything_else_is_refused() {
        let mut fido = Fido::new(Profile::default());
        let code = |answer: Option<Vec<u8>>| {
            let answer = answer.unwrap();
            assert_eq!(answer[4..7], [0xBF, 0, 1]);
            answer[7]
        };
        assert_eq!(code(fido.answer(&report(1, INIT, &[0; 8]))), 0x0B);
        assert_eq!(code(fido.answer(&report(BROADCAST, 0x10, &[4]))), 0x0B);
        assert_eq!(code(fido.answer(&report(BROADCAST, INIT, &[0; 7]))), 0x03);
        assert!(fido.answer(&report(BROADCAST, INIT, &[0; 8])).is_some());
        for command in [0x01, 0x03, 0x10, 0x3C, 0x42] {
            assert_eq!(code(fido.answer(&report(1, command, &[4]))), 0x01);
        }
        assert_eq!(fido.answer(&report(1, CANCEL, &[])), None);
        assert_eq!(fido.answer(&[0, 0, 0, 1, 0, 9]), None);
    }

    proptest! {
        #[test]
        fn an_answer_is_one_report(reports in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..70), 0..8)) {
            let mut fido = Fido::new(Profile::default());
            for report in reports {
                if let Some(answer) = fido.answer(&report) {
                    prop_assert_eq!(answer.len(), REPORT);
                }
            }
        }
    }
}
