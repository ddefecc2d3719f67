//! Codes as they are shown.

use oathd_client::{CodeRecord, CodeRow, CredentialRecord, Token};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::left_out::LeftOut;
use crate::output;
use crate::session::{Session, key_of, name_of};

/// A credential with its code, or with the reason why it has none.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) issuer: Option<String>,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) code: Option<String>,
    pub(super) from: Option<u64>,
    pub(super) until: Option<u64>,
    pub(super) reason: Option<String>,
}

/// The rows of one token.
pub(super) struct Shown {
    pub(super) token: Token,
    pub(super) rows: Vec<Row>,
}

impl Row {
    /// The row of a code that was asked for by itself.
    pub(super) fn of_code(credential: &CredentialRecord, code: CodeRecord) -> Row {
        Row {
            id: credential.id.clone(),
            issuer: credential.issuer.clone(),
            name: credential.name.clone(),
            kind: credential.kind.clone(),
            code: Some(code.code),
            from: Some(code.from),
            until: code.until,
            reason: None,
        }
    }

    /// What stands in the place of the code.
    fn shown(&self) -> String {
        match (&self.code, self.reason.as_deref()) {
            (Some(code), _) => code.clone(),
            (None, Some("TouchRequired")) => "[touch]".to_owned(),
            (None, Some("hotp")) => "[on request]".to_owned(),
            (None, Some("CredentialDamaged")) => "[damaged]".to_owned(),
            (None, Some(other)) => format!("[{}]", output::harmless(other)),
            (None, None) => "[none]".to_owned(),
        }
    }

    fn cells(&self, colour: bool) -> Vec<String> {
        let shown = match self.code.is_some() {
            true => output::bold(&self.shown(), colour),
            false => output::dim(&self.shown(), colour),
        };
        vec![output::harmless(&self.id), shown]
    }

    fn to_json(&self, token: &str) -> Value {
        json!({
            "token": token,
            "id": self.id,
            "issuer": self.issuer,
            "name": self.name,
            "kind": self.kind,
            "code": self.code,
            "valid_from": self.from,
            "valid_until": self.until,
            "reason": self.reason,
        })
    }
}

impl From<CodeRow> for Row {
    fn from(row: CodeRow) -> Row {
        Row {
            id: row.id,
            issuer: row.issuer,
            name: row.name,
            kind: row.kind,
            code: row.code,
            from: row.from,
            until: row.until,
            reason: row.reason,
        }
    }
}

/// Prints the codes of some tokens.
pub(super) async fn print(
    session: &Session,
    shown: &[Shown],
    left_out: &[LeftOut],
) -> Result<(), Failure> {
    if session.global.json {
        let mut all = Vec::new();
        for of_token in shown {
            let key = key_of(&of_token.token.describe().await?);
            all.extend(of_token.rows.iter().map(|row| row.to_json(&key)));
        }
        all.extend(left_out.iter().map(without_codes));
        return output::print_json(&all);
    }
    left_out.iter().for_each(LeftOut::tell);
    let several = shown.len() > 1;
    let mut text = String::new();
    for of_token in shown {
        if several {
            let name = name_of(&of_token.token.describe().await?);
            text += &output::bold(&name, session.colour);
            text.push('\n');
        }
        let rows: Vec<_> = of_token
            .rows
            .iter()
            .map(|r| r.cells(session.colour))
            .collect();
        text += &output::columns(&rows);
    }
    output::print(&text)
}

/// The row that stands for a token of which there are no codes.
fn without_codes(token: &LeftOut) -> Value {
    json!({
        "token": token.key,
        "id": null,
        "issuer": null,
        "name": null,
        "kind": null,
        "code": null,
        "valid_from": null,
        "valid_until": null,
        "reason": token.failure.name,
    })
}

/// Prints one code; `alone` without its id.
pub(super) async fn print_one(
    session: &Session,
    alone: bool,
    token: &Token,
    row: &Row,
) -> Result<(), Failure> {
    match (session.global.json, alone) {
        (true, alone) => {
            let key = key_of(&token.describe().await?);
            let value = row.to_json(&key);
            match alone {
                true => output::print_json(&value),
                false => output::print_json(&[value]),
            }
        }
        (false, true) => output::print(&format!("{}\n", row.shown())),
        (false, false) => output::print(&output::columns(&[row.cells(session.colour)])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_its_code_or_why_there_is_none() {
        let code = |code: Option<&str>, reason: Option<&str>| {
            let row = Row {
                id: "a".into(),
                code: code.map(str::to_owned),
                reason: reason.map(str::to_owned),
                ..Row::default()
            };
            row.cells(false).remove(1)
        };
        assert_eq!(code(Some("012345"), None), "012345");
        assert_eq!(code(None, Some("TouchRequired")), "[touch]");
        assert_eq!(code(None, Some("hotp")), "[on request]");
        assert_eq!(code(None, Some("TokenBusy")), "[TokenBusy]");
    }

    #[test]
    fn json_has_every_key_and_null_for_what_is_not_known() {
        let json = Row::default().to_json("1");
        for key in ["issuer", "code", "valid_from", "valid_until", "reason"] {
            assert_eq!(json.get(key), Some(&Value::Null), "{key}");
        }
        assert_eq!(json["token"], "1");
    }
}
