//! What is told of a token: to everybody, to whoever may list it, to an agent.

use oathd_api::{
    ErrorName,
    wire::{AgentRequest, TokenRecord},
};
use oathd_token::{Model, Token};

use super::{
    Call, Service,
    access::Origin,
    search::SEARCH_PATIENCE,
    words::{application_words, capability_words, form_factor_name, model_name},
};
use crate::error::Error;

impl Service {
    /// Tells what a token is, and what the caller holds for it. What the card has to be asked for is
    /// left out where it is in use or does not open: a list of tokens waits for none of them.
    pub(crate) async fn describe(&self, call: &Call, token: &Token) -> Result<TokenRecord, Error> {
        let uid = call.caller.uid;
        let usage = self
            .with_key(
                &call.without_questions(),
                &token.with_patience(SEARCH_PATIENCE),
                |token, access| async move { token.usage(access).await },
            )
            .await;
        let used = match usage {
            Ok(usage) => Some(u32::from(usage.used)),
            Err(error)
                if error.asks_for_password()
                    || error.is_of_the_state()
                    || error.oathd_name() == Some(ErrorName::TokenBusy) =>
            {
                None
            }
            Err(error) => return Err(error),
        };
        let info = token.info();
        let device = info.device_id.as_str();
        let held = if_readable(self.key_of(uid, token).await)?;
        let origin = held.as_ref().map(|(_, origin)| *origin);
        let remembered = self.keyring.remembered(uid, device.as_bytes()).await;
        let remembered = if_readable(remembered.map_err(Error::from))?.is_some();
        Ok(TokenRecord {
            id: device.to_owned(),
            serial: info.serial,
            model: match info.fips {
                true => format!("{} FIPS", model_name(info.model)),
                false => model_name(info.model).to_owned(),
            },
            firmware: info.firmware.to_string(),
            form_factor: form_factor_name(info.form_factor).map(str::to_owned),
            usb_applications: info.usb_enabled.map(application_words),
            nfc_applications: info.nfc_enabled.map(application_words),
            reader: info.reader.clone(),
            capacity: info.capabilities.capacity.map(u32::from),
            used,
            capabilities: capability_words(&info.capabilities),
            locked: info.protected,
            unlocked: held.is_some(),
            remembered: info.protected && remembered,
            paired: origin == Some(Origin::Paired),
        })
    }

    /// What an agent is told about a request on `token`.
    pub(super) fn agent_request(&self, call: &Call, token: &Token) -> AgentRequest {
        AgentRequest {
            token_name: format!("{} {}", model_name(token.info().model), token_name(token)),
            process_id: call.caller.pid,
            ..AgentRequest::default()
        }
    }
}

/// What oathd keeps, or nothing where it cannot be read: that hides no token.
fn if_readable<T>(kept: Result<Option<T>, Error>) -> Result<Option<T>, Error> {
    match kept {
        Err(error) if error.is_of_the_state() => Ok(None),
        other => other,
    }
}

/// How a token is called on a command line: its serial, else its id.
pub(crate) fn token_name(token: &Token) -> String {
    let info = token.info();
    match info.serial {
        Some(serial) => serial.to_string(),
        None => info.device_id.to_string(),
    }
}

/// The public kind: it says nothing about a single token.
pub(crate) fn kind(token: &Token) -> &'static str {
    match token.info().model {
        Model::YubiKeyNeo | Model::YubiKey4 | Model::YubiKey4Fips | Model::YubiKey5 => "yubikey",
        Model::Generic => "oath-card",
    }
}
