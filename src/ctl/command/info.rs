//! `oathctl info`.

use oathd_client::TokenRecord;

use crate::command::tokens;
use crate::failure::Failure;
use crate::output;
use crate::session::Session;

/// Shows what a token is and can do.
pub(crate) async fn run(session: &Session) -> Result<(), Failure> {
    let token = session.token().await?.describe().await?;
    match session.global.json {
        true => output::print_json(&tokens::to_json(&token)),
        false => output::print(&text(&token)),
    }
}

fn text(token: &TokenRecord) -> String {
    let slots = match (token.used, token.capacity) {
        (Some(used), Some(capacity)) => Some(format!("{used} of {capacity} used")),
        (Some(used), None) => Some(format!("{used} used")),
        (None, Some(capacity)) => Some(capacity.to_string()),
        (None, None) => None,
    };
    let list = |names: &Option<Vec<String>>| Some(names.as_ref()?.join(", "));
    let rows: Vec<Vec<String>> = [
        ("Model", Some(token.model.clone())),
        ("Serial", token.serial.map(|serial| serial.to_string())),
        ("Id", Some(token.id.clone())),
        ("Firmware", Some(token.firmware.clone())),
        ("Form factor", token.form_factor.clone()),
        ("On over USB", list(&token.usb_applications)),
        ("On over NFC", list(&token.nfc_applications)),
        ("Reader", Some(token.reader.clone())),
        ("Slots", slots),
        ("Offers", Some(token.capabilities.join(", "))),
        ("Password", Some(tokens::lock(token).to_owned())),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some(vec![format!("{name}:"), value?]))
    .collect();
    output::columns(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_left_out() {
        let token = TokenRecord {
            id: "abc".into(),
            model: "OATH card".into(),
            firmware: "1.0.0".into(),
            capacity: Some(32),
            usb_applications: Some(vec!["otp".into(), "oath".into()]),
            ..TokenRecord::default()
        };
        let shown = text(&token);
        let has = |name: &str, value: &str| {
            let mut lines = shown.lines();
            lines.any(|line| line.starts_with(name) && line.ends_with(&format!(" {value}")))
        };
        assert!(
            has("Slots:", "32") && has("On over USB:", "otp, oath"),
            "{shown}"
        );
        assert!(!shown.contains("Serial") && !shown.contains("NFC"));
    }
}
