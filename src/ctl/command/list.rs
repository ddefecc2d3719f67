//! `oathctl list`.

use oathd_client::{CredentialQuery, CredentialRecord, Error};
use serde_json::{Value, json};

use crate::cli::ListArgs;
use crate::failure::Failure;
use crate::left_out::LeftOut;
use crate::session::{Session, key_of, name_of};
use crate::{output, search};

/// Lists the credentials on the tokens.
pub(crate) async fn run(session: &Session, args: &ListArgs) -> Result<(), Failure> {
    let (credentials, left_out) = match &args.query {
        Some(query) => (search::find(session, query, args.hidden).await?, Vec::new()),
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
        let rows = listed.iter().flat_map(|(_, credentials, token)| {
            let key = token.as_ref().map(key_of);
            credentials.iter().map(move |c| to_json(c, key.as_deref()))
        });
        let rows: Vec<Value> = rows
            .chain(left_out.iter().map(without_credentials))
            .collect();
        return output::print_json(&rows);
    }
    left_out.iter().for_each(LeftOut::tell);
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

/// Everything on every token, and the tokens that are left out because they cannot be read. Those that
/// are locked are unlocked where somebody can be asked.
async fn all(
    session: &Session,
    hidden: bool,
) -> Result<(Vec<CredentialRecord>, Vec<LeftOut>), Failure> {
    let query = CredentialQuery {
        token: session.selector()?.map(str::to_owned),
        hidden: hidden.then_some(true),
        ..CredentialQuery::default()
    };
    let mut found = session.credentials(&query).await?;
    let mut unlocked = false;
    // A remembered password that does not fit is told once, and forgotten.
    let mut told = Vec::new();
    for unread in &found.unread {
        let Some(name) = unread.error.filter(|name| name.asks_for_password()) else {
            continue;
        };
        let token = session.client.token(unread.token.clone());
        match session.unlock(&token, Error::from(name)).await {
            Ok(()) => unlocked = true,
            Err(failure) if failure.is(name) => told.push((unread.token.clone(), failure)),
            Err(failure) => return Err(failure),
        }
    }
    if unlocked {
        found = session.credentials(&query).await?;
    }
    let mut left_out = Vec::new();
    for unread in &found.unread {
        let Some(error) = unread.error else { continue };
        let known = told.iter().position(|(token, _)| *token == unread.token);
        let failure = known.map_or_else(|| error.into(), |place| told.swap_remove(place).1);
        let token = session.client.token(unread.token.clone());
        left_out.push(LeftOut::new(&token, failure).await);
    }
    if found.credentials.is_empty() {
        let tokens = session.tokens().await;
        if let Some(one) = left_out.pop() {
            return Err(match tokens {
                Ok(tokens) if tokens.len() > 1 => one.into_failure(),
                // The only one, which may have gone meanwhile.
                _ => one.failure,
            });
        }
        // An empty token is an answer; no token is none.
        tokens?;
    }
    Ok((found.credentials, left_out))
}

/// The row that stands for a token whose credentials cannot be listed.
fn without_credentials(token: &LeftOut) -> Value {
    let nothing = CredentialRecord::default();
    let mut row = to_json(&nothing, token.key.as_deref());
    for key in ["id", "name", "kind"] {
        row[key] = Value::Null;
    }
    row["reason"] = token.failure.name.into();
    row
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
        "reason": null,
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
