//! Codes: CALCULATE and CALCULATE ALL.

use super::{CHALLENGE, HOTP, NAME, Oath, Progress, TOUCH};
use crate::apdu::Header;
use crate::credential::{Form, Kind};
use crate::status::{Reply, Status};
use crate::tlv::{self, Reader};

/// The longest challenge in bytes.
const LONGEST_CHALLENGE: usize = 64;

/// A CALCULATE whose data has been read.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Calculation {
    name: Vec<u8>,
    challenge: Vec<u8>,
    form: Form,
}

impl Oath {
    /// CALCULATE: one credential, after a touch where it wants one.
    pub(super) fn calculate(&mut self, header: Header, data: &[u8]) -> Progress {
        let calculation = match parse_calculate(header, data) {
            Ok(calculation) => calculation,
            Err(status) => return Err(status).into(),
        };
        let Some(at) = self.find(&calculation.name) else {
            return Err(Status::NO_SUCH_OBJECT).into();
        };
        if self.state.credentials[at].touch {
            self.waiting = Some(calculation);
            return Progress::AwaitTouch;
        }
        self.carry_out(&calculation).into()
    }

    /// Somebody touched the token: the calculation that waited, if one did.
    pub(crate) fn touched(&mut self) -> Option<Reply> {
        let calculation = self.waiting.take()?;
        Some(self.carry_out(&calculation))
    }

    /// Nobody touched the token in time: how the calculation that waited ends, if one did.
    pub(crate) fn touch_timed_out(&mut self) -> Option<Reply> {
        self.waiting.take().map(|_| Err(Status::AUTH_REQUIRED))
    }

    fn carry_out(&mut self, calculation: &Calculation) -> Reply {
        let Calculation {
            name,
            challenge,
            form,
        } = calculation;
        let at = self.find(name).ok_or(Status::NO_SUCH_OBJECT)?;
        if self.damaged.contains(name) {
            return Err(Status::MEMORY_FAILURE);
        }
        let credential = &mut self.state.credentials[at];
        let value = credential.calculate(challenge, *form)?;
        self.changed |= credential.rising.is_some() || credential.kind != Kind::Totp;
        let mut answer = Vec::new();
        tlv::put(&mut answer, form.tag(), &value);
        Ok(answer)
    }

    /// CALCULATE ALL: time credentials answer one challenge; those with a counter or a touch only
    /// say so. No counter moves.
    pub(super) fn calculate_all(&mut self, header: Header, data: &[u8]) -> Reply {
        let form = Form::from_p1p2(header.p1p2())?;
        let mut reader = Reader::new(data);
        let challenge = reader.take(CHALLENGE)?;
        reader.end()?;
        if !(1..=LONGEST_CHALLENGE).contains(&challenge.len()) {
            return Err(Status::WRONG_SYNTAX);
        }
        let mut answer = Vec::new();
        for credential in &self.state.credentials {
            tlv::put(&mut answer, NAME, &credential.name);
            match credential.kind {
                Kind::Hotp { .. } => tlv::put(&mut answer, HOTP, &[credential.digits]),
                Kind::Totp if credential.touch => {
                    tlv::put(&mut answer, TOUCH, &[credential.digits])
                }
                Kind::Totp if self.damaged.contains(&credential.name) => {
                    return Err(Status::MEMORY_FAILURE);
                }
                Kind::Totp => tlv::put(
                    &mut answer,
                    form.tag(),
                    &credential.respond(challenge, form)?,
                ),
            }
        }
        Ok(answer)
    }
}

fn parse_calculate(header: Header, data: &[u8]) -> Result<Calculation, Status> {
    let form = Form::from_p1p2(header.p1p2())?;
    let mut reader = Reader::new(data);
    let name = reader.take(NAME)?;
    let challenge = reader.take(CHALLENGE)?;
    reader.end()?;
    if challenge.len() > LONGEST_CHALLENGE {
        return Err(Status::WRONG_SYNTAX);
    }
    Ok(Calculation {
        name: name.to_vec(),
        challenge: challenge.to_vec(),
        form,
    })
}
