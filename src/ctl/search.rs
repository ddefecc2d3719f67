//! Finding credentials by what the user typed.

use std::collections::HashMap;

use oathd_client::{CredentialQuery, CredentialRecord, Error, ErrorName, ExitCode, Found};
use serde_json::json;

use crate::failure::Failure;
use crate::output;
use crate::session::{Session, key_of, name_of};

/// The search for `text` on the token that was named, or on all.
pub(crate) fn query(
    session: &Session,
    text: &str,
    hidden: bool,
) -> Result<CredentialQuery, Failure> {
    Ok(CredentialQuery {
        text: Some(text.to_owned()),
        token: session.selector()?.map(str::to_owned),
        hidden: hidden.then_some(true),
        ..CredentialQuery::default()
    })
}

/// The credentials that fit `text`. Tokens that are locked are unlocked where nothing was found
/// without them.
pub(crate) async fn find(
    session: &Session,
    text: &str,
    hidden: bool,
) -> Result<Vec<CredentialRecord>, Failure> {
    let query = query(session, text, hidden)?;
    let mut found = session.credentials(&query).await?;
    if found.credentials.is_empty() && unlock_unread(session, &found).await? {
        found = session.credentials(&query).await?;
    }
    if !found.credentials.is_empty() {
        return Ok(found.credentials);
    }
    Err(match found.unread.iter().find_map(|unread| unread.error) {
        // What hides the credential is the better answer than that it is not seen.
        Some(error) => error.into(),
        None => {
            // That no token is there, or not the one that was named, is the better answer, too.
            session.tokens().await?;
            let message = format!("No credential fits {text:?}");
            Failure::explained(ErrorName::NoSuchCredential, &message).with("query", text)
        }
    })
}

/// The one credential that fits `text`.
pub(crate) async fn find_one(
    session: &Session,
    text: &str,
    hidden: bool,
) -> Result<CredentialRecord, Failure> {
    let mut found = find(session, text, hidden).await?;
    match found.len() {
        1 => Ok(found.remove(0)),
        _ => Err(ambiguous(session, text, &found).await?),
    }
}

/// The failure that lists the credentials of which only one was wanted.
pub(crate) async fn ambiguous(
    session: &Session,
    text: &str,
    found: &[CredentialRecord],
) -> Result<Failure, Failure> {
    let mut keys = HashMap::new();
    for credential in found {
        if let Some(path) = &credential.token
            && !keys.contains_key(path)
        {
            let token = session.client.token(path.clone()).describe().await?;
            keys.insert(path.clone(), (key_of(&token), name_of(&token)));
        }
    }
    let on = |credential: &CredentialRecord| credential.token.as_ref().and_then(|p| keys.get(p));
    let several_tokens = keys.len() > 1;
    let line = |credential: &CredentialRecord| {
        let id = output::harmless(&credential.id);
        match on(credential) {
            Some((_, name)) if several_tokens => format!("{id}  (on {name})"),
            _ => id,
        }
    };
    let matches: Vec<_> = found
        .iter()
        .map(|found| json!({ "id": found.id, "token": on(found).map(|(key, _)| key) }))
        .collect();
    let mut failure = Failure::new(
        ExitCode::NoneOrAmbiguous,
        "AmbiguousCredential",
        format!("{} credentials fit {text:?}.", found.len()),
        match several_tokens {
            true => "Type more of the id, or name the token with --token.",
            false => "Type more of the id; the whole id wins over parts.",
        },
    );
    failure.lines = found.iter().map(line).collect();
    Ok(failure.with("matches", matches))
}

/// Unlocks the tokens that a search could not read for want of a password. Whether there was one.
async fn unlock_unread(session: &Session, found: &Found) -> Result<bool, Failure> {
    let mut some = false;
    for unread in &found.unread {
        if let Some(name) = unread.error.filter(|name| name.asks_for_password()) {
            let token = session.client.token(unread.token.clone());
            let why = Error::from(name);
            session.unlock(&token, why).await?;
            some = true;
        }
    }
    Ok(some)
}
