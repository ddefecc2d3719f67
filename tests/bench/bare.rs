//! What oathd is measured against: PC/SC alone, asked for a code.

use std::ffi::CString;

use oathd_tests::world::reader_name;
use pcsc::{Context, Disposition, Protocols, Scope, ShareMode};

use crate::Result;

const SELECT: &[u8] = b"\x00\xa4\x04\x00\x07\xa0\x00\x00\x05\x27\x21\x01";

/// A program's open context and the command that it sends after SELECT.
pub(crate) struct Bare {
    context: Context,
    reader: CString,
    buffer: Vec<u8>,
}

impl Bare {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            context: Context::establish(Scope::System)?,
            reader: CString::new(reader_name(0))?,
            buffer: vec![0; pcsc::MAX_BUFFER_SIZE],
        })
    }

    /// Connect, begin, SELECT, CALCULATE, end, disconnect. The code has six digits.
    pub(crate) fn code(&mut self, id: &str, step: u64) -> Result<String> {
        self.codes(id, &[step])
    }

    /// The same with a CALCULATE for each step; gives the code of the last one.
    pub(crate) fn codes(&mut self, id: &str, steps: &[u64]) -> Result<String> {
        let reader = &self.reader;
        let mut card = self
            .context
            .connect(reader, ShareMode::Shared, Protocols::ANY)?;
        let transaction = card.transaction()?;
        transaction.transmit(SELECT, &mut self.buffer)?;
        let mut bits = [0; 4];
        for step in steps {
            let answer = transaction.transmit(&calculate(id, *step)?, &mut self.buffer)?;
            // 76 05, the number of digits, 31 bits, 90 00: YKOATH, CALCULATE.
            bits = match answer {
                [0x76, 5, _, bits @ .., 0x90, 0] => bits.try_into()?,
                other => return Err(format!("the card answered {other:02x?}").into()),
            };
        }
        let leave = Disposition::LeaveCard;
        transaction.end(leave).map_err(|(_, error)| error)?;
        card.disconnect(leave).map_err(|(_, error)| error)?;
        let value = u32::from_be_bytes(bits) & 0x7fff_ffff;
        Ok(format!("{:06}", value % 1_000_000))
    }
}

/// CALCULATE, truncated: YKOATH, instruction A2.
fn calculate(id: &str, step: u64) -> Result<Vec<u8>> {
    let mut apdu = b"\x00\xa2\x00\x01".to_vec();
    apdu.push(u8::try_from(id.len() + 12)?);
    apdu.extend([0x71, u8::try_from(id.len())?]);
    apdu.extend(id.as_bytes());
    apdu.extend([0x74, 8]);
    apdu.extend(step.to_be_bytes());
    Ok(apdu)
}
