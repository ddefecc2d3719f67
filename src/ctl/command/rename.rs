//! `oathctl rename`.

use oathd_client::RenameOptions;
use serde_json::json;

use crate::cli::RenameArgs;
use crate::command::add::split;
use crate::failure::Failure;
use crate::session::{Session, key_of};
use crate::{output, search};

/// Gives a credential another issuer and name.
pub(crate) async fn run(session: &Session, args: &RenameArgs) -> Result<(), Failure> {
    let credential = search::find_one(session, &args.query, true).await?;
    let token = session.client.token_of(&credential)?;
    let (issuer, name) = split(&args.new);
    let to = RenameOptions {
        issuer: Some(issuer.unwrap_or_default().to_owned()),
        name: Some(name.to_owned()),
    };
    let old = credential.id.as_str();
    let new = session
        .unlocked(&token, async || token.rename(old, &to).await)
        .await?;
    if session.global.json {
        let key = key_of(&token.describe().await?);
        return output::print_json(&json!({ "token": key, "id": new, "was": old }));
    }
    let (old, new) = (output::harmless(old), output::harmless(&new));
    output::print(&format!("{old} is {new} now.\n"))
}
