//! `oathctl pair` and `oathctl reset`: what concerns a whole token.

use oathd_client::TokenRecord;
use serde_json::json;

use crate::cli::ConfirmArgs;
use crate::failure::Failure;
use crate::session::{Session, key_of, name_of};
use crate::{output, prompt};

/// Binds the token to this host and user.
pub(crate) async fn pair(session: &Session) -> Result<(), Failure> {
    let token = session.token().await?;
    session
        .unlocked(&token, async || token.pair().await)
        .await?;
    done(
        session,
        &token.describe().await?,
        "is paired with this host",
    )
}

/// Wipes the token.
pub(crate) async fn reset(session: &Session, args: &ConfirmArgs) -> Result<(), Failure> {
    let token = session.token().await?;
    let record = token.describe().await?;
    if !args.yes {
        let used = record.used.map(|n| format!("{n} ")).unwrap_or_default();
        let question = format!(
            "Wipe {}? Its {used}credentials are lost for good.",
            name_of(&record)
        );
        prompt::confirm(&question)?;
    }
    token.reset().await?;
    done(session, &record, "is empty")
}

/// Says what has become of a token.
pub(super) fn done(session: &Session, token: &TokenRecord, what: &str) -> Result<(), Failure> {
    match session.global.json {
        true => output::print_json(&json!({ "token": key_of(token) })),
        false => output::print(&format!("{} {what}.\n", name_of(token))),
    }
}
