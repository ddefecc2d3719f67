//! `oathctl list`.

use oathd_client::{CredentialQuery, CredentialRecord, Error};
use serde_json::{Value, json};

use crate::cli::ListArgs;
use crate::failure::Failure;
use crate::session::{Session, key_of, name_of};
use crate::{output, search};

/// Lists the credentials on the tokens.
pub(crate) async fn run(session: &Session, args: &ListArgs) -> Result<(), Failure> {
    let credentials = match &args.query {
        Some(query) => search::find(session, query, args.hidden).await?,
        None => all(session, args.hidden).await?,
    };
    let mut listed = Vec::new();
    for credential in &credentials {
        let path = credential.token.as_ref();
        if listed.last().is_none_or(|(last, _, _)| *last != path) {
            listed.push((path, Vec::new(), None));
        }
        if let Some((_, of_token, _)) = listed.last_mut() {
            of_token.push(credential);
        }
    }
    if session.global.json || listed.len() > 1 {
        for (path, _, description) in &mut listed {
            if let Some(path) = path {
                *description = Some(session.client.token((*path).clone()).describe().await?);
            }
        }
    }
    if session.global.json {
        let rows: Vec<Value> = listed
            .iter()
            .flat_map(|(_, credentials, token)| {
                let key = token.as_ref().map(key_of);
                credentials.iter().map(move |c| to_json(c, key.as_deref()))
            })
            .collect();
        return output::print_json(&rows);
    }
    let mut text = String::new();
    for (_, credentials, token) in &listed {
        if let Some(token) = token {
            text += &output::bold(&name_of(token), session.colour);
            text.push('\n');
        }
        let rows: Vec<_> = credentials.iter().map(|c| row(c, args.long)).collect();
        text += &output::columns(&rows);
    }
    output::print(&text)
}

/// Everything on every token. Locked tokens are unlocked; others that cannot be read are named.
async fn all(session: &Session, hidden: bool) -> Result<Vec<CredentialRecord>, Failure> {
    let query = CredentialQuery {
        token: session.selector()?.map(str::to_owned),
        hidden: hidden.then_some(true),
        ..CredentialQuery::default()
    };
    let mut found = session.credentials(&query).await?;
    let mut unlocked = false;
    for unread in &found.unread {
        if let Some(name) = unread.error.filter(|name| name.asks_for_password()) {
            let token = session.client.token(unread.token.clone());
            let why = Error::from(name);
            session.unlock(&token, why).await?;
            unlocked = true;
        }
    }
    if unlocked {
        found = session.credentials(&query).await?;
    }
    let reasons = found.unread.iter().filter_map(|unread| unread.error);
    for error in reasons {
        if found.credentials.is_empty() {
            return Err(error.into());
        }
        output::tell(&format!("One token is left out. {}", error.summary()));
    }
    if found.credentials.is_empty() {
        // An empty token is an answer; no token is none.
        session.tokens().await?;
    }
    Ok(found.credentials)
}

fn row(credential: &CredentialRecord, long: bool) -> Vec<String> {
    let mut row = vec![output::harmless(&credential.id)];
    if long {
        row.push(credential.kind.to_uppercase());
        row.push(credential.algorithm.clone().unwrap_or_default());
        row.push(
            credential
                .digits
                .map(|n| format!("{n} digits"))
                .unwrap_or_default(),
        );
        row.push(
            credential
                .period
                .map(|n| format!("{n} s"))
                .unwrap_or_default(),
        );
        row.push(
            if credential.touch == Some(true) {
                "touch"
            } else {
                ""
            }
            .to_owned(),
        );
    }
    if credential.damaged == Some(true) {
        row.push("damaged".to_owned());
    }
    row
}

fn to_json(credential: &CredentialRecord, token: Option<&str>) -> Value {
    json!({
        "token": token,
        "id": credential.id,
        "issuer": credential.issuer,
        "name": credential.name,
        "kind": credential.kind,
        "algorithm": credential.algorithm,
        "digits": credential.digits,
        "period": credential.period,
        "touch": credential.touch,
        "damaged": credential.damaged.unwrap_or(false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_the_id_and_more_on_request() {
        let credential = CredentialRecord {
            id: "60/GitHub:me".into(),
            kind: "totp".into(),
            algorithm: Some("SHA256".into()),
            digits: Some(8),
            period: Some(60),
            touch: Some(true),
            ..CredentialRecord::default()
        };
        assert_eq!(row(&credential, false), ["60/GitHub:me"]);
        assert_eq!(
            row(&credential, true),
            [
                "60/GitHub:me",
                "TOTP",
                "SHA256",
                "8 digits",
                "60 s",
                "touch"
            ]
        );
        assert_eq!(to_json(&credential, Some("1"))["damaged"], false);
    }
}
