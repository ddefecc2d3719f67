//! `oathctl tokens`.

use oathd_client::TokenRecord;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output;
use crate::session::{Session, key_of};

/// Lists the tokens that are plugged in.
pub(crate) async fn run(session: &Session) -> Result<(), Failure> {
    let mut tokens = Vec::new();
    for token in session.tokens().await? {
        tokens.push(token.describe().await?);
    }
    if session.global.json {
        return output::print_json(&tokens.iter().map(to_json).collect::<Vec<_>>());
    }
    let rows: Vec<_> = tokens.iter().map(row).collect();
    output::print(&output::columns(&rows))
}

fn row(token: &TokenRecord) -> Vec<String> {
    vec![
        key_of(token),
        token.model.clone(),
        token.firmware.clone(),
        lock(token).to_owned(),
        token.reader.clone(),
    ]
}

/// How a token is protected, from the caller's point of view.
pub(crate) fn lock(token: &TokenRecord) -> &'static str {
    match (token.locked, token.unlocked) {
        (false, _) => "no password",
        (true, _) if token.paired => "paired",
        (true, true) if token.remembered => "remembered",
        (true, true) => "unlocked",
        (true, false) => "locked",
    }
}

/// A token as `tokens --json` and `info --json` give it.
pub(crate) fn to_json(token: &TokenRecord) -> Value {
    json!({
        "token": key_of(token),
        "id": token.id,
        "serial": token.serial,
        "model": token.model,
        "firmware": token.firmware,
        "form_factor": token.form_factor,
        "usb_applications": token.usb_applications,
        "nfc_applications": token.nfc_applications,
        "reader": token.reader,
        "capacity": token.capacity,
        "used": token.used,
        "capabilities": token.capabilities,
        "locked": token.locked,
        "unlocked": token.unlocked,
        "remembered": token.remembered,
        "paired": token.paired,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> TokenRecord {
        TokenRecord {
            id: "Zm9vYmFy".into(),
            serial: Some(12345678),
            model: "YubiKey 5 NFC".into(),
            firmware: "5.7.1".into(),
            reader: "Virtual PCD 00 00".into(),
            locked: true,
            ..TokenRecord::default()
        }
    }

    #[test]
    fn a_token_without_serial_goes_by_its_id() {
        let mut token = token();
        assert_eq!(key_of(&token), "12345678");
        assert_eq!(to_json(&token)["token"], "12345678");
        token.serial = None;
        assert_eq!(key_of(&token), "Zm9vYmFy");
        assert_eq!(to_json(&token)["serial"], Value::Null);
    }

    #[test]
    fn the_state_of_the_lock_is_named() {
        let mut token = token();
        assert_eq!(lock(&token), "locked");
        token.unlocked = true;
        assert_eq!(lock(&token), "unlocked");
        token.remembered = true;
        assert_eq!(lock(&token), "remembered");
        token.paired = true;
        assert_eq!(lock(&token), "paired");
        token.locked = false;
        assert_eq!(lock(&token), "no password");
    }
}
