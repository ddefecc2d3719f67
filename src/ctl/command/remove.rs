//! `oathctl remove`.

use serde_json::json;

use crate::cli::RemoveArgs;
use crate::failure::Failure;
use crate::session::{Session, key_of, name_of};
use crate::{output, prompt, search};

/// Removes a credential for good.
pub(crate) async fn run(session: &Session, args: &RemoveArgs) -> Result<(), Failure> {
    let credential = search::find_one(session, &args.query, true).await?;
    let token = session.client.token_of(&credential)?;
    let record = token.describe().await?;
    let id = credential.id.as_str();
    let shown = output::harmless(id);
    if !args.confirm.yes {
        let name = name_of(&record);
        let question = format!(
            "Remove {shown} from {name}? Without another factor you lose access to the account."
        );
        prompt::confirm(&question)?;
    }
    session
        .unlocked(&token, async || token.remove(id).await)
        .await?;
    match session.global.json {
        true => output::print_json(&json!({ "token": key_of(&record), "id": id })),
        false => output::print(&format!("{shown} is removed.\n")),
    }
}
