//! `oathctl disable`.

use data_encoding::HEXLOWER;
use oathd_client::{ChangeOptions, seal};
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::account::DisableArgs;
use crate::command::account::login;
use crate::failure::Failure;
use crate::service_socket::ask;
use crate::session::Session;
use crate::{output, prompt, proof};

/// Switches the second factor off.
pub(crate) async fn run(session: &Session, args: &DisableArgs) -> Result<(), Failure> {
    let account = args.account.account.as_str();
    if !args.confirm.yes {
        prompt::confirm(
            "Switch the second factor off? Recovery codes, channels and sessions go with it.",
        )?;
    }
    let kept = args.session_file.as_deref();
    let kept = kept.map(login::read_session).transpose()?;
    let accounts = session.client.accounts();
    match (&args.service_socket, kept) {
        (Some(socket), Some(token)) => {
            let password = login::password(&session.global)?;
            let token = Zeroizing::new(HEXLOWER.encode(&token));
            let wish = json!({
                "op": "disable", "email": account, "password": *password, "session": *token,
            });
            ask(socket, &wish)?;
        }
        (_, Some(token)) => {
            let options = ChangeOptions {
                proof: None,
                session: Some(seal(&token)?.into()),
            };
            accounts.disable(account, &options).await?;
        }
        (_, None) => {
            proof::proven(session, account, async |proof| {
                accounts.disable(account, &proof::options(proof)).await
            })
            .await?;
        }
    }
    match session.global.json {
        true => output::print_json(&json!({ "account": account, "enrolled": false })),
        false => output::print(
            "The second factor is off. What is on your token stays there: `oathctl list`, \
             `oathctl remove`.\n",
        ),
    }
}
