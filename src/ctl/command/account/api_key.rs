//! `oathctl api-key`.

use data_encoding::HEXLOWER;
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::account::ApiKeyCommand;
use crate::failure::Failure;
use crate::session::Session;
use crate::{output, proof};

/// Makes or voids the API key of a service's account.
pub(crate) async fn run(session: &Session, command: &ApiKeyCommand) -> Result<(), Failure> {
    let accounts = session.client.accounts();
    match command {
        ApiKeyCommand::New(args) => {
            let account = args.account.as_str();
            let key = proof::proven(session, account, async |proof| {
                accounts.new_api_key(account, &proof::options(proof)).await
            })
            .await?;
            let key = Zeroizing::new(HEXLOWER.encode(&key));
            match session.global.json {
                true => output::print_json(&json!({ "api_key": *key })),
                false => output::print(&format!("{}\n", *key)),
            }
        }
        ApiKeyCommand::Remove(args) => {
            accounts.remove_api_key(&args.account).await?;
            match session.global.json {
                true => output::print_json(&json!({ "api_key": null })),
                false => output::print("The API key is void.\n"),
            }
        }
    }
}
