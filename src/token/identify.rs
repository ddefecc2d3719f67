//! Finding out what sits in a reader.

use crate::{
    apdu::{Command, Framing},
    applications::Applications,
    capability::{Capabilities, Model},
    card::{Card, Link},
    error::{ProtocolError, TokenError},
    identity::{DeviceId, FormFactor, TokenInfo, Version},
    management::{self, DeviceFacts},
    session::Selected,
    ykoath::{self, SelectAnswer},
};

/// Yubico's OTP application, which tells a serial number where the management application does not.
const OTP_AID: &[u8] = &[0xa0, 0x00, 0x00, 0x05, 0x27, 0x20, 0x01];

/// The first firmware whose management application tells facts.
const FACTS_SINCE: Version = Version::new(4, 1, 0);

/// How often a page of facts is asked for.
const FACTS_TRIES: u32 = 3;

/// A token, identified.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) serial: Option<u32>,
    pub(crate) firmware: Version,
    pub(crate) model: Model,
    pub(crate) form_factor: FormFactor,
    pub(crate) fips: bool,
    pub(crate) usb_enabled: Option<Applications>,
    pub(crate) nfc_enabled: Option<Applications>,
    /// The application identifier that it answers to.
    pub(crate) aid: Vec<u8>,
    pub(crate) selection: SelectAnswer,
}

/// Asks a card who it is. `None` when it has no OATH application.
pub(crate) fn identify(
    card: &mut Card<'_>,
    extra_aids: &[Vec<u8>],
) -> Result<Option<Identity>, TokenError> {
    let management = management_facts(card)?;
    let Some((aid, selection)) = select_oath(card, extra_aids)? else {
        return Ok(None);
    };
    let yubico = management.is_some();
    let facts = management.unwrap_or_default();
    let otp = match facts.serial {
        Some(_) => None,
        None => otp_facts(card)?,
    };
    let yubico = yubico || otp.is_some();
    let (otp_serial, otp_version) = otp.unwrap_or_default();
    let firmware = facts.version.or(otp_version).unwrap_or(selection.version);
    let model = match yubico {
        true => Model::of_yubikey(firmware),
        false => Model::Generic,
    };
    Ok(Some(Identity {
        serial: facts.serial.or(otp_serial),
        firmware,
        model,
        form_factor: facts.form_factor,
        fips: facts.fips || model == Model::YubiKey4Fips,
        usb_enabled: facts.usb_enabled,
        nfc_enabled: facts.nfc_enabled,
        aid,
        selection,
    }))
}

impl Identity {
    pub(crate) fn info(&self, reader: &str) -> TokenInfo {
        TokenInfo {
            device_id: DeviceId::from_salt(&self.selection.salt),
            serial: self.serial,
            firmware: self.firmware,
            model: self.model,
            form_factor: self.form_factor,
            fips: self.fips,
            usb_enabled: self.usb_enabled,
            nfc_enabled: self.nfc_enabled,
            reader: reader.to_owned(),
            protected: self.selection.challenge.is_some(),
            capabilities: Capabilities::of(self.model, self.firmware),
        }
    }

    /// How this card is spoken to from now on.
    pub(crate) fn link(&self, atr: &[u8]) -> Link {
        let capabilities = Capabilities::of(self.model, self.firmware);
        let usb = over_usb(atr);
        let mut link = Link::plain();
        if usb && capabilities.extended_apdu {
            link.framing = Framing::Extended;
        }
        link.touch_workaround = usb && capabilities.touch_workaround;
        link
    }
}

/// Over NFC a YubiKey's ATR has another first interface character.
fn over_usb(atr: &[u8]) -> bool {
    atr.get(1).is_some_and(|t0| t0 & 0xf0 == 0xf0)
}

fn management_facts(card: &mut Card<'_>) -> Result<Option<DeviceFacts>, TokenError> {
    let selected = optional(card.ask(&ykoath::select(management::AID)))?;
    let Some(text) = selected else {
        return Ok(None);
    };
    let version = management::parse_select(&text);
    let unknown = DeviceFacts {
        version,
        ..DeviceFacts::default()
    };
    if version.is_some_and(|version| version < FACTS_SINCE) {
        return Ok(Some(unknown));
    }
    let mut facts = unknown.clone();
    for page in 0..management::MAX_PAGES {
        facts = match facts_page(card, page, &facts)? {
            None => break,
            Some(Ok(facts)) => facts,
            Some(Err(error)) => {
                // Nothing that OATH needs is among them.
                tracing::warn!(%error, "no facts from a token's management");
                return Ok(Some(unknown));
            }
        };
        if !facts.more {
            break;
        }
    }
    Ok(Some(facts))
}

/// What one page adds to what is known; `None` when the token has no such page. Asked for again where
/// the answer makes no sense: a token that was disturbed once must not be without a serial until it
/// is plugged in anew.
fn facts_page(
    card: &mut Card<'_>,
    page: u8,
    known: &DeviceFacts,
) -> Result<Option<Result<DeviceFacts, ProtocolError>>, TokenError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let Some(answer) = optional(card.ask(&management::read(page)))? else {
            return Ok(None);
        };
        let facts = management::parse(&answer, known.clone());
        if facts.is_ok() || tries == FACTS_TRIES {
            return Ok(Some(facts));
        }
    }
}

fn select_oath(
    card: &mut Card<'_>,
    extra_aids: &[Vec<u8>],
) -> Result<Option<(Vec<u8>, SelectAnswer)>, TokenError> {
    let aids = std::iter::once(ykoath::AID).chain(extra_aids.iter().map(Vec::as_slice));
    for aid in aids {
        if let Some(selected) = optional(Selected::select(card, aid))? {
            return Ok(Some((aid.to_vec(), selected.answer().clone())));
        }
    }
    Ok(None)
}

/// The serial number and the firmware, as far as the OTP application tells them: its selection answers
/// with a status whose first three bytes are the version.
type OtpFacts = (Option<u32>, Option<Version>);

fn otp_facts(card: &mut Card<'_>) -> Result<Option<OtpFacts>, TokenError> {
    let Some(status) = optional(card.ask(&ykoath::select(OTP_AID)))? else {
        return Ok(None);
    };
    let version = status
        .first_chunk()
        .map(|&[major, minor, patch]| Version::new(major, minor, patch));
    let answer = match card.ask(&Command::with(0x01, 0x10, 0x00, Vec::new())) {
        // Nothing says how a token refuses whose serial is hidden from programs.
        Err(TokenError::Protocol(ProtocolError::Status(_))) => None,
        answer => optional(answer)?,
    };
    let serial = answer.and_then(|data| <[u8; 4]>::try_from(data.as_slice()).ok());
    Ok(Some((serial.map(u32::from_be_bytes), version)))
}

/// A refusal means that the card does not have what was asked for; a failure means nothing: a
/// token that is busy with its other side must not lose its serial or its place for it.
fn optional<T>(outcome: Result<T, TokenError>) -> Result<Option<T>, TokenError> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(TokenError::Protocol(ProtocolError::Status(status))) if !status.failure() => Ok(None),
        Err(TokenError::PasswordRequired | TokenError::NoSuchCredential) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_in_shows_in_the_atr() {
        assert!(over_usb(&[0x3b, 0xfd, 0x13]));
        assert!(!over_usb(&[0x3b, 0x8d, 0x80]));
        assert!(!over_usb(&[]));
    }
}
